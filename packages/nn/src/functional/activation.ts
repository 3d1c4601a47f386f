import {
  ArgumentError,
  checkChoice,
  checkFloat,
  checkNumber,
  checkTensor,
  defaultGenerator,
  defineOp,
  dispatchOne,
  DTypeError,
  fromNumbers,
  isFloat,
  normalizeDim,
  rand,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Generator,
  type Op,
  type Tensor,
} from '@flambeau/core';
import { apply, type InPlaceOption } from './inplace.ts';
import { softplusOfNegative } from './softplus.ts';

/** `max(x, 0)`. */
export function relu(x: Tensor, ...args: Call<InPlaceOption, ['inplace']>): Tensor {
  checkTensor('relu', 'input', x);
  if (args.length === 0) return x.relu();
  const { inplace } = readCall<InPlaceOption>('relu', args, ['inplace']);
  return inplace ? x.relu_() : x.relu();
}

interface HardtanhOptions extends InPlaceOption {
  /** The lower bound, -1 by default. */
  minVal?: number;
  /** The upper bound, 1 by default. */
  maxVal?: number;
}

/** x restricted to [minVal, maxVal], -1 and 1 by default. Unlike that of `clamp`, its derivative is 0 at the bounds. */
export function hardtanh(x: Tensor, ...args: Call<HardtanhOptions, ['minVal', 'maxVal', 'inplace']>): Tensor {
  const { minVal = -1, maxVal = 1, inplace } = readCall<HardtanhOptions>('hardtanh', args, ['minVal', 'maxVal', 'inplace']);
  return restrict('hardtanh', x, minVal, maxVal, inplace);
}

function restrict(op: string, x: Tensor, low: number, high: number, inplace?: boolean): Tensor {
  checkTensor(op, 'input', x);
  if (x.dtype === 'bool') throw new DTypeError({ op, expected: 'numbers', received: 'a bool tensor' });
  checkNumber(op, 'minVal', low);
  checkNumber(op, 'maxVal', high);
  if (low > high) throw new ArgumentError({ op, expected: 'minVal not above maxVal', received: `${low} and ${high}` });
  // Bounds of integers lose their fraction, as in PyTorch.
  const [least, most] = isFloat(x.dtype) ? [low, high] : [Math.trunc(low), Math.trunc(high)];
  return apply(x, inplace, (y) => y.gt(least).logicalAnd(y.lt(most)).where(y, y.detach().clamp(least, most))); // prettier-ignore
}

/** `min(max(x, 0), 6)`. */
export function relu6(x: Tensor, ...args: Call<InPlaceOption, ['inplace']>): Tensor {
  return restrict('relu6', x, 0, 6, readCall<InPlaceOption>('relu6', args, ['inplace']).inplace);
}

interface LeakyReluOptions extends InPlaceOption {
  /** The factor below 0, 0.01 by default. */
  negativeSlope?: number;
}

/** x, but `negativeSlope·x` below 0. */
export function leakyRelu(x: Tensor, ...args: Call<LeakyReluOptions, ['negativeSlope', 'inplace']>): Tensor {
  checkFloat('leakyRelu', x);
  const { negativeSlope = 0.01, inplace } = readCall<LeakyReluOptions>('leakyRelu', args, ['negativeSlope', 'inplace']);
  checkNumber('leakyRelu', 'negativeSlope', negativeSlope);
  return apply(x, inplace, (y) => y.gt(0).where(y, y.mul(negativeSlope)));
}

interface AlphaOptions extends InPlaceOption {
  /** The negative of the limit towards -Infinity, 1 by default. */
  alpha?: number;
}

/** x, but `α(eˣ - 1)` below 0. @see Clevert et al. 2016 */
export function elu(x: Tensor, ...args: Call<AlphaOptions, ['alpha', 'inplace']>): Tensor {
  checkFloat('elu', x);
  const { alpha = 1, inplace } = readCall<AlphaOptions>('elu', args, ['alpha', 'inplace']);
  checkNumber('elu', 'alpha', alpha);
  return apply(x, inplace, (y) => eluFrom(y, alpha));
}
// At 0 the derivative is that of the negative side, α, as PyTorch has it.
const eluFrom = (x: Tensor, alpha: number): Tensor => x.gt(0).where(x, negativePart(x).expm1().mul(alpha));
const negativePart = (x: Tensor): Tensor => x.gt(0).where(0, x);

/** `max(0, x) + min(0, α(e^(x/α) - 1))`. @see Barron 2017 */
export function celu(x: Tensor, ...args: Call<AlphaOptions, ['alpha', 'inplace']>): Tensor {
  checkFloat('celu', x);
  const { alpha = 1, inplace } = readCall<AlphaOptions>('celu', args, ['alpha', 'inplace']);
  checkNumber('celu', 'alpha', alpha);
  if (alpha === 0) throw new ArgumentError({ op: 'celu', expected: 'alpha that is not 0', received: '0' });
  return apply(x, inplace, (y) => y.gt(0).where(y, negativePart(y).div(alpha).expm1().mul(alpha)));
}

const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** `scale·elu(x, α)` with the two constants that keep mean 0 and variance 1 from layer to layer. @see Klambauer et al. 2017 */
export function selu(x: Tensor, ...args: Call<InPlaceOption, ['inplace']>): Tensor {
  checkFloat('selu', x);
  const { inplace } = readCall<InPlaceOption>('selu', args, ['inplace']);
  return apply(x, inplace, (y) =>
    y.gt(0).where(
      y.mul(seluScale),
      negativePart(y)
        .expm1()
        .mul(seluAlpha * seluScale),
    ),
  );
}

/**
 * x, but `weight·x` below 0.
 * @param args - weight: one number, or one for each channel (dim 1)
 * @see He et al. 2015
 */
export function prelu(x: Tensor, ...args: Call<{ weight: Tensor }, ['weight']>): Tensor {
  checkFloat('prelu', x);
  const { weight } = readCall<{ weight: Tensor }>('prelu', args, ['weight']);
  checkTensor('prelu', 'weight', weight);
  if (weight.dtype !== x.dtype) throw new DTypeError({ op: 'prelu', expected: `a weight of ${x.dtype}`, received: weight.dtype });
  const channels = x.ndim === 0 ? 1 : x.ndim === 1 ? 1 : x.shape[1];
  if (weight.ndim > 1 || (weight.count !== 1 && (x.ndim === 0 || weight.count !== channels))) {
    throw new ShapeError({
      op: 'prelu',
      expected: `a weight of one element or of ${channels} (the channels of an input ${showShape(x.shape)})`,
      received: showShape(weight.shape),
    });
  }
  const slope = weight.count === 1 ? weight.reshape([]) : x.ndim < 2 ? weight : weight.reshape(x.shape.map((_, i) => (i === 1 ? -1 : 1)));
  return x.gt(0).where(x, x.mul(slope));
}

/** The hyperbolic tangent. */
export function tanh(x: Tensor): Tensor {
  checkTensor('tanh', 'input', x);
  return x.tanh();
}
/** `1/(1 + e⁻ˣ)`. */
export function sigmoid(x: Tensor): Tensor {
  checkTensor('sigmoid', 'input', x);
  return x.sigmoid();
}

/** `x·σ(x)`; its derivative is σ(x)·(1 + x·(1 - σ(x))). @see Elfwing et al. 2018 */
export const siluOp: Op = /* @__PURE__ */ defineOp<unknown>({
  name: 'silu',
  infer: ([x]) => [x],
  compose: ([x]) => [x.mul(x.sigmoid())],
  save: ([x]) => [x],
  vjp({ cotangents: [g], saved: [x] }) {
    if (g === undefined) return [undefined];
    const s = x.sigmoid();
    return [g.mul(s.mul(x.mul(s.neg().add(1)).add(1)))];
  },
});

/** `x·σ(x)`. @see Elfwing et al. 2018 */
export function silu(x: Tensor, ...args: Call<InPlaceOption, ['inplace']>): Tensor {
  checkFloat('silu', x);
  const { inplace } = readCall<InPlaceOption>('silu', args, ['inplace']);
  return apply(x, inplace, (y) => dispatchOne(siluOp, [y]));
}

/** `x·tanh(log(1 + eˣ))`. @see Misra 2019 */
export function mish(x: Tensor, ...args: Call<InPlaceOption, ['inplace']>): Tensor {
  checkFloat('mish', x);
  const { inplace } = readCall<InPlaceOption>('mish', args, ['inplace']);
  return apply(x, inplace, (y) => y.mul(softplus(y).tanh()));
}

interface SoftplusOptions {
  /** How sharp the bend is, 1 by default. */
  beta?: number;
  /** From where `βx` on the function is x itself, 20 by default. */
  threshold?: number;
}

/** `log(1 + e^(βx))/β`; x itself where βx exceeds the threshold. */
export function softplus(x: Tensor, ...args: Call<SoftplusOptions, ['beta', 'threshold']>): Tensor {
  checkFloat('softplus', x);
  const { beta = 1, threshold = 20 } = readCall<SoftplusOptions>('softplus', args, ['beta', 'threshold']);
  checkNumber('softplus', 'beta', beta);
  checkNumber('softplus', 'threshold', threshold);
  const scaled = x.mul(beta);
  const linear = scaled.gt(threshold);
  // What the linear part would make overflow is 0 on the way to the exponential.
  return linear.where(x, linear.where(0, scaled).exp().log1p().div(beta));
}

/** Gaussian error linear unit, exact or by tanh: an op of its own, so that a backend can run it in one pass. */
export const geluOp: Op<{ approximate: 'none' | 'tanh' }> = /* @__PURE__ */ defineOp<{ approximate: 'none' | 'tanh' }>({
  name: 'gelu',
  infer: ([x]) => [x],
  compose([x], { approximate }) {
    if (approximate === 'none') return [x.mul(x.mul(Math.SQRT1_2).erf().add(1)).mul(0.5)];
    return [x.mul(geluInner(x).tanh().add(1)).mul(0.5)];
  },
  save: ([x]) => [x],
  vjp: ({ cotangents: [g], saved: [x], attrs }) => [g && dispatchOne(geluGradOp, [g, x], attrs)],
});

/** Gradient of gelu: g·(Φ(x) + x·φ(x)), or the derivative of the approximation. */
export const geluGradOp: Op<{ approximate: 'none' | 'tanh' }> = /* @__PURE__ */ defineOp<{ approximate: 'none' | 'tanh' }>({
  name: 'geluGrad',
  infer: ([, x]) => [x],
  compose([g, x], { approximate }) {
    if (approximate === 'none') {
      const density = x.square().mul(-0.5).exp().mul(1 / Math.sqrt(2 * Math.PI)); // prettier-ignore
      return [g.mul(x.mul(Math.SQRT1_2).erf().add(1).mul(0.5).add(x.mul(density)))];
    }
    const t = geluInner(x).tanh();
    const slope = x.square().mul(3 * 0.044715).add(1).mul(Math.sqrt(2 / Math.PI)); // prettier-ignore
    return [
      g.mul(
        t
          .add(1)
          .add(x.mul(t.square().neg().add(1)).mul(slope))
          .mul(0.5),
      ),
    ];
  },
});
const geluInner = (x: Tensor): Tensor => x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));

interface GeluOptions {
  /** `none` (by default) has the exact normal distribution, `tanh` a formula that comes near it. */
  approximate?: 'none' | 'tanh';
}

/** `x·Φ(x)`, with Φ the normal distribution, or its approximation by tanh. @see Hendrycks & Gimpel 2016 */
export function gelu(x: Tensor, ...args: Call<GeluOptions, ['approximate']>): Tensor {
  checkFloat('gelu', x);
  const { approximate = 'none' } = readCall<GeluOptions>('gelu', args, ['approximate']);
  checkChoice('gelu', 'approximate', approximate, ['none', 'tanh']);
  return dispatchOne(geluOp, [x], { approximate });
}

interface LambdaOptions {
  /** How far from 0 values are cut, 0.5 by default. */
  lambd?: number;
}

/** x, but 0 in [-λ, λ]. */
export function hardshrink(x: Tensor, ...args: Call<LambdaOptions, ['lambd']>): Tensor {
  checkFloat('hardshrink', x);
  const { lambd = 0.5 } = readCall<LambdaOptions>('hardshrink', args, ['lambd']);
  checkNumber('hardshrink', 'lambd', lambd);
  return x.ge(-lambd).logicalAnd(x.le(lambd)).where(0, x);
}

/** `x - λ` above λ, `x + λ` below -λ, 0 between. @throws ArgumentError for a negative λ. */
export function softshrink(x: Tensor, ...args: Call<LambdaOptions, ['lambd']>): Tensor {
  checkFloat('softshrink', x);
  const { lambd = 0.5 } = readCall<LambdaOptions>('softshrink', args, ['lambd']);
  checkNumber('softshrink', 'lambd', lambd);
  if (lambd < 0) throw new ArgumentError({ op: 'softshrink', expected: 'lambd that is not negative', received: String(lambd) });
  return x.gt(lambd).where(x.sub(lambd), x.lt(-lambd).where(x.add(lambd), x.mul(0).detach()));
}

/** `x - tanh(x)`. */
export function tanhshrink(x: Tensor): Tensor {
  checkTensor('tanhshrink', 'input', x);
  return x.sub(x.tanh());
}

/** `x/(1 + |x|)`. */
export function softsign(x: Tensor): Tensor {
  checkTensor('softsign', 'input', x);
  return x.div(x.abs().add(1));
}

/** 0 below -3, 1 above 3, `x/6 + 1/2` between. */
export function hardsigmoid(x: Tensor, ...args: Call<InPlaceOption, ['inplace']>): Tensor {
  checkFloat('hardsigmoid', x);
  const { inplace } = readCall<InPlaceOption>('hardsigmoid', args, ['inplace']);
  return apply(x, inplace, (y) => restrict('hardsigmoid', y.add(3), 0, 6).div(6));
}

/** `x·hardsigmoid(x)`. @see Howard et al. 2019 */
export function hardswish(x: Tensor, ...args: Call<InPlaceOption, ['inplace']>): Tensor {
  checkFloat('hardswish', x);
  const { inplace } = readCall<InPlaceOption>('hardswish', args, ['inplace']);
  return apply(x, inplace, (y) => y.mul(restrict('hardswish', y.add(3), 0, 6)).div(6));
}

interface ThresholdOptions extends InPlaceOption {
  /** What values have to exceed to stay as they are. */
  threshold: number;
  /** What stands for those that do not. */
  value: number;
}

/** x where it exceeds the threshold, else `value`. */
export function threshold(x: Tensor, ...args: Call<ThresholdOptions, ['threshold', 'value', 'inplace']>): Tensor {
  checkTensor('threshold', 'input', x);
  const read = readCall<ThresholdOptions>('threshold', args, ['threshold', 'value', 'inplace']);
  checkNumber('threshold', 'threshold', read.threshold);
  checkNumber('threshold', 'value', read.value);
  return apply(x, read.inplace, (y) => y.le(read.threshold).where(y.newFull([], read.value), y));
}

/** Half of x times the sigmoid of the other half, split along `dim` (the last). @throws ShapeError for an odd size. @see Dauphin et al. 2017 */
export function glu(x: Tensor, ...args: Call<{ dim?: number }, ['dim']>): Tensor {
  checkFloat('glu', x);
  const { dim = -1 } = readCall<{ dim?: number }>('glu', args, ['dim']);
  if (x.ndim === 0) throw new ShapeError({ op: 'glu', expected: 'at least one dimension', received: '[]' });
  const d = normalizeDim('glu', dim, x.ndim);
  const n = x.shape[d];
  if (n % 2 !== 0) throw new ShapeError({ op: 'glu', expected: `an even size of dimension ${d}`, received: showShape(x.shape) });
  return x.narrow(d, 0, n / 2).mul(x.narrow(d, n / 2, n / 2).sigmoid());
}

/** `log σ(x)`, without overflow. */
export function logsigmoid(x: Tensor): Tensor {
  checkFloat('logsigmoid', x);
  // min(0, x) - log(1 + e^-|x|), with derivative 1 - σ(x) on both sides of 0
  return softplusOfNegative(x).neg();
}

interface RReluOptions extends InPlaceOption {
  /** The smallest slope below 0, 1/8 by default. */
  lower?: number;
  /** The largest slope below 0, 1/3 by default. */
  upper?: number;
  /** Draws a slope for each element; the mean of both bounds otherwise, which is the default. */
  training?: boolean;
  /** Where the random numbers come from; the default generator when missing. */
  generator?: Generator;
}

/** A leaky relu whose slope is random in [lower, upper) for each element while training, and their mean otherwise. @see Xu et al. 2015 */
export function rrelu(x: Tensor, ...args: Call<RReluOptions, ['lower', 'upper', 'training', 'inplace']>): Tensor {
  checkFloat('rrelu', x);
  const read = readCall<RReluOptions>('rrelu', args, ['lower', 'upper', 'training', 'inplace'], ['generator']);
  const { lower = 1 / 8, upper = 1 / 3, training = false, inplace, generator = defaultGenerator } = read;
  checkNumber('rrelu', 'lower', lower);
  checkNumber('rrelu', 'upper', upper);
  if (!Number.isFinite(lower) || !Number.isFinite(upper) || lower > upper)
    throw new ArgumentError({ op: 'rrelu', expected: 'finite lower <= upper', received: `${lower} and ${upper}` });
  if (!training) return leakyRelu(x, (lower + upper) / 2, inplace);
  const slopes = randomSlopes(x, lower, upper, generator);
  return apply(x, inplace, (y) => y.le(0).where(y.mul(slopes), y));
}

/** One slope for each element; where values can be read, only those that are not positive draw one, as in PyTorch. */
function randomSlopes(x: Tensor, lower: number, upper: number, generator: Generator): Tensor {
  if (x.device.randomSource === 'device' || !x.device.synchronous) {
    return rand(x.shape, { device: x.device, generator }).mul(upper - lower).add(lower).to(x.dtype); // prettier-ignore
  }
  const values = x.dataSync();
  const slopes = Float64Array.from({ length: x.count }, (_, i) =>
    Number(values[i]) <= 0 ? generator.uniform53() * (upper - lower) + lower : 1,
  );
  return fromNumbers(slopes, x.shape, x.dtype, x.device);
}
