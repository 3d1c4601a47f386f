import { dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError, IndexError, ShapeError, describe } from '../errors.ts';
import { defineOp, type Op, type Spec } from '../op.ts';
import type { ScatterName } from '../seam.ts';
import { broadcastShapes, normalizeDim, numel, sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { cast, resultType } from './cast.ts';
import { fullLike } from './creation.ts';
import { expandTo, reshape, unsqueeze } from './views.ts';

interface DimAttrs {
  readonly dim: number;
}

export const gatherOp: Op<DimAttrs> = defineOp<DimAttrs>({
  name: 'gather',
  moves: true,
  infer: ([x, index]) => [{ shape: index.shape, dtype: x.dtype }],
  kernel: (k, [x, index], [out], { dim }) => k.gather(x, dim, index, out),
  save: ([, index]) => [index],
  vjp: ({ cotangents: [g], saved: [index], inputs: [x], attrs: { dim } }) => [
    g && dispatchOne(scatterOps.add, [g.newZeros(x.shape), index, g], { dim }),
    undefined,
  ],
});

function checkIndex(op: string, index: Tensor): void {
  if (index.dtype !== 'int32' && index.dtype !== 'int64') {
    throw new DTypeError({ op, expected: 'an index of int32 or int64', received: index.dtype, hint: "Cast it: index.to('int32')." });
  }
}

/** Checks that `index` has x's rank and does not reach outside x in any other dimension. */
function checkIndexShape(op: string, x: Tensor, index: Tensor, dim: number): void {
  const fits = x.ndim === index.ndim && index.shape.every((n, i) => i === dim || n <= x.shape[i]);
  if (!fits && index.count > 0) {
    throw new ShapeError({
      op,
      expected: `an index that is not larger than the tensor except in dimension ${dim}`,
      received: `${showShape(index.shape)} for ${showShape(x.shape)}`,
    });
  }
}

/**
 * `out[i][j] = x[index[i][j]][j]` for dim 0, and so on. The result has the shape of `index`.
 * @throws IndexError when an index is out of range, DTypeError unless it is int32 or int64.
 */
export function gather(x: Tensor, dim: number, index: Tensor): Tensor {
  checkIndex('gather', index);
  const d = normalizeDim('gather', dim, x.ndim);
  if (x.ndim === 0 || index.ndim === 0) {
    const flat = gather(x.ndim === 0 ? reshape(x, 1) : x, d, index.ndim === 0 ? reshape(index, 1) : index);
    return reshape(flat, index.shape);
  }
  checkIndexShape('gather', x, index, d);
  const trimmed = x.shape.every((n, i) => i === d || n === index.shape[i])
    ? x
    : index.shape.reduce((y, n, i) => (i === d ? y : y.narrow(i, 0, n)), x);
  return dispatchOne(gatherOp, [trimmed, index], { dim: d });
}

function defineScatter(name: ScatterName): Op<DimAttrs> {
  return defineOp<DimAttrs>({
    name: `scatter_${name}`,
    moves: name === 'set',
    infer: ([x]): Spec[] => [x],
    kernel(k, [x, index, src], [out], { dim }) {
      k.copy(x, out);
      k.scatter(name, out, dim, index, src);
    },
    save: ([, index]) => [index],
    ...((name === 'add' || name === 'set') && {
      vjp({ needs, cotangents: [g], saved: [index], attrs: { dim } }) {
        if (g === undefined) return [undefined, undefined, undefined];
        const base = name === 'add' ? g : dispatchOne(scatterOps.set, [g, index, g.newZeros(index.shape)], { dim });
        return [needs[0] ? base : undefined, undefined, needs[2] ? gather(g, dim, index) : undefined];
      },
    }),
  });
}
export const scatterOps: Record<ScatterName, Op<DimAttrs>> = {
  set: defineScatter('set'),
  add: defineScatter('add'),
  prod: defineScatter('prod'),
  max: defineScatter('max'),
  min: defineScatter('min'),
};

function scatterWith(op: string, name: ScatterName, x: Tensor, dim: number, index: Tensor, src: TensorOrNumber): Tensor {
  checkIndex(op, index);
  const d = normalizeDim(op, dim, x.ndim);
  const source = src instanceof Tensor ? src : fullLike(index, src, { dtype: x.dtype });
  if (source.dtype !== x.dtype) throw new DTypeError({ op, expected: `a source of the tensor's dtype ${x.dtype}`, received: source.dtype });
  if (x.ndim === 0) return reshape(scatterWith(op, name, reshape(x, 1), 0, reshape(index, -1), reshape(source, -1)), []);
  if (index.ndim === 0) return scatterWith(op, name, x, dim, reshape(index, 1), reshape(source, -1));
  checkIndexShape(op, x, index, d);
  if (source.ndim !== index.ndim || index.shape.some((n, i) => n > source.shape[i])) {
    throw new ShapeError({
      op,
      expected: 'a source that is not smaller than the index',
      received: `${showShape(source.shape)} for an index ${showShape(index.shape)}`,
    });
  }
  const trimmed = index.shape.reduce((s, n, i) => (s.shape[i] === n ? s : s.narrow(i, 0, n)), source);
  return dispatchOne(scatterOps[name], [x, index, trimmed], { dim: d });
}

/** A copy of x with `x[index[i][j]][j] = src[i][j]` for dim 0, and so on. `reduce` adds or multiplies instead. */
export function scatter(x: Tensor, dim: number, index: Tensor, src: TensorOrNumber, options?: { reduce?: 'add' | 'multiply' }): Tensor {
  const reduce = options?.reduce;
  if (reduce !== undefined && reduce !== 'add' && reduce !== 'multiply')
    throw new ArgumentError({ op: 'scatter', expected: "reduce 'add' or 'multiply'", received: describe(reduce) });
  return scatterWith('scatter', reduce === undefined ? 'set' : reduce === 'add' ? 'add' : 'prod', x, dim, index, src);
}

/** A copy of x with `x[index[i][j]][j] += src[i][j]` for dim 0, and so on. */
export const scatterAdd = (x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor =>
  scatterWith('scatterAdd', 'add', x, dim, index, src);

/** The slices of `dim` that a one-dimensional index names, in its order. */
export function indexSelect(x: Tensor, dim: number, index: Tensor): Tensor {
  checkIndex('indexSelect', index);
  const d = normalizeDim('indexSelect', dim, x.ndim);
  if (index.ndim > 1) throw new ShapeError({ op: 'indexSelect', expected: 'an index of one dimension', received: showShape(index.shape) });
  if (x.ndim === 0) return reshape(indexSelect(reshape(x, 1), 0, index), []);
  return dispatchOne(indexSelectOp, [x, reshape(index, -1)], { dim: d });
}

/** Slices of one dimension by a one-dimensional index: gather with the index repeated over all others. */
export const indexSelectOp: Op<DimAttrs> = defineOp<DimAttrs>({
  name: 'indexSelect',
  infer: ([x, index], { dim }) => [{ shape: x.shape.map((n, i) => (i === dim ? index.shape[0] : n)), dtype: x.dtype }],
  compose: ([x, index], { dim }) => [dispatchOne(gatherOp, [x, spread(index, x, dim)], { dim })],
  save: ([, index]) => [index],
  vjp: ({ cotangents: [g], saved: [index], inputs: [x], attrs: { dim } }) => [
    g && dispatchOne(indexAddOp, [g.newZeros(x.shape), index, g], { dim }),
    undefined,
  ],
});

/** `out[..., index[i], ...] += source[..., i, ...]`. */
export const indexAddOp: Op<DimAttrs> = defineOp<DimAttrs>({
  name: 'indexAdd',
  infer: ([x]) => [x],
  compose: ([x, index, source], { dim }) => [dispatchOne(scatterOps.add, [x, spread(index, source, dim), source], { dim })],
  save: ([, index]) => [index],
  vjp: ({ needs, cotangents: [g], saved: [index], attrs: { dim } }) => [
    g,
    undefined,
    g && needs[2] ? dispatchOne(indexSelectOp, [g, index], { dim }) : undefined,
  ],
});

/** A one-dimensional index repeated to the shape of a slice-wise gather from x. */
function spread(index: Tensor, x: Tensor, dim: number): Tensor {
  const column = reshape(index, x.shape.map((_, i) => (i === dim ? -1 : 1))); // prettier-ignore
  return expandTo(column, x.shape.map((n, i) => (i === dim ? index.shape[0] : n))); // prettier-ignore
}

export const whereOp: Op = defineOp<unknown>({
  name: 'where',
  pointwise: true,
  moves: true,
  infer: ([, a]) => [a],
  kernel: (k, [condition, a, b], [out]) => k.where(condition, a, b, out),
  save: ([condition]) => [condition],
  vjp({ needs, cotangents: [g], saved: [condition] }) {
    if (g === undefined) return [undefined, undefined, undefined];
    const zero = g.mul(0);
    return [
      undefined,
      needs[1] ? dispatchOne(whereOp, [condition, g, zero]) : undefined,
      needs[2] ? dispatchOne(whereOp, [condition, zero, g]) : undefined,
    ];
  },
});

/** `condition ? a : b`, element by element, with broadcasting. The condition is bool. */
export function where(condition: Tensor, a: TensorOrNumber, b: TensorOrNumber): Tensor {
  if (condition.dtype !== 'bool' && condition.dtype !== 'uint8') {
    throw new DTypeError({ op: 'where', expected: 'a bool condition', received: condition.dtype, hint: 'Compare first: x.gt(0).' });
  }
  const dtype = resultType(a, b);
  const { device } = condition;
  const side = (value: TensorOrNumber): Tensor =>
    value instanceof Tensor ? cast(value, dtype) : cast(condition.newFull([], Number(value), { dtype, device }), dtype);
  const [left, right] = [side(a), side(b)];
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', left.shape, right.shape));
  return dispatchOne(whereOp, [expandTo(cast(condition, 'bool'), shape), expandTo(left, shape), expandTo(right, shape)]);
}

/** A copy of x with `value` where `mask` is true. */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorOrNumber): Tensor {
  const scalar = value instanceof Tensor ? cast(value, x.dtype) : x.newFull([], value);
  return where(mask, scalar, x);
}

// Dynamic ops: the size of their output depends on values, so they read them.

function nonzeroFrom(x: Tensor, flags: ArrayLike<number>): Tensor {
  const hits: number[] = [];
  for (let i = 0; i < flags.length; i++) if (flags[i] !== 0) hits.push(i);
  const rows = new Int32Array(hits.length * x.ndim);
  hits.forEach((hit, row) => {
    let rest = hit;
    for (let d = x.ndim - 1; d >= 0; d--) {
      rows[row * x.ndim + d] = rest % x.shape[d];
      rest = Math.floor(rest / x.shape[d]);
    }
  });
  return x.newInt32(rows).view(hits.length, x.ndim);
}

/**
 * The indices of elements that are not zero, a row each: shape [count, x.ndim], int32.
 * @throws AsyncOnlyError on a device that only reads asynchronously; use `nonzeroAsync`.
 */
export const nonzero = (x: Tensor): Tensor => nonzeroFrom(x, cast(x, 'bool').dataSync() as Uint8Array);

/** The promise of `nonzero`, on every device. */
export const nonzeroAsync = async (x: Tensor): Promise<Tensor> =>
  nonzeroFrom(x, (await cast(x, 'bool').contiguous().readData()) as Uint8Array);

/** The elements where `mask` is true, as one dimension. */
export function maskedSelect(x: Tensor, mask: Tensor): Tensor {
  if (mask.dtype !== 'bool') throw new DTypeError({ op: 'maskedSelect', expected: 'a bool mask', received: mask.dtype });
  const shape = broadcastShapes('maskedSelect', x.shape, mask.shape);
  const hits = nonzero(reshape(expandTo(mask, shape), -1));
  return indexSelect(reshape(expandTo(x, shape), -1), 0, reshape(hits, -1));
}

/** One part of an index: see `at`. */
export type Index = number | string | null | Tensor | readonly number[] | boolean;

/** The basic part of an index, applied as views, and the tensors of the advanced part, by dimension of that view. */
function applyBasic(op: string, x: Tensor, indices: readonly Index[]): { view: Tensor; advanced: (Tensor | undefined)[] } {
  const consumes = (index: Index): number => {
    if (index === null || typeof index === 'boolean' || (typeof index === 'string' && index.trim() === '...')) return 0;
    return index instanceof Tensor && (index.dtype === 'bool' || index.dtype === 'uint8') ? index.ndim : 1;
  };
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
    if (!index.every(Number.isInteger)) throw new ArgumentError({ op, expected: 'an array of integers', received: describe(index) });
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

/** Turns the tensors of an advanced index into one linear index over their dimensions, moved to the front of the view. */
function linearize(op: string, view: Tensor, advanced: readonly (Tensor | undefined)[]) {
  const dims = advanced.flatMap((t, i) => (t === undefined ? [] : [i]));
  const parts = dims.map((d) => advanced[d] as Tensor);
  const shape = parts.reduce<readonly number[]>((s, p) => broadcastShapes(op, s, p.shape), []);
  const rest = view.shape.map((_, i) => i).filter((i) => !dims.includes(i));
  const moved = view.permute([...dims, ...rest]);
  let linear: Tensor | undefined;
  dims.forEach((d, i) => {
    const n = view.shape[d];
    const part = expandTo(parts[i], shape);
    // Indices are checked here, since a wrong one could be a right place of the linear index.
    if (part.count > 0 && part.device.synchronous) {
      const [low, high] = [part.amin().itemSync(), part.amax().itemSync()];
      if (low < -n || high >= n)
        throw new IndexError({ op, expected: `indices in [${-n}, ${n - 1}] for dimension ${d}`, received: String(low < -n ? low : high) });
    }
    const wrapped = part.lt(0).where(part.add(n), part);
    linear = linear === undefined ? wrapped : linear.mul(n).add(wrapped);
  });
  const adjacent = dims.every((d, i) => i === 0 || d === dims[i - 1] + 1);
  return { moved, linear: reshape(linear as Tensor, -1), shape, dims, rest, adjacent };
}

/**
 * Indexing as Python's brackets do it: numbers select, strings slice (`':'`, `'1:3'`, `'::2'`, `'...'`), null adds a dimension, a bool tensor
 * masks, an integer tensor or an array of integers picks. `x.at(':', -1)` is `x[:, -1]`. Without tensors and arrays the result is a view.
 * @throws IndexError when an index is out of range or there are too many.
 */
export function at(x: Tensor, ...indices: Index[]): Tensor {
  const { view, advanced } = applyBasic('at', x, indices);
  if (advanced.every((part) => part === undefined)) return view;
  const { moved, linear, shape, dims, rest, adjacent } = linearize('at', view, advanced);
  const flat = reshape(moved, [numel(dims.map((d) => view.shape[d])), ...rest.map((d) => view.shape[d])]);
  const picked = reshape(indexSelect(flat, 0, linear), [...shape, ...rest.map((d) => view.shape[d])]);
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
  const accumulate = options?.accumulate ?? false;
  const list = indices instanceof Tensor ? [indices] : indices;
  const { view, advanced } = applyBasic('setAt', x, list);
  if (advanced.every((part) => part === undefined)) {
    if (accumulate) view.add_(value);
    else view.copy_(value instanceof Tensor ? value : x.newFull([], value));
    return x;
  }
  const { moved, linear, shape, dims, rest, adjacent } = linearize('setAt', view, advanced);
  const restShape = rest.map((d) => view.shape[d]);
  const full = value instanceof Tensor ? cast(value, x.dtype) : x.newFull([], value);
  const before = adjacent ? rest.filter((d) => d < dims[0]).length : 0;
  const valueShape = [...restShape.slice(0, before), ...shape, ...restShape.slice(before)];
  const order = [...shape.map((_, i) => before + i), ...restShape.map((_, i) => (i < before ? i : shape.length + i))];
  const source = reshape(expandTo(full, broadcastShapes('setAt', full.shape, valueShape)).permute(order), [numel(shape), ...restShape]);
  const flat = reshape(moved, [numel(dims.map((d) => view.shape[d])), ...restShape]);
  const index = spread(linear, source, 0);
  const written = dispatchOne(accumulate ? scatterOps.add : scatterOps.set, [flat, index, source], { dim: 0 });
  moved.copy_(reshape(written, moved.shape));
  return x;
}
