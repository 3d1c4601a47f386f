import { definedOps, ones, randint, randn, tensor, zeros, type Tensor } from '@flambeau/core';
import { noGrad, valueAndGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { exportOnnx, onnxBytes } from '../src/index.ts';
import { convertedOps } from '../src/onnx/converters.ts';
import { classifier, CNN, Net, resnet18, RNN, seeded, SmallTransformer } from './nets.ts';
import { scratchFile } from './helpers.ts';
import { bothOutputs, expectExported, Lambda } from './onnxRuntime.ts';

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
    const seen: number[][] = [];
    const first = [...net.modules()].find((module) => module instanceof nn.Conv2d);
    first?.registerForwardHook((_module, _inputs, output) => void seen.push([...(output as Tensor).shape]));
    const plain = seeded(() => resnet18(4, 10));
    const [hooked, bare] = [await onnxBytes(net, randn(1, 3, 32, 32)), await onnxBytes(plain, randn(1, 3, 32, 32))];
    expect(Buffer.compare(hooked, bare)).toBe(0);
    seen.length = 0;
    noGrad(() => net.forward(randn(2, 3, 32, 32)));
    // 32 by a stride of 2 is 16, in four channels
    expect(seen).toEqual([[2, 4, 16, 16]]);
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
  'angles in all quadrants': [(y, x) => [y.atan2(x), x.atan2(y)], tensor([1, 1, -1, -1, 0, -0, 0, -0, Infinity, -Infinity, 2, 0]), tensor([1, -1, 1, -1, 0, 0, -0, -0, Infinity, -Infinity, Infinity, 3])],
  'shifts': [(x, n) => [x.bitwiseLeftShift(n), x.bitwiseRightShift(n), x.bitwiseLeftShift(3)], tensor([1, -1, 1000, -1000, 2 ** 31 - 1, 7, -8], { dtype: 'int32' }), tensor([31, 31, 4, 4, 1, 0, 33], { dtype: 'int32' })],
  'shifts of bytes': [(x, n) => [x.bitwiseLeftShift(n), x.bitwiseRightShift(n)], tensor([1, 255, 200, 7], { dtype: 'uint8' }), tensor([7, 1, 3, 40], { dtype: 'uint8' })],
  // ONNX Runtime itself adds no uint32.
  'unsigned integers': [(x, n) => [x.bitwiseLeftShift(n), x.bitwiseRightShift(n), x.remainder(n), x.to('int64').add(n.to('int64')), x.float()], tensor(Uint32Array.of(2 ** 31, 2 ** 32 - 1, 200, 7)), tensor(Uint32Array.of(7, 1, 3, 40))],
  'running products and extremes': [(x) => [x.cumprod(1), x.cummax(0).values, x.cummax(1).indices, x.cummin(2).values, x.cummin(2).indices], randn(2, 3, 4)],
  'the exponential of a matrix': [(x) => x.mul(0.3).matrixExp(), randn(3, 3)],
  'one-hot vectors': [(i) => nn.functional.oneHot(i, 4).float(), tensor([0, 3, 1], { dtype: 'int32' })],
  'einsum': [(x, y) => x.matmul(y), randn(2, 3, 4), randn(4, 5)],
  'casts': [(x) => [x.int(), x.gt(0).float(), x.double().exp().float()], randn(4)],
}; // prettier-ignore

describe('functions in ONNX Runtime', () => {
  for (const [name, [run, ...args]] of Object.entries(functions)) it(`runs ${name}`, () => expectExported(new Lambda(run), args));

  it('steps to the next number exactly, over all magnitudes', async () => {
    const sizes = [0, 2 ** -149, 2 ** -130, 2 ** -126, 2 ** -125, 1.5 * 2 ** -120, 2 ** -103, 2 ** -102, 1, 1 + 2 ** -23, Math.PI, 2 ** 100, (2 - 2 ** -23) * 2 ** 127, Infinity];
    const x = tensor([...sizes, ...sizes.map((n) => -n), 1, NaN]);
    const y = tensor([...sizes.map((_, i) => (i % 2 === 0 ? Infinity : -1)), ...sizes.map((_, i) => (i % 2 === 0 ? -Infinity : 0.5)), 1, 1]);
    const net = new Lambda((a, b) => [a.nextafter(b), b.nextafter(a), a.nextafter(a.mul(0)), a.double().nextafter(b.double())]);
    const bytes = await onnxBytes(net, [x, y]);
    const [outputs, expected] = await bothOutputs(net, bytes, [x, y]);
    // ONNX Runtime's Where does not keep the sign of a zero, and it flushes the least float64 above 0.
    const unsigned = (lists: number[][]): number[][] => lists.map((list, i) => list.filter((_, k) => i < 3 || sizes[k % sizes.length] !== 0).map((value) => (value === 0 ? 0 : value)));
    expect(unsigned(outputs)).toEqual(unsigned(expected));
  }); // prettier-ignore

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
    // The derivative of a slice is written into zeros: the one op that neither has a converter nor is made of others.
    const net = new Lambda((x) => valueAndGrad((y: Tensor) => y.narrow(0, 1, 2).square().sum())(x).grads[0]);
    await expect(onnxBytes(net, randn(3))).rejects.toMatchObject({ code: 'NOT_SUPPORTED', message: /ops that ONNX has, got embedSlice/ });
  });

  it('refuses a forward that looks at values, and one whose result has a size that follows from them', async () => {
    const looks = [
      new Lambda((x) => (x.sum().itemSync() > 0 ? x : x.neg())),
      new Lambda((x) => x.mul(x.dataSync().length)),
      new Lambda((x) => x.add(x.gt(0).nonzero().shape[0])),
      new nn.CTCLoss(),
    ];
    const lengths = tensor([3, 3], { dtype: 'int32' });
    for (const net of looks) {
      const args = net instanceof nn.CTCLoss ? [randn(5, 2, 4).logSoftmax(2), randint(1, 4, [2, 3]).int(), lengths, lengths] : [randn(3)];
      await expect(onnxBytes(net, args)).rejects.toThrow(/whatever the values of its inputs are/);
    }
    // Values are read again as before.
    expect(lengths.device.synchronous).toBe(true);
    expect(lengths.itemSync).toBeDefined();
    expect(lengths.select(0, 1).itemSync()).toBe(3);
  });

  it('reads what does not follow from the inputs', () =>
    expectExported(new Lambda((x) => x.mul(tensor([1, 2, 3]).sum().itemSync())), [randn(3)])); // 1 + 2 + 3 = 6, a constant

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
