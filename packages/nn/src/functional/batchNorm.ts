import {
  ArgumentError,
  checkTensor,
  defineOp,
  dispatch,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Op,
  type Tensor,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { affine, checkChannels } from './channels.ts';
import { product } from './size.ts';

interface BatchNormAttrs {
  readonly eps: number;
  readonly weight: boolean;
  readonly bias: boolean;
}

const channelDims = (rank: number): number[] => Array.from({ length: rank }, (_, i) => i).filter((i) => i !== 1);
const alongChannels = (values: Tensor, rank: number): Tensor => values.reshape(Array.from({ length: rank }, (_, i) => (i === 1 ? -1 : 1)));

/**
 * Batch normalization by the batch's statistics: inputs x [N, C, ...] and, as the attributes say, weight [C] and bias [C].
 * Outputs: y, the mean [C] and the (biased) variance [C] of each channel.
 */
export const batchNormOp: Op<BatchNormAttrs> = /* @__PURE__ */ defineOp<BatchNormAttrs>({
  name: 'batchNorm',
  infer([x]) {
    const statistics = { shape: [x.shape[1]], dtype: x.dtype };
    return [x, statistics, statistics];
  },
  compose([x, ...rest], { eps, weight, bias }) {
    const mean = x.mean(channelDims(x.ndim));
    const centered = x.sub(alongChannels(mean, x.ndim));
    const variance = centered.square().mean(channelDims(x.ndim));
    const normal = centered.mul(alongChannels(variance.add(eps).rsqrt(), x.ndim));
    return [affine(normal, weight ? rest[0] : null, bias ? rest[rest.length - 1] : null), mean, variance];
  },
  save: ([x, weight], [, mean, variance], attrs) => (attrs.weight ? [x, mean, variance, weight] : [x, mean, variance]),
  vjp({ needs, cotangents: [g, gMean, gVariance], saved: [x, mean, variance, weight], attrs }) {
    const grads: (Tensor | undefined)[] =
      g === undefined
        ? needs.map(() => undefined)
        : dispatch(batchNormGradOp, weight === undefined ? [g, x, mean, variance] : [g, x, mean, variance, weight], attrs);
    if (gMean === undefined && gVariance === undefined) return grads;
    // Only a second derivative asks for these: dmean/dx = 1/n, dvariance/dx = 2(x - mean)/n.
    const n = x.count / mean.count;
    let rest = gMean === undefined ? undefined : alongChannels(gMean, x.ndim).expand(x.shape);
    if (gVariance !== undefined) {
      const through = x.sub(alongChannels(mean, x.ndim)).mul(alongChannels(gVariance, x.ndim)).mul(2); // prettier-ignore
      rest = rest === undefined ? through : rest.add(through);
    }
    if (rest !== undefined) grads[0] = grads[0] === undefined ? rest.div(n) : grads[0].add(rest.div(n));
    return grads;
  },
});

/**
 * Gradients of batch normalization: inputs g, x, mean, variance and, maybe, weight; outputs those of x and, as the attributes say, weight and
 * bias. With r = 1/√(variance + ε), z = (x - mean)·r and h = g·weight: dx = r·(h - mean(h) - z·mean(h·z)), dweight = Σ g·z, dbias = Σ g.
 */
export const batchNormGradOp: Op<BatchNormAttrs> = /* @__PURE__ */ defineOp<BatchNormAttrs>({
  name: 'batchNormGrad',
  infer: ([, x, mean], { weight, bias }) => [x, ...(weight ? [mean] : []), ...(bias ? [mean] : [])],
  compose([g, x, mean, variance, scale], { eps, weight, bias }) {
    const dims = channelDims(x.ndim);
    const r = alongChannels(variance.add(eps).rsqrt(), x.ndim);
    const z = x.sub(alongChannels(mean, x.ndim)).mul(r);
    const h = scale === undefined ? g : g.mul(alongChannels(scale, x.ndim));
    const dx = h.sub(h.mean(dims, { keepdim: true })).sub(z.mul(h.mul(z).mean(dims, { keepdim: true }))).mul(r); // prettier-ignore
    return [dx, ...(weight ? [g.mul(z).sum(dims)] : []), ...(bias ? [g.sum(dims)] : [])];
  },
});

/** Options of batch normalization. */
export interface BatchNormOptions {
  /** The mean of each channel so far, shape [C]; null has none. */
  runningMean: Tensor | null;
  /** The variance of each channel so far, shape [C]; null has none. */
  runningVar: Tensor | null;
  /** A factor for each channel of the normalized values, shape [C]; 1 when missing. */
  weight?: Tensor | null;
  /** What is added to each channel after it, shape [C]; 0 when missing. */
  bias?: Tensor | null;
  /** Uses the batch's statistics and updates the running ones. */
  training?: boolean;
  /** How much of the new statistics goes into the running ones: a number, or a tensor of one where it must not be read. */
  momentum?: number | Tensor;
  /** Added to the variance before its root is taken; 1e-5 by default. */
  eps?: number;
}
type BatchNormNames = ['runningMean', 'runningVar', 'weight', 'bias', 'training', 'momentum', 'eps'];

/** Moves running statistics towards new ones, outside of any recording. */
function track(
  runningMean: Tensor | null | undefined,
  runningVar: Tensor | null | undefined,
  mean: Tensor,
  variance: Tensor,
  n: number,
  momentum: number | Tensor,
): void {
  noGrad(() => {
    if (typeof momentum !== 'number') {
      // running + momentum·(new - running)
      runningMean?.add_(mean.detach().sub(runningMean).mul(momentum));
      runningVar?.add_(variance.detach().mul(n / (n - 1)).sub(runningVar).mul(momentum)); // prettier-ignore
      return;
    }
    runningMean?.mul_(1 - momentum).add_(mean.detach().mul(momentum));
    runningVar?.mul_(1 - momentum).add_(variance.detach().mul((momentum * n) / (n - 1)));
  });
}

/** Normalizes by given statistics: a scale and a shift for each channel. */
function normalizeBy(
  op: string,
  x: Tensor,
  mean: Tensor | null | undefined,
  variance: Tensor | null | undefined,
  weight: Tensor | null | undefined,
  bias: Tensor | null | undefined,
  eps: number,
): Tensor {
  if (!mean || !variance) throw new ArgumentError({ op, expected: 'running statistics when not training', received: 'none' });
  const r = variance.add(eps).rsqrt();
  const scale = weight ? r.mul(weight) : r;
  const shift = bias ? bias.sub(mean.mul(scale)) : mean.mul(scale).neg();
  return affine(x, scale, shift);
}

/**
 * Normalizes each channel (dim 1) over the batch and all other dimensions, or by the running statistics, which training updates in place.
 * Arguments: runningMean, runningVar, weight, bias, training, momentum (0.1), eps (1e-5), in this order or by name.
 * @see Ioffe & Szegedy 2015
 */
export function batchNorm(x: Tensor, ...args: Call<BatchNormOptions, BatchNormNames>): Tensor {
  const op = 'batchNorm';
  checkTensor(op, 'input', x);
  const options = readCall<BatchNormOptions>(op, args, ['runningMean', 'runningVar', 'weight', 'bias', 'training', 'momentum', 'eps']);
  const { runningMean, runningVar, weight, bias, training = false, momentum = 0.1, eps = 1e-5 } = options;
  if (!(eps >= 0)) throw new ArgumentError({ op, expected: 'eps >= 0', received: String(eps) });
  if (x.ndim === 1 && x.count === 0) return x.clone();
  if (x.ndim < 2) throw new ShapeError({ op, expected: 'at least 2 dimensions', received: showShape(x.shape) });
  checkChannels(op, x.shape[1], { runningMean, runningVar, weight, bias });
  if (!training) return normalizeBy(op, x, runningMean, runningVar, weight, bias, eps);
  const n = x.shape[0] * product(x.shape.slice(2));
  if (n === 1) {
    throw new ShapeError({
      op,
      expected: 'more than one value for each channel while training',
      received: showShape(x.shape),
      hint: 'Call eval(), or use a larger batch.',
    });
  }
  if (eps === 0) throw new ArgumentError({ op, expected: 'eps > 0 while training', received: '0' });
  if (x.count === 0) return x.clone();
  const inputs = [x, weight, bias].filter((t): t is Tensor => Boolean(t));
  const [y, mean, variance] = dispatch(batchNormOp, inputs, { eps, weight: Boolean(weight), bias: Boolean(bias) });
  if (runningMean || runningVar) track(runningMean, runningVar, mean, variance, n, momentum);
  return y;
}

/** Options of instance normalization. */
export interface InstanceNormOptions extends Omit<BatchNormOptions, 'training' | 'runningMean' | 'runningVar'> {
  /** The mean of each channel so far, shape [C]; none when missing. */
  runningMean?: Tensor | null;
  /** The variance of each channel so far, shape [C]; none when missing. */
  runningVar?: Tensor | null;
  /** Uses each sample's own statistics, the default; else the running ones. */
  useInputStats?: boolean;
}
type InstanceNormNames = ['runningMean', 'runningVar', 'weight', 'bias', 'useInputStats', 'momentum', 'eps'];

/**
 * Normalizes each channel of each sample over its spatial dimensions.
 * @param x - shape [N, C, ...S]
 * @see Ulyanov et al. 2016
 */
export function instanceNorm(x: Tensor, ...args: Call<InstanceNormOptions, InstanceNormNames>): Tensor {
  const op = 'instanceNorm';
  checkTensor(op, 'input', x);
  const names = ['runningMean', 'runningVar', 'weight', 'bias', 'useInputStats', 'momentum', 'eps'];
  const options = readCall<InstanceNormOptions>(op, args, names);
  const { runningMean, runningVar, weight, bias, useInputStats = true, momentum = 0.1, eps = 1e-5 } = options;
  if (x.ndim < 2) throw new ShapeError({ op, expected: 'at least 2 dimensions', received: showShape(x.shape) });
  checkChannels(op, x.shape[1], { runningMean, runningVar, weight, bias });
  if (!useInputStats) return normalizeBy(op, x, runningMean, runningVar, weight, bias, eps);
  const [n, channels, ...spatial] = x.shape;
  const size = product(spatial);
  if (size === 1)
    throw new ShapeError({
      op,
      expected: 'more than one spatial element',
      received: showShape(x.shape),
      hint: 'Call eval(), or use larger inputs.',
    });
  if (x.count === 0) return x.clone();
  // The instances are the channels of one sample.
  const flat = x.reshape([1, n * channels, size]);
  const [normal, mean, variance] = dispatch(batchNormOp, [flat], { eps, weight: false, bias: false });
  if (runningMean || runningVar) {
    const overBatch = (t: Tensor): Tensor => t.detach().reshape([n, channels]).mean(0); // prettier-ignore
    track(runningMean, runningVar, overBatch(mean), overBatch(variance), size, momentum);
  }
  return affine(normal.reshape(x.shape), weight, bias);
}
