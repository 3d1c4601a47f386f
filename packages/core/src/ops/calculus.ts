import { readCall, type Call } from '../call.ts';
import { checkInput, checkDimensions, checkInteger, checkTensor } from '../checks.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { normalizeDim, normalizeDims, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { isFloat } from '../dtype.ts';
import { toFloat } from './cast.ts';
import { cat, stack } from './joining.ts';
import { narrow, select } from './slicing.ts';
import { reshape } from './views.ts';

// Differences and integrals of samples along a dimension.

/** Arguments of `diff`. */
export interface DiffOptions {
  /** How often differences are taken. */
  n?: number;
  /** The dimension along which neighbors are subtracted; the last by default. */
  dim?: number;
  /** Goes before the values along `dim`. */
  prepend?: Tensor | null;
  /** Goes after them. */
  append?: Tensor | null;
}

/** Differences of neighbours along `dim` (the last by default), n times; of bools, whether they differ. @throws ShapeError for a scalar */
export function diff(x: Tensor, ...args: Call<DiffOptions, ['n', 'dim', 'prepend', 'append']>): Tensor {
  const op = 'diff';
  const { n = 1, dim = -1, prepend, append } = readCall<DiffOptions>(op, args, ['n', 'dim', 'prepend', 'append']);
  checkInteger(op, 'n', n, 0);
  checkDimensions(op, x, 1);
  const d = normalizeDim(op, dim, x.ndim);
  const parts = [prepend, x, append].filter((part) => part !== undefined && part !== null);
  for (const part of parts) {
    checkTensor(op, 'prepend or append', part);
    if (part.ndim !== x.ndim)
      throw new ShapeError({ op, expected: `${x.ndim} dimensions before and after the values`, received: showShape(part.shape) });
  }
  if (n === 0) return x.clone();
  let y = parts.length === 1 ? x : cat(parts, d);
  for (let i = 0; i < n && y.shape[d] > 0; i++) {
    const rest = y.shape[d] - 1;
    const [after, before] = [narrow(y, d, 1, rest), narrow(y, d, 0, rest)];
    y = y.dtype === 'bool' ? after.logicalXor(before) : after.sub(before);
  }
  return y;
}

/** Arguments of the trapezoidal rule: the places of the samples, or their distance. */
export interface TrapezoidOptions {
  /** Places, shape [n] or broadcasting with y. */
  x?: Tensor | null;
  /** The distance of all samples, 1 by default. */
  dx?: number;
  /** The dimension that is integrated over; the last by default. */
  dim?: number;
}

/** What the trapezoidal rule adds up: sums of neighbouring samples, and the distances between them (a number where all are one). */
interface Trapezoids {
  readonly y: Tensor;
  readonly dim: number;
  /** y[i] + y[i+1], in the dtype of y: small integers wrap around, as PyTorch's do. */
  readonly sums: Tensor;
  readonly distances: Tensor | number;
}

function trapezoids(op: string, y: Tensor, args: readonly unknown[]): Trapezoids {
  const all = readCall<TrapezoidOptions>(op, args, ['x'], ['dx', 'dim']);
  const d = normalizeDim(op, all.dim ?? -1, checkDimensions(op, y, 1).ndim);
  const n = y.shape[d];
  const pairs = Math.max(0, n - 1);
  const sums = narrow(y, d, Math.min(1, n), pairs).add(narrow(y, d, 0, pairs));
  if (all.x === undefined || all.x === null) return { y, dim: d, sums, distances: all.dx ?? 1 };
  const given = checkTensor(op, 'x', all.x);
  if (all.dx !== undefined) throw new ArgumentError({ op, expected: 'x or dx', received: 'both' });
  if (n === 0) return { y, dim: d, sums, distances: 1 };
  const places = given.ndim === 1 ? reshape(given, y.shape.map((_, i) => (i === d ? given.count : 1))) : given; // prettier-ignore
  const along = places.ndim - (y.ndim - d);
  if (along < 0 || places.shape[along] !== n)
    throw new ShapeError({ op, expected: `a place for each of ${n} samples`, received: showShape(given.shape) });
  return { y, dim: d, sums, distances: narrow(places, along, 1, pairs).sub(narrow(places, along, 0, pairs)) };
}

/** The arguments of `trapezoid` and its like. */
export type TrapezoidArguments = Call<TrapezoidOptions, ['x']>;

/** The integral of samples along `dim` (the last by default) by the trapezoidal rule. */
export function trapezoid(y: Tensor, ...args: TrapezoidArguments): Tensor {
  const { dim, sums, distances } = trapezoids('trapezoid', y, args);
  if (distances instanceof Tensor) return toFloat(sums.mul(distances)).sum(dim).div(2);
  if (isFloat(y.dtype) || y.shape[dim] === 0) return toFloat(sums).mul(0.5).mul(distances).sum(dim);
  // Integers are summed exactly; of the ends, which count half, the sum is one of the dtype.
  const ends = select(y, dim, 0).add(select(y, dim, -1));
  return y.sum(dim).sub(toFloat(ends).mul(0.5)).mul(distances);
}
/** As `trapezoid`. */
export const trapz = (y: Tensor, ...args: TrapezoidArguments): Tensor => trapezoid(y, ...args);

/** Running integrals along `dim` by the trapezoidal rule: one less than there are samples. */
export function cumulativeTrapezoid(y: Tensor, ...args: TrapezoidArguments): Tensor {
  const { dim, sums, distances } = trapezoids('cumulativeTrapezoid', y, args);
  const areas = distances instanceof Tensor ? toFloat(sums.mul(distances)).div(2) : toFloat(sums).mul(0.5).mul(distances);
  return areas.cumsum(dim);
}

/** Arguments of `gradient`. */
export interface GradientOptions {
  /** The distance of samples: one for all dims, or one for each, or their places for each. */
  spacing?: number | Tensor | readonly (number | Tensor)[];
  /** The dimensions to differentiate along; all of them by default. */
  dim?: number | readonly number[] | null;
  /** The order of accuracy at the edges. */
  edgeOrder?: 1 | 2;
}

/** The derivative along one dimension: central differences of second order inside, one-sided ones at the edges. */
function slopeAlong(y: Tensor, d: number, spacing: number | Tensor, edgeOrder: number): Tensor {
  const n = y.shape[d];
  if (n < edgeOrder + 1)
    throw new ShapeError({ op: 'gradient', expected: `at least ${edgeOrder + 1} samples in dimension ${d}`, received: showShape(y.shape) });
  if (spacing instanceof Tensor && (spacing.ndim !== 1 || spacing.count !== n))
    throw new ShapeError({ op: 'gradient', expected: `places of shape [${n}]`, received: showShape(spacing.shape) });
  const steps = typeof spacing === 'number' ? y.newFull([n - 1], spacing) : diff(toFloat(spacing));
  const along = y.shape.map((_, i) => (i === d ? -1 : 1));
  const step = (from: number, count: number): Tensor => reshape(narrow(steps, 0, from, count), count === 1 ? along.map(() => 1) : along);
  const at = (from: number, count: number): Tensor => narrow(y, d, from, count);
  const parts: Tensor[] = [];
  if (edgeOrder === 1) parts.push(at(1, 1).sub(at(0, 1)).div(step(0, 1)));
  else {
    const [a, b] = [step(0, 1), step(1, 1)];
    parts.push(threePoints(at(0, 1), at(1, 1), at(2, 1), a.mul(2).add(b).neg().div(a.mul(a.add(b))), a.add(b).div(a.mul(b)), a.neg().div(b.mul(a.add(b))))); // prettier-ignore
  }
  if (n > 2) {
    const [a, b] = [step(0, n - 2), step(1, n - 2)];
    // (-b/(a(a+b)), (b-a)/(ab), a/(b(a+b))) on the sample before, at and after
    parts.push(threePoints(at(0, n - 2), at(1, n - 2), at(2, n - 2), b.neg().div(a.mul(a.add(b))), b.sub(a).div(a.mul(b)), a.div(b.mul(a.add(b))))); // prettier-ignore
  }
  if (edgeOrder === 1)
    parts.push(
      at(n - 1, 1)
        .sub(at(n - 2, 1))
        .div(step(n - 2, 1)),
    );
  else {
    const [a, b] = [step(n - 3, 1), step(n - 2, 1)];
    parts.push(threePoints(at(n - 3, 1), at(n - 2, 1), at(n - 1, 1), b.div(a.mul(a.add(b))), a.add(b).neg().div(a.mul(b)), a.add(b.mul(2)).div(b.mul(a.add(b))))); // prettier-ignore
  }
  return cat(parts, d);
}

const threePoints = (x0: Tensor, x1: Tensor, x2: Tensor, w0: Tensor, w1: Tensor, w2: Tensor): Tensor =>
  x0.mul(w0).add(x1.mul(w1)).add(x2.mul(w2));

/** Estimates of the derivatives of samples along dims (all by default), one tensor for each. */
export function gradient(x: Tensor, ...args: Call<GradientOptions, []>): Tensor[] {
  const op = 'gradient';
  checkInput(op, x);
  const { spacing = 1, dim, edgeOrder = 1 } = readCall<GradientOptions>(op, args, [], ['spacing', 'dim', 'edgeOrder']);
  if (edgeOrder !== 1 && edgeOrder !== 2) throw new ArgumentError({ op, expected: 'edgeOrder 1 or 2', received: describe(edgeOrder) });
  const dims = Array.isArray(dim) ? dim.map((d: number) => normalizeDim(op, d, x.ndim)) : normalizeDims(op, dim, x.ndim);
  if (new Set(dims).size !== dims.length) throw new ArgumentError({ op, expected: 'each dim once', received: describe(dim) });
  const list = Array.isArray(spacing) ? (spacing as (number | Tensor)[]) : dims.map(() => spacing as number | Tensor);
  if (list.length !== dims.length)
    throw new ArgumentError({ op, expected: `a spacing for each of ${dims.length} dims`, received: describe(spacing) });
  const y = toFloat(x);
  return dims.map((d, i) => slopeAlong(y, d, list[i], edgeOrder));
}

/** The vectors 1, x, x², ... as columns, or from the highest power with `increasing: false` (the default), N of them. */
export function vander(x: Tensor, ...args: Call<{ N?: number | null; increasing?: boolean }, ['N', 'increasing']>): Tensor {
  const { N, increasing = false } = readCall<{ N?: number; increasing?: boolean }>('vander', args, ['N', 'increasing']);
  checkDimensions('vander', x, 1, 1);
  const n = checkInteger('vander', 'N', N ?? x.count, 0);
  if (n === 0) return x.newZeros([x.count, 0]);
  const columns = Array.from({ length: n }, (_, i) => x.pow(increasing ? i : n - 1 - i));
  return stack(columns, 1);
}
