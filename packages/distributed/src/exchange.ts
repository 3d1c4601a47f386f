import { bytesOf, checkWritable, DTypeError, ShapeError, sameShape, showShape, type Tensor } from '@flambeau/core';
import { download, hostBytes, newBytes, readInto, writeBytes, type HostBytes } from './buffers.ts';
import type { ProcessGroup } from './group.ts';
import type { Task } from './transport.ts';
import { Work } from './work.ts';

/** What a rank gives or takes: one tensor, or one for each rank of the group, which lie behind each other. */
export interface Part {
  readonly tensors: readonly Tensor[];
  /** Whether MPI reads it, and whether it writes it. */
  readonly read: boolean;
  readonly write: boolean;
}

/** A collective or message over tensors. */
export interface Exchange extends Omit<Task, 'send' | 'receive' | 'group' | 'seconds' | 'label' | 'type' | 'count'> {
  readonly op: string;
  readonly group: ProcessGroup;
  /** A tensor of the shape and dtype of one rank's part. */
  readonly like: Tensor;
  readonly send?: Part;
  readonly receive?: Part;
  /** Milliseconds, where a call says other than its group. */
  readonly timeout: number | undefined;
  /** What messages say after the name: `(sum)`, `from rank 2`. */
  readonly detail: string;
}

/** The newest exchange that could not be handed over at once, for it reads a device asynchronously: later ones come behind it. */
let gate: Promise<void> | undefined;

const tensorsOf = ({ send, receive }: Exchange): readonly Tensor[] => [...(send?.tensors ?? []), ...(receive?.tensors ?? [])];

function stage(op: string, { tensors, read, write }: Part): HostBytes {
  if (tensors.length === 1) {
    const host = hostBytes(op, tensors[0], read);
    return write ? host : { ...host, commit: () => undefined };
  }
  const sizes = tensors.map((x) => x.count * bytesOf(x.dtype));
  const bytes = newBytes(sizes.reduce((sum, n) => sum + n, 0));
  const slices = slicesOf(bytes, sizes);
  if (read) tensors.forEach((x, i) => readInto(op, x, slices[i]));
  return { bytes, commit: () => write && tensors.forEach((x, i) => writeBytes(x, slices[i])), release: () => undefined };
}

async function stageAsync(op: string, part: Part): Promise<HostBytes> {
  const { tensors, read, write } = part;
  if (tensors.every((x) => x.device.synchronous)) return stage(op, part);
  const sizes = tensors.map((x) => x.count * bytesOf(x.dtype));
  const bytes = newBytes(sizes.reduce((sum, n) => sum + n, 0));
  const slices = slicesOf(bytes, sizes);
  if (read) for (const [i, x] of tensors.entries()) slices[i].set(await download(op, x));
  return { bytes, commit: () => write && tensors.forEach((x, i) => writeBytes(x, slices[i])), release: () => undefined };
}

function slicesOf(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  let start = 0;
  return sizes.map((size) => bytes.subarray(start, (start += size)));
}

function submit<T>(exchange: Exchange, send: HostBytes | undefined, receive: HostBytes | undefined, value: () => T): Work<T> {
  const { op, group, like, timeout = group.timeout, detail } = exchange;
  const task: Task = {
    kind: exchange.kind,
    group: group.index,
    type: like.dtype,
    count: like.count,
    seconds: timeout / 1000,
    label: `${op}${detail === '' ? '' : ` ${detail}`} of ${like.dtype} ${showShape(like.shape)}`,
    ...(exchange.reduction !== undefined && { reduction: exchange.reduction }),
    ...(exchange.peer !== undefined && { peer: exchange.peer }),
    ...(exchange.tag !== undefined && { tag: exchange.tag }),
    ...(send !== undefined && { send: send.bytes }),
    ...(receive !== undefined && { receive: receive.bytes }),
  };
  const finish = (): T => {
    receive?.commit();
    return value();
  };
  const release = (): void => {
    send?.release();
    receive?.release();
  };
  return group.transport.submit(task, finish, release);
}

/** Hands an exchange to the thread: at once where all tensors can be read at once, else as soon as they have been read. */
export function carryOut<T>(exchange: Exchange, value: () => T): Work<T> {
  const { op, kind, send, receive } = exchange;
  if (exchange.like.count > 2 ** 31 - 1) {
    throw new ShapeError({
      op,
      expected: 'at most 2147483647 elements for each rank, which is what MPI counts to',
      received: showShape(exchange.like.shape),
      hint: 'Split the tensor, and call it for each part.',
    });
  }
  // What cannot be written is found before the other ranks are met.
  if (receive?.write === true) for (const x of receive.tensors) checkWritable(op, x);
  if (gate === undefined && tensorsOf(exchange).every((x) => x.device.synchronous))
    return submit(exchange, send && stage(op, send), receive && stage(op, receive), value);
  const before = gate;
  const handedOver = (async () => {
    await before;
    const given = send && (await stageAsync(op, send));
    const taken = receive && (await stageAsync(op, receive));
    // In an object, for a work itself would be awaited here.
    return { work: submit(exchange, given, taken, value) };
  })();
  const settled = handedOver.then(
    () => undefined,
    () => undefined,
  );
  gate = settled;
  void settled.then(() => {
    if (gate === settled) gate = undefined;
  });
  return Work.of(
    kind,
    handedOver.then(({ work }) => work.wait()),
  );
}

/** @throws ShapeError or DTypeError unless `list` has one tensor like `x` for each rank of the group */
export function checkList(op: string, name: string, list: readonly Tensor[], x: Tensor, group: ProcessGroup): void {
  if (list.length !== group.size)
    throw new ShapeError({ op, expected: `${group.size} tensors in ${name}, one for each rank`, received: String(list.length) });
  for (const y of list) checkLike(op, name, y, x);
}

/** @throws ShapeError or DTypeError unless `y` has the shape and dtype of `x` */
export function checkLike(op: string, name: string, y: Tensor, x: Tensor): void {
  if (!sameShape(y.shape, x.shape))
    throw new ShapeError({ op, expected: `${name} of shape ${showShape(x.shape)}`, received: showShape(y.shape) });
  if (y.dtype !== x.dtype) throw new DTypeError({ op, expected: `${name} of ${x.dtype}`, received: y.dtype, hint: 'Cast it.' });
}
