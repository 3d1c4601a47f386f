import { dispatch } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import '@flambeau/nn';
import '@flambeau/optim';
import { describe, expect, it } from 'vitest';
import { labels, opNamed, plain, viewed, type Sample } from '../kernels/samples.ts';
import { check, expectSame } from './check.ts';
import { open } from './open.ts';

const gpu = await open();

const positive = (shape: number[], seed: number): Sample => viewed(plain(shape, seed), (x) => x.abs());
const reversedStrides = (shape: number[], seed = 1): Sample =>
  viewed(plain([...shape].reverse(), seed), (x) => x.permute(...shape.map((_, i) => shape.length - 1 - i)));
const trace = (name: string, inputs: readonly Sample[], attrs: unknown, i: number): Sample => ({
  make: (on) => dispatch(opNamed(name), inputs.map((s) => s.make(on)), attrs)[i],
}); // prettier-ignore

interface ConvCase {
  readonly x: number[];
  readonly weight: number[];
  readonly stride?: number[];
  readonly padding?: number[];
  readonly dilation?: number[];
  readonly groups?: number;
}
const convolutions: ConvCase[] = [
  { x: [2, 3, 7, 9], weight: [5, 3, 3, 3], padding: [1, 1] },
  { x: [1, 1, 28, 28], weight: [16, 1, 5, 5], padding: [2, 2] },
  { x: [2, 16, 14, 14], weight: [32, 16, 5, 5], padding: [2, 2] },
  { x: [2, 4, 12, 11], weight: [6, 4, 3, 2], stride: [3, 2], padding: [2, 1], dilation: [2, 1] },
  { x: [2, 8, 6, 6], weight: [12, 4, 3, 3], padding: [1, 1], groups: 2 },
  { x: [1, 1, 1, 1], weight: [1, 1, 1, 1] },
  { x: [2, 3, 21], weight: [5, 3, 4], stride: [2], padding: [2], dilation: [2] },
];

// Both ways to compute are tested on whatever adapter there is: the one for real GPUs, and the one for software adapters.
describe.skipIf(gpu === undefined).each(['threads', 'workgroups'] as const)('kernels of single ops, computed by %s', (kernels) => {
  const opened = gpu === undefined ? undefined : open({ kernels });
  const use = async (): Promise<WebGpuDevice> => (await opened) as WebGpuDevice;

  it('linear multiplies and adds the bias', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const [rows, k, n] of [
      [1, 1, 10],
      [7, 10, 3],
      [100, 33, 65],
      [64, 96, 128],
    ] as const) {
      // prettier-ignore
      await check(device, 'linear', [plain([rows, k]), plain([n, k], 2), plain([n], 3)], undefined);
    }
    await check(device, 'linear', [plain([2, 5, 12]), plain([8, 12], 2)], undefined);
    await check(device, 'linear', [reversedStrides([40, 24]), reversedStrides([20, 24], 2), plain([20], 3)], undefined);
    for (const [m, k, n] of [
      [70, 64, 72],
      [65, 130, 33],
    ] as const)
      // prettier-ignore
      for (const [a, b] of [[plain([m, k]), plain([k, n], 2)], [reversedStrides([m, k]), reversedStrides([k, n], 2)]]) { // prettier-ignore
        const op = opNamed('matmul');
        await expectSame(dispatch(op, [a.make(device), b.make(device)], undefined)[0], dispatch(op, [a.make(reference), b.make(reference)], undefined)[0], 5e-6, 'matmul'); // prettier-ignore
      }
  });

  it('linear activates its sums', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const activation of ['relu', 'sigmoid', 'tanh'])
      for (const [rows, k, n] of [
        [7, 10, 3],
        [40, 33, 65],
      ] as const) {
        await check(device, 'linearActivation', [plain([rows, k]), plain([n, k], 2), plain([n], 3)], { activation });
        await check(device, 'linearActivation', [plain([rows, k]), plain([n, k], 2)], { activation });
      }
  });

  it('convolution, relu and max pooling in one', { timeout: 600_000 }, async () => {
    const device = await use();
    const geometry = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
    const inputs = [plain([2, 3, 9, 10]), plain([5, 3, 3, 3], 2), plain([5], 3)];
    const windows = { kernel: [2, 3], stride: [2, 3], padding: [0, 0], dilation: [1, 1], output: [4, 3] };
    await check(device, 'convReluMaxPool2d', inputs, { ...geometry, pool: windows }, [], 1e-5);
    // Windows that overlap and reach out.
    const wide = { kernel: [3, 3], stride: [2, 2], padding: [1, 1], dilation: [1, 1], output: [5, 5] };
    await check(device, 'convReluMaxPool2d', inputs.slice(0, 2), { ...geometry, pool: wide }, [], 1e-5);
  });

  it('the squared error and its gradient', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const reduction of ['mean', 'sum']) {
      await check(device, 'mseLoss', [plain([13, 7]), plain([13, 7], 2)], { reduction });
      await check(device, 'mseLossGrad', [plain([]), plain([13, 7]), plain([13, 7], 2)], { reduction });
    }
  });

  it.each(convolutions)('a convolution of $x by $weight and both gradients', { timeout: 600_000 }, async (one) => {
    const device = await use();
    const dims = one.x.length - 2;
    const fill = (v: number): number[] => new Array<number>(dims).fill(v);
    const { stride = fill(1), padding = fill(0), dilation = fill(1), groups = 1 } = one;
    const attrs = { stride, padding, dilation, groups };
    // ⌊(size + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1
    const places = stride.map((s, i) => Math.floor((one.x[2 + i] + 2 * padding[i] - dilation[i] * (one.weight[2 + i] - 1) - 1) / s) + 1);
    const y = [one.x[0], one.weight[0], ...places];
    await check(device, `conv${dims}d`, [plain(one.x), plain(one.weight, 2), plain([one.weight[0]], 3)], attrs, [], 1e-5);
    // Single threads leave the gradient of a strided convolution to the composition.
    if (kernels === 'workgroups' || stride.every((s) => s === 1))
      await check(device, `conv${dims}dInputGrad`, [plain(y), plain(one.weight, 2)], { ...attrs, shape: one.x }, [], 1e-5);
    await check(device, `conv${dims}dWeightGrad`, [plain(y), plain(one.x, 2)], { ...attrs, shape: one.weight }, [], 1e-5);
  });

  it('a convolution reads operands of any strides', { timeout: 600_000 }, async () => {
    const device = await use();
    const attrs = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
    const g = viewed(plain([2, 4, 1, 1], 3), (t) => t.expand([2, 4, 6, 7]));
    await check(device, 'conv2d', [reversedStrides([2, 5, 6, 7]), reversedStrides([4, 5, 3, 3], 2)], attrs, [], 1e-5);
    await check(device, 'conv2dInputGrad', [g, reversedStrides([4, 5, 3, 3], 2)], { ...attrs, shape: [2, 5, 6, 7] }, [], 1e-5);
    await check(device, 'conv2dWeightGrad', [g, reversedStrides([2, 5, 6, 7])], { ...attrs, shape: [4, 5, 3, 3] }, [], 1e-5);
  });

  it('max pooling and its gradient, of windows that overlap and that reach out', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const [kernel, stride, padding, dilation] of [
      [2, 2, 0, 1],
      [3, 2, 1, 1],
      [3, 1, 1, 2],
    ]) {
      // prettier-ignore
      const size = Math.floor((9 + 2 * padding - dilation * (kernel - 1) - 1) / stride) + 1;
      const windows = { kernel: [kernel, kernel], stride: [stride, stride], padding: [padding, padding], dilation: [dilation, dilation] };
      const attrs = { ...windows, output: [size, size] };
      await check(device, 'maxPool2d', [plain([2, 3, 9, 9])], attrs);
      const indices = trace('maxPool2d', [plain([2, 3, 9, 9])], attrs, 1);
      for (const known of [windows, {}])
        await check(device, 'maxPool2dGrad', [plain([2, 3, size, size], 2), indices], { shape: [2, 3, 9, 9], ...known });
    }
    // Windows side by side, which cover the plane or leave an edge of it.
    for (const size of [8, 9]) {
      const windows = { kernel: [2, 4], stride: [2, 4], padding: [0, 0], dilation: [1, 1] };
      const indices = trace('maxPool2d', [plain([2, 3, size, 8])], { ...windows, output: [4, 2] }, 1);
      await check(device, 'maxPool2dGrad', [plain([2, 3, 4, 2], 2), indices], { shape: [2, 3, size, 8], ...windows });
    }
    await check(device, 'maxPool1d', [plain([2, 3, 10])], { kernel: [3], stride: [2], padding: [1], dilation: [1], output: [5] });
  });

  it('softmax, its logarithm and their gradients along every dimension', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const shape of [
      [3, 5],
      [2, 130, 3],
      [4, 200],
    ])
      // prettier-ignore
      for (const dim of shape.keys())
        for (const name of ['softmax', 'logSoftmax']) {
          await check(device, name, [plain(shape)], { dim });
          await check(device, `${name}Grad`, [plain(shape, 2), trace(name, [plain(shape)], { dim }, 0)], { dim }, [], 1e-5);
        }
  });

  it('cross-entropy and its gradient, with classes that are left out', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const [rows, classes] of [
      [1, 2],
      [50, 10],
      [130, 100],
    ])
      // prettier-ignore
      for (const reduction of ['mean', 'sum'])
        for (const ignoreIndex of [-100, 1]) {
          const attrs = { reduction, ignoreIndex };
          const inputs = [plain([rows, classes]), labels([rows], classes)];
          if (rows === 1 && ignoreIndex === 1) continue;
          await check(device, 'crossEntropy', inputs, attrs, [], 1e-5);
          await check(device, 'crossEntropyGrad', [plain([]), inputs[1], trace('crossEntropy', inputs, attrs, 1)], attrs, [], 1e-5);
        }
    const wrong = dispatch(opNamed('crossEntropy'), [plain([2, 3]).make(device), labels([2], 1).make(device).add(3)], { reduction: 'mean', ignoreIndex: -100 }); // prettier-ignore
    await expect(wrong[0].item()).rejects.toMatchObject({
      code: 'INDEX',
      op: 'crossEntropy',
      expected: 'classes in [0, 2]',
      received: '3',
    });
  });

  it('layer and batch normalization with their gradients', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const [rows, n] of [
      [3, 5],
      [70, 96],
      [2, 200],
    ]) {
      // prettier-ignore
      for (const affine of [[], [plain([n], 2)], [plain([n], 2), plain([n], 3)]]) {
        const inputs = [plain([rows, n]), ...affine];
        await check(device, 'layerNorm', inputs, { dims: 1, eps: 1e-5 }, [], 1e-5);
        const forward = [1, 2].map((i) => trace('layerNorm', inputs, { dims: 1, eps: 1e-5 }, i));
        await check(device, 'layerNormGrad', [plain([rows, n], 4), inputs[0], ...forward, ...affine.slice(0, 1)], { dims: 1, bias: affine.length > 1 }, [], 2e-5); // prettier-ignore
      }
    }
    for (const shape of [
      [8, 3],
      [4, 5, 6, 7],
    ]) {
      // prettier-ignore
      for (const [weight, bias] of [[false, false], [true, true]]) { // prettier-ignore
        const attrs = { eps: 1e-5, weight, bias };
        const inputs = [plain(shape), ...(weight ? [plain([shape[1]], 2), plain([shape[1]], 3)] : [])];
        await check(device, 'batchNorm', inputs, attrs, [], 1e-5);
        const forward = [1, 2].map((i) => trace('batchNorm', inputs, attrs, i));
        await check(device, 'batchNormGrad', [plain(shape, 4), inputs[0], ...forward, ...(weight ? [inputs[1]] : [])], attrs, [], 2e-5);
      }
    }
  });

  it('activations, rows by an index, and what is added to rows', { timeout: 600_000 }, async () => {
    const device = await use();
    await check(device, 'reluGrad', [plain([3, 7]), reversedStrides([3, 7], 2)], undefined);
    await check(device, 'silu', [plain([3, 7])], undefined);
    for (const approximate of ['none', 'tanh']) {
      await check(device, 'gelu', [plain([3, 7])], { approximate });
      await check(device, 'geluGrad', [plain([3, 7]), plain([3, 7], 2)], { approximate });
    }
    for (const dim of [0, 1]) {
      const [x, index] = [plain([5, 6, 4]), labels([9], 5)];
      const source = plain([5, 6, 4].map((n, i) => (i === dim ? 9 : n)), 2); // prettier-ignore
      await check(device, 'indexSelect', [x, index], { dim });
      await check(device, 'indexAdd', [x, index, source], { dim });
      await check(device, 'indexSelectGrad', [index, source], { dim, shape: [5, 6, 4] });
    }
    const [outside] = dispatch(opNamed('indexSelect'), [plain([2, 3]).make(device), labels([1], 1).make(device).add(2)], { dim: 0 });
    await expect(outside.data()).rejects.toMatchObject({ code: 'INDEX', op: 'indexSelect', received: '2' });
  });

  it('the steps of Adam and SGD, several parameters at a time', { timeout: 600_000 }, async () => {
    const device = await use();
    for (const [amsgrad, maximize, decoupled, weightDecay] of [
      [false, false, false, 0],
      [true, true, true, 0.1],
      [false, false, false, 0.1],
    ] as const) {
      // prettier-ignore
      const samples = [plain([100]), plain([100], 2), plain([100], 3), positive([100], 4), ...(amsgrad ? [positive([100], 5)] : [])];
      await check(device, 'adamStep', samples, { amsgrad, maximize, decoupled }, [0.01, 0.9, 0.999, 1e-8, weightDecay, 3]);
    }
    for (const [momentum, nesterov, first] of [
      [false, false, false],
      [true, false, true],
      [true, true, false],
    ] as const) {
      // prettier-ignore
      const samples = [plain([7]), plain([7], 2), ...(momentum ? [plain([7], 3)] : [])];
      await check(device, 'sgdStep', samples, { nesterov, maximize: false, momentum, first }, [
        0.1,
        momentum ? 0.9 : 0,
        nesterov ? 0 : 0.2,
        0.1,
      ]);
    }
    // Seven parameters of different sizes in one go: p ← p - 0.5·g
    const params = [1, 2, 3, 4, 5, 6, 70].map((n) => [plain([n], n), plain([n], n + 10)] as const);
    const before = device.counters.dispatches;
    const made = params.map((pair) => pair.map((s) => s.make(device)));
    for (const [p, g] of made) dispatch(opNamed('sgdStep'), [p, g], { nesterov: false, maximize: false, momentum: false, first: false }, [0.5, 0, 0, 0]); // prettier-ignore
    for (const [i, [p]] of made.entries()) {
      const [start, slope] = params[i].map((s) => s.make(reference));
      await expectSame(p, start.sub(slope.mul(0.5)), 1e-6, `parameter ${i}`);
    }
    expect(device.counters.dispatches - before).toBeLessThanOrEqual(2);
  });

  it.each([false, true])('an LSTM over a sequence and its gradient (reverse: %s)', { timeout: 600_000 }, async (reverse) => {
    const device = await use();
    for (const [steps, batch, features, size] of [
      [1, 1, 1, 1],
      [4, 3, 28, 17],
      [5, 9, 6, 64],
    ] as const) {
      // prettier-ignore
      const states = [plain([batch, size], 2), plain([batch, size], 3)];
      const weights = [plain([4 * size, features], 4), plain([4 * size, size], 5)];
      const biases = [plain([4 * size], 6), plain([4 * size], 7)];
      const sequences = [plain([steps, batch, features]), viewed(plain([batch, steps, features]), (x) => x.transpose(0, 1))];
      for (const x of sequences)
        for (const inputs of [
          [x, ...states, ...weights],
          [x, ...states, ...weights, ...biases],
        ]) {
          // prettier-ignore
          await check(device, 'lstm', inputs, { reverse }, [], 1e-5);
          const kept = [0, 3, 4].map((i) => trace('lstm', inputs, { reverse }, i));
          const slopes = [plain([steps, batch, size], 8), plain([batch, size], 9), plain([batch, size], 10)];
          for (const input of [false, true]) await check(device, 'lstmGrad', [...slopes, ...kept, ...inputs], { reverse, input }, [], 2e-5);
        }
      // Without states, and with a gradient of the last step alone.
      const [inputs, fromZeros] = [[plain([steps, batch, features]), ...weights, ...biases], { reverse, fromZeros: true }];
      await check(device, 'lstm', inputs, fromZeros, [], 1e-5);
      const kept = [0, 3, 4].map((i) => trace('lstm', inputs, fromZeros, i));
      const slopes = [plain([1, batch, size], 8), plain([0, size], 9), plain([batch, size], 10)];
      await check(device, 'lstmGrad', [...slopes, ...kept, ...inputs], { ...fromZeros, input: true, from: steps - 1 }, [], 2e-5);
    }
  });
});
