import { readCall, required, type Call } from '../call.ts';
import { checkInput, checkChoice, checkFloat } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { DTypeError, ShapeError, ValueError } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { valuesAndIndices, type ValuesAndIndices } from './reduction.ts';
import { sort } from './sorting.ts';

// Values by their rank: medians, quantiles, and the most frequent value.

interface MedianAttrs {
  /** True when NaN is left out, false when it is the result. */
  readonly skipNan: boolean;
}

/** The place of the median in a sorted row: the lower of two; among what is not NaN, or the last where there is a NaN to report. */
function medianRank(x: Tensor, dim: number, { skipNan }: MedianAttrs): Tensor {
  const n = x.shape[dim];
  const missing = x.isnan().sum(dim, { keepdim: true });
  if (skipNan) return missing.neg().add(n - 1).clampMin(0).div(2, { roundingMode: 'floor' }); // prettier-ignore
  return missing.gt(0).where(n - 1, missing.mul(0).add(Math.floor((n - 1) / 2)));
}

/** The median of all elements; equal ones share its gradient. */
const medianOp: Op<MedianAttrs> = defineOp<MedianAttrs>({
  name: 'median',
  infer: ([x]) => [{ shape: [], dtype: x.dtype }],
  compose([x], attrs) {
    const flat = x.reshape(-1);
    return [
      sort(flat)
        .values.gather(0, medianRank(flat, 0, attrs))
        .reshape([]),
    ];
  },
  save: ([x], [y]) => [x, y],
  vjp({ cotangents: [g], saved: [x, y] }) {
    if (g === undefined) return [undefined];
    const hit = x.eq(y).logicalOr(x.isnan().logicalAnd(y.isnan())).to(g.dtype);
    return [g.div(hit.sum()).mul(hit)];
  },
});

/** Arguments of a median along a dimension. */
export interface AlongOptions {
  /** The dimension to reduce. When missing, medians take the flattened tensor, and `mode` the last dimension. */
  dim?: number | null;
  /** Keeps the reduced dimension with size 1; false by default. */
  keepdim?: boolean;
}

function medianOf(op: string, x: Tensor, args: readonly unknown[], attrs: MedianAttrs): Tensor | ValuesAndIndices {
  const { dim, keepdim = false } = readCall<AlongOptions>(op, args, ['dim', 'keepdim']);
  if (x.dtype === 'bool') throw new DTypeError({ op, expected: 'numbers', received: 'a bool tensor' });
  if (dim === undefined || dim === null) {
    if (x.count === 0) return isFloat(x.dtype) ? x.newFull([], NaN) : x.newZeros([]);
    return dispatchOne(medianOp, [x], attrs);
  }
  const d = normalizeDim(op, dim, x.ndim);
  if (x.ndim === 0) return valuesAndIndices(x.clone(), x.newZeros([], { dtype: 'int32' }));
  if (x.shape[d] === 0) throw new ShapeError({ op, expected: 'at least one element along dim', received: showShape(x.shape) });
  const rank = medianRank(x, d, attrs);
  const sorted = sort(x, d);
  const value = sorted.values.gather(d, rank);
  // The first of equal values.
  const indices = x.eq(value).logicalOr(x.isnan().logicalAnd(value.isnan())).to('uint8').argmax(d, { keepdim: true });
  const values = x.gather(d, indices);
  return keepdim ? valuesAndIndices(values, indices) : valuesAndIndices(values.squeeze(d), indices.squeeze(d));
}

/** The median of everything, or with `dim` values and the indices of the first of them. Of two middle values it is the lower; NaN wins. */
export function median(x: Tensor): Tensor;
export function median(x: Tensor, ...args: Call<AlongOptions & { dim: number }, ['dim', 'keepdim']>): ValuesAndIndices;
export function median(x: Tensor, ...args: unknown[]): Tensor | ValuesAndIndices {
  checkInput('median', x);
  return medianOf('median', x, args, { skipNan: false });
}

/** As `median`, of what is not NaN. */
export function nanmedian(x: Tensor): Tensor;
export function nanmedian(x: Tensor, ...args: Call<AlongOptions & { dim: number }, ['dim', 'keepdim']>): ValuesAndIndices;
export function nanmedian(x: Tensor, ...args: unknown[]): Tensor | ValuesAndIndices {
  checkInput('nanmedian', x);
  return medianOf('nanmedian', x, args, { skipNan: true });
}

/** The most frequent value along `dim` (the last by default), the smallest of equally frequent ones, and the index of its last occurrence. */
export function mode(x: Tensor, ...args: Call<AlongOptions, ['dim', 'keepdim']>): ValuesAndIndices {
  checkInput('mode', x);
  const { dim, keepdim = false } = readCall<AlongOptions>('mode', args, ['dim', 'keepdim']);
  const d = normalizeDim('mode', dim ?? -1, x.ndim);
  if (x.ndim === 0) return valuesAndIndices(x.clone(), x.newZeros([], { dtype: 'int32' }));
  const n = x.shape[d];
  if (n === 0) throw new ShapeError({ op: 'mode', expected: 'at least one element along dim', received: showShape(x.shape) });
  const { values: sorted, indices: order } = sort(x, d);
  const place = placesAlong(x, d);
  // How far each sorted element is into its run of equal ones; the first of the largest ends the longest run.
  const sameAsBefore = n === 1 ? undefined : sorted.narrow(d, 1, n - 1).eq(sorted.narrow(d, 0, n - 1));
  const starts = sameAsBefore === undefined ? place : place.narrow(d, 0, 1).cat([place.narrow(d, 1, n - 1).maskedFill(sameAsBefore, 0)], d);
  const ends = place.sub(starts.cummax(d).values).argmax(d, { keepdim: true });
  const indices = order.gather(d, ends);
  const values = x.gather(d, indices);
  return keepdim ? valuesAndIndices(values, indices) : valuesAndIndices(values.squeeze(d), indices.squeeze(d));
}

/** 0, 1, 2, ... along one dimension, in the shape of x. */
function placesAlong(x: Tensor, dim: number): Tensor {
  const n = x.shape[dim];
  const row = x.newInt32(Int32Array.from({ length: n }, (_, i) => i));
  return row.view(x.shape.map((_, i) => (i === dim ? n : 1))).expand(x.shape);
}

const interpolations = ['linear', 'lower', 'higher', 'midpoint', 'nearest'] as const;

/** Options of `quantile` and `nanquantile`. */
export interface QuantileOptions {
  /** One quantile, or a one-dimensional tensor of them; between 0 and 1. */
  q: number | Tensor;
  /** The dimension to reduce; the flattened tensor when missing. */
  dim?: number | null;
  /** Keeps the reduced dimensions with size 1; false by default. */
  keepdim?: boolean;
  /** What lies between two ranks. */
  interpolation?: (typeof interpolations)[number];
}

function quantileOf(op: string, x: Tensor, args: readonly unknown[], skipNan: boolean): Tensor {
  const all = readCall<QuantileOptions>(op, args, ['q', 'dim', 'keepdim'], ['interpolation']);
  const { dim, keepdim = false } = all;
  const interpolation = checkChoice(op, 'interpolation', all.interpolation ?? 'linear', interpolations);
  checkFloat(op, x);
  if (x.count === 0) throw new ShapeError({ op, expected: 'at least one element', received: showShape(x.shape) });
  const asked = required(op, 'q', all.q);
  const q = asked instanceof Tensor ? asked : x.newFull([], asked);
  if (q.ndim > 1) throw new ShapeError({ op, expected: 'q to be a number or one-dimensional', received: showShape(q.shape) });
  if (q.dtype !== x.dtype) throw new DTypeError({ op, expected: `q of the dtype ${x.dtype}`, received: q.dtype });
  const outside =
    typeof asked === 'number'
      ? !(asked >= 0 && asked <= 1)
      : q.device.synchronous && !q.ge(0).logicalAnd(q.le(1)).all().itemSync<boolean>();
  if (outside)
    throw new ValueError({ op, expected: 'q between 0 and 1', received: typeof asked === 'number' ? String(asked) : 'other values' });
  const along = dim === undefined || dim === null ? undefined : normalizeDim(op, dim, x.ndim);
  // Rows in the last dimension: [..., n].
  const rows = along === undefined || x.ndim === 0 ? x.reshape(-1) : x.movedim(along, -1);
  const result = interpolate(sort(rows).values, q.reshape(-1), skipNan, interpolation);
  const kept = along === undefined ? x.shape.map(() => 1) : x.shape.map((n, i) => (i === along ? 1 : n));
  const dropped = along === undefined ? [] : x.shape.filter((_, i) => i !== along);
  return result.reshape([...q.shape, ...(keepdim ? kept : dropped)]);
}

/** Quantiles of sorted rows: sorted [..., n], q [k] → [k, ...]. */
function interpolate(sorted: Tensor, q: Tensor, skipNan: boolean, interpolation: (typeof interpolations)[number]): Tensor {
  const n = sorted.shape[sorted.ndim - 1];
  const missing = sorted.isnan().sum(-1, { keepdim: true });
  const last = (skipNan ? missing.neg().add(n - 1).clampMin(0) : missing.mul(0).add(n - 1)).to(sorted.dtype); // prettier-ignore
  const exact = last.mul(q); // [..., 1]·[k] → [..., k]
  // A row with a NaN, or with nothing else, gives NaN, which lies at its end.
  const ranks = skipNan
    ? exact
    : missing
        .gt(0)
        .where(n - 1, exact)
        .to(sorted.dtype);
  const whole = interpolation === 'lower' ? ranks.floor() : interpolation === 'higher' ? ranks.ceil() : interpolation === 'nearest' ? ranks.round() : ranks.floor(); // prettier-ignore
  const at = (r: Tensor): Tensor => sorted.gather(-1, r.to('int32'));
  const low = at(whole);
  if (interpolation !== 'linear' && interpolation !== 'midpoint') return low.movedim(-1, 0);
  const high = at(ranks.ceil());
  const weight = interpolation === 'midpoint' ? ranks.sub(whole).gt(0).to(sorted.dtype).mul(0.5) : ranks.sub(whole);
  return low.lerp(high, weight).movedim(-1, 0);
}

/** Quantiles along `dim`, or of everything; those of a tensor q come first in the result. NaN wins. @throws ValueError outside [0, 1] */
export const quantile = (x: Tensor, ...args: Call<QuantileOptions, ['q', 'dim', 'keepdim']>): Tensor =>
  quantileOf('quantile', x, args, false);

/** As `quantile`, of what is not NaN. */
export const nanquantile = (x: Tensor, ...args: Call<QuantileOptions, ['q', 'dim', 'keepdim']>): Tensor =>
  quantileOf('nanquantile', x, args, true);
