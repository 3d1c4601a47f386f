import { readCall, type Call } from '../call.ts';
import { checkInput, checkDimensions, checkTensor } from '../checks.ts';
import { bytesOf, isFloat, type DType } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from '../errors.ts';
import { normalizeDims, reducedShape, showShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast, toFloat } from './cast.ts';
import { amax, amin, sum, sumDType, type Dims } from './reduction.ts';
import { reshape } from './views.ts';

/** Options of variance and standard deviation: `correction` is subtracted from the count, 1 by default (Bessel's). */
export interface VarOptions {
  /** The dimension or dimensions to reduce; all of them by default. */
  dim?: Dims;
  /** What is subtracted from the count of elements to divide by; 1 by default. */
  correction?: number | null;
  /** An older name: false is a correction of 0. */
  unbiased?: boolean;
  /** Keeps the reduced dimensions with size 1. */
  keepdim?: boolean;
}

/** `var(x)`, `var(x, dim, options)`, `var(x, dim, unbiased, keepdim)` and `var(x, unbiased)`. */
export type VarArguments = [unbiased: boolean] | Call<VarOptions, ['dim', 'unbiased', 'keepdim']>;

interface Moments {
  readonly mean: Tensor;
  readonly variance: Tensor;
}

/** 16-bit floats are reduced in float32, and rounded at the end. */
const isHalf = (x: Tensor): boolean => bytesOf(x.dtype) === 2 && isFloat(x.dtype);

/** The mean over `dim`, and Σ(x - mean)² / max(0, n - correction). */
function moments(op: string, x: Tensor, args: readonly unknown[]): Moments {
  const all =
    typeof args[0] === 'boolean'
      ? { unbiased: args[0], ...readCall<VarOptions>(op, args.slice(1), [], ['keepdim']) }
      : readCall<VarOptions>(op, args, ['dim', 'unbiased', 'keepdim'], ['correction']);
  if (!isFloat(x.dtype)) throw new DTypeError({ op, expected: 'floats', received: x.dtype, hint: "Cast first: x.to('float32')." });
  if (all.correction !== undefined && all.unbiased !== undefined)
    throw new ArgumentError({ op, expected: 'correction or unbiased', received: 'both' });
  if (isHalf(x)) {
    const wide = moments(op, cast(x, 'float32'), args);
    return { mean: cast(wide.mean, x.dtype), variance: wide.variance };
  }
  const correction = all.correction ?? (all.unbiased === false ? 0 : 1);
  if (typeof correction !== 'number') throw new ArgumentError({ op, expected: 'a number as correction', received: describe(correction) });
  const { keepdim = false } = all;
  const dims = normalizeDims(op, all.dim, x.ndim);
  const n = dims.reduce((product, d) => product * x.shape[d], 1);
  const kept = sum(x, { dim: dims, keepdim: true }).div(n);
  const variance = sum(x.sub(kept).square(), { dim: dims, keepdim: true }).div(Math.max(0, n - correction));
  const shape = reducedShape(x.shape, dims, keepdim);
  return { mean: reshape(kept, shape), variance: reshape(variance, shape) };
}

/** The variance over `dim`: Σ(x - mean)² / (n - correction). Also exported as `var`. */
export const var_ = (x: Tensor, ...args: VarArguments): Tensor => cast(moments('var', checkInput('var', x), args).variance, x.dtype);
export { var_ as var };

/** The standard deviation: the square root of `var`. */
export const std = (x: Tensor, ...args: VarArguments): Tensor => cast(moments('std', checkInput('std', x), args).variance.sqrt(), x.dtype);

/** The variance and the mean over `dim`. */
export const varMean = (x: Tensor, ...args: VarArguments): [variance: Tensor, mean: Tensor] => {
  const all = moments('varMean', checkInput('varMean', x), args);
  return [cast(all.variance, x.dtype), all.mean];
};

/** The standard deviation and the mean over `dim`. */
export const stdMean = (x: Tensor, ...args: VarArguments): [deviation: Tensor, mean: Tensor] => {
  const all = moments('stdMean', checkInput('stdMean', x), args);
  return [cast(all.variance.sqrt(), x.dtype), all.mean];
};

/** Options of reductions that treat NaN in their own way. */
export interface NanReduceOptions {
  /** The dimension or dimensions to reduce; all of them by default. */
  dim?: Dims;
  /** Keeps the reduced dimensions with size 1; false by default. */
  keepdim?: boolean;
  /** Casts before reducing. */
  dtype?: DType | null;
}

/** The sum over `dim`, NaN counting as 0. */
export function nansum(x: Tensor, ...args: Call<NanReduceOptions, ['dim', 'keepdim']>): Tensor {
  checkInput('nansum', x);
  const { dtype, ...all } = readCall<NanReduceOptions>('nansum', args, ['dim', 'keepdim'], ['dtype']);
  const y = cast(x, dtype ?? sumDType(x.dtype));
  return sum(isFloat(y.dtype) ? y.maskedFill(y.isnan(), 0) : y, all);
}

/** The mean over `dim` of what is not NaN; NaN where there is nothing else. @throws DTypeError for integers */
export function nanmean(x: Tensor, ...args: Call<NanReduceOptions, ['dim', 'keepdim']>): Tensor {
  checkInput('nanmean', x);
  const { dtype, ...all } = readCall<NanReduceOptions>('nanmean', args, ['dim', 'keepdim'], ['dtype']);
  const y = dtype ? cast(x, dtype) : x;
  if (!isFloat(y.dtype)) throw new DTypeError({ op: 'nanmean', expected: 'floats', received: y.dtype });
  const missing = y.isnan();
  return sum(y.maskedFill(missing, 0), all).div(sum(missing.logicalNot(), all));
}

/** How many elements along `dim` are not zero, as int32. */
export function countNonzero(x: Tensor, ...args: Call<{ dim?: Dims }, ['dim']>): Tensor {
  checkInput('countNonzero', x);
  return sum(x.ne(0), readCall<{ dim?: Dims }>('countNonzero', args, ['dim']));
}

/** The minimum and the maximum, of everything or along `dim`. */
export type MinAndMax = [min: Tensor, max: Tensor] & { readonly min: Tensor; readonly max: Tensor };

/** The minimum and the maximum, of everything or along `dim`. @throws ShapeError when there are no elements */
export function aminmax(x: Tensor, ...args: Call<{ dim?: number | null; keepdim?: boolean }, ['dim', 'keepdim']>): MinAndMax {
  checkInput('aminmax', x);
  const all = readCall<{ dim?: number; keepdim?: boolean }>('aminmax', args, ['dim', 'keepdim']);
  const [least, most] = [amin(x, all), amax(x, all)];
  return Object.assign([least, most] as [Tensor, Tensor], { min: least, max: most });
}

/** Options of `cov`. */
export interface CovOptions {
  /** What is subtracted from the count of observations to divide by; 1 by default. */
  correction?: number;
  /** How often each observation counts: integers, shape [observations]. */
  fweights?: Tensor | null;
  /** How much each observation weighs, shape [observations]. */
  aweights?: Tensor | null;
}

/**
 * The covariance matrix of variables in rows and observations in columns (one dimension is one variable).
 * @returns shape [variables, variables], or []
 */
export function cov(x: Tensor, ...args: Call<CovOptions, []>): Tensor {
  const { correction = 1, fweights, aweights } = readCall<CovOptions>('cov', args, [], ['correction', 'fweights', 'aweights']);
  checkDimensions('cov', x, 0, 2);
  if (x.dtype === 'bool') throw new DTypeError({ op: 'cov', expected: 'numbers', received: 'a bool tensor' });
  const rows = reshape(toFloat(x), x.ndim < 2 ? [1, -1] : x.shape);
  const observations = rows.shape[1];
  for (const [name, weights] of Object.entries({ fweights, aweights })) {
    if (weights === undefined || weights === null) continue;
    checkTensor('cov', name, weights);
    if (weights.ndim > 1 || weights.count !== observations)
      throw new ShapeError({ op: 'cov', expected: `${name} of shape [${observations}]`, received: showShape(weights.shape) });
    if (name === 'fweights' && isFloat(weights.dtype))
      throw new DTypeError({ op: 'cov', expected: 'integer fweights', received: weights.dtype });
    if (name === 'aweights' && !isFloat(weights.dtype))
      throw new DTypeError({ op: 'cov', expected: 'float aweights', received: weights.dtype });
    if (weights.device.synchronous && weights.lt(0).any().itemSync<boolean>())
      throw new ArgumentError({ op: 'cov', expected: `${name} that are not negative`, received: 'negative ones' });
  }
  const frequency = fweights ? cast(fweights, rows.dtype) : undefined;
  const weights = aweights ? (frequency ? frequency.mul(aweights) : aweights) : frequency;
  const total = weights === undefined ? undefined : weights.sum();
  const average = (weights === undefined ? rows : rows.mul(weights)).sum(1, { keepdim: true }).div(total ?? observations);
  const centered = rows.sub(average);
  let norm: Tensor | number = Math.max(0, observations - correction);
  if (weights !== undefined && total !== undefined) {
    const less = aweights && correction !== 0 ? weights.mul(aweights).sum().div(total).mul(correction) : correction;
    norm = total.sub(less).clampMin(0);
  }
  const product = (weights === undefined ? centered : centered.mul(weights)).matmul(centered.t()).div(norm);
  return product.count === 1 && rows.shape[0] === 1 ? reshape(product, []) : product;
}

/** The correlation coefficients of variables in rows, clipped to [-1, 1]. */
export function corrcoef(x: Tensor): Tensor {
  checkDimensions('corrcoef', x, 0, 2);
  const c = cov(x);
  if (c.ndim === 0) return c.div(c);
  const deviation = c.diagonal().sqrt();
  return c.div(deviation.unsqueeze(1)).div(deviation).clamp(-1, 1);
}
