import {
  ArgumentError,
  checkChoice,
  checkTensor,
  describe,
  DTypeError,
  isFloat,
  isPlainObject,
  readCall,
  required,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { carryOut, checkList } from './exchange.ts';
import { checkTimeout, groupOf, rankInGroup, type ProcessGroup } from './group.ts';
import { reductions, type Reduction } from './transport.ts';
import type { Work } from './work.ts';

/** Options of every collective. */
export interface CollectiveOptions {
  /** Who takes part; all processes by default. */
  group?: ProcessGroup;
  /** Milliseconds to wait for other ranks; the group's by default. */
  timeout?: number;
}
interface ReduceOptions extends CollectiveOptions {
  /** sum by default. */
  op?: Reduction;
}
const keywords = ['timeout'];

/** PyTorch's names of the reductions. */
export const ReduceOp = { SUM: 'sum', PRODUCT: 'product', MIN: 'min', MAX: 'max', AVG: 'mean' } as const satisfies Record<
  string,
  Reduction
>;

function checkReduction(name: string, op: unknown, x: Tensor): Reduction {
  const reduction = checkChoice(name, 'op', op, reductions);
  if (reduction === 'mean' && !isFloat(x.dtype))
    throw new DTypeError({
      op: name,
      expected: 'floats for a mean',
      received: x.dtype,
      hint: "Cast it: x.to('float32'), or take the sum.",
    });
  return reduction;
}

function checkListArgument(op: string, name: string, value: unknown): readonly Tensor[] {
  if (!Array.isArray(value)) throw new ArgumentError({ op, expected: `${name} to be an array of tensors`, received: describe(value) });
  value.forEach((x, i) => checkTensor(op, `${name}[${i}]`, x));
  return value as Tensor[];
}

/**
 * Reduces a tensor over all ranks, in place: each gets the result. Arguments: op ('sum', 'mean', 'min', 'max' or 'product'), group.
 * @param x - the same shape and dtype in every rank
 * @returns the handle of x
 * @throws DTypeError for a mean of integers
 * @example
 * await allReduce(loss, 'mean');
 */
export function allReduce(x: Tensor, ...args: Call<ReduceOptions, ['op', 'group']>): Work<Tensor> {
  const name = 'allReduce';
  checkTensor(name, 'the argument', x);
  const { op = 'sum', group, timeout } = readCall<ReduceOptions>(name, args, ['op', 'group'], keywords);
  const reduction = checkReduction(name, op, x);
  return carryOut(
    {
      op: name,
      kind: 'allReduce',
      group: groupOf(name, group),
      like: x,
      reduction,
      receive: { tensors: [x], read: true, write: true },
      timeout: checkTimeout(name, timeout),
      detail: `(${reduction})`,
    },
    () => x,
  );
}

/**
 * Reduces a tensor over all ranks into that of rank `dst`; those of the others are left as they are. Arguments: dst (0), op ('sum'), group.
 * @returns the handle of x
 */
export function reduce(x: Tensor, ...args: Call<ReduceOptions & { dst?: number }, ['dst', 'op', 'group']>): Work<Tensor> {
  const name = 'reduce';
  checkTensor(name, 'the argument', x);
  const { dst, op = 'sum', ...rest } = readCall<ReduceOptions & { dst?: number }>(name, args, ['dst', 'op', 'group'], keywords);
  const group = groupOf(name, rest.group);
  const peer = rankInGroup(name, 'dst', group, dst ?? group.ranks[0]);
  const reduction = checkReduction(name, op, x);
  return carryOut(
    {
      op: name,
      kind: 'reduce',
      group,
      like: x,
      reduction,
      peer,
      receive: { tensors: [x], read: true, write: group.rank === peer },
      timeout: checkTimeout(name, rest.timeout),
      detail: `(${reduction}) to rank ${group.ranks[peer]}`,
    },
    () => x,
  );
}

/** Gives every rank the tensor of rank `src`, in place. Arguments: src (0), group. @returns the handle of x */
export function broadcast(x: Tensor, ...args: Call<CollectiveOptions & { src?: number }, ['src', 'group']>): Work<Tensor> {
  const name = 'broadcast';
  checkTensor(name, 'the argument', x);
  const { src, ...rest } = readCall<CollectiveOptions & { src?: number }>(name, args, ['src', 'group'], keywords);
  const group = groupOf(name, rest.group);
  const peer = rankInGroup(name, 'src', group, src ?? group.ranks[0]);
  return carryOut(
    {
      op: name,
      kind: 'broadcast',
      group,
      like: x,
      peer,
      receive: { tensors: [x], read: group.rank === peer, write: group.rank !== peer },
      timeout: checkTimeout(name, rest.timeout),
      detail: `from rank ${group.ranks[peer]}`,
    },
    () => x,
  );
}

/** Every rank's x, one behind the other, into the tensors `into`. */
function allGathered<T>(op: string, group: ProcessGroup, x: Tensor, into: readonly Tensor[], timeout: unknown, value: T): Work<T> {
  return carryOut(
    {
      op,
      kind: 'allGather',
      group,
      like: x,
      send: { tensors: [x], read: true, write: false },
      receive: { tensors: into, read: false, write: true },
      timeout: checkTimeout(op, timeout),
      detail: '',
    },
    () => value,
  );
}

/**
 * Gives every rank the tensors of all. Arguments: group.
 * @param list - one tensor for each rank, which they are written into
 * @param x - the same shape and dtype in every rank
 * @returns the handle of the list
 */
export function allGather(list: Tensor[], x: Tensor, ...args: Call<CollectiveOptions, ['group']>): Work<Tensor[]> {
  const name = 'allGather';
  checkListArgument(name, 'the list', list);
  checkTensor(name, 'the second argument', x);
  const { group: given, timeout } = readCall<CollectiveOptions>(name, args, ['group'], keywords);
  const group = groupOf(name, given);
  checkList(name, 'the list', list, x, group);
  return allGathered(name, group, x, list, timeout, list);
}

function checkWhole(op: string, name: string, whole: Tensor, part: Tensor, group: ProcessGroup): void {
  const stacked = [group.size, ...part.shape];
  const joined = part.ndim === 0 ? [group.size] : [part.shape[0] * group.size, ...part.shape.slice(1)];
  const fits = [stacked, joined].some((shape) => shape.length === whole.ndim && shape.every((n, i) => n === whole.shape[i]));
  if (!fits) throw new ShapeError({ op, expected: `${name} of shape ${showShape(joined)} or ${showShape(stacked)}`, received: showShape(whole.shape) }); // prettier-ignore
  if (whole.dtype !== part.dtype)
    throw new DTypeError({ op, expected: `${name} of ${part.dtype}`, received: whole.dtype, hint: 'Cast it.' });
}

/** As `allGather`, into one tensor: [N, ...] of each rank behind each other as [size · N, ...], or stacked as [size, N, ...]. */
export function allGatherIntoTensor(output: Tensor, x: Tensor, ...args: Call<CollectiveOptions, ['group']>): Work<Tensor> {
  const name = 'allGatherIntoTensor';
  checkTensor(name, 'the output', output);
  checkTensor(name, 'the second argument', x);
  const { group: given, timeout } = readCall<CollectiveOptions>(name, args, ['group'], keywords);
  const group = groupOf(name, given);
  checkWhole(name, 'an output', output, x, group);
  return allGathered(name, group, x, [output], timeout, output);
}

/** What the ranks give, one part for each rank behind the other, reduced; each takes its part. */
function reduceScattered(
  op: string,
  group: ProcessGroup,
  parts: readonly Tensor[],
  output: Tensor,
  how: unknown,
  timeout: unknown,
): Work<Tensor> {
  const reduction = checkReduction(op, how, output);
  return carryOut(
    {
      op,
      kind: 'reduceScatter',
      group,
      like: output,
      reduction,
      send: { tensors: parts, read: true, write: false },
      receive: { tensors: [output], read: false, write: true },
      timeout: checkTimeout(op, timeout),
      detail: `(${reduction})`,
    },
    () => output,
  );
}

/**
 * Reduces tensors over all ranks, one for each rank, and gives each its own. Arguments: op ('sum'), group.
 * @param output - where this rank's result goes
 * @param list - one tensor like `output` for each rank
 * @returns the handle of the output
 */
export function reduceScatter(output: Tensor, list: readonly Tensor[], ...args: Call<ReduceOptions, ['op', 'group']>): Work<Tensor> {
  const name = 'reduceScatter';
  checkTensor(name, 'the output', output);
  checkListArgument(name, 'the list', list);
  const { op = 'sum', ...rest } = readCall<ReduceOptions>(name, args, ['op', 'group'], keywords);
  const group = groupOf(name, rest.group);
  checkList(name, 'the list', list, output, group);
  return reduceScattered(name, group, list, output, op, rest.timeout);
}

/** As `reduceScatter`, from one tensor: [size · N, ...] or [size, N, ...] into [N, ...]. */
export function reduceScatterTensor(output: Tensor, x: Tensor, ...args: Call<ReduceOptions, ['op', 'group']>): Work<Tensor> {
  const name = 'reduceScatterTensor';
  checkTensor(name, 'the output', output);
  checkTensor(name, 'the second argument', x);
  const { op = 'sum', ...rest } = readCall<ReduceOptions>(name, args, ['op', 'group'], keywords);
  const group = groupOf(name, rest.group);
  checkWhole(name, 'an input', x, output, group);
  return reduceScattered(name, group, [x], output, op, rest.timeout);
}

/**
 * Gives rank `dst` the tensors of all. Arguments: list, dst (0), group.
 * @param list - in rank dst, one tensor for each rank; nothing elsewhere
 * @returns the handle of the list, which is undefined elsewhere
 */
export function gather(
  x: Tensor,
  ...args: Call<CollectiveOptions & { list?: Tensor[] | null; dst?: number }, ['list', 'dst', 'group']>
): Work<Tensor[] | undefined> {
  const name = 'gather';
  checkTensor(name, 'the argument', x);
  const read = readCall<CollectiveOptions & { list?: Tensor[]; dst?: number }>(name, args, ['list', 'dst', 'group'], keywords);
  const group = groupOf(name, read.group);
  const peer = rankInGroup(name, 'dst', group, read.dst ?? group.ranks[0]);
  const list = rootList(name, group, peer, read.list, x);
  return carryOut(
    {
      op: name,
      kind: 'gather',
      group,
      like: x,
      peer,
      send: { tensors: [x], read: true, write: false },
      ...(list !== undefined && { receive: { tensors: list, read: false, write: true } }),
      timeout: checkTimeout(name, read.timeout),
      detail: `to rank ${group.ranks[peer]}`,
    },
    () => list,
  );
}

/** The list of the one rank that has one. @throws ArgumentError when it has none, or another rank has one */
function rootList(op: string, group: ProcessGroup, root: number, list: Tensor[] | undefined, x: Tensor): Tensor[] | undefined {
  if (group.rank !== root) {
    if (list === undefined) return undefined;
    throw new ArgumentError({
      op,
      expected: `a list only in rank ${group.ranks[root]}`,
      received: `one in rank ${group.ranks[group.rank]}`,
    });
  }
  checkList(op, 'the list', checkListArgument(op, 'the list', required(op, 'list', list)), x, group);
  return list;
}

/**
 * Gives each rank one of the tensors of rank `src`. Arguments: list, src (0), group.
 * @param output - where this rank's tensor goes
 * @param list - in rank src, one tensor like `output` for each rank; nothing elsewhere
 * @returns the handle of the output
 */
export function scatter(
  output: Tensor,
  ...args: Call<CollectiveOptions & { list?: Tensor[] | null; src?: number }, ['list', 'src', 'group']>
): Work<Tensor> {
  const name = 'scatter';
  checkTensor(name, 'the output', output);
  const read = readCall<CollectiveOptions & { list?: Tensor[]; src?: number }>(name, args, ['list', 'src', 'group'], keywords);
  const group = groupOf(name, read.group);
  const peer = rankInGroup(name, 'src', group, read.src ?? group.ranks[0]);
  const list = rootList(name, group, peer, read.list, output);
  return carryOut(
    {
      op: name,
      kind: 'scatter',
      group,
      like: output,
      peer,
      ...(list !== undefined && { send: { tensors: list, read: true, write: false } }),
      receive: { tensors: [output], read: false, write: true },
      timeout: checkTimeout(name, read.timeout),
      detail: `from rank ${group.ranks[peer]}`,
    },
    () => output,
  );
}

/** Done when every rank has come to it. Options: group, timeout. @example await barrier(); */
export function barrier(options: CollectiveOptions = {}): Work<void> {
  const name = 'barrier';
  const { group: given, timeout } = readCall<CollectiveOptions>(
    name,
    [isPlainObject(options) ? options : { group: options }],
    ['group'],
    keywords,
  );
  const group = groupOf(name, given);
  const seconds = (checkTimeout(name, timeout) ?? group.timeout) / 1000;
  return group.transport.submit<void>({ kind: 'barrier', group: group.index, type: 'uint8', count: 0, seconds, label: name }, () => undefined, () => undefined); // prettier-ignore
}
