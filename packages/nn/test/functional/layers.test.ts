import { arange, ArgumentError, manualSeed, ones, randn, setDefaultDevice, ShapeError, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';

const F = nn.functional;
setDefaultDevice(reference);

const integers = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'int32' });
const row = (...values: number[]): Tensor => tensor([[values]]);
const list = (x: Tensor): number[] => {
  const values = x.dataSync();
  return Array.from({ length: values.length }, (_, i) => Math.round(Number(values[i]) * 1e5) / 1e5);
};

describe('arguments', () => {
  const x = row(1, 2, 3, 4);
  it('may stand in PyTorch’s order, in the options, or both', () => {
    // windows of 2, two apart: 2, 4
    expect(list(F.maxPool1d(x, 2, 2))).toEqual([2, 4]);
    expect(list(F.maxPool1d(x, 2, { stride: 2 }))).toEqual([2, 4]);
    expect(list(F.maxPool1d(x, { kernelSize: 2, stride: 2 }))).toEqual([2, 4]);
  });
  it('are refused when unknown, too many or given twice', () => {
    expect(() => F.maxPool1d(x, 2, { step: 2 } as never)).toThrow(/options among kernelSize, stride/);
    expect(() => F.relu(x, true, 1 as never)).toThrow(ArgumentError);
    expect(() => F.maxPool1d(x, 2, { kernelSize: 2 } as never)).toThrow(/kernelSize once/);
  });
});

describe('pooling', () => {
  it('averages count the padding, or not', () => {
    // [0, 1, 2], [2, 3, 0]... windows of 2 over 0 1 2 3 0, two apart: (0+1)/2, (2+3)/2
    expect(list(F.avgPool1d(row(1, 2, 3), 2, 2, 1))).toEqual([0.5, 2.5]);
    expect(list(F.avgPool1d(row(1, 2, 3), 2, 2, 1, false, false))).toEqual([1, 2.5]);
  });
  it('adaptive cells overlap where the sizes do not divide', () => {
    // 5 to 3: [0, 2), [1, 4), [3, 5)
    expect(list(F.adaptiveAvgPool1d(row(1, 2, 3, 4, 5), 3))).toEqual([1.5, 3, 4.5]);
    const [values, places] = F.adaptiveMaxPool1d(row(5, 1, 4, 2, 3), { outputSize: 3, returnIndices: true });
    expect(list(values)).toEqual([5, 4, 3]);
    expect(list(places)).toEqual([0, 2, 4]);
  });
  it('unpooling puts values back', () => {
    const [values, places] = F.maxPool1d(row(1, 3, 2, 4), 2, { returnIndices: true });
    expect(list(F.maxUnpool1d(values, places, 2))).toEqual([0, 3, 0, 4]);
  });
  it('in ceil mode keeps the window that hangs over', () => {
    expect(list(F.maxPool1d(row(1, 2, 3), 2, { ceilMode: true }))).toEqual([2, 3]);
    // The last window holds 3 alone.
    expect(list(F.avgPool1d(row(1, 2, 3), 2, { ceilMode: true }))).toEqual([1.5, 3]);
  });
  it('refuses padding of more than half the kernel', () => {
    expect(() => F.maxPool1d(row(1, 2, 3), 2, 1, 2)).toThrow(ArgumentError);
  });
});

describe('padding', () => {
  const x = row(1, 2, 3);
  it('reflects, repeats, goes round and fills', () => {
    expect(list(F.pad(x, [2, 1], 'reflect'))).toEqual([3, 2, 1, 2, 3, 2]);
    expect(list(F.pad(x, [2, 1], 'replicate'))).toEqual([1, 1, 1, 2, 3, 3]);
    expect(list(F.pad(x, [2, 1], 'circular'))).toEqual([2, 3, 1, 2, 3, 1]);
    expect(list(F.pad(x, [1, -1], 'constant', 9))).toEqual([9, 1, 2]);
  });
  it('refuses to reflect more than there is', () => {
    expect(() => F.pad(x, [3, 0], 'reflect')).toThrow(ShapeError);
  });
});

describe('convolution', () => {
  it('transposed undoes the sizes of a convolution, with the rest from outputPadding', () => {
    const weight = row(1, 10);
    // Each value spreads over two places, two apart: 1 10 2 20
    expect(list(F.convTranspose1d(row(1, 2), weight, { stride: 2 }))).toEqual([1, 10, 2, 20]);
    expect(list(F.convTranspose1d(row(1, 2), weight, { stride: 2, outputPadding: 1 }))).toEqual([1, 10, 2, 20, 0]);
    expect(() => F.convTranspose1d(row(1, 2), weight, { stride: 2, outputPadding: 2 })).toThrow(ArgumentError);
  });
  it('a layer finds the output padding of a wanted size', () => {
    const layer = new nn.ConvTranspose2d(1, 1, 3, { stride: 2, padding: 1 });
    expect(layer.forward(ones(1, 1, 4, 4), [8, 7]).shape).toEqual([1, 1, 8, 7]);
    expect(() => layer.forward(ones(1, 1, 4, 4), [9, 7])).toThrow(ShapeError);
  });
  it('a layer pads in a mode', () => {
    const layer = new nn.Conv1d(1, 1, 3, { padding: 1, paddingMode: 'circular', bias: false });
    layer.loadStateDict({ weight: row(1, 1, 1) });
    // 3 1 2 3 1 summed by threes
    expect(list(layer.forward(row(1, 2, 3)))).toEqual([6, 6, 6]);
  });
  it('fold adds what unfold took', () => {
    const x = arange(9).reshape(1, 1, 3, 3);
    // Windows of 2x2: corners are in one, edges in two, the center in four.
    expect(list(F.fold(F.unfold(x, 2), 3, 2))).toEqual([0, 2, 2, 6, 16, 10, 6, 14, 8]);
  });
});

describe('interpolation', () => {
  it('takes the nearest place, or weighs two', () => {
    expect(list(F.interpolate(row(1, 3), { scaleFactor: 2 }))).toEqual([1, 1, 3, 3]);
    expect(list(F.interpolate(row(1, 3), { scaleFactor: 2, mode: 'linear' }))).toEqual([1, 1.5, 2.5, 3]);
    expect(list(F.interpolate(row(1, 3), { size: 3, mode: 'linear', alignCorners: true }))).toEqual([1, 2, 3]);
  });
  it('wants one of size and scaleFactor', () => {
    expect(() => F.interpolate(row(1, 3))).toThrow(/one of size and scaleFactor, got neither/);
    expect(() => F.interpolate(row(1, 3), 2, 2)).toThrow(/got both/);
  });
  it('a grid of the identity reads the image itself', () => {
    const image = arange(6).reshape(1, 1, 2, 3);
    const grid = F.affineGrid(tensor([[[1, 0, 0], [0, 1, 0]]]), [1, 1, 2, 3]); // prettier-ignore
    expect(list(F.gridSample(image, grid))).toEqual([0, 1, 2, 3, 4, 5]);
  });
});

describe('normalization', () => {
  it('running statistics move by the momentum, with the unbiased variance', () => {
    const norm = new nn.BatchNorm1d(1, { momentum: 0.5 });
    // mean 2, variance 1 over n and 2 over n - 1
    norm.forward(tensor([[1], [3]]));
    expect(list(norm.runningMean as Tensor)).toEqual([1]); // 0.5·0 + 0.5·2
    expect(list(norm.runningVar as Tensor)).toEqual([1.5]); // 0.5·1 + 0.5·2
    expect(norm.numBatchesTracked?.itemSync()).toBe(1);
  });
  it('without momentum they are the mean of all batches', () => {
    const norm = new nn.BatchNorm1d(1, { momentum: null });
    norm.forward(tensor([[1], [3]]));
    norm.forward(tensor([[5], [7]]));
    expect(list(norm.runningMean as Tensor)).toEqual([4]); // (2 + 6)/2
  });
  it('in evaluation uses them and leaves them alone', () => {
    const norm = new nn.BatchNorm1d(1, { eps: 0 }).eval();
    expect(list(norm.forward(tensor([[3]])))).toEqual([3]);
    expect(norm.numBatchesTracked?.itemSync()).toBe(0);
    expect(() => norm.train().forward(tensor([[3]]))).toThrow(ShapeError);
  });
  it('groups of one channel are instances', () => {
    manualSeed(0);
    const x = randn(2, 3, 4);
    expect(list(F.groupNorm(x, 3))).toEqual(list(F.instanceNorm(x)));
  });
  it('root mean square divides by it', () => {
    // √((9 + 16)/2) = 3.53553
    expect(list(F.rmsNorm(tensor([3, 4]), [2], { eps: 0 }))).toEqual([0.84853, 1.13137]);
  });
});

describe('embedding', () => {
  const table = (): Tensor => tensor([[1, 0], [3, 4], [5, 5]]).requiresGrad_(); // prettier-ignore
  it('counts the gradient of a row as often as it is read, or once', () => {
    const plain = table();
    F.embedding(integers([1, 1, 0]), plain).sum().backward(); // prettier-ignore
    expect(list(plain.grad as Tensor)).toEqual([1, 1, 2, 2, 0, 0]);
    const scaled = table();
    F.embedding(integers([1, 1, 0]), scaled, { scaleGradByFreq: true, paddingIdx: 0 }).sum().backward(); // prettier-ignore
    expect(list(scaled.grad as Tensor)).toEqual([0, 0, 1, 1, 0, 0]);
  });
  it('scales rows down to the largest norm in the table itself', () => {
    const weight = table().detach();
    F.embedding(integers([1]), weight, { maxNorm: 1 });
    expect(list(weight)).toEqual([1, 0, 0.6, 0.8, 5, 5]);
  });
  it('bags sum, average and maximize, and empty ones are zero', () => {
    const bag = (mode: 'sum' | 'mean' | 'max'): number[] => list(F.embeddingBag(integers([0, 1, 2]), table(), { offsets: integers([0, 2, 2]), mode })); // prettier-ignore
    expect(bag('sum')).toEqual([4, 4, 0, 0, 5, 5]);
    expect(bag('mean')).toEqual([2, 2, 0, 0, 5, 5]);
    expect(bag('max')).toEqual([3, 4, 0, 0, 5, 5]);
  });
  it('one-hot counts the classes when it is not told', () => {
    expect(F.oneHot(integers([0, 2])).toArraySync()).toEqual([[1, 0, 0], [0, 0, 1]]); // prettier-ignore
    expect(() => F.oneHot(integers([3]), 3)).toThrow(ArgumentError);
  });
});

describe('dropout', () => {
  it('zeroes whole channels and scales the others', () => {
    manualSeed(1);
    const y = F.dropout2d(ones(4, 8, 2, 2), 0.5).sum([2, 3]); // prettier-ignore
    // Each channel is all 0 or all 2.
    expect(new Set(list(y))).toEqual(new Set([0, 8]));
  });
  it('alpha dropout takes two values on ones: a + b where kept, another where dropped', () => {
    manualSeed(1);
    const [p, s] = [0.5, 1.0507009873554805 * 1.6732632423543772];
    const a = 1 / Math.sqrt((s * s * p + 1) * (1 - p));
    const round = (v: number): number => Math.round(v * 1e5) / 1e5;
    const y = list(F.alphaDropout(ones(64), p, true));
    // kept: a·1 + s·a·p; dropped: -s·a + s·a·p
    expect(new Set(y.map((v) => Math.sign(v)))).toEqual(new Set([1, -1]));
    expect(Math.max(...y)).toBeCloseTo(round(a + s * a * p), 4);
    expect(Math.min(...y)).toBeCloseTo(round(-s * a + s * a * p), 4);
  });
  it('passes through in evaluation', () => {
    const x = ones(3);
    expect(new nn.Dropout(0.9).eval().forward(x)).toBe(x);
  });
});

describe('attention', () => {
  it('weighs values by the softmax of scaled products', () => {
    // scores [0, ln 3] after the scale 1: weights 1/4 and 3/4
    const query = tensor([[1]]);
    const key = tensor([[0], [Math.log(3)]]);
    expect(list(F.scaledDotProductAttention(query, key, tensor([[0], [4]])))).toEqual([3]);
  });
  it('gives zeros to a query that sees nothing', () => {
    const mask = tensor([[false, false]]);
    const q = tensor([[1]]).requiresGrad_();
    const y = F.scaledDotProductAttention(q, tensor([[1], [2]]), tensor([[3], [4]]), { attnMask: mask });
    expect(list(y)).toEqual([0]);
    y.sum().backward();
    expect(list(q.grad as Tensor)).toEqual([0]);
  });
  it('shares heads of keys among groups of queries', () => {
    manualSeed(2);
    const [q, k, v] = [randn(4, 3, 2), randn(2, 3, 2), randn(2, 3, 2)];
    const twice = (x: Tensor): Tensor => x.indexSelect(0, integers([0, 0, 1, 1]));
    expect(list(F.scaledDotProductAttention(q, k, v, { enableGqa: true }))).toEqual(
      list(F.scaledDotProductAttention(q, twice(k), twice(v))),
    );
  });
});

describe('activations', () => {
  it('have PyTorch’s derivative at their kinks', () => {
    const slope = (f: (x: Tensor) => Tensor, at: number): number => {
      const x = tensor([at]).requiresGrad_();
      f(x).sum().backward(); // prettier-ignore
      return x.grad?.itemSync() ?? 0;
    };
    expect(slope((x) => F.hardtanh(x), 1)).toBe(0);
    expect(slope((x) => F.relu6(x), 6)).toBe(0);
    expect(slope((x) => F.leakyRelu(x, 0.5), 0)).toBe(0.5);
    expect(slope((x) => F.softshrink(x), 0.5)).toBe(0);
    expect(slope(F.logsigmoid, 0)).toBe(0.5);
  });
  it('write over their input where asked, and still have a derivative', () => {
    const leaf = tensor([-2, 3]).requiresGrad_();
    const x = leaf.mul(1);
    const y = new nn.LeakyReLU(0.5, true).forward(x);
    expect(y).toBe(x);
    y.square().sum().backward(); // prettier-ignore
    // y = 0.5·x below 0: d y²/dx = 2·(-1)·0.5; above: 2·3
    expect(list(leaf.grad as Tensor)).toEqual([-1, 6]);
  });
  it('hard Gumbel samples are one-hot', () => {
    manualSeed(3);
    expect(list(F.gumbelSoftmax(randn(5, 3), { hard: true }).sum(1))).toEqual([1, 1, 1, 1, 1]); // prettier-ignore
  });
});
