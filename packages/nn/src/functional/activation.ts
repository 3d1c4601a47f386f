import { ArgumentError, defaultGenerator, describe, fromNumbers, bernoulliValues, rand, type Generator, type Tensor } from '@flambeau/core';

/** `max(x, 0)`. */
export const relu = (x: Tensor): Tensor => x.relu();
/** `min(max(x, 0), 6)`. */
export const relu6 = (x: Tensor): Tensor => hardtanh(x, 0, 6);
/** x, but `slope·x` below 0. */
export const leakyRelu = (x: Tensor, negativeSlope = 0.01): Tensor => x.gt(0).where(x, x.mul(negativeSlope));
/** x, but `α(eˣ - 1)` below 0. @see Clevert et al. 2016 */
export const elu = (x: Tensor, alpha = 1): Tensor => x.gt(0).where(x, x.minimum(0).expm1().mul(alpha));
/** x, but `weight·x` below 0; weight has one element, or one for each channel (dim 1). @see He et al. 2015 */
export function prelu(x: Tensor, weight: Tensor): Tensor {
  const slope =
    weight.count === 1 || x.ndim < 2 ? weight.reshape(x.ndim === 0 ? [] : [-1]) : weight.reshape(x.shape.map((_, i) => (i === 1 ? -1 : 1)));
  return x.gt(0).where(x, x.mul(slope));
}
/** x restricted to [min, max]. */
export const hardtanh = (x: Tensor, min = -1, max = 1): Tensor => x.clamp(min, max);
export const tanh = (x: Tensor): Tensor => x.tanh();
export const sigmoid = (x: Tensor): Tensor => x.sigmoid();
/** `x·σ(x)`. @see Elfwing et al. 2018 */
export const silu = (x: Tensor): Tensor => x.mul(x.sigmoid());
/** `log(1 + e^(βx))/β`; x itself where βx exceeds the threshold. */
export function softplus(x: Tensor, beta = 1, threshold = 20): Tensor {
  const scaled = x.mul(beta);
  return scaled.gt(threshold).where(x, scaled.minimum(threshold).exp().log1p().div(beta));
}
/** `x·Φ(x)`, with Φ the normal distribution, or its approximation by tanh. @see Hendrycks & Gimpel 2016 */
export function gelu(x: Tensor, options: { approximate?: 'none' | 'tanh' } = {}): Tensor {
  if (options.approximate === 'tanh') {
    const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return x.mul(0.5).mul(inner.tanh().add(1));
  }
  return x.mul(0.5).mul(x.mul(Math.SQRT1_2).erf().add(1));
}
export const softmax = (x: Tensor, dim: number): Tensor => x.softmax(dim);
export const logSoftmax = (x: Tensor, dim: number): Tensor => x.logSoftmax(dim);
/** `log σ(x)`, without overflow. */
export const logsigmoid = (x: Tensor): Tensor => x.minimum(0).sub(x.abs().neg().exp().log1p());

/**
 * Zeroes elements with probability p and scales the rest by 1/(1 - p); passes through when not training.
 * @see Srivastava et al. 2014
 */
export function dropout(x: Tensor, options: { p?: number; training?: boolean; generator?: Generator } = {}): Tensor {
  const { p = 0.5, training = true, generator = defaultGenerator } = options;
  if (!(p >= 0 && p <= 1)) throw new ArgumentError({ op: 'dropout', expected: 'a probability between 0 and 1', received: describe(p) });
  if (!training || p === 0) return x;
  if (p === 1) return x.mul(0);
  // The mask is an input of the multiplication, so that a recorded step can be replayed with a new one.
  const mask =
    x.device.randomSource === 'device'
      ? rand(x.shape, { device: x.device, generator }).lt(1 - p).to(x.dtype) // prettier-ignore
      : fromNumbers(bernoulliValues(x.count, generator, 1 - p), x.shape, x.dtype, x.device);
  return x.mul(mask.div(1 - p));
}
