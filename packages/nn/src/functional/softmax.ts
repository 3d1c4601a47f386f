import {
  checkDType,
  checkFloat,
  checkTensor,
  defaultGenerator,
  exponentialValues,
  fromNumbers,
  rand,
  readCall,
  type Call,
  type DType,
  type Generator,
  type Tensor,
} from '@flambeau/core';

interface SoftmaxOptions {
  /** The dimension along which the results sum to 1; when missing, 0 for 0, 1 or 3 dimensions and 1 for others. */
  dim?: number | null;
  /** Casts before the exponential. */
  dtype?: DType;
}
const dtypeOption = (op: string, dtype: DType | null | undefined): { dtype?: DType } =>
  dtype === undefined || dtype === null ? {} : { dtype: checkDType(op, dtype) };
// PyTorch's rule where no dim is given.
const implicitDim = (x: Tensor): number => (x.ndim === 0 || x.ndim === 1 || x.ndim === 3 ? 0 : 1);

/** `exp(x) / Σ exp(x)` along `dim`. */
export function softmax(x: Tensor, ...args: Call<SoftmaxOptions, ['dim', 'dtype']>): Tensor {
  checkTensor('softmax', 'input', x);
  const { dim, dtype } = readCall<SoftmaxOptions>('softmax', args, ['dim', 'dtype']);
  return x.softmax(dim ?? implicitDim(x), dtypeOption('softmax', dtype));
}
/** The logarithm of softmax along `dim`. */
export function logSoftmax(x: Tensor, ...args: Call<SoftmaxOptions, ['dim', 'dtype']>): Tensor {
  checkTensor('logSoftmax', 'input', x);
  const { dim, dtype } = readCall<SoftmaxOptions>('logSoftmax', args, ['dim', 'dtype']);
  return x.logSoftmax(dim ?? implicitDim(x), dtypeOption('logSoftmax', dtype));
}
/** `softmax(-x)`. */
export function softmin(x: Tensor, ...args: Call<SoftmaxOptions, ['dim', 'dtype']>): Tensor {
  checkTensor('softmin', 'input', x);
  const { dim, dtype } = readCall<SoftmaxOptions>('softmin', args, ['dim', 'dtype']);
  return x.neg().softmax(dim ?? implicitDim(x), dtypeOption('softmax', dtype));
}

interface GumbelOptions {
  /** The temperature, 1 by default. */
  tau?: number;
  /** Gives one-hot samples whose gradient is that of the soft ones. */
  hard?: boolean;
  /** Accepted for PyTorch's sake and of no effect. */
  eps?: number;
  /** The dimension along which the results sum to 1; the last by default. */
  dim?: number;
  /** Where the random numbers come from; the default generator when missing. */
  generator?: Generator;
}

/** Samples of the Gumbel-softmax distribution: softmax of (logits + Gumbel noise)/τ. @see Jang et al. 2017, Maddison et al. 2017 */
export function gumbelSoftmax(logits: Tensor, ...args: Call<GumbelOptions, ['tau', 'hard', 'eps', 'dim']>): Tensor {
  checkFloat('gumbelSoftmax', logits);
  const read = readCall<GumbelOptions>('gumbelSoftmax', args, ['tau', 'hard', 'eps', 'dim'], ['generator']);
  const { tau = 1, hard = false, dim = -1, generator = defaultGenerator } = read;
  const noise =
    logits.device.randomSource === 'device'
      ? rand(logits.shape, { device: logits.device, generator }).neg().log1p().neg().to(logits.dtype) // prettier-ignore
      : fromNumbers(exponentialValues(logits.count, generator, 1), logits.shape, logits.dtype, logits.device);
  const soft = logits.add(noise.log().neg()).div(tau).softmax(dim);
  if (!hard) return soft;
  const winner = soft.detach().argmax(dim, { keepdim: true });
  const one = logits.detach().mul(0).scatter(dim, winner, 1);
  return one.sub(soft.detach()).add(soft);
}
