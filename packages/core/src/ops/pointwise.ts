import { readCall, type Call } from '../call.ts';
import { checkInput, checkFloat, checkTensor } from '../checks.ts';
import { dispatch, dispatchOne } from '../dispatch.ts';
import { dtypes, isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { cast, toFloat } from './cast.ts';
import { clamp } from './elementwise.ts';
import { defineComposedPair, defineComposedUnary, promotePair, runComposed, runPair, widestFloat } from './precision.ts';

// Elementwise functions that compose others.

/** x itself. @throws DTypeError for a bool tensor */
export function positive(x: Tensor): Tensor {
  checkInput('positive', x);
  if (x.dtype === 'bool') throw new DTypeError({ op: 'positive', expected: 'numbers', received: 'a bool tensor' });
  return x;
}

/** The fraction of x: `x - trunc(x)`, with the sign of x. @throws DTypeError for integers */
export const frac = (x: Tensor): Tensor => checkFloat('frac', x).sub(x.trunc());

/** Degrees as radians: `x·π/180`. */
export const deg2rad = (x: Tensor): Tensor => toFloat(checkInput('deg2rad', x)).mul(Math.PI / 180);
/** Radians as degrees: `x·180/π`. */
export const rad2deg = (x: Tensor): Tensor => toFloat(checkInput('rad2deg', x)).mul(180 / Math.PI);

/** The sign: -1, 0 or 1; for real numbers the same as `sign`. */
export const sgn = (x: Tensor): Tensor => checkInput('sgn', x).sign();

/** The angle of a real number in the complex plane: π below zero, 0 elsewhere, NaN for NaN. */
export const angle = (x: Tensor): Tensor => {
  const y = toFloat(checkInput('angle', x));
  return y.isnan().where(y, y.lt(0).where(y.newFull([], Math.PI), 0));
};

/** The larger of x and `min`, which may be a number or a tensor; where they meet, x gets the whole gradient. */
export const clampMin = (x: Tensor, min: TensorOrNumber | { min: TensorOrNumber }): Tensor => {
  const all = readCall<{ min?: TensorOrNumber }>('clampMin', [min], ['min']);
  return clamp(x, all.min);
};
/** The smaller of x and `max`, which may be a number or a tensor; where they meet, x gets the whole gradient. */
export const clampMax = (x: Tensor, max: TensorOrNumber | { max: TensorOrNumber }): Tensor => {
  const all = readCall<{ max?: TensorOrNumber }>('clampMax', [max], ['max']);
  return clamp(x, undefined, all.max);
};

/** The larger of two; where one is NaN, the other. Where they meet, `a` gets the whole gradient. */
export function fmax(a: Tensor, b: Tensor): Tensor {
  const [p, q] = promotePair('fmax', checkTensor('fmax', 'the first operand', a), checkTensor('fmax', 'the second operand', b));
  return p.ge(q).logicalOr(q.isnan()).where(p, q);
}

/** The smaller of two; where one is NaN, the other. Where they meet, `a` gets the whole gradient. */
export function fmin(a: Tensor, b: Tensor): Tensor {
  const [p, q] = promotePair('fmin', checkTensor('fmin', 'the first operand', a), checkTensor('fmin', 'the second operand', b));
  return p.le(q).logicalOr(q.isnan()).where(p, q);
}

/** True where x is +Infinity. */
export const isposinf = (x: Tensor): Tensor =>
  isFloat(checkInput('isposinf', x).dtype) ? x.eq(Infinity) : x.newZeros(x.shape, { dtype: 'bool' });
/** True where x is -Infinity. */
export const isneginf = (x: Tensor): Tensor =>
  isFloat(checkInput('isneginf', x).dtype) ? x.eq(-Infinity) : x.newZeros(x.shape, { dtype: 'bool' });
/** True everywhere: there are no complex tensors. */
export const isreal = (x: Tensor): Tensor => checkInput('isreal', x).newOnes(x.shape, { dtype: 'bool' });

/** What stands for NaN and the infinities: 0 and the limits of the dtype when missing. */
export interface NanToNumOptions {
  /** What stands for NaN; 0 by default. */
  nan?: number | null;
  /** What stands for Infinity; the largest number of the dtype by default. */
  posinf?: number | null;
  /** What stands for -Infinity; the lowest number of the dtype by default. */
  neginf?: number | null;
}

/** x with numbers in the place of NaN and the infinities. Integers stay as they are. */
export function nanToNum(x: Tensor, ...args: Call<NanToNumOptions, ['nan', 'posinf', 'neginf']>): Tensor {
  checkInput('nanToNum', x);
  const all = readCall<NanToNumOptions>('nanToNum', args, ['nan', 'posinf', 'neginf']);
  if (!isFloat(x.dtype)) return x.clone();
  const { min, max } = dtypes[x.dtype];
  const scalar = (value: number): Tensor => x.newFull([], value);
  const finite = x.eq(Infinity).where(scalar(all.posinf ?? max), x.eq(-Infinity).where(scalar(all.neginf ?? min), x));
  return x.isnan().where(scalar(all.nan ?? 0), finite);
}

// d sinc/dx = (πx·cos πx - sin πx)/(πx²), and 0 at 0
const sincOp: Op = defineComposedUnary(
  'sinc',
  (x) => {
    const angleOf = x.mul(Math.PI);
    return x.eq(0).where(1, angleOf.sin().div(angleOf)).to(x.dtype);
  },
  (g, x) => {
    const safe = x.eq(0).where(1, x).to(x.dtype);
    const angleOf = safe.mul(Math.PI);
    const slope = angleOf.mul(angleOf.cos()).sub(angleOf.sin()).div(angleOf.mul(safe));
    return g.mul(slope.maskedFill(x.eq(0), 0));
  },
);
/** `sin(πx)/(πx)`, and 1 at 0. */
export const sinc = (x: Tensor): Tensor => runComposed(sincOp, x);

const logitOp: Op<{ eps: number | null }> = defineComposedUnary<{ eps: number | null }>(
  'logit',
  (x, { eps }) => {
    const z = eps === null ? x : clamp(x, eps, 1 - eps);
    return z.div(z.neg().add(1)).log();
  },
  (g, x, _, { eps }) => {
    const low = eps ?? 0;
    const inside = x.ge(low).logicalAnd(x.le(1 - low));
    const slope = g.div(x.mul(x.neg().add(1)));
    return inside.where(slope, x.newFull([], eps === null ? NaN : 0).to(g.dtype));
  },
);
/** `log(x/(1 - x))`, the inverse of sigmoid. With `eps`, x is first clamped to [eps, 1 - eps]. */
export function logit(x: Tensor, ...args: Call<{ eps?: number | null }, ['eps']>): Tensor {
  const { eps } = readCall<{ eps?: number }>('logit', args, ['eps']);
  return runComposed(logitOp, x, { eps: eps ?? null });
}

const xlogyOp: Op = defineComposedPair('xlogy', {
  // 0·log(0) and 0·log(∞) are 0; a NaN stays one.
  compute: (a, b) => a.mul(b.log()).maskedFill(a.eq(0).logicalAnd(b.isnan().logicalNot()), 0),
  left: (g, a, b) => g.mul(b.log()).maskedFill(a.eq(0).logicalAnd(b.le(0)), 0),
  right: (g, a, b) => g.mul(a).div(b),
});
/** `a·log(b)`, which is 0 where a is 0 and b is not NaN. */
export const xlogy = (a: TensorOrNumber, b: TensorOrNumber): Tensor => runPair(xlogyOp, a, b);

const logaddexpOp: Op = defineComposedPair('logaddexp', {
  compute: (a, b) => {
    const sum = a.maximum(b).add(a.sub(b).abs().neg().exp().log1p());
    return a.eq(b).logicalAnd(a.isinf()).where(a, sum);
  },
  left: (g, a, b) => g.mul(a.sub(b).sigmoid()),
  right: (g, a, b) => g.mul(b.sub(a).sigmoid()),
});
/** `log(eᵃ + eᵇ)` without overflow. */
export const logaddexp = (a: Tensor, b: Tensor): Tensor =>
  runPair(logaddexpOp, checkTensor('logaddexp', 'the first operand', a), checkTensor('logaddexp', 'the second operand', b));

const logaddexp2Op: Op = defineComposedPair('logaddexp2', {
  compute: (a, b) => {
    const sum = a.maximum(b).add(a.sub(b).abs().neg().exp2().log1p().div(Math.LN2));
    return a.eq(b).logicalAnd(a.isinf()).where(a, sum);
  },
  left: (g, a, b) => g.mul(a.sub(b).mul(Math.LN2).sigmoid()),
  right: (g, a, b) => g.mul(b.sub(a).mul(Math.LN2).sigmoid()),
});
/** `log2(2ᵃ + 2ᵇ)` without overflow. */
export const logaddexp2 = (a: Tensor, b: Tensor): Tensor =>
  runPair(logaddexp2Op, checkTensor('logaddexp2', 'the first operand', a), checkTensor('logaddexp2', 'the second operand', b));

const hypotOp: Op = defineComposedPair('hypot', {
  // Scaled by the larger side, so that squares do not overflow.
  compute: (a, b) => {
    const [p, q] = [a.abs(), b.abs()];
    const [large, small] = [p.maximum(q), p.minimum(q)];
    const length = large.mul(small.div(large).square().add(1).sqrt());
    return p.isinf().logicalOr(q.isinf()).where(Infinity, large.eq(0).where(0, length)).to(a.dtype);
  },
  left: (g, a, b) => g.mul(a.div(hypot(a, b))),
  right: (g, a, b) => g.mul(b.div(hypot(a, b))),
});
/** `√(a² + b²)` without overflow. @throws DTypeError for integers */
export function hypot(a: Tensor, b: TensorOrNumber): Tensor {
  const [p, q] = promotePair('hypot', checkTensor('hypot', 'the first operand', a), b);
  checkFloat('hypot', p);
  return dispatchOne(hypotOp, [p, q]);
}

/** 0 below zero, 1 above, and `values` at zero. @throws DTypeError when the dtypes differ */
export function heaviside(x: Tensor, values: Tensor): Tensor {
  checkInput('heaviside', x);
  checkTensor('heaviside', 'values', values);
  if (x.dtype !== values.dtype)
    throw new DTypeError({ op: 'heaviside', expected: 'tensors of one dtype', received: `${x.dtype} and ${values.dtype}` });
  return x.eq(0).where(values, cast(x.gt(0), x.dtype));
}

/** `a ^ b` in float64, whatever the dtypes; in float32 on a device without float64. */
export function floatPower(a: TensorOrNumber, b: TensorOrNumber): Tensor {
  const [p, q] = [a, b].map((x) => (x instanceof Tensor ? cast(x, widestFloat(x)) : x));
  if (p instanceof Tensor) return p.pow(q);
  if (q instanceof Tensor) return q.newFull([], p).pow(q);
  throw new ArgumentError({ op: 'floatPower', expected: 'at least one tensor', received: describe([a, b]) });
}

/** `x · 2^other`. Integers give float32. */
export const ldexp = (x: Tensor, other: Tensor): Tensor => {
  const exponent = toFloat(checkTensor('ldexp', 'other', other));
  return checkTensor('ldexp', 'the input', x).mul(exponent.newFull([], 2).pow(exponent));
};

const frexpOp: Op = defineOp<unknown>({
  name: 'frexp',
  infer: ([x]) => [x, { shape: x.shape, dtype: 'int32' }],
  compose([x]) {
    const special = x.eq(0).logicalOr(x.isfinite().logicalNot());
    const safe = special.where(1, x).to(x.dtype);
    const guess = safe.abs().log2().floor().add(1);
    // Two steps, since 2 to the whole exponent can leave the range of the dtype.
    const half = guess.div(2).trunc();
    const scaled = safe.mul(half.neg().exp2()).mul(half.sub(guess).exp2());
    // The logarithm may have rounded across a power of two.
    const [over, under] = [scaled.abs().ge(1), scaled.abs().lt(0.5)];
    const mantissa = over.where(scaled.mul(0.5), under.where(scaled.mul(2), scaled));
    const exponent = guess.add(over.to(x.dtype)).sub(under.to(x.dtype));
    return [special.where(x, mantissa), exponent.maskedFill(special, 0).to('int32')];
  },
  save: (_, [, exponent]) => [exponent],
  vjp: ({ cotangents: [g], saved: [exponent] }) => [g && g.div(cast(exponent, g.dtype).exp2())],
});

/** Mantissas and exponents; also a pair. */
export type MantissaAndExponent = [mantissa: Tensor, exponent: Tensor] & { readonly mantissa: Tensor; readonly exponent: Tensor };

/** x as `mantissa · 2^exponent` with 0.5 ≤ |mantissa| < 1 and int32 exponents. @throws DTypeError for integers */
export function frexp(x: Tensor): MantissaAndExponent {
  const [mantissa, exponent] = dispatch(frexpOp, [checkFloat('frexp', x)], undefined);
  return Object.assign([mantissa, exponent] as [Tensor, Tensor], { mantissa, exponent });
}

const checkIntegers = (op: string, x: Tensor): void => {
  if (isFloat(x.dtype) || x.dtype === 'bool') throw new DTypeError({ op, expected: 'integers', received: x.dtype });
};

/** The greatest common divisor, not negative. @throws DTypeError for floats and bools */
export function gcd(a: Tensor, b: Tensor): Tensor {
  let [p, q] = promotePair('gcd', checkTensor('gcd', 'the first operand', a), checkTensor('gcd', 'the second operand', b));
  checkIntegers('gcd', p);
  // Euclid takes at most 1.44·log2(max) steps; where values can be read, it stops when it is done.
  const steps = Math.ceil(1.45 * 8 * dtypes[p.dtype].bytes);
  for (let i = 0; i < steps && q.count > 0; i++) {
    const done = q.eq(0);
    if (q.device.synchronous && done.all().itemSync<boolean>()) break;
    const rest = p.fmod(done.where(1, q).to(p.dtype));
    [p, q] = [done.where(p, q), rest.maskedFill(done, 0)];
  }
  return p.abs();
}

/** The least common multiple, not negative. @throws DTypeError for floats and bools */
export function lcm(a: Tensor, b: Tensor): Tensor {
  const [p, q] = promotePair('lcm', checkTensor('lcm', 'the first operand', a), checkTensor('lcm', 'the second operand', b));
  const divisor = gcd(p, q);
  const safe = divisor.eq(0).where(1, divisor).to(p.dtype);
  return p.div(safe, { roundingMode: 'trunc' }).mul(q).abs();
}
