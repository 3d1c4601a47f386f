import { definedOps, dispatch, dispatchOne, einsum, linear, tensor, type Op, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { fixed, indices, real, sample, type Sample, type Samples } from '../inputs.ts';

const F = nn.functional;

/** Convolution, relu and max pooling in one: windows that cover the plane, and windows that leave an edge of a strided and dilated one. */
const convolutionBlocks: Samples = [
  sample([real([2, 2, 6, 6]), real([3, 2, 3, 3]), real([3])], (x, w, b) =>
    dispatchOne(F.convReluMaxPool2dOp, [x, w, b], {
      stride: [1, 1],
      padding: [1, 1],
      dilation: [1, 1],
      groups: 1,
      pool: { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], output: [3, 3] },
    }),
  ),
  sample([real([1, 1, 11, 8]), real([2, 1, 2, 3])], (x, w) =>
    dispatchOne(F.convReluMaxPool2dOp, [x, w], {
      stride: [2, 1],
      padding: [0, 1],
      dilation: [2, 1],
      groups: 1,
      pool: { kernel: [2, 3], stride: [2, 3], padding: [0, 0], dilation: [1, 1], output: [2, 2] },
    }),
  ),
];

const attentions: Samples = [
  sample([real([2, 3, 2]), real([2, 4, 2]), real([2, 4, 3])], (q, k, v) => F.scaledDotProductAttention(q, k, v)),
  sample([real([1, 3, 2]), real([1, 3, 2]), real([1, 3, 2])], (q, k, v) => F.scaledDotProductAttention(q, k, v, { isCausal: true })),
  // One key more than a vector holds, heads that share a batch of keys, and an added mask with a gradient of its own.
  sample([real([2, 2, 3, 2]), real([2, 1, 17, 2]), real([17, 1])], (q, k, v) => F.scaledDotProductAttention(q, k, v, { scale: 0.5 })),
  sample([real([2, 3, 2]), real([2, 3, 2]), real([2, 3, 2]), real([3, 3])], (q, k, v, mask) =>
    F.scaledDotProductAttention(q, k, v, { attnMask: mask }),
  ),
  // A query that sees no key.
  sample([real([3, 2]), real([2, 2]), real([2, 3])], (q, k, v) =>
    F.scaledDotProductAttention(q, k, v, {
      attnMask: tensor([[true, false], [false, false], [true, true]], { device: q.device }), // prettier-ignore
    }),
  ),
];

/** A convolution in some dimensions: plain; strided, padded and dilated; grouped. */
function convolution(dims: 1 | 2 | 3): Samples {
  const conv = dims === 1 ? F.conv1d : dims === 2 ? F.conv2d : F.conv3d;
  const spatial = (n: number): number[] => Array.from({ length: dims }, () => n);
  const size = dims === 3 ? 3 : 4;
  return [
    sample([real([2, 2, ...spatial(size)]), real([3, 2, ...spatial(2)]), real([3])], (x, w, b) => conv(x, w, b)),
    sample([real([1, 1, ...spatial(size)]), real([2, 1, ...spatial(2)])], (x, w) =>
      conv(x, w, null, { stride: 2, padding: 1, dilation: 2 }),
    ),
    sample([real([1, 2, ...spatial(3)]), real([4, 1, ...spatial(2)])], (x, w) => conv(x, w, null, { groups: 2 })),
    sample([real([1, 1, ...spatial(1)]), real([1, 1, ...spatial(1)])], (x, w) => conv(x, w)),
  ];
}

function pooling(kind: 'max' | 'avg', dims: 1 | 2 | 3): Samples {
  const pool = { max: [F.maxPool1d, F.maxPool2d, F.maxPool3d], avg: [F.avgPool1d, F.avgPool2d, F.avgPool3d] }[kind][dims - 1] as (
    x: Tensor,
    size: number,
    options?: object,
  ) => Tensor;
  const spatial = Array.from({ length: dims }, () => (dims === 3 ? 3 : 5));
  return [
    sample([real([2, 2, ...spatial])], (x) => pool(x, 2).square()),
    sample([real([1, 1, ...spatial])], (x) => pool(x, 3, { stride: 2, padding: 1 }).square()),
    sample([real([1, 1, ...spatial])], (x) => pool(x, 2, { stride: 2, ceilMode: true }).square()),
  ];
}

/** The outputs that a caller sees: every step, and the last states. What a kernel keeps for its own derivative comes after them. */
const runLayer = (name: string, inputs: Tensor[], attrs: { reverse: boolean; fromZeros?: boolean }): Tensor[] =>
  dispatch(definedOps().get(name) as Op, inputs, attrs).slice(0, name === 'lstm' ? 3 : 2);

/** One layer of a recurrence over [T, N, I], asked as an op, in both directions. */
const recurrence = (name: string, gates: number, states: number): Samples =>
  [false, true].flatMap((reverse) => [
    sample(
      [
        real([3, 2, 2]),
        ...Array.from({ length: states }, () => real([2, 3])),
        real([gates * 3, 2]),
        real([gates * 3, 3]),
        real([gates * 3]),
        real([gates * 3]),
      ],
      (...inputs) => runLayer(name, inputs, { reverse }),
    ),
    sample([real([1, 1, 1]), ...Array.from({ length: states }, () => real([1, 1])), real([gates, 1]), real([gates, 1])], (...inputs) =>
      runLayer(name, inputs, { reverse }),
    ),
    // Without states, it begins with zeros.
    sample([real([2, 2, 2]), real([gates * 3, 2]), real([gates * 3, 3])], (...inputs) =>
      runLayer(name, inputs, { reverse, fromZeros: true }),
    ),
    // A batch of none; there is always a step.
    sample(
      [
        real([2, 0, 2]),
        ...Array.from({ length: states }, () => real([0, 3])),
        real([gates * 3, 2]),
        real([gates * 3, 3]),
        real([gates * 3]),
        real([gates * 3]),
      ],
      (...inputs) => runLayer(name, inputs, { reverse }),
    ),
  ]);

const ctcLosses: Samples = [
  sample([real([4, 1, 3], -3, -0.5), indices([1, 2], [1, 2])], (x, y) => F.ctcLoss(x.logSoftmax(-1), y, [4], [2])),
  sample([real([3, 2, 3], -3, -0.5), indices([2, 1], [1, 2])], (x, y) =>
    F.ctcLoss(x.logSoftmax(-1), y, [3, 2], [1, 1], { reduction: 'sum' }),
  ),
];
const activation = (run: (x: Tensor) => Tensor): Samples => [[2, 3], [], [1], [0], [2, 0]].map((shape) => sample([real(shape)], run));
const crossEntropies: Sample[] = [
  sample([real([3, 4]), indices([3], [0, 3, 1])], (x, y) => F.crossEntropy(x, y)),
  sample([real([3, 4]), indices([3], [0, -100, 1])], (x, y) => F.crossEntropy(x, y, { reduction: 'sum' })),
  sample([real([1, 1]), indices([1], [0])], (x, y) => F.crossEntropy(x, y)),
];
const squaredErrors: Sample[] = [
  sample([real([2, 3]), real([2, 3])], (x, y) => F.mseLoss(x, y)),
  sample([real([7, 5]), real([7, 5])], (x, y) => F.mseLoss(x, y, { reduction: 'sum' })),
  sample([real([]), real([])], (x, y) => F.mseLoss(x, y)),
];
const layerNorms: Sample[] = [
  sample([real([2, 3]), real([3]), real([3])], (x, weight, bias) => F.layerNorm(x, [3], { weight, bias }).square()),
  sample([real([2, 2, 3])], (x) => F.layerNorm(x, [2, 3]).square()),
];

const batchNorms: Sample[] = [
  sample([real([3, 2]), real([2]), real([2])], (x, weight, bias) => F.batchNorm(x, null, null, weight, bias, true).square()),
  sample([real([2, 2, 3])], (x) => F.batchNorm(x, null, null, null, null, true).square()),
  sample([real([2, 2, 2, 2]), real([2])], (x, weight) => F.batchNorm(x, null, null, weight, null, true).square()),
];

const linearActivations: Sample[] = (['relu', 'sigmoid', 'tanh'] as const).flatMap((activation) => [
  sample([real([2, 3]), real([4, 3]), real([4])], (x, w, b) => dispatchOne(F.linearActivationOp, [x, w, b], { activation })),
  sample([real([2, 2, 3]), real([2, 3])], (x, w) => dispatchOne(F.linearActivationOp, [x, w], { activation })),
]);

export const networks = {
  matmul: [
    sample([real([2, 3]), real([3, 2])], (a, b) => a.matmul(b)),
    sample([real([2, 2, 3]), real([3, 2])], (a, b) => a.matmul(b)),
    sample([real([2, 1, 2, 3]), real([3, 3, 2])], (a, b) => a.matmul(b)),
    sample([real([3]), real([3])], (a, b) => a.matmul(b)),
    sample([real([2, 0]), real([0, 3])], (a, b) => a.matmul(b)),
    sample([real([1, 1]), real([1, 1])], (a, b) => a.matmul(b)),
    // Sums of products by letters are matrix products, over empty dimensions too.
    sample([real([2, 3]), real([3, 2])], (a, b) => einsum('ij,jk->ik', a, b)),
    sample([real([2, 0]), real([0, 3])], (a, b) => einsum('ij,jk->ik', a, b)),
    sample([real([0, 2]), real([1, 3])], (a, b) => einsum('ij,ik->ijk', a, b)),
    sample([real([2, 1]), real([2, 0])], (a, b) => einsum('ij,ij->', a, b)),
    sample([real([0, 2]), real([2, 3])], (a, b) => a.matmul(b)),
  ],
  linearGrad: [
    sample([real([2, 3]), real([4, 3]), real([4])], (x, w, b) => linear(x, w, b)),
    sample([real([2, 2, 3]), real([2, 3])], (x, w) => linear(x, w)),
    sample([real([1, 1]), real([1, 1]), real([1])], (x, w, b) => linear(x, w, b)),
  ],
  linearActivation: linearActivations,
  linearActivationGrad: linearActivations,
  mseLoss: squaredErrors,
  mseLossGrad: squaredErrors,
  linear: [
    sample([real([2, 3]), real([4, 3]), real([4])], (x, w, b) => linear(x, w, b)),
    sample([real([3]), real([2, 3])], (x, w) => linear(x, w)),
    sample([real([2, 2, 3]), real([2, 3]), real([2])], (x, w, b) => linear(x, w, b)),
    sample([real([0, 3]), real([2, 3]), real([2])], (x, w, b) => linear(x, w, b)),
  ],
  silu: activation((x) => F.silu(x)),
  gelu: [...activation((x) => F.gelu(x)), ...activation((x) => F.gelu(x, { approximate: 'tanh' }))],
  geluGrad: activation((x) => F.gelu(x)),
  pad: [
    sample([real([2, 3])], (x) => F.pad(x, [1, 2]).square()),
    sample([real([2, 3])], (x) => F.pad(x, [1, 0, 2, 1], { value: 0.5 }).square()),
    sample([real([1, 4])], (x) => F.pad(x, [-1, 1]).square()),
  ],
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
  binaryCrossEntropy: [
    sample([real([2, 3], 0.2, 0.8), real([2, 3], 0.2, 0.8)], (x, y) => F.binaryCrossEntropy(x, y)),
    sample([real([], 0.2, 0.8), fixed([], 0.2, 0.8)], (x, y) => F.binaryCrossEntropy(x, y, { reduction: 'sum' })),
  ],
  crossEntropy: crossEntropies,
  crossEntropyGrad: crossEntropies,
  scaledDotProductAttention: attentions,
  attentionGrad: attentions,
  embedding: [
    sample([indices([2, 2], [0, 2, 2, 1]), real([3, 2])], (index, weight) => F.embedding(index, weight).square()),
    sample([indices([0], []), real([3, 2])], (index, weight) => F.embedding(index, weight)),
  ],
  rmsNorm: [
    sample([real([2, 3]), real([3])], (x, weight) => F.rmsNorm(x, [3], weight)),
    sample([real([2, 2, 3])], (x) => F.rmsNorm(x, [2, 3])),
  ],
  batchNorm: batchNorms,
  batchNormGrad: batchNorms,
  ctcLoss: ctcLosses,
  ctcLossGrad: ctcLosses,
  layerNorm: layerNorms,
  layerNormGrad: layerNorms,
  lstm: recurrence('lstm', 4, 2),
  lstmGrad: recurrence('lstm', 4, 2),
  gruGrad: recurrence('gru', 3, 1),
  gru: recurrence('gru', 3, 1),
  rnnTanh: recurrence('rnnTanh', 1, 1),
  rnnRelu: recurrence('rnnRelu', 1, 1),
} satisfies Record<string, Samples>;
