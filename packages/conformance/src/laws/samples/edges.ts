import * as f from '@flambeau/core';
import { dispatchOne, linear, type Tensor } from '@flambeau/core';
import { customFunction } from '@flambeau/autograd';
import * as algebra from '@flambeau/linalg';
import * as nn from '@flambeau/nn';
import { flag, indices, real, sample, shapes, type Sample, type Samples } from '../inputs.ts';
import { identity, positive, regular } from './linearAlgebra.ts';
import { several, step } from './optimizers.ts';

// The edges of what an op takes, where its other samples do not reach them: tensors without elements, without dimensions, of one element.

const F = nn.functional;
const { linalg } = algebra;

/** The function of one tensor over some shapes, squared so that a linear one has a second derivative. */
const of = (run: (x: Tensor) => Tensor, ...shapes: readonly (readonly number[])[]): Samples =>
  shapes.map((shape) => sample([real(shape)], (x) => run(x).square()));
/** Those that only contiguous tensors take. */
const packed = (run: (x: Tensor) => Tensor, ...shapes: readonly (readonly number[])[]): Samples =>
  shapes.map((shape) => sample([real(shape)], (x) => run(x).square(), true, false));
const matrices = (run: (x: Tensor) => Tensor | readonly Tensor[], smooth: boolean, ...shapes: readonly (readonly number[])[]): Samples =>
  shapes.map((shape) => sample([real(shape, -1, 1)], run, smooth));

const softmax = shapes.map((shape) => sample([real(shape)], (x) => x.softmax(-1)));
const logSoftmax = shapes.map((shape) => sample([real(shape)], (x) => x.logSoftmax(-1)));

/** The function of a tensor, indices along its first dimension, and a source of the shape of the indices. */
const scattered = (run: (x: Tensor, index: Tensor, source: Tensor) => Tensor): Samples => [
  sample([real([2], 0.5, 2), indices([0], []), real([0], 0.5, 2)], run),
  sample([real([], 0.5, 2), indices([], [0]), real([], 0.5, 2)], run),
  sample([real([1], 0.5, 2), indices([1], [0]), real([1], 0.5, 2)], run),
];
const scatterReducing = (reduce: 'prod' | 'amax' | 'amin'): Samples =>
  scattered((x, index, source) => f.scatterReduce(x, 0, index, source, reduce));
const indexSelects: Samples = [
  sample([real([2, 0]), indices([3], [1, 0, 1])], (x, index) => x.indexSelect(0, index).square()),
  sample([real([]), indices([1], [0])], (x, index) => x.indexSelect(0, index).square()),
  sample([real([1]), indices([2], [0, 0])], (x, index) => x.indexSelect(0, index).square()),
];

const spatial = (dims: number, n: number): number[] => Array.from({ length: dims }, () => n);
/** A batch of none. */
function convolution(dims: 1 | 2 | 3): Samples {
  const conv = [F.conv1d, F.conv2d, F.conv3d][dims - 1];
  return [sample([real([0, 2, ...spatial(dims, 3)]), real([3, 2, ...spatial(dims, 2)]), real([3])], (x, w, b) => conv(x, w, b))];
}
/** A batch of none, and a plane of one element. */
function pooling(kind: 'max' | 'avg', dims: 1 | 2 | 3): Samples {
  const pool = { max: [F.maxPool1d, F.maxPool2d, F.maxPool3d], avg: [F.avgPool1d, F.avgPool2d, F.avgPool3d] }[kind][dims - 1] as (x: Tensor, size: number) => Tensor; // prettier-ignore
  return [...of((x) => pool(x, 2), [0, 2, ...spatial(dims, 4)]), ...of((x) => pool(x, 1), [1, 1, ...spatial(dims, 1)])];
}
const convolutionBlocks: Samples = [
  [real([0, 2, 4, 4]), real([3, 2, 1, 1]), real([3])],
  [real([1, 1, 2, 2], 0.5, 2), real([1, 1, 1, 1], 0.5, 2), real([1], 0.5, 2)],
].map((inputs) =>
  sample(inputs, (x, w, b) =>
    dispatchOne(F.convReluMaxPool2dOp, [x, w, b], {
      stride: [1, 1],
      padding: [0, 0],
      dilation: [1, 1],
      groups: 1,
      pool: { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], output: [x.size(2) / 2, x.size(3) / 2] },
    }),
  ),
);

const squaredErrors: Samples = [[0], [2, 0], [1]].map((shape) =>
  sample([real(shape), real(shape)], (x, y) => F.mseLoss(x, y, { reduction: 'sum' })),
);
const crossEntropies: Samples = [
  sample([real([0, 4]), indices([0], [])], (x, y) => F.crossEntropy(x, y, { reduction: 'sum' })),
  sample([real([0, 4]), indices([0], [])], (x, y) => F.crossEntropy(x, y)),
  sample([real([4]), indices([], [2])], (x, y) => F.crossEntropy(x, y)),
];
const attentions: Samples = [[0, 3, 2], [2, 0, 2], [1, 1, 1]].map((shape) =>
  sample([real(shape), real(shape), real(shape)], (q, k, v) => F.scaledDotProductAttention(q, k, v)),
); // prettier-ignore
/** No label at all: every step is the blank. */
const ctcLosses: Samples = [
  sample([real([2, 1, 3], -3, -0.5), indices([1, 0], [])], (x, y) => F.ctcLoss(x.logSoftmax(-1), y, [2], [0], { reduction: 'sum' })),
  sample([real([1, 1, 1], -3, -0.5), indices([1, 0], [])], (x, y) => F.ctcLoss(x.logSoftmax(-1), y, [1], [0], { reduction: 'sum' })),
];
const layerNorms: Samples = [
  sample([real([0, 3]), real([3]), real([3])], (x, weight, bias) => F.layerNorm(x, [3], { weight, bias }).square()),
  sample([real([1]), real([1]), real([1])], (x, weight, bias) => F.layerNorm(x, [1], { weight, bias }).square()),
];
const batchNorms: Samples = [
  sample([real([0, 2]), real([2]), real([2])], (x, weight, bias) => F.batchNorm(x, null, null, weight, bias, true).square()),
  sample([real([3, 1]), real([1]), real([1])], (x, weight, bias) => F.batchNorm(x, null, null, weight, bias, true).square()),
];

const cube = customFunction({
  name: 'cube',
  forward(context, x) {
    context.saveForBackward(x);
    return x.pow(3);
  },
  backward: (context, g) => g?.mul(context.savedTensors[0].square().mul(3)),
});

/** Steps for a parameter without elements; of several parameters, for one of them and one of one element. */
const emptyStep = (name: string, states: number, attrs: object, scalars: readonly number[]): Sample =>
  step(name, Array.from({ length: states }, () => [0]), attrs, scalars, [0]); // prettier-ignore
const adam = [0.1, 0.9, 0.999, 1e-8];
const plain = { maximize: false };
const sgd = { nesterov: false, maximize: false, momentum: false, first: false };
const few = [[0], [1], []]; // prettier-ignore

const linearActivations: Sample[] = [
  sample([real([0, 3]), real([2, 3]), real([2])], (x, w, b) => dispatchOne(F.linearActivationOp, [x, w, b], { activation: 'relu' })),
  sample([real([1, 1]), real([1, 1]), real([1])], (x, w, b) => dispatchOne(F.linearActivationOp, [x, w, b], { activation: 'tanh' })),
];

export const edges = {
  expand: of((x) => x.expand(1), [1]),
  permute: of((x) => x.permute(), []),
  squeeze: of((x) => x.squeeze(), []),
  slice: of((x) => x.slice(0, 0, 1), [1]),
  embedSlice: [...of((x) => x.select(0, 1), [2, 0]), ...of((x) => x.slice(0, 0, 1), [1])],
  diagonal: of((x) => x.diagonal(), [1, 1]),
  unfold: [...of((x) => x.unfold(0, 2, 1), [2, 0]), ...of((x) => x.unfold(0, 1, 1), [])],
  fold: [...of((x) => x.unfold(0, 2, 1), [2, 0]), ...of((x) => x.unfold(0, 1, 1), [1], [])],
  asStrided: [...packed((x) => x.asStrided([0], [1]), [0]), ...packed((x) => x.asStrided([2], [0]), [], [1])],
  view: packed((x) => x.view(1, 1), [1]),
  cast: [...of((x) => x.to('float32').to(x.dtype).mul(0).add(x), [1])],
  toDevice: of((x) => f.dispatchOne(f.toDeviceOp, [x], { target: x.device }), [0], [], [1]),
  flip: of((x) => x.flip([]), []),
  full: [[0], [], [1]].map((shape) => sample([real(shape)], (x) => f.full(shape, 1.5, { device: x.device, dtype: x.dtype }).mul(x.square()))), // prettier-ignore
  arange: [0, 1].map((n) => sample([real([n])], (x) => f.arange(0, n, 1, { device: x.device, dtype: x.dtype }).add(x).square())),
  assign: of((x) => x.clone().mul_(3), [1]),
  replaceRegion: [[0], [], [1]].map((shape) =>
    sample([real(shape)], (x) => {
      const base = x.clone();
      base.view(-1).narrow(0, 0, base.count).mul_(2);
      return base.square();
    }),
  ), // prettier-ignore
  eraseRegion: [[0], [], [1]].map((shape) =>
    sample([real(shape), real(shape)], (x, y) => {
      const base = x.mul(2);
      base.view(-1).narrow(0, 0, base.count).mul_(y.view(-1));
      return base.square();
    }, true, false),
  ), // prettier-ignore
  customFunction: [[0], [], [1]].map((shape) => sample([real(shape)], (x) => cube(x) as Tensor)), // prettier-ignore

  cummax: of((x) => x.cummax(-1).values, [0], [2, 0]),
  cummin: of((x) => x.cummin(-1).values, [0], [2, 0]),
  median: [...of((x) => f.median(x, 0).values, [2, 0]), ...of((x) => f.median(x), [1])],
  softmaxGrad: softmax,
  logSoftmaxGrad: logSoftmax,
  gather: [sample([real([1]), indices([2], [0, 0])], (x, index) => x.gather(0, index).square())],
  indexSelect: indexSelects,
  indexSelectGrad: indexSelects,
  indexAdd: scattered((x, index, source) => f.indexAdd(x, 0, index.view(-1), source).square()),
  scatter_set: scattered((x, index, source) => x.scatter(0, index, source).square()),
  scatter_add: scattered((x, index, source) => x.scatterAdd(0, index, source).square()),
  scatter_prod: scatterReducing('prod'),
  scatter_max: scatterReducing('amax'),
  scatter_min: scatterReducing('amin'),
  where: [sample([flag([1]), real([1]), real([1])], (condition, a, b) => f.where(condition, a, b).square())],

  linear: [sample([real([1]), real([1, 1]), real([1])], (x, w, b) => linear(x, w, b))],
  linearGrad: [sample([real([0, 3]), real([2, 3]), real([2])], (x, w, b) => linear(x, w, b))],
  linearActivation: linearActivations,
  linearActivationGrad: linearActivations,
  mseLoss: squaredErrors,
  mseLossGrad: squaredErrors,
  binaryCrossEntropy: [[0], [1]].map((shape) =>
    sample([real(shape, 0.2, 0.8), real(shape, 0.2, 0.8)], (x, y) => F.binaryCrossEntropy(x, y, { reduction: 'sum' })),
  ), // prettier-ignore
  crossEntropy: crossEntropies,
  crossEntropyGrad: crossEntropies,
  pad: of((x) => F.pad(x, [1, 1]), [0, 2], [2, 0], [1]),
  conv1d: convolution(1),
  conv1dInputGrad: convolution(1),
  conv1dWeightGrad: convolution(1),
  conv2d: convolution(2),
  conv2dInputGrad: convolution(2),
  conv2dWeightGrad: convolution(2),
  conv3d: convolution(3),
  conv3dInputGrad: convolution(3),
  conv3dWeightGrad: convolution(3),
  convReluMaxPool2d: convolutionBlocks,
  convReluMaxPool2dGrad: convolutionBlocks,
  maxPool1d: pooling('max', 1),
  maxPool2d: pooling('max', 2),
  maxPool3d: pooling('max', 3),
  maxPool1dGrad: pooling('max', 1),
  maxPool2dGrad: pooling('max', 2),
  maxPool3dGrad: pooling('max', 3),
  avgPool1d: pooling('avg', 1),
  avgPool2d: pooling('avg', 2),
  avgPool3d: pooling('avg', 3),
  scaledDotProductAttention: attentions,
  attentionGrad: attentions,
  embedding: [
    sample([indices([], [1]), real([3, 2])], (index, weight) => F.embedding(index, weight).square()),
    sample([indices([1], [0]), real([1, 1])], (index, weight) => F.embedding(index, weight).square()),
  ],
  rmsNorm: [
    sample([real([0, 3]), real([3])], (x, weight) => F.rmsNorm(x, [3], weight)),
    sample([real([1]), real([1])], (x, weight) => F.rmsNorm(x, [1], weight)),
  ],
  batchNorm: batchNorms,
  batchNormGrad: batchNorms,
  ctcLoss: ctcLosses,
  ctcLossGrad: ctcLosses,
  layerNorm: layerNorms,
  layerNormGrad: layerNorms,

  linalgCholeskySolve: [
    sample([real([0, 2]), real([0, 0])], (b, x) => algebra.choleskySolve(b, linalg.cholesky(positive(x)))),
    sample([real([1, 1], -1, 1), real([1, 1], -1, 1)], (b, x) => algebra.choleskySolve(b, linalg.cholesky(positive(x)))),
  ],
  linalgSolve: [sample([real([1, 1], -1, 1), real([1, 1], -1, 1)], (a, b) => linalg.solve(regular(a), b))],
  linalgSolveTriangular: [
    sample([real([0, 0]), real([0, 2])], (a, b) => linalg.solveTriangular(regular(a), b, { upper: true })),
    sample([real([1, 1], -1, 1), real([1, 1], -1, 1)], (a, b) => linalg.solveTriangular(regular(a), b, { upper: true })),
  ],
  linalgEig: matrices((x) => linalg.eigvals(x.add(identity(x))), true, [0, 0]),
  linalgPinv: matrices((x) => linalg.pinv(x), true, [0, 2]),
  linalgQr: matrices((x) => [...linalg.qr(x)], true, [0, 0], [2, 0]),
  linalgGeqrf: matrices((x) => [...algebra.geqrf(x)], false, [2, 0]),
  linalgSvd: matrices((x) => linalg.svd(x, { fullMatrices: false })[1], true, [0, 2]),
  linalgComplete: matrices((x) => linalg.svd(x)[1], false, [0, 2], [1, 1]),
  linalgLuFactor: matrices((x) => [...linalg.lu(x)], true, [0, 0]),
  linalgPermutation: matrices((x) => linalg.lu(x)[0], false, [0, 0], [1, 1]),
  norm: [...matrices((x) => [x.norm(), x.norm(3)], true, []), ...matrices((x) => x.norm(), true, [0], [1])],
  nuclearNorm: matrices((x) => x.norm('nuc'), true, [0, 0]),
  linalgLdlFactor: matrices((x) => [...linalg.ldlFactor(positive(x))], false, [0, 0]),
  linalgLdlSolve: [0, 1].map((n) =>
    sample(
      [real([n, n], -1, 1), real([n, 2], -1, 1)],
      (x, b) => {
        const { LD, pivots } = linalg.ldlFactor(positive(x));
        return linalg.ldlSolve(LD, pivots, b);
      },
      false,
    ),
  ),
  linalgVectorNorm: matrices((x) => linalg.vectorNorm(x), true, [0], []),

  sgdStep: [emptyStep('sgdStep', 0, sgd, [0.1, 0, 0, 0.01])],
  sgdSteps: [several('sgdSteps', 3, sgd, [0.1, 0, 0, 0.01], few)],
  adamSteps: [several('adamSteps', 5, { amsgrad: false, maximize: false, decoupled: false }, [...adam, 0.01, 1, 2, 7], few)],
  adamStep: [emptyStep('adamStep', 2, { amsgrad: false, maximize: false, decoupled: false }, [...adam, 0.01, 3])],
  nadamStep: [emptyStep('nadamStep', 2, { maximize: false, decoupled: true }, [...adam, 0.01, 3, 0.88, 0.89, 0.7])],
  radamStep: [emptyStep('radamStep', 2, { maximize: false, decoupled: false }, [...adam, 0.01, 9])],
  adamaxStep: [emptyStep('adamaxStep', 2, plain, [...adam, 0.01, 3])],
  adadeltaStep: [emptyStep('adadeltaStep', 2, plain, [1, 0.9, 1e-6, 0.01])],
  adagradStep: [emptyStep('adagradStep', 1, plain, [0.1, 1e-10, 0.01])],
  rmspropStep: [emptyStep('rmspropStep', 1, { centered: false, maximize: false, momentum: false }, [0.1, 0.99, 1e-8, 0.01, 0])],
  rpropStep: [emptyStep('rpropStep', 2, plain, [0.5, 1.2, 1e-6, 50])],
  asgdStep: [emptyStep('asgdStep', 1, plain, [1e-4, 0.1, 0.5, 0.01])],
  adafactorStep: [[0], [1], []].map((shape) =>
    step('adafactorStep', [shape], { maximize: false, factored: false }, [0.1, 2, -0.8, 0, 1e-7, 1e-3, 1], shape),
  ), // prettier-ignore
  muonStep: [
    step('muonStep', [[1, 1]], { nesterov: true, nsSteps: 5 }, [0.1, 0.1, 0.1, 0.95, 1e-7, 3.4445, -4.775, 2.0315], [1, 1]),
    step('muonStep', [[0, 3]], { nesterov: true, nsSteps: 5 }, [0.1, 0.1, 0.1, 0.95, 1e-7, 3.4445, -4.775, 2.0315], [0, 3]),
  ],
} satisfies Record<string, Samples>;
