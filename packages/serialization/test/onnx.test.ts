import { definedOps, manualSeed, ones, randint, randn, Tensor, tensor, zeros } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { exportOnnx, onnxBytes, type DynamicAxes } from '../src/index.ts';
import { convertedOps } from '../src/onnx/converters.ts';
import { classifier, CNN, Net, resnet18, RNN, seeded, SmallTransformer } from './nets.ts';
import { numbersOf, scratchFile } from './helpers.ts';

/** Every tensor in a value, in order. */
const flat = (value: unknown): Tensor[] => (value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(flat) : []);

/** Feeds tensors to ONNX Runtime and gives the largest difference from the model's own outputs. */
async function difference(model: nn.Module, bytes: Uint8Array, args: readonly unknown[]): Promise<number> {
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const inputs = flat(args);
  const feeds = Object.fromEntries(
    session.inputNames.map((name, i) => [name, new ort.Tensor(inputs[i].dtype, inputs[i].dataSync(), [...inputs[i].shape])]),
  );
  const results = await session.run(feeds);
  const expected = flat(noGrad(() => model.eval().forward(...(args as Tensor[]))));
  let worst = 0;
  expected.forEach((y, i) => {
    const result = results[session.outputNames[i]];
    expect(result.dims).toEqual([...y.shape]);
    const values = Array.from(result.data, Number);
    numbersOf(y).forEach((value, k) => {
      // Infinities may be equal; a NaN is never right.
      const apart = value === values[k] ? 0 : Math.abs(value - values[k]);
      worst = Math.max(worst, Number.isNaN(apart) ? Infinity : apart);
    });
  });
  return worst;
}

/** Exports a model and expects the runtime to give its outputs, for the example and for other inputs. */
async function expectExported(
  model: nn.Module,
  args: readonly unknown[],
  dynamicAxes?: DynamicAxes,
  others: readonly (readonly unknown[])[] = [],
): Promise<void> {
  const bytes = await onnxBytes(model, args, dynamicAxes === undefined ? {} : { dynamicAxes });
  for (const inputs of [args, ...others]) expect(await difference(model, bytes, inputs)).toBeLessThan(1e-5);
}

describe('nets in ONNX Runtime', () => {
  const batch = { input: { 0: 'batch' } };
  it('runs the regression app’s net for every batch size', () =>
    expectExported(
      seeded(() => new Net()),
      [randn(4, 1)],
      batch,
      [[randn(1, 1)], [randn(9, 1)]],
    ));
  it('runs the classification app’s net for every batch size', () =>
    expectExported(seeded(classifier), [randn(4, 2)], batch, [[randn(1, 2)], [randn(9, 2)]]));
  it('runs the CNN app’s net for every batch size', () =>
    expectExported(
      seeded(() => new CNN()),
      [randn(2, 1, 28, 28)],
      batch,
      [[randn(3, 1, 28, 28)]],
    ));
  it('runs the LSTM app’s net for every batch size and length', () =>
    expectExported(
      seeded(() => new RNN()),
      [randn(2, 28, 28)],
      { input: { 0: 'batch', 1: 'time' } },
      [[randn(1, 28, 28)], [randn(3, 5, 28)]],
    ));
  it('runs a ResNet-18 of the original widths', () =>
    expectExported(
      seeded(() => resnet18(64, 10)),
      [randn(1, 3, 32, 32)],
    ));
  it('runs a narrow ResNet-18 for every batch size, with running statistics that are not the first ones', async () => {
    const net = seeded(() => resnet18(4, 10));
    net.train();
    noGrad(() => net.forward(randn(4, 3, 64, 64)));
    await expectExported(net, [randn(1, 3, 32, 32)], batch, [[randn(2, 3, 32, 32)]]);
  });
  it('runs a small transformer for every batch size and length', () =>
    expectExported(
      seeded(() => new SmallTransformer()),
      [randint(50, [2, 6]).int()],
      { input: { 0: 'batch', 1: 'time' } },
      [[randint(50, [3, 4]).int()]],
    ));

  it('gives a net back as it was: training, and with hooks that still run', async () => {
    const net = seeded(() => resnet18(4, 10));
    await onnxBytes(net, randn(1, 3, 32, 32));
    expect([...net.modules()].every((module) => module.training)).toBe(true);
  });

  it('writes a file with the names that are asked for', async () => {
    const file = scratchFile('net.onnx');
    const net = seeded(() => new Net());
    await exportOnnx(net, randn(2, 1), file, { inputNames: ['x'], outputNames: ['y'], dynamicAxes: { x: [0] } });
    const session = await ort.InferenceSession.create(file);
    expect([session.inputNames, session.outputNames]).toEqual([['x'], ['y']]);
  });
});

/** Layers with their example inputs: every layer of nn that maps floats to floats. */
const image = (): Tensor => randn(2, 4, 8, 8);
const layers: Readonly<Record<string, readonly [nn.Module, ...unknown[]]>> = (() => {
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
    MSELoss: [new nn.MSELoss(), randn(3, 4), randn(3, 4)],
    CrossEntropyLoss: [new nn.CrossEntropyLoss(), randn(3, 4), tensor([0, 3, 1], { dtype: 'int32' })],
  };
})();

describe('layers in ONNX Runtime', () => {
  for (const [name, [layer, ...args]] of Object.entries(layers)) it(`runs ${name}`, () => expectExported(layer, args));
});

/** A module of one function. */
class Lambda extends nn.Module {
  private readonly run: (...inputs: Tensor[]) => unknown;

  constructor(run: (...inputs: Tensor[]) => unknown) {
    super();
    this.run = run;
  }

  forward(...inputs: Tensor[]): unknown {
    return this.run(...inputs);
  }
}

const functions: Readonly<Record<string, readonly [(...inputs: Tensor[]) => unknown, ...Tensor[]]>> = {
  'numbers on either side': [(x) => [x.add(1), x.rsub(1), x.mul(0.3), x.pow(2), x.div(3)], randn(4)],
  'comparisons and where': [(x, y) => [x.gt(y), x.le(0), x.eq(y), x.ne(y).logicalAnd(x.lt(0)), x.gt(0).where(x, y)], randn(4), randn(4)],
  'broadcasting on both sides': [(x, y) => x.add(y), randn(3, 1), randn(1, 4)],
  'reductions': [(x) => [x.sum(), x.mean(1), x.amax([0, 2]), x.prod(0), x.argmax(1), x.max(1).values, x.gt(0).any(1), x.gt(-9).all()], randn(2, 3, 4)],
  'integer arithmetic': [(x, y) => [x.floorDivide(y), x.remainder(y), x.add(y).float()], tensor([-7, 7, -8, 9], { dtype: 'int32' }), tensor([2, -2, 3, 3], { dtype: 'int32' })],
  'views': [(x) => [x.t(), x.select(1, -1), x.at('1:', '::2'), x.unsqueeze(1), x.reshape(2, 6).flip(1), x.diagonal(), x.expand(2, 3, 4)], randn(3, 4)],
  'cat, stack and split': [(x, y) => [x.cat([y], 0), ...x.split(2, 1)], randn(3, 4), randn(2, 4)],
  'gather and scatter': [(x, i) => [x.gather(1, i), x.scatterAdd(1, i, x), x.indexSelect(0, i.select(0, 0))], randn(3, 3), tensor([[0, 1, 2], [2, 1, 0], [1, 1, 1]], { dtype: 'int32' })],
  'sorting': [(x) => { const { values, indices } = x.sort(1, true); return [values, indices]; }, randn(3, 5)],
  'einsum': [(x, y) => x.matmul(y), randn(2, 3, 4), randn(4, 5)],
  'casts': [(x) => [x.int(), x.gt(0).float(), x.double().exp().float()], randn(4)],
}; // prettier-ignore

describe('functions in ONNX Runtime', () => {
  for (const [name, [run, ...args]] of Object.entries(functions)) it(`runs ${name}`, () => expectExported(new Lambda(run), args));

  it('follows sizes that are computed from the input’s', () =>
    // [N, T, 4] → [N·T, 4], a mean over T by a number, positions and zeros of the input's size
    expectExported(
      new Lambda((x) => {
        const [n, t] = [x.size(0), x.size(1)];
        return [x.reshape(n * t, 4).mul(2).reshape(n, t, 4), x.mean(1), x.cat([zeros(n, 1, 4)], 1), x.add(ones(t).cumsum(0).reshape(1, t, 1)), x.select(1, t - 1), x.at(':', `0:${t - 1}`)];
      }),
      [randn(2, 3, 4)],
      { input: { 0: 'batch', 1: 'time' } },
      [[randn(5, 7, 4)], [randn(1, 2, 4)]],
    )); // prettier-ignore
});

describe('what cannot be exported', () => {
  it('names an op that ONNX does not have', async () => {
    await expect(onnxBytes(new Lambda((x) => x.atan2(x.add(1))), randn(3))).rejects.toThrow(/ops that ONNX has, got atan2/);
  });

  it('refuses a loop over a dynamic axis, a random number, and a change in place that it cannot follow', async () => {
    const loop = new Lambda((x) => x.unbind(0).reduce((a, b) => a.add(b)));
    await expect(onnxBytes(loop, randn(3, 2), { dynamicAxes: { input: [0] } })).rejects.toThrow(/Leave the axis out of dynamicAxes/);
    await expect(onnxBytes(new Lambda((x) => x.add(randn(3))), randn(3))).rejects.toThrow(/random/);
    await expect(onnxBytes(new Lambda((x) => { const y = x.mul(2); y.add_(1); return y; }), randn(3))).rejects.toThrow(/in place/); // prettier-ignore
  });

  it('refuses axes and names that do not fit', async () => {
    const net = seeded(() => new Net());
    await expect(onnxBytes(net, randn(2, 1), { dynamicAxes: { input: [2] } })).rejects.toMatchObject({ code: 'ARGUMENT' });
    await expect(onnxBytes(net, randn(2, 1), { dynamicAxes: { wrong: [0] } })).rejects.toMatchObject({ code: 'ARGUMENT' });
    await expect(onnxBytes(net, randn(2, 1), { inputNames: ['a', 'b'] })).rejects.toMatchObject({ code: 'ARGUMENT' });
    await expect(onnxBytes(net, [])).rejects.toMatchObject({ code: 'ARGUMENT' });
  });

  it('has a converter for no op that does not exist', () => {
    const known = new Set(definedOps().keys());
    expect(convertedOps().filter((name) => !known.has(name) && name !== 'detach')).toEqual([]);
  });
});
