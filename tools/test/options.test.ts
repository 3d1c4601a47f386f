import { describe, expect, it } from 'vitest';
import * as f from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { linalg } from '@flambeau/linalg';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';

// A wrong option is a compile error, which tsc checks here: a line marked as an error must be one. What a program without types writes is refused
// at run time, which vitest checks.

f.setDefaultDevice(reference);
const { functional: F, init } = nn;
const x = f.ones(2, 4);
const square = f.eye(2);
const image = f.ones(1, 1, 4, 4);
const target = f.tensor([0, 1]);
const leaf = f.ones(3).requiresGrad_();
const sgd = (): optim.SGD => new optim.SGD([leaf], { lr: 0.1 });

const wrong: Readonly<Record<string, readonly (() => unknown)[]>> = {
  Tensor: [
    // @ts-expect-error it is keepdim
    () => x.sum({ dim: 1, keepDim: true }),
    // @ts-expect-error it is keepdim
    () => x.mean(1, { keepDims: true }),
    // @ts-expect-error it is correction
    () => x.std({ unbias: false }),
    // @ts-expect-error it is largest
    () => x.topk(1, { biggest: false }),
    // @ts-expect-error it is descending
    () => x.sort({ reverse: true }),
    // @ts-expect-error it is alpha
    () => x.add(x, { beta: 2 }),
    // @ts-expect-error a number
    () => x.add(x, { alpha: 'two' }),
    // @ts-expect-error it is roundingMode
    () => x.div(x, { rounding_mode: 'floor' }),
    // @ts-expect-error trunc or floor
    () => x.div(x, { roundingMode: 'ceil' }),
    // @ts-expect-error it is min
    () => x.clamp({ minimum: 0 }),
    // @ts-expect-error it is a dtype's name
    () => f.zeros(2, { dtype: 'float' }),
    // @ts-expect-error it is requiresGrad
    () => f.zeros(2, { requires_grad: true }),
    // @ts-expect-error it is dtype
    () => f.arange(3, { type: 'int32' }),
    // @ts-expect-error it is requiresGrad
    () => f.zerosLike(x, { grad: true }),
    // @ts-expect-error it is dtype
    () => x.newFull([2], 1, { type: 'int32' }),
    // @ts-expect-error it is value
    () => f.addcmul(x, x, x, { alpha: 2 }),
    // @ts-expect-error it is alpha
    () => f.addr(square, leaf, leaf, { value: 2 }),
    // @ts-expect-error it is asTuple
    () => x.nonzero({ tuple: true }),
    // @ts-expect-error it is generator
    () => f.ones(2).uniform_(0, 1, { gen: 1 }),
    // @ts-expect-error it is generator
    () => f.randperm(3, { seed: 1 }),
    // @ts-expect-error it is generator
    () => x.multinomial(1, { gen: 1 }),
    // @ts-expect-error it is indexing
    () => f.meshgrid([leaf.detach(), leaf.detach()], { index: 'ij' }),
  ],
  nn: [
    // @ts-expect-error it is bias
    () => new nn.Linear(2, 3, { biases: false }),
    // @ts-expect-error a stride is no string
    () => new nn.Conv2d(1, 2, 3, { stride: 'two' }),
    // @ts-expect-error it is paddingMode
    () => new nn.Conv2d(1, 2, 3, { padding_mode: 'zeros' }),
    // @ts-expect-error it is batchFirst
    () => new nn.LSTM(2, 3, { batch_first: true }),
    // @ts-expect-error it is numLayers
    () => new nn.GRU(2, 3, { layers: 2 }),
    // @ts-expect-error it is momentum
    () => new nn.BatchNorm2d(2, { decay: 0.1 }),
    // @ts-expect-error it is elementwiseAffine
    () => new nn.LayerNorm(4, { affine: false }),
    // @ts-expect-error it is paddingIdx
    () => new nn.Embedding(4, 2, { padding: 0 }),
    // @ts-expect-error none or tanh
    () => new nn.GELU({ approximate: 'sigmoid' }),
    // @ts-expect-error it is labelSmoothing
    () => new nn.CrossEntropyLoss({ smoothing: 0.1 }),
    // @ts-expect-error mean, sum or none
    () => new nn.MSELoss({ reduction: 'avg' }),
    // @ts-expect-error it is dropout
    () => new nn.MultiheadAttention(4, 2, { dropoutP: 0.1 }),
  ],
  'nn.functional': [
    // @ts-expect-error it is stride
    () => F.maxPool2d(image, 2, { strides: 2 }),
    // @ts-expect-error it is padding
    () => F.conv2d(image, image, { pad: 1 }),
    // @ts-expect-error it is ignoreIndex
    () => F.crossEntropy(x, target, { ignore_index: 0 }),
    // @ts-expect-error mean, sum or none
    () => F.mseLoss(x, x, { reduction: 'avg' }),
    // @ts-expect-error it is isCausal
    () => F.scaledDotProductAttention(image, image, image, { causal: true }),
    // @ts-expect-error it is alignCorners
    () => F.interpolate(image, { scaleFactor: 2, mode: 'bilinear', align_corners: true }),
    // @ts-expect-error it is bilinear
    () => F.interpolate(image, { scaleFactor: 2, mode: 'linearly' }),
    // @ts-expect-error it is training
    () => F.dropout(x, { train: false }),
    // @ts-expect-error it is eps
    () => F.normalize(x, { epsilon: 1e-3 }),
    // @ts-expect-error it is negativeSlope
    () => F.leakyRelu(x, { slope: 0.1 }),
  ],
  'nn.init': [
    // @ts-expect-error it is std
    () => init.normal_(f.ones(2), { stddev: 1 }),
    // @ts-expect-error it is a and b
    () => init.uniform_(f.ones(2), { low: 0, high: 1 }),
    // @ts-expect-error fanIn or fanOut
    () => init.kaimingNormal_(f.ones(2, 2), { mode: 'fan' }),
    // @ts-expect-error it is gain
    () => init.xavierUniform_(f.ones(2, 2), { scale: 1 }),
    // @ts-expect-error a number
    () => init.orthogonal_(f.ones(2, 2), { gain: 'big' }),
  ],
  linalg: [
    // @ts-expect-error it is keepdim
    () => linalg.norm(x, { keepDim: true }),
    // @ts-expect-error it is upper
    () => linalg.cholesky(square, { lower: false }),
    // @ts-expect-error it is mode
    () => linalg.qr(square, { modus: 'r' }),
    // @ts-expect-error reduced, complete or r
    () => linalg.qr(square, { mode: 'full' }),
    // @ts-expect-error it is fullMatrices
    () => linalg.svd(square, { full: false }),
    // @ts-expect-error it is left
    () => linalg.solve(square, square, { side: 'left' }),
    // @ts-expect-error it is rtol
    () => linalg.pinv(square, { rcond: 'x', tolerance: 1 }),
  ],
  optim: [
    // @ts-expect-error it is lr
    () => new optim.SGD([leaf], { learningRate: 1 }),
    // @ts-expect-error a number
    () => new optim.SGD([leaf], { momentum: 'much' }),
    // @ts-expect-error it is weightDecay
    () => new optim.AdamW([leaf], { weight_decay: 0.1 }),
    // @ts-expect-error two numbers
    () => new optim.Adam([leaf], { betas: 0.9 }),
    // @ts-expect-error it is alpha
    () => new optim.RMSprop([leaf], { rho: 0.9 }),
    // @ts-expect-error it is lineSearchFn
    () => new optim.LBFGS([leaf], { lineSearch: 'strong_wolfe' }),
    // @ts-expect-error it is gamma
    () => new optim.StepLR(sgd(), 2, { factor: 0.5 }),
    // @ts-expect-error it is etaMin
    () => new optim.CosineAnnealingLR(sgd(), 5, { minimum: 0 }),
    // @ts-expect-error min or max
    () => new optim.ReduceLROnPlateau(sgd(), { mode: 'lowest' }),
    // @ts-expect-error cos or linear
    () => new optim.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 5, annealStrategy: 'cosine' }),
  ],
};

describe.each(Object.entries(wrong))('wrong options of %s', (_, calls) => {
  it.each(calls.map((call) => [String(call).replace('() => ', ''), call] as const))('%s is refused', (_text, call) => {
    expect(call).toThrow(f.FlambeauError);
  });
});
