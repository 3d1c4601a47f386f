import { checkInput } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { checkTensor } from '../checks.ts';
import { readCall, type Call } from '../call.ts';
import { ArgumentError, DTypeError } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import type { UnaryName } from '../seam.ts';
import type { Tensor } from '../tensor.ts';
import { cast, toFloat } from './cast.ts';

// Functions of one tensor, element by element. A rule is the gradient with respect to x from g, the gradient with respect to y = f(x).

type Rule = { readonly saves: 'x' | 'y' | 'none'; readonly gradient: (g: Tensor, saved: Tensor) => Tensor };
const ofInput = (gradient: Rule['gradient']): Rule => ({ saves: 'x', gradient });
const ofOutput = (gradient: Rule['gradient']): Rule => ({ saves: 'y', gradient });
const ofNothing = (gradient: (g: Tensor) => Tensor): Rule => ({ saves: 'none', gradient });

function defineUnary(name: UnaryName, rule: Rule | 'constant', result?: 'bool'): Op {
  return defineOp<unknown>({
    name,
    pointwise: true,
    constant: rule === 'constant',
    infer: (inputs) => [result === undefined ? inputs[0] : { shape: inputs[0].shape, dtype: result }],
    kernel: (k, inputs, outputs) => k.unary(name, inputs[0], outputs[0]),
    ...(rule !== 'constant' && {
      save: (inputs, outputs) => (rule.saves === 'x' ? [inputs[0]] : rule.saves === 'y' ? [outputs[0]] : []),
      vjp: ({ cotangents: [g], saved: [saved] }) => [g && rule.gradient(g, saved)],
    }),
  });
}

/** Runs a unary op that gives floats, casting integers to float32. */
const floating = (op: Op, x: Tensor): Tensor => dispatchOne(op, [toFloat(checkInput(op.name, x))]);

function refuseBool(op: string, x: Tensor): Tensor {
  if (checkInput(op, x).dtype === 'bool')
    throw new DTypeError({ op, expected: 'numbers', received: 'a bool tensor', hint: 'Use logicalNot, or cast to int32.' });
  return x;
}

export const negOp: Op = defineUnary('neg', ofNothing((g) => g.neg())); // prettier-ignore
/** `-x`. @throws DTypeError for a bool tensor. */
export const neg = (x: Tensor): Tensor => dispatchOne(negOp, [refuseBool('neg', x)]);

export const absOp: Op = defineUnary('abs', ofInput((g, x) => g.mul(x.sign()))); // prettier-ignore
/** `|x|`; the derivative at 0 is 0. */
export const abs = (x: Tensor): Tensor => (checkInput('abs', x).dtype === 'bool' ? x : dispatchOne(absOp, [x]));

export const signOp: Op = defineUnary('sign', ofNothing((g) => g.mul(0))); // prettier-ignore
/** -1, 0 or 1. */
export const sign = (x: Tensor): Tensor => dispatchOne(signOp, [checkInput('sign', x)]);

// Rounding is constant almost everywhere: its derivative is zero, as PyTorch has it.
const zeroRule = ofNothing((g) => g.mul(0));
const rounding = (op: Op, x: Tensor): Tensor => (isFloat(checkInput(op.name, x).dtype) ? dispatchOne(op, [x]) : x);
export const ceilOp: Op = defineUnary('ceil', zeroRule);
/** The smallest integer that is not below x. */
export const ceil = (x: Tensor): Tensor => rounding(ceilOp, x);
export const floorOp: Op = defineUnary('floor', zeroRule);
/** The largest integer that is not above x. */
export const floor = (x: Tensor): Tensor => rounding(floorOp, x);
export const roundOp: Op = defineUnary('round', zeroRule);
/** The nearest integer, halves to even; `decimals` digits are kept after the point. */
export function round(x: Tensor, ...args: Call<{ decimals?: number }, []>): Tensor {
  const { decimals = 0 } = readCall<{ decimals?: number }>('round', args, [], ['decimals']);
  if (decimals === 0) return rounding(roundOp, x);
  const scale = 10 ** Math.abs(decimals);
  return decimals > 0 ? dispatchOne(roundOp, [x.mul(scale)]).div(scale) : dispatchOne(roundOp, [x.div(scale)]).mul(scale);
}
export const truncOp: Op = defineUnary('trunc', zeroRule);
/** The integer part. */
export const trunc = (x: Tensor): Tensor => rounding(truncOp, x);

export const sqrtOp: Op = defineUnary('sqrt', ofOutput((g, y) => g.div(y.mul(2)))); // prettier-ignore
/** Square root; NaN for negative x. */
export const sqrt = (x: Tensor): Tensor => floating(sqrtOp, x);

export const rsqrtOp: Op = defineUnary('rsqrt', ofOutput((g, y) => g.mul(y.mul(y).mul(y)).mul(-0.5))); // prettier-ignore
/** `1/√x`. */
export const rsqrt = (x: Tensor): Tensor => floating(rsqrtOp, x);

export const reciprocalOp: Op = defineUnary('reciprocal', ofOutput((g, y) => g.mul(y.mul(y)).neg())); // prettier-ignore
/** `1/x`. */
export const reciprocal = (x: Tensor): Tensor => floating(reciprocalOp, x);

export const squareOp: Op = defineUnary('square', ofInput((g, x) => g.mul(x.mul(2)))); // prettier-ignore
/** `x²`. */
export const square = (x: Tensor): Tensor => dispatchOne(squareOp, [checkInput('square', x).dtype === 'bool' ? cast(x, 'int32') : x]);

export const expOp: Op = defineUnary('exp', ofOutput((g, y) => g.mul(y))); // prettier-ignore
/** `eˣ`. */
export const exp = (x: Tensor): Tensor => floating(expOp, x);

export const exp2Op: Op = defineUnary('exp2', ofOutput((g, y) => g.mul(y).mul(Math.LN2))); // prettier-ignore
/** `2ˣ`. */
export const exp2 = (x: Tensor): Tensor => floating(exp2Op, x);

export const expm1Op: Op = defineUnary('expm1', ofOutput((g, y) => g.mul(y.add(1)))); // prettier-ignore
/** `eˣ - 1`, accurate near 0. */
export const expm1 = (x: Tensor): Tensor => floating(expm1Op, x);

export const logOp: Op = defineUnary('log', ofInput((g, x) => g.div(x))); // prettier-ignore
/** Natural logarithm; -Infinity at 0, NaN below. */
export const log = (x: Tensor): Tensor => floating(logOp, x);

export const log2Op: Op = defineUnary('log2', ofInput((g, x) => g.div(x.mul(Math.LN2)))); // prettier-ignore
/** Logarithm to base 2. */
export const log2 = (x: Tensor): Tensor => floating(log2Op, x);

export const log10Op: Op = defineUnary('log10', ofInput((g, x) => g.div(x.mul(Math.LN10)))); // prettier-ignore
/** Logarithm to base 10. */
export const log10 = (x: Tensor): Tensor => floating(log10Op, x);

export const log1pOp: Op = defineUnary('log1p', ofInput((g, x) => g.div(x.add(1)))); // prettier-ignore
/** `log(1 + x)`, accurate near 0. */
export const log1p = (x: Tensor): Tensor => floating(log1pOp, x);

export const sinOp: Op = defineUnary('sin', ofInput((g, x) => g.mul(x.cos()))); // prettier-ignore
/** Sine of x in radians. */
export const sin = (x: Tensor): Tensor => floating(sinOp, x);

export const cosOp: Op = defineUnary('cos', ofInput((g, x) => g.mul(x.sin()).neg())); // prettier-ignore
/** Cosine of x in radians. */
export const cos = (x: Tensor): Tensor => floating(cosOp, x);

export const tanOp: Op = defineUnary('tan', ofOutput((g, y) => g.mul(y.square().add(1)))); // prettier-ignore
/** Tangent of x in radians. */
export const tan = (x: Tensor): Tensor => floating(tanOp, x);

export const asinOp: Op = defineUnary('asin', ofInput((g, x) => g.mul(x.square().neg().add(1).rsqrt()))); // prettier-ignore
/** The angle whose sine is x, in radians. */
export const asin = (x: Tensor): Tensor => floating(asinOp, x);

export const acosOp: Op = defineUnary('acos', ofInput((g, x) => g.mul(x.square().neg().add(1).rsqrt()).neg())); // prettier-ignore
/** The angle whose cosine is x, in radians. */
export const acos = (x: Tensor): Tensor => floating(acosOp, x);

export const atanOp: Op = defineUnary('atan', ofInput((g, x) => g.div(x.square().add(1)))); // prettier-ignore
/** The angle whose tangent is x, in radians. */
export const atan = (x: Tensor): Tensor => floating(atanOp, x);

export const sinhOp: Op = defineUnary('sinh', ofInput((g, x) => g.mul(x.cosh()))); // prettier-ignore
/** Hyperbolic sine. */
export const sinh = (x: Tensor): Tensor => floating(sinhOp, x);

export const coshOp: Op = defineUnary('cosh', ofInput((g, x) => g.mul(x.sinh()))); // prettier-ignore
/** Hyperbolic cosine. */
export const cosh = (x: Tensor): Tensor => floating(coshOp, x);

export const tanhOp: Op = defineUnary('tanh', ofOutput((g, y) => g.mul(y.square().neg().add(1)))); // prettier-ignore
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => floating(tanhOp, x);

export const asinhOp: Op = defineUnary('asinh', ofInput((g, x) => g.mul(x.square().add(1).rsqrt()))); // prettier-ignore
/** Inverse hyperbolic sine. */
export const asinh = (x: Tensor): Tensor => floating(asinhOp, x);

export const acoshOp: Op = defineUnary('acosh', ofInput((g, x) => g.mul(x.sub(1).rsqrt().mul(x.add(1).rsqrt())))); // prettier-ignore
/** Inverse hyperbolic cosine; NaN below 1. */
export const acosh = (x: Tensor): Tensor => floating(acoshOp, x);

export const atanhOp: Op = defineUnary('atanh', ofInput((g, x) => g.div(x.square().neg().add(1)))); // prettier-ignore
/** Inverse hyperbolic tangent. */
export const atanh = (x: Tensor): Tensor => floating(atanhOp, x);

export const sigmoidOp: Op = defineUnary('sigmoid', ofOutput((g, y) => g.mul(y.mul(y.neg().add(1))))); // prettier-ignore
/** `1/(1 + e⁻ˣ)`. */
export const sigmoid = (x: Tensor): Tensor => floating(sigmoidOp, x);

export const reluOp: Op = defineUnary('relu', ofOutput((g, y) => dispatchOne(reluGradOp, [g, y]))); // prettier-ignore
/** Gradient of relu from that of its result y: g where y is positive. */
export const reluGradOp: Op = defineOp<unknown>({
  name: 'reluGrad',
  infer: ([g]) => [g],
  compose: ([g, y]) => [y.gt(0).where(g, 0)],
  save: ([, y]) => [y],
  vjp: ({ cotangents: [h], saved: [y] }) => [h && dispatchOne(reluGradOp, [h, y]), undefined],
});
/** `max(x, 0)`; the derivative at 0 is 0. @throws DTypeError for a bool tensor. */
export const relu = (x: Tensor): Tensor => dispatchOne(reluOp, [refuseBool('relu', x)]);

export const erfOp: Op = defineUnary('erf', ofInput((g, x) => g.mul(x.square().neg().exp()).mul(2 / Math.sqrt(Math.PI)))); // prettier-ignore
/** The error function `2/√π ∫₀ˣ e^(-t²) dt`. */
export const erf = (x: Tensor): Tensor => floating(erfOp, x);

export const erfcOp: Op = defineUnary('erfc', ofInput((g, x) => g.mul(x.square().neg().exp()).mul(-2 / Math.sqrt(Math.PI)))); // prettier-ignore
/** `1 - erf(x)`, accurate for large x. */
export const erfc = (x: Tensor): Tensor => floating(erfcOp, x);

export const isnanOp: Op = defineUnary('isnan', 'constant', 'bool');
/** True where x is NaN. */
export const isnan = (x: Tensor): Tensor => dispatchOne(isnanOp, [checkInput('isnan', x)]);

export const isinfOp: Op = defineUnary('isinf', 'constant', 'bool');
/** True where x is an infinity. */
export const isinf = (x: Tensor): Tensor => dispatchOne(isinfOp, [checkInput('isinf', x)]);

/** True where x is neither NaN nor an infinity. */
export const isfinite = (x: Tensor): Tensor => isnan(checkInput('isfinite', x)).logicalOr(isinf(x)).logicalNot();

export const logicalNotOp: Op = defineUnary('logicalNot', 'constant', 'bool');
/** True where x is 0. */
export const logicalNot = (x: Tensor): Tensor => dispatchOne(logicalNotOp, [checkInput('logicalNot', x)]);

export const signbitOp: Op = defineUnary('signbit', 'constant', 'bool');
/** True where the sign bit is set, -0 included. */
export const signbit = (x: Tensor): Tensor => dispatchOne(signbitOp, [checkInput('signbit', x)]);

export const bitwiseNotOp: Op = defineUnary('bitwiseNot', 'constant');
/** Bitwise not of integers, logical not of bools. @throws DTypeError for floats. */
export function bitwiseNot(x: Tensor): Tensor {
  checkInput('bitwiseNot', x);
  if (isFloat(x.dtype)) throw new DTypeError({ op: 'bitwiseNot', expected: 'integers or bools', received: x.dtype });
  return dispatchOne(bitwiseNotOp, [x]);
}

/** Bounds of `clamp`; either may be missing. */
export interface ClampOptions {
  /** The lower bound, a number or a tensor that broadcasts; none when missing or null. */
  min?: Tensor | number | null;
  /** The upper bound, of the same kind as `min`; none when missing or null. */
  max?: Tensor | number | null;
}
export type ClampArguments = Call<ClampOptions, ['min', 'max']>;

/** Restricts x to [min, max]; either may be missing, and be a number or a tensor. */
export function clamp(x: Tensor, ...args: ClampArguments): Tensor {
  const { min, max } = readCall<ClampOptions>('clamp', args, ['min', 'max']);
  checkTensor('clamp', 'the input', x);
  if (min === undefined && max === undefined) throw new ArgumentError({ op: 'clamp', expected: 'min, max or both', received: 'neither' });
  return clampOp(clampOp(x, min, 'maximum'), max, 'minimum');
}
function clampOp(x: Tensor, bound: Tensor | number | null | undefined, side: 'maximum' | 'minimum'): Tensor {
  if (bound === undefined || bound === null) return x;
  // Unlike maximum, clamp gives the whole gradient to x where it meets the bound.
  const inside = side === 'maximum' ? x.ge(bound) : x.le(bound);
  return inside.logicalOr(x.isnan()).where(x, bound);
}
