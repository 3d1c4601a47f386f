import {
  arange,
  cat,
  dispatch,
  explain,
  manualSeed,
  ones,
  profile,
  rand,
  randn,
  setDefaultDevice,
  tensor,
  zeros,
  type Device,
  type Tensor,
} from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { describe, expect, it } from 'vitest';
import { opNamed, plain, viewed } from '../kernels/samples.ts';
import { check, expectSame } from './check.ts';
import { open } from './open.ts';

setDefaultDevice(reference);
const gpu = await open();

// The long tests compute these in tiles of workgroup memory too, and over more shapes.
describe.skipIf(gpu === undefined)('kernels of the GPU that stand for several ops', () => {
  it('a row with an infinity has no cross-entropy, and no gradient', async () => {
    const device = gpu as WebGpuDevice;
    const { crossEntropy } = nn.functional;
    const rows = tensor([[1, Infinity, 2], [0, 1, 0]], { device }).requiresGrad_(); // prettier-ignore
    const loss = crossEntropy(rows, tensor([0, 1], { dtype: 'int32', device }), { reduction: 'sum' });
    loss.backward();
    expect(await loss.item()).toBeNaN();
    const gradient = Array.from(await (rows.grad as Tensor).data(), Number);
    expect(gradient.map(Number.isNaN)).toEqual([true, true, true, false, false, false]);
  });

  it.each(['relu', 'sigmoid', 'tanh'])('a linear map and %s', async (activation) => {
    if (gpu !== undefined) await check(gpu, 'linearActivation', [plain([7, 10]), plain([3, 10], 2), plain([3], 3)], { activation });
  });

  it.each(['relu', 'sigmoid', 'tanh'])(
    'the gradients of a linear map, and of one with %s, those that are asked for',
    async (activation) => {
      if (gpu === undefined) return;
      for (const needs of [
        [true, true, true],
        [false, true, true],
        [true, true, false],
        [true, false, true],
        [false, true],
        [true, false, false],
        [false, false, true],
      ]) {
        // prettier-ignore
        for (const [rows, k, n] of [[7, 10, 3], [1, 1, 1], [9, 1, 4], [64, 3, 8]]) { // prettier-ignore
        const inputs = [plain([rows, n]), plain([rows, k], 2), plain([n, k], 3)];
        await check(gpu, 'linearGrad', inputs, { needs });
        await check(gpu, 'linearActivationGrad', [...inputs, plain([rows, n], 4)], { needs, activation });
      }
      }
      const expanded = viewed(plain([]), (x) => x.expand([2, 3, 4]));
      await check(gpu, 'linearGrad', [viewed(plain([1, 4]), (x) => x.expand([5, 4])), viewed(plain([6, 5], 2), (x) => x.t()), viewed(plain([6, 4], 3), (x) => x.t())], { needs: [true, true, true] }); // prettier-ignore
      const want = dispatch(opNamed('linearGrad'), [expanded, plain([2, 3, 6]), plain([4, 6], 2)].map((s) => s.make(reference)), { needs: [true, true, true] }); // prettier-ignore
      const got = dispatch(opNamed('linearGrad'), [expanded, plain([2, 3, 6]), plain([4, 6], 2)].map((s) => s.make(gpu)), { needs: [true, true, true] }); // prettier-ignore
      for (const [i, g] of got.entries()) await expectSame(g, want[i], 5e-6, `gradient ${i}`);
    },
  );

  it('a training step of a small net takes six dispatches in one submission, and no more as it goes on', async () => {
    if (gpu === undefined) return;
    const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1)).to(gpu);
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.2 });
    const lossFunction = new nn.MSELoss();
    const [x, y] = [rand(100, 1, { device: gpu }), rand(100, 1, { device: gpu })];
    const counts: [number, number][] = [];
    for (let i = 0; i < 5; i++) {
      const before = gpu.counters;
      const loss = lossFunction.forward(net.forward(x) as Tensor, y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      await loss.item();
      const { dispatches, submissions } = gpu.counters;
      counts.push([dispatches - before.dispatches, submissions - before.submissions]);
    }
    // The first two compile: the seed of the first walk is filled between the loss and its gradient.
    expect(counts.slice(2)).toEqual([[6, 1], [6, 1], [6, 1]]); // prettier-ignore
  });

  it.each(['mean', 'sum'])('the squared error and its gradient, as a %s', async (reduction) => {
    if (gpu === undefined) return;
    await check(gpu, 'mseLoss', [plain([13, 7]), plain([13, 7], 2)], { reduction });
    await check(gpu, 'mseLossGrad', [plain([]), plain([13, 7]), plain([13, 7], 2)], { reduction });
  });

  it('the squared error joins its gradient where that follows, and is its own where something comes between', async () => {
    for (const kernels of ['threads', 'workgroups'] as const) {
      const device = await open({ kernels });
      if (device === undefined) return;
      // d = x - y = [1, 2, 3, ...]: the loss is Σ d² / n = (n + 1)(2n + 1) / 6, its gradient 2·d / n.
      const n = 70;
      const x = arange(1, n + 1, { device }).requiresGrad_();
      const y = zeros([n], { device });
      const expected = ((n + 1) * (2 * n + 1)) / 6;
      const slopes = Array.from({ length: n }, (_, i) => (2 * (i + 1)) / n);
      const dispatched = async (use: () => Promise<unknown>): Promise<number> => {
        const before = device.counters.dispatches;
        await use();
        return device.counters.dispatches - before;
      };
      const gradientOf = (loss: Tensor, gradient?: Tensor): Tensor => {
        x.grad = undefined;
        loss.backward(gradient);
        return x.grad as unknown as Tensor;
      };
      const expectNear = async (got: Tensor, want: number | number[]): Promise<void> =>
        expectSame(got, tensor(want), 1e-6, 'the squared error');
      // The first walk fills its seed in between.
      await expectNear(gradientOf(nn.functional.mseLoss(x, y)), slopes);
      for (let i = 0; i < 2; i++) {
        const joined = await dispatched(async () => {
          const loss = nn.functional.mseLoss(x, y);
          const gradient = gradientOf(loss);
          await expectNear(loss, expected);
          await expectNear(gradient, slopes);
        });
        expect(joined).toBe(1);
      }
      // Its own value is what it is multiplied by, so it has to be there before.
      const own = nn.functional.mseLoss(x, y);
      await expectNear(
        gradientOf(own, own.detach()),
        slopes.map((v) => v * expected),
      );
      // x changes after the loss and before it is read.
      const before = noGrad(() => {
        const loss = nn.functional.mseLoss(x, y);
        x.mul_(2);
        return loss;
      });
      await expectNear(before, expected);
      // Two losses, of which the second is walked back from.
      const [first, second] = [nn.functional.mseLoss(x, y), nn.functional.mseLoss(x, y, 'sum')];
      await expectNear(
        gradientOf(second),
        slopes.map((v) => v * 2 * n),
      );
      await expectNear(first, 4 * expected);
      await expectNear(second, 4 * n * expected);
      // A step of the optimizer waits too, and comes after the loss that was asked for before it.
      const optimizer = new optim.SGD([x], { lr: 1 });
      const last = noGrad(() => nn.functional.mseLoss(x, y));
      optimizer.step();
      await expectNear(last, 4 * expected);
      device.destroy();
    }
  });

  it('a convolution, relu and max pooling', async () => {
    if (gpu === undefined) return;
    const geometry = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
    const pool = { kernel: [2, 3], stride: [2, 3], padding: [0, 0], dilation: [1, 1], output: [4, 3] };
    const inputs = [plain([2, 3, 9, 10]), plain([5, 3, 3, 3], 2), plain([5], 3)];
    await check(gpu, 'convReluMaxPool2d', inputs, { ...geometry, pool }, [], 1e-5);
  });

  it('a Sequential runs them, and gives the outputs and the gradients of its modules one by one', async () => {
    if (gpu === undefined) return;
    const block = (): nn.Module[] => [new nn.Conv2d(1, 4, 3, 1, 1), new nn.ReLU(), new nn.MaxPool2d(2)];
    const net = new nn.Sequential(...block(), new nn.Flatten(), new nn.Linear(16, 6), new nn.Tanh(), new nn.Linear(6, 2)).to(gpu);
    const x = randn([3, 1, 4, 4], { device: gpu });
    const { result, explanation } = explain(() => net.forward(x));
    expect(explanation.ops.filter(({ route }) => route === 'own kernel').map(({ op }) => op)).toEqual(['convReluMaxPool2d', 'linearActivation', 'linear']); // prettier-ignore
    const alone = [...net].reduce<Tensor>((y, module) => module.forward(y) as Tensor, x);
    await expectSame(result, await alone.toAsync(reference), 1e-6, 'the output');
    const gradients = (y: Tensor): Tensor[] => {
      for (const p of net.parameters()) p.grad = undefined;
      y.square().sum().backward();
      return [...net.parameters()].map((p) => p.grad as Tensor);
    };
    const want = gradients(alone);
    for (const [i, g] of gradients(net.forward(x)).entries()) await expectSame(g, await want[i].toAsync(reference), 1e-5, `gradient ${i}`);
  });

  it.skipIf(gpu?.info.timestamps !== true)('steps that wait to run together count under their own op in a profile', async () => {
    if (gpu === undefined) return;
    const net = new nn.Linear(3, 2).to(gpu);
    const optimizer = new optim.SGD(net.parameters(), { lr: 0.1 });
    const x = randn([4, 3], { device: gpu });
    net.forward(x).square().sum().backward();
    const { profile: report } = await profile(async () => {
      optimizer.step();
      return x.exp().data();
    });
    const timeOf = (name: string): number => report.runs.reduce((sum, { op, deviceTime = 0 }) => (op === name ? sum + deviceTime : sum), 0);
    expect(timeOf('sgdStep')).toBeGreaterThan(0);
    expect(timeOf('exp')).toBeGreaterThan(0);
  });

  it('dropout and random fills made on the GPU repeat with the seed, and initialization has the numbers of the CPU', async () => {
    if (gpu === undefined) return;
    expect(gpu.randomSource).toBe('device');
    const drawn = async (): Promise<number[]> => {
      manualSeed(7);
      const made = cat([
        rand([20], { device: gpu }),
        randn([20], { device: gpu }),
        nn.functional.dropout(ones([40], { device: gpu }), 0.5),
      ]);
      return Array.from(await made.data(), Number);
    };
    const first = await drawn();
    expect(await drawn()).toEqual(first);
    expect(new Set(first.slice(40))).toEqual(new Set([0, 2]));
    const weights = async (device: Device): Promise<number[]> => {
      manualSeed(7);
      return Array.from(await new nn.Linear(5, 4, true, { device }).weight.data(), Number);
    };
    expect(await weights(gpu)).toEqual(await weights(reference));
  });
});
