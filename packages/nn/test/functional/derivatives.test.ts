import { enableGrad, grad, gradcheck } from '@flambeau/autograd';
import { manualSeed, rand, setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { functional as F } from '@flambeau/nn';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);

const f64 = { dtype: 'float64' } as const;
/** Numbers in (0.1, 0.9) that keep away from kinks at 0, ±1/2 and 1; `low` and `high` stretch them. */
const values = (shape: number[], low = 0.1, high = 0.9): Tensor => rand(shape, f64).mul(high - low).add(low); // prettier-ignore
const signed = (...shape: number[]): Tensor => values(shape).mul(rand(shape, f64).lt(0.5).to('float64').mul(2).sub(1)); // prettier-ignore
const integers = (list: number[] | number[][]): Tensor => tensor(list, { dtype: 'int32' });

/** Each function with small inputs; the derivative is checked with respect to all of them. */
const smooth: Record<string, { f: (...x: Tensor[]) => Tensor; inputs: () => Tensor[] }> = {
  celu: { f: (x) => F.celu(x, 0.7), inputs: () => [signed(5)] },
  elu: { f: (x) => F.elu(x), inputs: () => [signed(5)] },
  selu: { f: (x) => F.selu(x), inputs: () => [signed(5)] },
  gelu: { f: (x) => F.gelu(x), inputs: () => [signed(5)] },
  'gelu by tanh': { f: (x) => F.gelu(x, 'tanh'), inputs: () => [signed(5)] },
  glu: { f: (x) => F.glu(x), inputs: () => [signed(2, 4)] },
  hardswish: { f: (x) => F.hardswish(x), inputs: () => [signed(5)] },
  logsigmoid: { f: (x) => F.logsigmoid(x), inputs: () => [signed(5)] },
  mish: { f: (x) => F.mish(x), inputs: () => [signed(5)] },
  prelu: { f: (x, w) => F.prelu(x, w), inputs: () => [signed(2, 3), values([3])] },
  silu: { f: (x) => F.silu(x), inputs: () => [signed(5)] },
  softplus: { f: (x) => F.softplus(x, 2), inputs: () => [signed(5)] },
  softsign: { f: (x) => F.softsign(x), inputs: () => [signed(5)] },
  tanhshrink: { f: (x) => F.tanhshrink(x), inputs: () => [signed(5)] },
  'conv1d with stride, padding, dilation and groups': {
    f: (x, w, b) => F.conv1d(x, w, b, 2, 1, 2, 2),
    inputs: () => [signed(2, 4, 7), signed(4, 2, 2), signed(4)],
  },
  'conv2d with padding same': { f: (x, w) => F.conv2d(x, w, { padding: 'same' }), inputs: () => [signed(1, 2, 3, 4), signed(2, 2, 2, 3)] },
  'convTranspose1d with an output padding of the stride': {
    f: (x, w, b) => F.convTranspose1d(x, w, b, { stride: 2, dilation: 3, outputPadding: 2, padding: 1 }),
    inputs: () => [signed(1, 2, 3), signed(2, 2, 2), signed(2)],
  },
  'convTranspose2d in groups': {
    f: (x, w) => F.convTranspose2d(x, w, { stride: 2, outputPadding: 1, groups: 2 }),
    inputs: () => [signed(1, 2, 2, 2), signed(2, 1, 2, 2)],
  },
  unfold: { f: (x) => F.unfold(x, 2, 1, 1, 2), inputs: () => [signed(1, 2, 3, 4)] },
  fold: { f: (x) => F.fold(x, [3, 3], 2), inputs: () => [signed(1, 8, 4)] },
  'avgPool2d without the padding': {
    f: (x) => F.avgPool2d(x, 2, 2, 1, true, false),
    inputs: () => [signed(1, 2, 3, 4)],
  },
  'maxPool2d with dilation': { f: (x) => F.maxPool2d(x, 2, { dilation: 2, stride: 1 }), inputs: () => [signed(1, 2, 4, 4)] },
  adaptiveAvgPool2d: { f: (x) => F.adaptiveAvgPool2d(x, [2, 3]), inputs: () => [signed(1, 2, 3, 5)] },
  adaptiveMaxPool1d: { f: (x) => F.adaptiveMaxPool1d(x, 3), inputs: () => [signed(1, 2, 5)] },
  lpPool1d: { f: (x) => F.lpPool1d(x, 3, 2), inputs: () => [values([1, 2, 5])] },
  'pad by reflection': { f: (x) => F.pad(x, [2, 1], 'reflect'), inputs: () => [signed(1, 2, 4)] },
  'pad in a circle': { f: (x) => F.pad(x, [2, -1], 'circular'), inputs: () => [signed(1, 2, 4)] },
  'interpolate bilinear': { f: (x) => F.interpolate(x, [4, 3], null, 'bilinear'), inputs: () => [signed(1, 1, 3, 2)] },
  'interpolate bicubic': { f: (x) => F.interpolate(x, { scaleFactor: 2, mode: 'bicubic' }), inputs: () => [signed(1, 1, 2, 3)] },
  gridSample: { f: (x, g) => F.gridSample(x, g, 'bilinear', 'border'), inputs: () => [signed(1, 2, 3, 3), signed(1, 2, 2, 2).mul(0.5)] },
  affineGrid: { f: (t) => F.affineGrid(t, [1, 1, 2, 3]), inputs: () => [signed(1, 2, 3)] },
  batchNorm: { f: (x, w, b) => F.batchNorm(x, null, null, w, b, true), inputs: () => [signed(3, 2, 2), values([2]), signed(2)] },
  instanceNorm: { f: (x) => F.instanceNorm(x), inputs: () => [signed(2, 2, 4)] },
  groupNorm: { f: (x, w, b) => F.groupNorm(x, 2, w, b), inputs: () => [signed(2, 4, 2), values([4]), signed(4)] },
  layerNorm: { f: (x, w, b) => F.layerNorm(x, [3], w, b), inputs: () => [signed(2, 3), values([3]), signed(3)] },
  rmsNorm: { f: (x, w) => F.rmsNorm(x, [3], w, 1e-3), inputs: () => [signed(2, 3), values([3])] },
  localResponseNorm: { f: (x) => F.localResponseNorm(x, 2), inputs: () => [signed(1, 3, 3)] },
  normalize: { f: (x) => F.normalize(x), inputs: () => [signed(2, 3)] },
  bilinear: { f: (a, b, w, c) => F.bilinear(a, b, w, c), inputs: () => [signed(2, 2), signed(2, 3), signed(2, 2, 3), signed(2)] },
  embedding: {
    f: (w) => F.embedding(integers([[0, 2], [2, 1]]), w).square(), // prettier-ignore
    inputs: () => [signed(3, 2)],
  },
  'embeddingBag with weights': {
    f: (w, s) => F.embeddingBag(integers([0, 2, 2, 1]), w, { offsets: integers([0, 1, 1]), mode: 'sum', perSampleWeights: s }),
    inputs: () => [signed(3, 2), signed(4)],
  },
  cosineSimilarity: { f: (a, b) => F.cosineSimilarity(a, b), inputs: () => [signed(2, 3), signed(2, 3)] },
  pairwiseDistance: { f: (a, b) => F.pairwiseDistance(a, b, 3), inputs: () => [signed(2, 3), signed(2, 3)] },
  pdist: { f: (x) => F.pdist(x), inputs: () => [signed(3, 2)] },
  crossEntropy: { f: (x) => F.crossEntropy(x, integers([1, 0, 2])), inputs: () => [signed(3, 3)] },
  'crossEntropy with smoothing': {
    f: (x) => F.crossEntropy(x, integers([1, 0]), { weight: tensor([1, 2, 3], f64), labelSmoothing: 0.2, reduction: 'sum' }),
    inputs: () => [signed(2, 3)],
  },
  binaryCrossEntropy: { f: (x, y) => F.binaryCrossEntropy(x, y), inputs: () => [values([4]), values([4])] },
  binaryCrossEntropyWithLogits: { f: (x, y) => F.binaryCrossEntropyWithLogits(x, y), inputs: () => [signed(4), values([4])] },
  klDiv: { f: (x, y) => F.klDiv(x, y, 'batchmean'), inputs: () => [signed(2, 3), values([2, 3])] },
  poissonNllLoss: { f: (x, y) => F.poissonNllLoss(x, y), inputs: () => [signed(4), values([4])] },
  gaussianNllLoss: { f: (x, y, v) => F.gaussianNllLoss(x, y, v), inputs: () => [signed(4), signed(4), values([4])] },
  smoothL1Loss: { f: (x, y) => F.smoothL1Loss(x, y, 'sum', 0.5), inputs: () => [signed(4), signed(4)] },
  tripletMarginLoss: { f: (a, p, n) => F.tripletMarginLoss(a, p, n, 3), inputs: () => [signed(2, 3), signed(2, 3), signed(2, 3)] },
  cosineEmbeddingLoss: { f: (a, b) => F.cosineEmbeddingLoss(a, b, integers([1, 1])), inputs: () => [signed(2, 3), signed(2, 3)] },
  multiMarginLoss: { f: (x) => F.multiMarginLoss(x, integers([0, 2]), 2), inputs: () => [signed(2, 3)] },
  softMarginLoss: { f: (x) => F.softMarginLoss(x, tensor([1, -1, 1], f64)), inputs: () => [signed(3)] },
  scaledDotProductAttention: {
    f: (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true }),
    inputs: () => [signed(2, 3, 2), signed(2, 3, 2), signed(2, 3, 2)],
  },
};

describe.each(Object.entries(smooth))('%s', (_, { f, inputs }) => {
  it('has the derivative that differences show', () => {
    manualSeed(3);
    expect(gradcheck(f, inputs().map((x) => x.detach().requiresGrad_()))).toBe(true); // prettier-ignore
  });

  it('has a derivative whose own derivative is that of differences', () => {
    manualSeed(5);
    const leaves = inputs().map((x) => x.detach().requiresGrad_());
    const slope = (...x: Tensor[]): Tensor[] => {
      // Under noGrad (the differences) leaves are plain; they are made leaves of a graph of their own.
      const own = x.map((v) => (v.requiresGrad ? v : v.detach().requiresGrad_()));
      return grad(f(...own).square().sum(), own, { createGraph: true, allowUnused: true }); // prettier-ignore
    };
    expect(gradcheck(recording(slope), leaves)).toBe(true);
  });
});

/** The differences are taken under noGrad, where a gradient needs recording all the same. */
function recording(slope: (...x: Tensor[]) => Tensor[]): (...x: Tensor[]) => Tensor[] {
  return (...x) => enableGrad(() => slope(...x));
}
