"""Writes signatures.json: the names of PyTorch's parameters, in the order of its positional arguments.

Run with PyTorch installed: python make.py > signatures.json
An operator has one list for each overload, with a letter for the type of each parameter:
T tensor, L list of tensors, I ints, N number, B bool, S string, D dtype, O anything else.
"""
import inspect
import json
import torch
import torch.nn.functional


def letter(kind):
    for text, mark in (('List[Optional[Tensor]]', 'L'), ('List[Tensor]', 'L'), ('Tensor', 'T'), ('List[', 'I'), ('bool', 'B'), ('str', 'S')):
        if text in kind:
            return mark
    return 'N' if any(text in kind for text in ('int', 'float', 'number', 'Scalar', 'SymInt')) else 'O'


def public(name):
    prefix, _, rest = name.partition('_')
    if prefix in ('linalg', 'special', 'fft') and hasattr(getattr(torch, prefix), name if prefix == 'fft' else rest):
        return f'{prefix}.{name if prefix == "fft" else rest}'
    if not name.startswith('_') and (hasattr(torch, name) or hasattr(torch.Tensor, name)):
        return name
    return None


operators = {}
for schema in torch._C._jit_get_all_schemas():
    name = schema.name.startswith('aten::') and public(schema.name[6:])
    if not name or 'Dimname' in str(schema) or any(a.kwarg_only and a.is_out for a in schema.arguments):
        continue
    parameters = [f'{a.name}:{letter(str(a.type))}' for a in schema.arguments if not a.kwarg_only]
    if parameters and 'Tensor' in str(schema) and parameters not in operators.setdefault(name, []):
        operators[name].append(parameters)


def of_callable(f, skip=()):
    try:
        parameters = inspect.signature(f).parameters.values()
    except (TypeError, ValueError):
        return None
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in parameters if p.kind in positional and p.name not in skip]


for name in torch.functional.__all__:
    names = of_callable(getattr(torch, name))
    if names:
        operators[name] = [[f'{n}:O' for n in names]]

functional = {}
for name in dir(torch.nn.functional):
    f = getattr(torch.nn.functional, name)
    if name.startswith('_') or not callable(f) or isinstance(f, type):
        continue
    names = of_callable(inspect.unwrap(f))
    if name.startswith(('max_pool', 'fractional_max_pool', 'adaptive_max_pool')) and not name.endswith('_with_indices'):
        names = of_callable(getattr(torch.nn.functional, f'{name}_with_indices'))
    if not names or names[0] == 'args':
        schemas = [s for s in torch._C._jit_get_all_schemas() if s.name == f'aten::{name}']
        names = [a.name for a in schemas[0].arguments if not a.kwarg_only] if schemas else None
    if names:
        functional[name] = names

def classes(module, base):
    found = {}
    for name in dir(module):
        c = getattr(module, name)
        if isinstance(c, type) and issubclass(c, base) and c is not base:
            found[name] = c
    return found

modules = {name: of_callable(c.__init__, ('self',)) for name, c in classes(torch.nn, torch.nn.Module).items()}
rnn = of_callable(torch.nn.RNNBase.__init__, ('self', 'mode'))
modules |= {'LSTM': rnn, 'GRU': rnn, 'RNN': rnn[:3] + ['nonlinearity'] + rnn[3:]}
forward = {name: of_callable(c.forward, ('self',)) for name, c in classes(torch.nn, torch.nn.Module).items()}
optimizers = {name: of_callable(c.__init__, ('self',)) for name, c in classes(torch.optim, torch.optim.Optimizer).items()}
schedulers = {name: of_callable(c.__init__, ('self',)) for name, c in classes(torch.optim.lr_scheduler, object).items() if name.endswith(('LR', 'Restarts', 'Plateau', 'Scheduler'))}

tables = {'operators': operators, 'functional': functional, 'modules': modules, 'forward': forward, 'optimizers': optimizers, 'schedulers': schedulers}
print('{')
print(',\n'.join(
    f' "{table}": {{\n' + ',\n'.join(f'  {json.dumps(k)}: {json.dumps(v)}' for k, v in sorted(entries.items()) if v) + '\n }'
    for table, entries in tables.items()))
print('}')
