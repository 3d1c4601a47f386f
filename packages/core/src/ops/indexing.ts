import { checkArray, checkInput, checkTensor } from '../checks.ts';
import { isFloat } from '../dtype.ts';
import { dispatchOne } from '../dispatch.ts';
import { askedBy } from '../asking.ts';
import { ArgumentError, DTypeError, IndexError, describe } from '../errors.ts';
import { contiguousStrides } from '../layout.ts';
import { broadcastShapes, checkShape, numel, sameShape, showShape, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { cast } from './cast.ts';
import { indexSelect, spread, wrapIndex } from './gather.ts';
import { nonzero } from './masking.ts';
import { scatterOps } from './scatter.ts';
import { expandTo, reshape, unsqueeze } from './views.ts';

/** One part of an index: see `at`. */
export type Index = number | string | null | Tensor | readonly number[] | boolean;

/** The basic part of an index, applied as views, and the tensors of the advanced part, by dimension of that view. */
function applyBasic(op: string, x: Tensor, indices: readonly Index[]): { view: Tensor; advanced: (Tensor | undefined)[] } {
  const consumes = (index: Index): number => {
    if (index === null || typeof index === 'boolean' || (typeof index === 'string' && index.trim() === '...')) return 0;
    return index instanceof Tensor && (index.dtype === 'bool' || index.dtype === 'uint8') ? index.ndim : 1;
  };
  checkArray(op, 'the indices', indices);
  const used = indices.reduce((sum: number, index) => sum + consumes(index), 0);
  if (used > x.ndim)
    throw new IndexError({ op, expected: `at most ${x.ndim} indices for shape ${showShape(x.shape)}`, received: String(used) });
  let view = x.alias();
  let dim = 0;
  const advanced: (Tensor | undefined)[] = [];
  for (const index of indices) {
    if (index === null) {
      view = unsqueeze(view, dim++);
      advanced.push(undefined);
    } else if (typeof index === 'number') view = view.select(dim, index);
    else if (typeof index === 'string') {
      const text = index.trim();
      if (text === '...') {
        const skip = x.ndim - used;
        dim += skip;
        for (let i = 0; i < skip; i++) advanced.push(undefined);
        continue;
      }
      view = sliceByText(op, view, dim, text);
      if (/^[+-]?\d+$/.test(text)) continue;
      dim++;
      advanced.push(undefined);
    } else if (typeof index === 'boolean') {
      throw new ArgumentError({ op, expected: 'numbers, slices, null, tensors or arrays of integers', received: String(index) });
    } else {
      for (const part of indexTensors(op, view, dim, index)) {
        advanced.push(part);
        dim++;
      }
    }
  }
  return { view, advanced };
}

function sliceByText(op: string, x: Tensor, dim: number, text: string): Tensor {
  if (/^[+-]?\d+$/.test(text)) return x.select(dim, Number(text));
  const match = /^([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?)?$/.exec(text);
  if (match === null) throw new ArgumentError({ op, expected: "a slice such as ':', '1:3' or '::2', or '...'", received: describe(text) });
  const [start, end, step] = [match[1], match[2], match[3]].map((part) => (part === undefined ? undefined : Number(part)));
  return x.slice(dim, start, end, step ?? 1);
}

function indexTensors(op: string, x: Tensor, dim: number, index: Tensor | readonly number[]): Tensor[] {
  if (!(index instanceof Tensor)) {
    if (!Array.isArray(index) || !index.every(Number.isInteger))
      throw new ArgumentError({ op, expected: 'numbers, slices, null, tensors or arrays of integers', received: describe(index) });
    return [x.newInt32(Int32Array.from(index))];
  }
  if (index.dtype !== 'bool' && index.dtype !== 'uint8') {
    if (isFloat(index.dtype)) throw new DTypeError({ op, expected: 'an integer or bool index', received: index.dtype });
    return [index.dtype === 'int64' ? index : cast(index, 'int32')];
  }
  const covered = x.shape.slice(dim, dim + index.ndim);
  if (!sameShape(covered, index.shape))
    throw new IndexError({ op, expected: `a mask of shape ${showShape(covered)}`, received: showShape(index.shape) });
  const rows = nonzero(index);
  return Array.from({ length: index.ndim }, (_, i) => rows.select(1, i).contiguous());
}

/** One index tensor as indices from the front of `n` elements; wrong ones become negative, which no kernel takes. */
function fromFront(part: Tensor, n: number, alone: boolean): Tensor {
  const wrapped = wrapIndex(part, n);
  // The kernel checks a single index. Several make one linear index, in which a wrong one could name a right place.
  return alone ? wrapped : wrapped.ge(n).logicalOr(wrapped.lt(0)).where(-n, wrapped);
}

/** Turns the tensors of an advanced index into one linear index over their dimensions, moved to the front of the view. */
function linearize(op: string, view: Tensor, advanced: readonly (Tensor | undefined)[]) {
  const dims = advanced.flatMap((t, i) => (t === undefined ? [] : [i]));
  const parts = dims.map((d) => advanced[d] as Tensor);
  const shape = parts.reduce<readonly number[]>((s, p) => broadcastShapes(op, s, p.shape), []);
  const rest = view.shape.map((_, i) => i).filter((i) => !dims.includes(i));
  const moved = view.permute([...dims, ...rest]);
  const fronts = dims.map((d, i) => expandTo(fromFront(parts[i], view.shape[d], dims.length === 1), shape));
  let linear = fronts[0];
  for (let i = 1; i < dims.length; i++) linear = linear.mul(view.shape[dims[i]]).add(fronts[i]);
  if (dims.length > 1) {
    const wrong = fronts.map((front) => front.lt(0)).reduce((p, q) => p.logicalOr(q));
    linear = wrong.where(-1, linear).to(linear.dtype);
  }
  const adjacent = dims.every((d, i) => i === 0 || d === dims[i - 1] + 1);
  return { moved, linear: reshape(linear, -1), shape, dims, rest, adjacent, parts };
}

/** Runs `run`; where an index is out of range, says which one. */
function explaining<T>(op: string, view: Tensor, dims: readonly number[], parts: readonly Tensor[], run: () => T): T {
  try {
    return askedBy({ op }, run);
  } catch (error) {
    if (!(error instanceof IndexError)) throw error;
    dims.forEach((d, i) => {
      const n = view.shape[d];
      const wrong = Array.from(parts[i].dataSync(), Number).find((value) => value < -n || value >= n);
      if (wrong !== undefined)
        throw new IndexError({ op, expected: `indices in [${-n}, ${n - 1}] for dimension ${d}`, received: String(wrong), cause: error });
    });
    throw error;
  }
}

/**
 * Indexing as Python's brackets do it: numbers select, strings slice (`':'`, `'1:3'`, `'::2'`, `'...'`), null adds a dimension, a bool tensor
 * masks, an integer tensor or an array of integers picks. `x.at(':', -1)` is `x[:, -1]`. Without tensors and arrays the result is a view.
 * @throws IndexError when an index is out of range or there are too many.
 */
export function at(x: Tensor, ...indices: Index[]): Tensor {
  checkInput('at', x);
  const { view, advanced } = applyBasic('at', x, indices);
  if (advanced.every((part) => part === undefined)) return view;
  const { moved, linear, shape, dims, rest, adjacent, parts } = linearize('at', view, advanced);
  const flat = reshape(moved, [numel(dims.map((d) => view.shape[d])), ...rest.map((d) => view.shape[d])]);
  const rows = explaining('at', view, dims, parts, () => indexSelect(flat, 0, linear));
  const picked = reshape(rows, [...shape, ...rest.map((d) => view.shape[d])]);
  if (!adjacent) return picked;
  // The picked dimensions go where the first index stood.
  const before = rest.filter((d) => d < dims[0]).length;
  const order = [
    ...Array.from({ length: before }, (_, i) => shape.length + i),
    ...shape.map((_, i) => i),
    ...Array.from({ length: rest.length - before }, (_, i) => shape.length + before + i),
  ];
  return picked.permute(order);
}

/**
 * Writes `value` where `at(...indices)` reads: `x.setAt([':', 0], 1)` is `x[:, 0] = 1`. `accumulate` adds instead, counting repeated indices.
 * @returns x
 */
export function setAt(x: Tensor, indices: readonly Index[] | Tensor, value: TensorOrNumber, options?: { accumulate?: boolean }): Tensor {
  checkInput('setAt', x);
  const accumulate = options?.accumulate ?? false;
  const list = indices instanceof Tensor ? [indices] : indices;
  const { view, advanced } = applyBasic('setAt', x, list);
  if (advanced.every((part) => part === undefined)) {
    if (accumulate) view.add_(value);
    else view.copy_(value instanceof Tensor ? value : x.newFull([], value));
    return x;
  }
  const { moved, linear, shape, dims, rest, adjacent, parts } = linearize('setAt', view, advanced);
  const restShape = rest.map((d) => view.shape[d]);
  const full = value instanceof Tensor ? cast(value, x.dtype) : x.newFull([], value);
  const before = adjacent ? rest.filter((d) => d < dims[0]).length : 0;
  const valueShape = [...restShape.slice(0, before), ...shape, ...restShape.slice(before)];
  const order = [...shape.map((_, i) => before + i), ...restShape.map((_, i) => (i < before ? i : shape.length + i))];
  const source = reshape(expandTo(full, broadcastShapes('setAt', full.shape, valueShape)).permute(order), [numel(shape), ...restShape]);
  const flat = reshape(moved, [numel(dims.map((d) => view.shape[d])), ...restShape]);
  const index = spread(linear, source, 0);
  const written = explaining('setAt', view, dims, parts, () =>
    dispatchOne(accumulate ? scatterOps.add : scatterOps.set, [flat, index, source], { dim: 0 }),
  );
  moved.copy_(reshape(written, moved.shape));
  return x;
}

/**
 * Indices of the flattened tensor as indices of each dimension of `shape`.
 * @returns one tensor of the shape of the indices for each dimension
 * @throws IndexError when one lies outside, on devices that can be read without waiting
 */
export function unravelIndex(indices: Tensor, shape: number | Shape): Tensor[] {
  const op = 'unravelIndex';
  checkTensor(op, 'indices', indices);
  if (isFloat(indices.dtype) || indices.dtype === 'bool')
    throw new DTypeError({ op, expected: 'integer indices', received: indices.dtype });
  const sizes = checkShape(op, typeof shape === 'number' ? [shape] : shape);
  const count = numel(sizes);
  if (indices.count > 0 && indices.device.synchronous) {
    const [low, high] = [indices.amin().itemSync(), indices.amax().itemSync()];
    if (low < -count || high >= count)
      throw new IndexError({ op, expected: `indices in [${-count}, ${count - 1}]`, received: String(high >= count ? high : low) });
  }
  const strides = contiguousStrides(sizes);
  const flat = wrapIndex(indices, count);
  return sizes.map((n, i) => flat.div(strides[i], { roundingMode: 'floor' }).remainder(Math.max(1, n)));
}
