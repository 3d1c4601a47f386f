import {
  ArgumentError,
  checkTensor,
  defineOp,
  describe,
  dispatch,
  dispatchOne,
  isFloat,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type DType,
  type Op,
  type Shape,
  type Tensor,
} from '@flambeau/core';
import { affine, checkChannels } from './channels.ts';
import { firstOutput } from './firstOutput.ts';
import { constantPad } from './padding.ts';
import { product } from './size.ts';

interface LayerNormAttrs {
  /** How many of the last dimensions are normalized together. */
  readonly dims: number;
  readonly eps: number;
}

const last = (n: number): number[] => Array.from({ length: n }, (_, i) => -1 - i);

/** Normalizes over the last dimensions; outputs y, the mean and the reciprocal standard deviation, which the derivative needs. */
export const layerNormOp: Op<LayerNormAttrs> = /* @__PURE__ */ defineOp<LayerNormAttrs>({
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
  save: ([x, weight], [, mean, rstd]) => (weight === undefined ? [x, mean, rstd] : [x, mean, rstd, weight]),
  vjp({ needs, cotangents: [g, gMean, gRstd], saved: [x, mean, rstd, weight], inputs, attrs: { dims } }) {
    const grads: (Tensor | undefined)[] =
      g === undefined
        ? needs.map(() => undefined)
        : dispatch(layerNormGradOp, weight === undefined ? [g, x, mean, rstd] : [g, x, mean, rstd, weight], {
            dims,
            bias: inputs.length > 2,
          });
    if (gMean === undefined && gRstd === undefined) return grads;
    // The statistics have derivatives of their own, which only a second derivative asks for: dmean/dx = 1/n, drstd/dx = -rstd³·(x - mean)/n.
    const n = x.count / mean.count;
    const through = gRstd === undefined ? undefined : x.sub(mean).mul(gRstd.mul(rstd).mul(rstd).mul(rstd).neg());
    const shifted = gMean === undefined ? through : through === undefined ? gMean.expand(x.shape) : through.add(gMean);
    const rest = shifted?.div(n);
    if (rest !== undefined) grads[0] = grads[0] === undefined ? rest : grads[0].add(rest);
    return grads;
  },
});

interface LayerNormGradAttrs {
  readonly dims: number;
  /** Whether there was a bias, and so a third output. */
  readonly bias: boolean;
}

/**
 * Gradients of layer normalization: inputs g, x, mean, rstd and, maybe, weight; outputs those of x, weight and bias. With z = (x - mean)·rstd and
 * h = g·weight: dx = rstd·(h - mean(h) - z·mean(h·z)), dweight = Σ g·z, dbias = Σ g.
 */
export const layerNormGradOp: Op<LayerNormGradAttrs> = /* @__PURE__ */ defineOp<LayerNormGradAttrs>({
  name: 'layerNormGrad',
  infer: ([, x, , , weight], { bias }) => {
    if (weight === undefined) return [x];
    return bias ? [x, weight, weight] : [x, weight];
  },
  compose([g, x, mean, rstd, weight], { dims, bias }) {
    const z = x.sub(mean).mul(rstd);
    const h = weight === undefined ? g : g.mul(weight);
    const across = last(dims);
    const dx = h.sub(h.mean(across, { keepdim: true })).sub(z.mul(h.mul(z).mean(across, { keepdim: true }))).mul(rstd); // prettier-ignore
    if (weight === undefined) return [dx];
    const lead = Array.from({ length: x.ndim - dims }, (_, i) => i);
    const overRows = (t: Tensor): Tensor => (lead.length === 0 ? t : t.sum(lead));
    return bias ? [dx, overRows(g.mul(z)), overRows(g)] : [dx, overRows(g.mul(z))];
  },
});

interface LayerNormOptions {
  /** The shape of the dimensions that are normalized together, the last ones. */
  normalizedShape: number | Shape;
  /** Factors of the normalized values, of shape `normalizedShape`; 1 when missing. */
  weight?: Tensor | null;
  /** What is added after them, of shape `normalizedShape`; 0 when missing. */
  bias?: Tensor | null;
  /** Added to the variance before its root is taken; 1e-5 by default. */
  eps?: number;
}

/** Checks that x ends in a shape. @returns the shape */
function checkTail(op: string, x: Tensor, normalizedShape: unknown, others: readonly (Tensor | null | undefined)[]): Shape {
  const shape: unknown = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every(Number.isInteger))
    throw new ArgumentError({ op, expected: 'normalizedShape of at least one size', received: describe(normalizedShape) });
  const wanted = shape as Shape;
  if (x.ndim < wanted.length || showShape(x.shape.slice(x.ndim - wanted.length)) !== showShape(wanted))
    throw new ShapeError({ op, expected: `an input that ends in ${showShape(wanted)}`, received: showShape(x.shape) });
  for (const other of others) {
    if (other) checkTensor(op, 'weight or bias', other);
    if (other && showShape(other.shape) !== showShape(wanted))
      throw new ShapeError({ op, expected: `weight and bias of shape ${showShape(wanted)}`, received: showShape(other.shape) });
  }
  return wanted;
}

/**
 * Normalizes the last dimensions to mean 0 and variance 1, then scales and shifts.
 * Arguments: normalizedShape, weight, bias, eps (1e-5), in this order or by name.
 * @see Ba et al. 2016
 */
export function layerNorm(x: Tensor, ...args: Call<LayerNormOptions, ['normalizedShape', 'weight', 'bias', 'eps']>): Tensor {
  checkTensor('layerNorm', 'input', x);
  const options = readCall<LayerNormOptions>('layerNorm', args, ['normalizedShape', 'weight', 'bias', 'eps']);
  const { weight, bias, eps = 1e-5 } = options;
  const dims = checkTail('layerNorm', x, options.normalizedShape, [weight, bias]).length;
  if (x.count === 0) return x.clone();
  if (!weight && bias) return firstOutput(() => dispatch(layerNormOp, [x], { dims, eps })).add(bias);
  const inputs = [x, weight, bias].filter((t): t is Tensor => Boolean(t));
  return firstOutput(() => dispatch(layerNormOp, inputs, { dims, eps }));
}

interface RmsNormOptions {
  /** The shape of the dimensions that are normalized together, the last ones. */
  normalizedShape: number | Shape;
  /** Factors of the normalized values, of shape `normalizedShape`; 1 when missing. */
  weight?: Tensor | null;
  /** The smallest step of the dtype at 1 when missing. */
  eps?: number | null;
}

/** x over the root of the mean of squares of its last dimensions: inputs x and, maybe, weight. */
export const rmsNormOp: Op<LayerNormAttrs> = /* @__PURE__ */ defineOp<LayerNormAttrs>({
  name: 'rmsNorm',
  infer: ([x]) => [x],
  compose([x, weight], { dims, eps }) {
    const normal = x.mul(x.square().mean(last(dims), { keepdim: true }).add(eps).rsqrt()); // prettier-ignore
    return [weight === undefined ? normal : normal.mul(weight)];
  },
});

const machineEpsilon: Partial<Record<DType, number>> = { float16: 2 ** -10, bfloat16: 2 ** -7, float32: 2 ** -23, float64: 2 ** -52 };

/**
 * `x / √(mean(x²) + ε)` over the last dimensions, then scaled.
 * @see Zhang & Sennrich 2019
 */
export function rmsNorm(x: Tensor, ...args: Call<RmsNormOptions, ['normalizedShape', 'weight', 'eps']>): Tensor {
  checkTensor('rmsNorm', 'input', x);
  const options = readCall<RmsNormOptions>('rmsNorm', args, ['normalizedShape', 'weight', 'eps']);
  const weight = options.weight ?? undefined;
  const dims = checkTail('rmsNorm', x, options.normalizedShape, [weight]).length;
  const eps = options.eps ?? machineEpsilon[x.dtype] ?? 2 ** -23;
  return dispatchOne(rmsNormOp, weight === undefined ? [x] : [x, weight], { dims, eps });
}

interface GroupNormOptions {
  /** How many groups of channels are normalized apart; it divides their number. */
  numGroups: number;
  /** A factor for each channel, shape [C]; 1 when missing. */
  weight?: Tensor | null;
  /** What is added to each channel after it, shape [C]; 0 when missing. */
  bias?: Tensor | null;
  /** Added to the variance before its root is taken; 1e-5 by default. */
  eps?: number;
}

/**
 * Normalizes groups of channels (dim 1) of each sample, then scales and shifts each channel.
 * @see Wu & He 2018
 */
export function groupNorm(x: Tensor, ...args: Call<GroupNormOptions, ['numGroups', 'weight', 'bias', 'eps']>): Tensor {
  const op = 'groupNorm';
  checkTensor(op, 'input', x);
  const { numGroups, weight, bias, eps = 1e-5 } = readCall<GroupNormOptions>(op, args, ['numGroups', 'weight', 'bias', 'eps']);
  if (!Number.isInteger(numGroups) || numGroups < 1)
    throw new ArgumentError({ op, expected: 'numGroups as a positive integer', received: describe(numGroups) });
  if (x.ndim < 2) throw new ShapeError({ op, expected: 'at least 2 dimensions', received: showShape(x.shape) });
  const [n, channels, ...spatial] = x.shape;
  if (channels % numGroups !== 0)
    throw new ShapeError({ op, expected: `channels that ${numGroups} groups divide`, received: showShape(x.shape) });
  checkChannels(op, channels, { weight, bias });
  const size = (channels / numGroups) * product(spatial);
  if (n * size === 1) throw new ShapeError({ op, expected: 'more than one value for each group', received: showShape(x.shape) });
  if (x.count === 0) return x.clone();
  const [normal] = dispatch(layerNormOp, [x.reshape([n, numGroups, size])], { dims: 1, eps });
  return affine(normal.reshape(x.shape), weight, bias);
}

interface LocalResponseOptions {
  /** How many neighboring channels count. */
  size: number;
  /** The factor of the mean square of the neighbors, 1e-4 by default. */
  alpha?: number;
  /** The power of the divisor, 0.75 by default. */
  beta?: number;
  /** What the divisor has before the neighbors count, 1 by default. */
  k?: number;
}

/** `x / (k + α·mean(x² of neighboring channels))^β`. @see Krizhevsky et al. 2012 */
export function localResponseNorm(x: Tensor, ...args: Call<LocalResponseOptions, ['size', 'alpha', 'beta', 'k']>): Tensor {
  const op = 'localResponseNorm';
  checkTensor(op, 'input', x);
  const { size, alpha = 1e-4, beta = 0.75, k = 1 } = readCall<LocalResponseOptions>(op, args, ['size', 'alpha', 'beta', 'k']);
  if (!Number.isInteger(size) || size < 1)
    throw new ArgumentError({ op, expected: 'size as a positive integer', received: describe(size) });
  if (x.ndim < 3) throw new ShapeError({ op, expected: 'at least 3 dimensions', received: showShape(x.shape) });
  if (x.count === 0) return x;
  const sides = [...new Array<number>(2 * (x.ndim - 2)).fill(0), Math.floor(size / 2), Math.floor((size - 1) / 2)];
  const sums = constantPad(x.square(), sides).unfold(1, size, 1).sum(-1, { dtype: x.dtype }); // prettier-ignore
  // The mean of integers is one too, as average pooling has it.
  const neighbors = sums.div(size, isFloat(x.dtype) ? {} : { roundingMode: 'trunc' });
  return x.div(neighbors.mul(alpha).add(k).pow(beta));
}
