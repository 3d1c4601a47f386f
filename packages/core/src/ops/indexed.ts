import { readCall, type Call } from '../call.ts';
import { checkInput, checkTensor } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from '../errors.ts';
import { normalizeDim, sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { cast } from './cast.ts';
import { checkIndex, indexAddOp, spread, wrapIndex } from './gather.ts';
import { setAt, type Index } from './indexing.ts';
import { checkReduction, reduceInto, scatterOps, type ScatterReduction } from './scatter.ts';
import { reshape } from './views.ts';

// Copies of a tensor with slices of one dimension, or single elements, changed where an index says.

/** A tensor and sources by slices, after checks: at least one dimension, and source[..., i, ...] belongs to index[i]. */
interface Slices {
  readonly x: Tensor;
  readonly dim: number;
  readonly index: Tensor;
  readonly source: Tensor;
}

function prepare(op: string, x: Tensor, dim: number, index: unknown, given: unknown): Slices {
  checkInput(op, x);
  checkIndex(op, index);
  const source = checkTensor(op, 'the source', given);
  const d = normalizeDim(op, dim, x.ndim);
  if (index.ndim > 1) throw new ShapeError({ op, expected: 'an index of one dimension', received: showShape(index.shape) });
  if (source.dtype !== x.dtype) throw new DTypeError({ op, expected: `a source of the tensor's dtype ${x.dtype}`, received: source.dtype });
  const wide = x.ndim === 0 ? reshape(x, 1) : x;
  const slices = source.ndim === 0 ? reshape(source, wide.shape.map(() => 1)) : source; // prettier-ignore
  const flat = reshape(index, -1);
  const wanted = wide.shape.map((n, i) => (i === d ? flat.count : n));
  if (!sameShape(slices.shape, wanted)) {
    throw new ShapeError({
      op,
      expected: `a source of shape ${showShape(wanted)}: that of the tensor, with one slice for each index`,
      received: showShape(source.shape),
    });
  }
  return { x: wide, dim: d, index: wrapIndex(flat, wide.shape[d]), source: slices };
}

/** Arguments of `indexAdd`. */
export interface IndexAddOptions {
  /** The dimension that `index` counts along. */
  dim: number;
  /** Where each slice of the source goes: integers, shape [n]. */
  index: Tensor;
  /** What is added: of the tensor's shape, but of size n along `dim`. */
  source: Tensor;
  /** Scales the source. */
  alpha?: number;
}

/** A copy of x with `x[..., index[i], ...] += alpha·source[..., i, ...]`. */
export function indexAdd(x: Tensor, ...args: Call<IndexAddOptions, ['dim', 'index', 'source']>): Tensor {
  const all = readCall<IndexAddOptions>('indexAdd', args, ['dim', 'index', 'source'], ['alpha']);
  const { x: wide, dim, index, source } = prepare('indexAdd', x, all.dim, all.index, all.source);
  const alpha = Number(all.alpha ?? 1);
  if (!Number.isInteger(alpha) && !isFloat(x.dtype))
    throw new ArgumentError({ op: 'indexAdd', expected: `an integer alpha for ${x.dtype}`, received: String(alpha) });
  const scaled = alpha === 1 ? source : cast(source.mul(alpha), x.dtype);
  return reshape(dispatchOne(indexAddOp, [wide, index, scaled], { dim }), x.shape);
}

/** A copy of x with `x[..., index[i], ...] = source[..., i, ...]`. */
export function indexCopy(x: Tensor, ...args: Call<{ dim: number; index: Tensor; source: Tensor }, ['dim', 'index', 'source']>): Tensor {
  const all = readCall<{ dim: number; index: Tensor; source: Tensor }>('indexCopy', args, ['dim', 'index', 'source']);
  const { x: wide, dim, index, source } = prepare('indexCopy', x, all.dim, all.index, all.source);
  if (index.count === 0) return x.clone();
  return reshape(dispatchOne(scatterOps.set, [wide, spread(index, source, dim), source], { dim }), x.shape);
}

/** A copy of x with `x[..., index[i], ...] = value`, a number or a tensor without dimensions. */
export function indexFill(
  x: Tensor,
  ...args: Call<{ dim: number; index: Tensor; value: TensorOrNumber | boolean }, ['dim', 'index', 'value']>
): Tensor {
  const op = 'indexFill';
  checkInput(op, x);
  const { dim, index, value } = readCall<{ dim: number; index: Tensor; value: TensorOrNumber | boolean }>(op, args, ['dim', 'index', 'value']); // prettier-ignore
  checkIndex(op, index);
  if (value instanceof Tensor && value.ndim > 0)
    throw new ShapeError({ op, expected: 'a value without dimensions', received: showShape(value.shape) });
  if (typeof value !== 'number' && typeof value !== 'boolean' && !(value instanceof Tensor))
    throw new ArgumentError({ op, expected: 'a number or a tensor', received: describe(value) });
  const d = normalizeDim(op, dim, x.ndim);
  if (index.ndim > 1) throw new ShapeError({ op, expected: 'an index of one dimension', received: showShape(index.shape) });
  if (index.count === 0) return x.clone();
  const n = x.ndim === 0 ? 1 : x.shape[d];
  const flat = wrapIndex(reshape(index, -1), n);
  const attrs = { dim: 0 };
  const none = x.newZeros([n], { dtype: 'bool' });
  const hit = dispatchOne(scatterOps.set, [none, flat, none.newOnes([flat.count])], attrs);
  const mask = reshape(hit, x.shape.map((_, i) => (i === d ? n : 1))); // prettier-ignore
  return x.maskedFill(mask, value instanceof Tensor ? value : Number(value));
}

/** Arguments of `indexReduce`. */
export interface IndexReduceOptions {
  /** The dimension that `index` counts along. */
  dim: number;
  /** Where each slice of the source goes: integers, shape [n]. */
  index: Tensor;
  /** What is reduced in: of the tensor's shape, but of size n along `dim`. */
  source: Tensor;
  /** How values that meet in one place become one. */
  reduce: Exclude<ScatterReduction, 'sum'>;
  /** False leaves the tensor's own values out where something falls on them. */
  includeSelf?: boolean;
}

/** A copy of x in which `source[..., i, ...]` is combined into `x[..., index[i], ...]`: product, mean, maximum or minimum. */
export function indexReduce(x: Tensor, ...args: Call<IndexReduceOptions, ['dim', 'index', 'source', 'reduce']>): Tensor {
  const op = 'indexReduce';
  const all = readCall<IndexReduceOptions>(op, args, ['dim', 'index', 'source', 'reduce'], ['includeSelf']);
  const reduction = checkReduction(op, all.reduce, ['prod', 'mean', 'amax', 'amin']);
  const { x: wide, dim, index, source } = prepare(op, x, all.dim, all.index, all.source);
  if (index.count === 0) return x.clone();
  return reshape(reduceInto(wide, dim, spread(index, source, dim), source, reduction, all.includeSelf ?? true), x.shape);
}

/** Arguments of `indexPut`. */
export interface IndexPutOptions {
  /** Index tensors for the first dimensions; null leaves one whole. */
  indices: readonly (Tensor | null)[];
  /** What is written: a number, or a tensor that broadcasts to the indexed shape. */
  values: TensorOrNumber;
  /** Adds instead of replacing, counting repeated indices. */
  accumulate?: boolean;
}

/** A copy of x with `x[indices] = values`, where values broadcast. */
export function indexPut(x: Tensor, ...args: Call<IndexPutOptions, ['indices', 'values', 'accumulate']>): Tensor {
  const op = 'indexPut';
  checkInput(op, x);
  const { indices, values, accumulate = false } = readCall<IndexPutOptions>(op, args, ['indices', 'values', 'accumulate']);
  if (!Array.isArray(indices)) throw new ArgumentError({ op, expected: 'an array of index tensors', received: describe(indices) });
  if (values instanceof Tensor && values.dtype !== x.dtype)
    throw new DTypeError({ op, expected: `values of the tensor's dtype ${x.dtype}`, received: values.dtype });
  return setAt(x.clone(), indices.map((index: Tensor | null): Index => index ?? ':'), values, { accumulate }); // prettier-ignore
}

/** Arguments of `put`. */
export interface PutOptions {
  /** Places in the flattened tensor: integers of any shape. */
  index: Tensor;
  /** What is written, with as many elements as `index`. */
  source: Tensor;
  /** Adds instead of replacing; false by default. */
  accumulate?: boolean;
}

/** A copy of x in which the elements at `index` of the flattened tensor are those of the source; `accumulate` adds. @throws IndexError */
export function put(x: Tensor, ...args: Call<PutOptions, ['index', 'source', 'accumulate']>): Tensor {
  const op = 'put';
  checkInput(op, x);
  const { index, source, accumulate = false } = readCall<PutOptions>(op, args, ['index', 'source', 'accumulate']);
  checkIndex(op, index);
  checkTensor(op, 'the source', source);
  if (source.dtype !== x.dtype) throw new DTypeError({ op, expected: `a source of the tensor's dtype ${x.dtype}`, received: source.dtype });
  if (source.count !== index.count)
    throw new ShapeError({ op, expected: `a source of ${index.count} elements, as the index`, received: showShape(source.shape) });
  if (index.count === 0) return x.clone();
  const inputs = [reshape(x, -1), reshape(wrapIndex(index, x.count), -1), reshape(source, -1)];
  return reshape(dispatchOne(accumulate ? scatterOps.add : scatterOps.set, inputs, { dim: 0 }), x.shape);
}
