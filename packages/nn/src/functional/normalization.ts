import { ArgumentError, defineOp, dispatch, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';

interface LayerNormAttrs {
  /** How many of the last dimensions are normalized together. */
  readonly dims: number;
  readonly eps: number;
}

const last = (n: number): number[] => Array.from({ length: n }, (_, i) => -1 - i);

/** Normalizes over the last dimensions; outputs y, the mean and the reciprocal standard deviation, which the derivative needs. */
export const layerNormOp: Op<LayerNormAttrs> = defineOp<LayerNormAttrs>({
  name: 'layerNorm',
  infer([x], { dims }) {
    const statistics = { shape: x.shape.map((n, i) => (i >= x.ndim - dims ? 1 : n)), dtype: x.dtype };
    return [x, statistics, statistics];
  },
  compose([x, weight, bias], { dims, eps }) {
    const mean = x.mean(last(dims), { keepdim: true });
    const centered = x.sub(mean);
    const rstd = centered.square().mean(last(dims), { keepdim: true }).add(eps).rsqrt(); // prettier-ignore
    const normal = centered.mul(rstd);
    const scaled = weight === undefined ? normal : normal.mul(weight);
    return [bias === undefined ? scaled : scaled.add(bias), mean, rstd];
  },
});

/**
 * Normalizes the last dimensions to mean 0 and variance 1, then scales and shifts.
 * @param normalizedShape - the shape of the dimensions that are normalized together
 * @see Ba et al. 2016
 */
export function layerNorm(x: Tensor, normalizedShape: readonly number[], weight?: Tensor | null, bias?: Tensor | null, eps = 1e-5): Tensor {
  const tail = x.shape.slice(x.ndim - normalizedShape.length);
  if (normalizedShape.length === 0 || showShape(tail) !== showShape(normalizedShape)) {
    throw new ShapeError({
      op: 'layerNorm',
      expected: `an input that ends in ${showShape(normalizedShape)}`,
      received: showShape(x.shape),
    });
  }
  if (!weight && bias) return layerNorm(x, normalizedShape, null, null, eps).add(bias);
  const inputs = [x, weight, bias].filter((t): t is Tensor => Boolean(t));
  return dispatch(layerNormOp, inputs, { dims: normalizedShape.length, eps })[0];
}

/** Options of batch normalization. */
export interface BatchNormOptions {
  weight?: Tensor | null;
  bias?: Tensor | null;
  /** Uses the batch's statistics and updates the running ones. */
  training?: boolean;
  /** How much of the new statistics goes into the running ones. */
  momentum?: number;
  eps?: number;
}

/**
 * Normalizes each channel (dim 1) over the batch and all other dimensions, or by the running statistics.
 * @see Ioffe & Szegedy 2015
 */
export function batchNorm(x: Tensor, runningMean: Tensor | null, runningVar: Tensor | null, options: BatchNormOptions = {}): Tensor {
  const { weight, bias, training = false, momentum = 0.1, eps = 1e-5 } = options;
  if (x.ndim < 2) throw new ShapeError({ op: 'batchNorm', expected: 'at least 2 dimensions', received: showShape(x.shape) });
  const channels = x.shape.map((_, i) => (i === 1 ? -1 : 1));
  const dims = x.shape.map((_, i) => i).filter((i) => i !== 1);
  let [mean, variance] = [runningMean, runningVar];
  if (training) {
    const n = x.count / x.shape[1];
    if (n <= 1)
      throw new ShapeError({
        op: 'batchNorm',
        expected: 'more than one value for each channel while training',
        received: showShape(x.shape),
        hint: 'Call eval(), or use a larger batch.',
      });
    mean = x.mean(dims);
    variance = x.sub(mean.reshape(channels)).square().mean(dims); // prettier-ignore
    const [batchMean, batchVar] = [mean.detach(), variance.detach()];
    noGrad(() => {
      runningMean?.mul_(1 - momentum).add_(batchMean.mul(momentum));
      runningVar?.mul_(1 - momentum).add_(batchVar.mul((momentum * n) / (n - 1)));
    });
  }
  if (mean === null || variance === null)
    throw new ArgumentError({ op: 'batchNorm', expected: 'running statistics when not training', received: 'none' });
  const normal = x.sub(mean.reshape(channels)).mul(variance.reshape(channels).add(eps).rsqrt());
  const scaled = weight ? normal.mul(weight.reshape(channels)) : normal;
  return bias ? scaled.add(bias.reshape(channels)) : scaled;
}
