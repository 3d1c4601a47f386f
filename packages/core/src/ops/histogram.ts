import { readOptions, readCall, type Call } from '../call.ts';
import { checkArray, checkInput, checkFloat, checkInteger, checkTensor } from '../checks.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, ValueError, describe } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { numel, sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { linspace } from './creation.ts';
import { searchsorted } from './searching.ts';

/** Options of `bincount`. */
export interface BincountOptions {
  /** What each element adds instead of 1, in its shape. */
  weights?: Tensor | null;
  /** The least length of the result. */
  minlength?: number;
}

/**
 * How often each number comes in a one-dimensional tensor of non-negative integers: shape [max + 1], int32, or float with `weights`.
 * @throws AsyncOnlyError on a device that only reads asynchronously; use `bincountAsync`
 */
export function bincount(x: Tensor, ...args: Call<BincountOptions, ['weights', 'minlength']>): Tensor {
  checkInput('bincount', x);
  const all = readCall<BincountOptions>('bincount', args, ['weights', 'minlength']);
  checkCounted(x, all);
  return countInto(
    x,
    all,
    x.count === 0 ? [0, -1] : [x.amin(), x.amax()].map((end) => Number(valuesNow('bincount', end, 'Use await bincountAsync(x).')[0])),
  );
}

/** The promise of `bincount`, on every device. */
export async function bincountAsync(x: Tensor, options: BincountOptions = {}): Promise<Tensor> {
  checkInput('bincountAsync', x);
  const all = readOptions<BincountOptions>('bincountAsync', options, ['weights', 'minlength']);
  checkCounted(x, all);
  return countInto(x, all, x.count === 0 ? [0, -1] : [await x.amin().item(), await x.amax().item()]);
}

function checkCounted(x: Tensor, { weights, minlength = 0 }: BincountOptions): void {
  checkInteger('bincount', 'minlength', minlength, 0);
  if (x.ndim !== 1) throw new ShapeError({ op: 'bincount', expected: 'a tensor of one dimension', received: showShape(x.shape) });
  if (isFloat(x.dtype) || x.dtype === 'bool') throw new DTypeError({ op: 'bincount', expected: 'integers', received: x.dtype });
  if (weights) checkTensor('bincount', 'weights', weights);
  if (weights && !sameShape(weights.shape, x.shape))
    throw new ShapeError({ op: 'bincount', expected: `weights of shape ${showShape(x.shape)}`, received: showShape(weights.shape) });
}

function countInto(x: Tensor, { weights, minlength = 0 }: BincountOptions, [low, high]: readonly number[]): Tensor {
  if (low < 0) throw new ValueError({ op: 'bincount', expected: 'integers that are not negative', received: String(low) });
  const size = Math.max(high + 1, minlength);
  const source = weights
    ? cast(weights, weights.dtype === 'float32' || !x.device.supports('float64') ? 'float32' : 'float64')
    : x.newOnes(x.shape, { dtype: 'int32' });
  return source.newZeros([size]).scatterAdd(0, cast(x, x.dtype === 'int64' ? 'int64' : 'int32'), source);
}

/** Options of `histc`. */
export interface HistcOptions {
  /** How many bins of equal width there are; 100 by default. */
  bins?: number;
  /** The lower edge of the first bin; 0 by default. */
  min?: number;
  /** When equal to `min`, both are taken from the data. */
  max?: number;
}

/**
 * How many elements fall into each of `bins` (100) equal parts of [min, max]; those outside are left out.
 * @returns shape [bins], the dtype of x
 */
export function histc(x: Tensor, ...args: Call<HistcOptions, ['bins', 'min', 'max']>): Tensor {
  const { bins = 100, min = 0, max = 0 } = readCall<HistcOptions>('histc', args, ['bins', 'min', 'max']);
  checkInteger('histc', 'bins', bins, 1);
  if (!Number.isFinite(min) || !Number.isFinite(max) || min > max)
    throw new ArgumentError({ op: 'histc', expected: 'finite min <= max', received: `${min} and ${max}` });
  const values = checkFloat('histc', x).reshape(-1);
  const [low, high] = min === max ? rangeOf('histc', values, 1) : [values.newFull([], min), values.newFull([], max)];
  const inside = values.ge(low).logicalAnd(values.le(high));
  const bin = values.sub(low).mul(bins).div(high.sub(low)).maskedFill(inside.logicalNot(), 0).to('int32').clamp(0, bins - 1); // prettier-ignore
  return values.newZeros([bins]).scatterAdd(0, bin, inside.to(x.dtype));
}

/** The least and the largest value, moved apart by `widen` where they are equal; 0 and 1 (or ±1) for no values. */
function rangeOf(op: string, values: Tensor, widen: number): [Tensor, Tensor] {
  if (values.count === 0) return [values.newFull([], 0), values.newFull([], 1)];
  const [low, high] = [values.amin(), values.amax()];
  if (values.device.synchronous && !(Number.isFinite(low.itemSync()) && Number.isFinite(high.itemSync())))
    throw new ValueError({ op, expected: 'a finite range', received: `[${low.itemSync()}, ${high.itemSync()}]` });
  const flat = low.eq(high);
  return [flat.where(low.sub(widen), low), flat.where(high.add(widen), high)];
}

/** Counts and edges; also a pair. */
export type Histogram = [hist: Tensor, binEdges: Tensor] & { readonly hist: Tensor; readonly binEdges: Tensor };

/** Options of `histogram` and `histogramdd`. */
export interface HistogramOptions {
  /** The lowest and highest edge (of each dimension in turn); those of the data when missing. */
  range?: readonly number[] | null;
  /** What each element counts, in place of 1. */
  weight?: Tensor | null;
  /** Divides by the total and by the size of each bin, so that the histogram integrates to 1. */
  density?: boolean;
}

/** The edges of one dimension: as given, or evenly over a range, or over that of the data. */
function edgesOf(op: string, column: Tensor, bins: number | Tensor, range: readonly number[] | undefined): Tensor {
  if (bins instanceof Tensor) {
    if (bins.ndim !== 1 || bins.count < 1)
      throw new ShapeError({ op, expected: 'edges of one dimension', received: showShape(bins.shape) });
    if (bins.dtype !== column.dtype) throw new DTypeError({ op, expected: `edges of the dtype ${column.dtype}`, received: bins.dtype });
    return bins;
  }
  checkInteger(op, 'bins', bins, 1);
  if (range !== undefined && !(range.length === 2 && range.every(Number.isFinite) && range[0] <= range[1]))
    throw new ArgumentError({ op, expected: 'a finite range [low, high]', received: describe(range) });
  const options = { dtype: column.dtype, device: column.device };
  if (range !== undefined) {
    const widen = range[0] === range[1] ? 0.5 : 0;
    return linspace(range[0] - widen, range[1] + widen, bins + 1, options);
  }
  const [low, high] = rangeOf(op, column, 0.5);
  return linspace(low, high, bins + 1, options);
}

/** Counts the rows of [n, D] in the boxes between D lists of edges. */
function countBoxes(op: string, rows: Tensor, edges: readonly Tensor[], { weight, density = false }: HistogramOptions): Tensor {
  const sizes = edges.map((e) => e.count - 1);
  if (weight) checkTensor(op, 'weight', weight);
  if (weight && weight.count !== rows.shape[0])
    throw new ShapeError({ op, expected: `a weight for each of ${rows.shape[0]} elements`, received: showShape(weight.shape) });
  if (weight && weight.dtype !== rows.dtype)
    throw new DTypeError({ op, expected: `weights of the dtype ${rows.dtype}`, received: weight.dtype });
  let inside = rows.newOnes([rows.shape[0]], { dtype: 'bool' });
  let box = rows.newZeros([rows.shape[0]], { dtype: 'int32' });
  edges.forEach((edge, d) => {
    const column = rows.select(1, d).contiguous();
    const [first, last] = [edge.select(0, 0), edge.select(0, -1)];
    inside = inside.logicalAnd(column.ge(first)).logicalAnd(column.le(last));
    // The last edge belongs to the last bin.
    const bin = searchsorted(edge.contiguous(), column, { right: true }).sub(1).clamp(0, Math.max(0, sizes[d] - 1)); // prettier-ignore
    box = box.mul(sizes[d]).add(bin);
  });
  const counted = weight ? weight.reshape(-1).mul(inside.to(rows.dtype)) : inside.to(rows.dtype);
  let hist = rows.newZeros([numel(sizes)]).scatterAdd(0, box.maskedFill(inside.logicalNot(), 0), counted).reshape(sizes); // prettier-ignore
  if (!density) return hist;
  hist = hist.div(hist.sum());
  edges.forEach((edge, d) => {
    const widths = edge.narrow(0, 1, sizes[d]).sub(edge.narrow(0, 0, sizes[d]));
    hist = hist.div(widths.reshape(sizes.map((n, i) => (i === d ? n : 1))));
  });
  return hist;
}

/**
 * A histogram of all elements, in `bins` equal bins or between given edges. The last bin includes its right edge.
 * @returns hist [bins] and binEdges [bins + 1], in the dtype of x
 */
export function histogram(x: Tensor, ...args: Call<HistogramOptions & { bins: number | Tensor }, ['bins']>): Histogram {
  const op = 'histogram';
  const { bins, ...all } = readCall<HistogramOptions & { bins: number | Tensor }>(op, args, ['bins'], ['range', 'weight', 'density']);
  const values = checkFloat(op, x).reshape(-1);
  if (all.weight) checkTensor('histogram', 'weight', all.weight);
  if (all.weight && !sameShape(all.weight.shape, x.shape))
    throw new ShapeError({ op, expected: `weights of shape ${showShape(x.shape)}`, received: showShape(all.weight.shape) });
  const binEdges = edgesOf(op, values, bins, all.range ?? undefined);
  const hist = countBoxes(op, values.unsqueeze(1), [binEdges], all);
  return Object.assign([hist, binEdges] as [Tensor, Tensor], { hist, binEdges });
}

/** Counts in several dimensions, and the edges of each. */
export type HistogramDD = [hist: Tensor, binEdges: Tensor[]] & { readonly hist: Tensor; readonly binEdges: Tensor[] };

/**
 * A histogram of points x [..., D] in D dimensions; `bins` is one number for all, or a number or edges for each.
 * @returns hist [bins0, bins1, ...] and the edges of each dimension
 */
export function histogramdd(
  x: Tensor,
  ...args: Call<HistogramOptions & { bins: number | readonly (number | Tensor)[] }, ['bins']>
): HistogramDD {
  const op = 'histogramdd';
  const { bins, ...all } = readCall<HistogramOptions & { bins: number | readonly (number | Tensor)[] }>(op, args, ['bins'], ['range', 'weight', 'density']); // prettier-ignore
  checkTensor(op, 'the input', x);
  if (x.ndim < 2) throw new ShapeError({ op, expected: 'points of shape [..., D]', received: showShape(x.shape) });
  const dimensions = x.shape[x.ndim - 1];
  const rows = checkFloat(op, x).reshape(-1, dimensions);
  const list = typeof bins === 'number' ? new Array<number>(dimensions).fill(bins) : bins;
  checkArray(op, 'bins', list);
  if (list.length !== dimensions || (all.range && all.range.length !== 2 * dimensions))
    throw new ArgumentError({ op, expected: `bins and a range for each of ${dimensions} dimensions`, received: describe(list) });
  const binEdges = list.map((b, d) => edgesOf(op, rows.select(1, d).contiguous(), b, all.range ? all.range.slice(2 * d, 2 * d + 2) : undefined)); // prettier-ignore
  const hist = countBoxes(op, rows, binEdges, all);
  return Object.assign([hist, binEdges] as [Tensor, Tensor[]], { hist, binEdges });
}
