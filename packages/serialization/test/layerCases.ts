import { manualSeed, rand, randn, tensor, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import './helpers.ts';

// Every layer of nn with inputs for it.

/** A layer with its example inputs. */
export type Case = readonly [nn.Module, ...unknown[]];
export type Cases = Readonly<Record<string, Case>>;

const image = (): Tensor => randn(2, 4, 8, 8);
const volume = (): Tensor => randn(1, 2, 6, 6, 6);
const signal = (): Tensor => randn(2, 4, 9);
const integers = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'int32' });

const layers: Cases = (() => {
  manualSeed(11);
  const activations = Object.fromEntries(
    [
      nn.ReLU,
      nn.ReLU6,
      nn.Hardtanh,
      nn.LeakyReLU,
      nn.PReLU,
      nn.ELU,
      nn.CELU,
      nn.SELU,
      nn.GELU,
      nn.SiLU,
      nn.Mish,
      nn.Softplus,
      nn.Hardshrink,
      nn.Softshrink,
      nn.Tanhshrink,
      nn.Softsign,
      nn.Tanh,
      nn.Sigmoid,
      nn.LogSigmoid,
      nn.Hardsigmoid,
      nn.Hardswish,
      nn.RReLU,
      nn.Dropout,
      nn.AlphaDropout,
      nn.Identity,
    ].map((Layer) => [Layer.name, [new Layer(), randn(3, 7).mul(4)] as const]),
  );
  return {
    ...activations,
    'GELU by tanh': [new nn.GELU({ approximate: 'tanh' }), randn(3, 7)],
    Threshold: [new nn.Threshold(0.1, 20), randn(3, 7)],
    GLU: [new nn.GLU(), randn(3, 8)],
    Softmax: [new nn.Softmax(1), randn(3, 7)],
    LogSoftmax: [new nn.LogSoftmax(-1), randn(3, 7)],
    Softmin: [new nn.Softmin(1), randn(3, 7)],
    Softmax2d: [new nn.Softmax2d(), image()],
    Linear: [new nn.Linear(4, 5), randn(2, 3, 4)],
    'Linear without bias': [new nn.Linear(4, 5, { bias: false }), randn(3, 4)],
    Bilinear: [new nn.Bilinear(3, 4, 5), randn(2, 3), randn(2, 4)],
    Flatten: [new nn.Flatten(), image()],
    Unflatten: [new nn.Unflatten(1, [2, 2]), image()],
    Conv1d: [new nn.Conv1d(4, 6, 3, { stride: 2, padding: 1 }), randn(2, 4, 9)],
    'Conv2d in groups': [new nn.Conv2d(4, 6, 3, { groups: 2, dilation: 2, padding: 'same' }), image()],
    'Conv2d without a batch': [new nn.Conv2d(4, 6, [3, 2], { padding: [1, 0] }), randn(4, 8, 8)],
    Conv3d: [new nn.Conv3d(2, 3, 2), randn(1, 2, 4, 4, 4)],
    ConvTranspose1d: [new nn.ConvTranspose1d(4, 6, 3, { stride: 2, padding: 1, outputPadding: 1 }), randn(2, 4, 5)],
    ConvTranspose2d: [new nn.ConvTranspose2d(4, 6, 3, { stride: 2, groups: 2 }), image()],
    ConvTranspose3d: [new nn.ConvTranspose3d(2, 3, 2), randn(1, 2, 3, 3, 3)],
    BatchNorm1d: [new nn.BatchNorm1d(7), randn(3, 7)],
    BatchNorm2d: [new nn.BatchNorm2d(4), image()],
    BatchNorm3d: [new nn.BatchNorm3d(2, { affine: false }), randn(2, 2, 3, 3, 3)],
    'BatchNorm2d by the batch': [new nn.BatchNorm2d(4, { trackRunningStats: false }), image()],
    InstanceNorm1d: [new nn.InstanceNorm1d(4), randn(2, 4, 9)],
    InstanceNorm2d: [new nn.InstanceNorm2d(4, { affine: true }), image()],
    InstanceNorm3d: [new nn.InstanceNorm3d(2), randn(2, 2, 3, 3, 3)],
    GroupNorm: [new nn.GroupNorm(2, 4), image()],
    LayerNorm: [new nn.LayerNorm([8, 8]), image()],
    'LayerNorm without weights': [new nn.LayerNorm(8, { elementwiseAffine: false }), image()],
    'LayerNorm without bias': [new nn.LayerNorm(8, { bias: false }), image()],
    RMSNorm: [new nn.RMSNorm(8), image()],
    LocalResponseNorm: [new nn.LocalResponseNorm(2), image()],
    MaxPool1d: [new nn.MaxPool1d(2), randn(2, 4, 9)],
    MaxPool2d: [new nn.MaxPool2d(3, { stride: 2, padding: 1 }), image()],
    'MaxPool2d rounded up': [new nn.MaxPool2d(3, { stride: 2, ceilMode: true }), image()],
    'MaxPool2d dilated, without a batch': [new nn.MaxPool2d(2, { dilation: 2, stride: 1 }), randn(4, 8, 8)],
    'MaxPool2d with places': [new nn.MaxPool2d(2, { returnIndices: true } as never), image()],
    MaxPool3d: [new nn.MaxPool3d(2), randn(1, 2, 4, 4, 4)],
    AvgPool1d: [new nn.AvgPool1d(2), randn(2, 4, 9)],
    AvgPool2d: [new nn.AvgPool2d(3, { stride: 2, padding: 1 }), image()],
    'AvgPool2d without the padding, rounded up': [
      new nn.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false, ceilMode: true }),
      image(),
    ],
    AvgPool3d: [new nn.AvgPool3d(2), randn(1, 2, 4, 4, 4)],
    LPPool2d: [new nn.LPPool2d(2, 2), image()],
    AdaptiveAvgPool1d: [new nn.AdaptiveAvgPool1d(3), randn(2, 4, 9)],
    AdaptiveAvgPool2d: [new nn.AdaptiveAvgPool2d([3, 5]), image()],
    AdaptiveMaxPool2d: [new nn.AdaptiveMaxPool2d(3), image()],
    Embedding: [
      new nn.Embedding(10, 3),
      tensor(
        [
          [1, 2],
          [9, 0],
        ],
        { dtype: 'int32' },
      ),
    ],
    Upsample: [new nn.Upsample({ scaleFactor: 2, mode: 'nearest' }), image()],
    'Upsample bilinear': [new nn.Upsample({ scaleFactor: 2, mode: 'bilinear' }), image()],
    PixelShuffle: [new nn.PixelShuffle(2), image()],
    PixelUnshuffle: [new nn.PixelUnshuffle(2), image()],
    ChannelShuffle: [new nn.ChannelShuffle(2), image()],
    ReflectionPad2d: [new nn.ReflectionPad2d(2), image()],
    ReplicationPad2d: [new nn.ReplicationPad2d(2), image()],
    CircularPad2d: [new nn.CircularPad2d(2), image()],
    ZeroPad2d: [new nn.ZeroPad2d([1, 2, 0, 1]), image()],
    ConstantPad1d: [new nn.ConstantPad1d(2, 3.5), randn(2, 4, 5)],
    Unfold: [new nn.Unfold(3), image()],
    Fold: [new nn.Fold([4, 4], 2), randn(1, 8, 9)],
    CosineSimilarity: [new nn.CosineSimilarity(), randn(3, 7), randn(3, 7)],
    PairwiseDistance: [new nn.PairwiseDistance(), randn(3, 7), randn(3, 7)],
    LSTM: [new nn.LSTM(5, 7), randn(6, 3, 5)],
    'LSTM of two layers in both directions': [new nn.LSTM(5, 7, { numLayers: 2, bidirectional: true, batchFirst: true }), randn(3, 6, 5)],
    'LSTM with states, without bias': [new nn.LSTM(5, 7, { bias: false }), randn(6, 3, 5), [randn(1, 3, 7), randn(1, 3, 7)]],
    'LSTM without a batch': [new nn.LSTM(5, 7), randn(6, 5)],
    GRU: [new nn.GRU(5, 7, { numLayers: 2, bidirectional: true }), randn(6, 3, 5), randn(4, 3, 7)],
    RNN: [new nn.RNN(5, 7), randn(6, 3, 5)],
    'RNN with relu': [new nn.RNN(5, 7, { nonlinearity: 'relu', bidirectional: true }), randn(6, 3, 5)],
    LSTMCell: [new nn.LSTMCell(5, 7), randn(3, 5)],
    GRUCell: [new nn.GRUCell(5, 7), randn(3, 5)],
    RNNCell: [new nn.RNNCell(5, 7), randn(3, 5)],
    MultiheadAttention: [new nn.MultiheadAttention(8, 2, { batchFirst: true }), randn(2, 5, 8), randn(2, 6, 8), randn(2, 6, 8)],
    TransformerEncoderLayer: [new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16 }), randn(5, 2, 8)],
    TransformerDecoderLayer: [new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 16 }), randn(5, 2, 8), randn(4, 2, 8)],
    Transformer: [
      new nn.Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 16 }),
      randn(5, 2, 8),
      randn(4, 2, 8),
    ],
  };
})();

/** Pooling with what it needs beside the input, and its way back. */
const pools: Cases = (() => {
  manualSeed(12);
  const places = { returnIndices: true } as const;
  const [values1, indices1] = nn.functional.maxPool1d(randn(2, 4, 8), 2, places);
  const [values2, indices2] = nn.functional.maxPool2d(image(), 2, places);
  const [values3, indices3] = nn.functional.maxPool3d(volume(), 2, places);
  return {
    LPPool1d: [new nn.LPPool1d(2, 3, { stride: 2 }), signal()],
    'LPPool2d of an odd power': [new nn.LPPool2d(3, 2), rand(2, 4, 8, 8)],
    LPPool3d: [new nn.LPPool3d(2, 2), volume()],
    MaxUnpool1d: [new nn.MaxUnpool1d(2), values1, indices1],
    MaxUnpool2d: [new nn.MaxUnpool2d(2), values2, indices2],
    'MaxUnpool2d to a size': [new nn.MaxUnpool2d(2), values2, indices2, [9, 9]],
    MaxUnpool3d: [new nn.MaxUnpool3d(2), values3, indices3],
    FractionalMaxPool2d: [new nn.FractionalMaxPool2d(2, { outputSize: 5, randomSamples: rand(2, 4, 2) }), image()],
    'FractionalMaxPool2d with places': [
      new nn.FractionalMaxPool2d(2, { outputRatio: 0.5, randomSamples: rand(2, 4, 2), returnIndices: true }),
      image(),
    ],
    FractionalMaxPool3d: [new nn.FractionalMaxPool3d(2, { outputSize: 3, randomSamples: rand(1, 2, 3) }), volume()],
    AdaptiveAvgPool3d: [new nn.AdaptiveAvgPool3d([2, 3, 4]), volume()],
    AdaptiveMaxPool1d: [new nn.AdaptiveMaxPool1d(4), signal()],
    'AdaptiveMaxPool2d with places': [new nn.AdaptiveMaxPool2d(3, { returnIndices: true }), image()],
    AdaptiveMaxPool3d: [new nn.AdaptiveMaxPool3d(4), volume()],
  };
})();

const tables: Cases = (() => {
  manualSeed(13);
  const bags = integers([
    [1, 2, 4],
    [9, 0, 2],
  ]);
  const flat = integers([1, 2, 4, 9, 0, 2]);
  const offsets = integers([0, 2, 2]);
  return {
    EmbeddingBag: [new nn.EmbeddingBag(10, 3), bags],
    'EmbeddingBag of sums with offsets, one bag of them empty': [new nn.EmbeddingBag(10, 3, { mode: 'sum' }), flat, offsets],
    'EmbeddingBag of weighted sums': [new nn.EmbeddingBag(10, 3, { mode: 'sum' }), flat, offsets, randn(6)],
    'EmbeddingBag of maxima with offsets': [new nn.EmbeddingBag(10, 3, { mode: 'max' }), flat, offsets],
    'EmbeddingBag of means with padding and a last offset': [
      new nn.EmbeddingBag(10, 3, { paddingIdx: 2, includeLastOffset: true }),
      flat,
      integers([0, 2, 6]),
    ],
    'EmbeddingBag with a largest norm': [new nn.EmbeddingBag(10, 3, { maxNorm: 1 }), bags],
  };
})();

const more: Cases = (() => {
  manualSeed(14);
  const targetMask = nn.Transformer.generateSquareSubsequentMask(5);
  return {
    Dropout1d: [new nn.Dropout1d(), signal()],
    Dropout2d: [new nn.Dropout2d(), image()],
    Dropout3d: [new nn.Dropout3d(), volume()],
    FeatureAlphaDropout: [new nn.FeatureAlphaDropout(), image()],
    Sequential: [new nn.Sequential(new nn.Linear(3, 4), new nn.ReLU()), randn(2, 3)],
    NonDynamicallyQuantizableLinear: [new nn.NonDynamicallyQuantizableLinear(3, 4), randn(2, 3)],
    UpsamplingNearest2d: [new nn.UpsamplingNearest2d({ scaleFactor: 2 }), image()],
    UpsamplingBilinear2d: [new nn.UpsamplingBilinear2d({ scaleFactor: 2 }), image()],
    'Upsample by cubics': [new nn.Upsample({ size: [11, 5], mode: 'bicubic' }), image()],
    'Upsample of volumes': [new nn.Upsample({ scaleFactor: 2, mode: 'trilinear' }), volume()],
    'Upsample of signals': [new nn.Upsample({ scaleFactor: 2, mode: 'linear' }), signal()],
    ReflectionPad1d: [new nn.ReflectionPad1d(2), signal()],
    ReflectionPad3d: [new nn.ReflectionPad3d(2), volume()],
    ReplicationPad1d: [new nn.ReplicationPad1d(2), signal()],
    ReplicationPad3d: [new nn.ReplicationPad3d(2), volume()],
    CircularPad1d: [new nn.CircularPad1d(2), signal()],
    CircularPad3d: [new nn.CircularPad3d(2), volume()],
    ZeroPad1d: [new nn.ZeroPad1d(1), signal()],
    ZeroPad3d: [new nn.ZeroPad3d(1), volume()],
    ConstantPad2d: [new nn.ConstantPad2d(2, 3.5), image()],
    ConstantPad3d: [new nn.ConstantPad3d(2, 3.5), volume()],
    TransformerEncoder: [
      new nn.TransformerEncoder(new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16 }), 2),
      randn(5, 2, 8),
      nn.Transformer.generateSquareSubsequentMask(5),
    ],
    TransformerDecoder: [
      new nn.TransformerDecoder(new nn.TransformerDecoderLayer(8, 2, { dimFeedforward: 16 }), 2),
      randn(5, 2, 8),
      randn(4, 2, 8),
      targetMask,
    ],
  };
})();

/** Losses, with targets as inputs of the graph. */
const losses: Cases = (() => {
  manualSeed(15);
  const pair = (): [Tensor, Tensor] => [randn(3, 4), randn(3, 4)];
  const classes = integers([0, 3, 1]);
  const signs = integers([1, -1, 1]);
  const labels = (): Tensor => rand(3, 4).gt(0.5).float();
  const triplet = (): [Tensor, Tensor, Tensor] => [randn(3, 4), randn(3, 4), randn(3, 4)];
  const steps = nn.functional.logSoftmax(randn(7, 2, 5), 2);
  return {
    MSELoss: [new nn.MSELoss(), ...pair()],
    'MSELoss element by element': [new nn.MSELoss({ reduction: 'none' }), ...pair()],
    L1Loss: [new nn.L1Loss({ reduction: 'sum' }), ...pair()],
    SmoothL1Loss: [new nn.SmoothL1Loss({ beta: 0.5 }), ...pair()],
    HuberLoss: [new nn.HuberLoss({ delta: 0.7 }), ...pair()],
    KLDivLoss: [new nn.KLDivLoss({ reduction: 'batchmean' }), randn(3, 4).logSoftmax(1), randn(3, 4).softmax(1)],
    'KLDivLoss of logarithms': [
      new nn.KLDivLoss({ reduction: 'sum', logTarget: true }),
      randn(3, 4).logSoftmax(1),
      randn(3, 4).logSoftmax(1),
    ],
    PoissonNLLLoss: [
      new nn.PoissonNLLLoss({ full: true }),
      randn(3, 4),
      integers([
        [0, 1, 2, 3],
        [4, 0, 7, 1],
        [1, 1, 2, 9],
      ]).float(),
    ],
    GaussianNLLLoss: [new nn.GaussianNLLLoss({ full: true }), ...pair(), rand(3, 4).add(0.1)],
    CrossEntropyLoss: [new nn.CrossEntropyLoss(), randn(3, 4), classes],
    'CrossEntropyLoss with weights, smoothing and a class left out': [
      new nn.CrossEntropyLoss({ weight: rand(4), labelSmoothing: 0.1, ignoreIndex: 3 }),
      randn(3, 4),
      classes,
    ],
    'CrossEntropyLoss of probabilities': [new nn.CrossEntropyLoss(), randn(3, 4), randn(3, 4).softmax(1)],
    LinearCrossEntropyLoss: [new nn.LinearCrossEntropyLoss(5, 4, { bias: true, labelSmoothing: 0.1 }), randn(3, 5), classes],
    NLLLoss: [new nn.NLLLoss({ weight: rand(4) }), randn(3, 4).logSoftmax(1), classes],
    BCELoss: [new nn.BCELoss(), rand(3, 4), labels()],
    BCEWithLogitsLoss: [new nn.BCEWithLogitsLoss({ posWeight: rand(4) }), randn(3, 4), labels()],
    SoftMarginLoss: [new nn.SoftMarginLoss(), randn(3), signs],
    MultiLabelSoftMarginLoss: [new nn.MultiLabelSoftMarginLoss(), randn(3, 4), labels()],
    MultiLabelMarginLoss: [
      new nn.MultiLabelMarginLoss(),
      randn(2, 4),
      integers([
        [3, 0, -1, 1],
        [1, -1, 0, 0],
      ]),
    ],
    MultiMarginLoss: [new nn.MultiMarginLoss({ p: 2, margin: 0.5, weight: rand(4) }), randn(3, 4), classes],
    HingeEmbeddingLoss: [new nn.HingeEmbeddingLoss(), randn(3), signs],
    MarginRankingLoss: [new nn.MarginRankingLoss({ margin: 0.3 }), randn(3), randn(3), signs],
    CosineEmbeddingLoss: [new nn.CosineEmbeddingLoss({ margin: 0.2 }), ...pair(), signs],
    TripletMarginLoss: [new nn.TripletMarginLoss({ swap: true }), ...triplet()],
    TripletMarginWithDistanceLoss: [new nn.TripletMarginWithDistanceLoss(), ...triplet()],
    CTCLoss: [
      new nn.CTCLoss(),
      steps,
      integers([
        [1, 2, 2],
        [3, 4, 0],
      ]),
      [7, 6],
      [3, 2],
    ],
  };
})();

/** Layers that learn their sizes from their first input. */
export const lazyLayers: Readonly<Record<string, readonly [nn.Module, Tensor]>> = (() => {
  manualSeed(16);
  return {
    LazyLinear: [new nn.LazyLinear(3), randn(2, 5)],
    LazyConv1d: [new nn.LazyConv1d(3, 2), signal()],
    LazyConv2d: [new nn.LazyConv2d(3, 2), image()],
    LazyConv3d: [new nn.LazyConv3d(3, 2), volume()],
    LazyConvTranspose1d: [new nn.LazyConvTranspose1d(3, 2), signal()],
    LazyConvTranspose2d: [new nn.LazyConvTranspose2d(3, 2), image()],
    LazyConvTranspose3d: [new nn.LazyConvTranspose3d(3, 2), volume()],
    LazyBatchNorm1d: [new nn.LazyBatchNorm1d(), signal()],
    LazyBatchNorm2d: [new nn.LazyBatchNorm2d(), image()],
    LazyBatchNorm3d: [new nn.LazyBatchNorm3d(), volume()],
    LazyInstanceNorm1d: [new nn.LazyInstanceNorm1d(), signal()],
    LazyInstanceNorm2d: [new nn.LazyInstanceNorm2d(), image()],
    LazyInstanceNorm3d: [new nn.LazyInstanceNorm3d(), volume()],
  };
})();

/** Modules that only hold others and have no forward. */
export const containers = { ModuleList: new nn.ModuleList([]), ModuleDict: new nn.ModuleDict({}), ParameterList: new nn.ParameterList([]), ParameterDict: new nn.ParameterDict({}) }; // prettier-ignore

/**
 * Gives every parameter and every floating buffer random values, so that a weight of ones, a bias of zeros or the first running statistics
 * cannot stand for one that was lost. What must be positive, such as a variance, stays so.
 */
export function randomized<M extends nn.Module>(layer: M): M {
  noGrad(() => {
    for (const [name, x] of layer.stateDict()) if (isFloat(x.dtype)) x.copy_(/var|weight_g|original0/.test(name) ? rand(x.shape).add(0.5) : randn(x.shape).mul(0.3));
  });
  return layer;
} // prettier-ignore

const isFloat = (dtype: string): boolean => /float/.test(dtype);

/** Layers that run at once, with random parameters and buffers. */
export const layerCases: Cases = { ...layers, ...pools, ...tables, ...more, ...losses };
manualSeed(17);
for (const [layer] of Object.values(layerCases)) randomized(layer);
