"""Writes the case files beside it: a few cases each, whose expected numbers are sums that anybody can check."""
import json, pathlib, struct

here = pathlib.Path(__file__).parent


def save(directory, name, cases, tensors):
    """A case file and its pack of float32 vectors (safetensors: 8 bytes of header length, a JSON header, the data)."""
    folder = here / directory
    folder.mkdir(exist_ok=True)
    (folder / f'{name}.json').write_text(json.dumps(cases, indent=1) + '\n')
    header, data = {}, b''
    for i, values in enumerate(tensors):
        part = struct.pack(f'<{len(values)}f', *values)
        header[str(i)] = {'dtype': 'F32', 'shape': [len(values)], 'data_offsets': [len(data), len(data) + len(part)]}
        data += part
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    (folder / f'{name}.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data)


def case(op, id, out=None, grads=None, args=None, **more):
    """`op` of tensor 0 and tensor 1; `grads` are the gradients of sum(tensor 4 * output)."""
    made = {'op': op, 'variant': '', 'id': f'{op}#{id}', 'args': args or [{'tensor': 0, 'requires_grad': True}, {'tensor': 1}], 'kwargs': {}}
    if out is not None:
        made |= {'out': [{'tensor': out, 'slack': 0}], 'cotangents': [], 'grads': []}
    if grads is not None:
        made |= {'cotangents': [{'out': 0, 'tensor': 4}], 'grads': [{'tensor': grads, 'slack': 0}]}
    return made | more


# a, b, a + b, a * b, ones; d(a * b)/da = b
pack = [[1, 2, 3], [10, 20, 30], [11, 22, 33], [10, 40, 90], [1, 1, 1]]
right = [case('add', 'right', 2), case('mul', 'right', 3, grads=1)]
x = [{'tensor': 0}]
save('passing', 'tensor', right, pack)
save('passing', 'fft', [case('fft.rfft', 'waits', 2, args=x)], pack)
(here / 'passing' / 'notes.json').write_text('{"about": "no case"}\n')
(here / 'passing' / 'broken.json').write_text('[{"op": "add"\n')
# One case of each way to fail, and an invalid call that is refused as it should be.
save('failing', 'tensor', [
    *right,
    case('add', 'wrong value', 3),
    case('mul', 'wrong gradient', 3, grads=4),
    case('no_such_operator', 'not implemented', 2),
    case('add', 'error missing', error='an invalid call'),
    case('add', 'refused', args=[{'tensor': 0}, 'text'], error='add() needs a number'),
], pack)
# The operators of saboteur.ts, which end or block the process; the cases between them still count.
save('dying', 'tensor', [
    right[0],
    case('exits_at_once', 'crashed', 2, args=x),
    right[1],
    case('is_killed', 'crashed', 2, args=x),
    case('never_returns', 'crashed', 2, args=x),
    case('never_settles', 'crashed', 2, args=x),
    case('throws_a_type_error', 'crashed', 2, args=x),
    case('is_not_supported', 'error missing', args=x, error='an invalid call'),
    case('is_asynchronous', 'error missing', args=x, error='an invalid call'),
    case('is_refused', 'refused', args=x, error='an invalid call'),
    case('add', 'last', 2),
], pack)
save('dying', 'nn', right, pack)
