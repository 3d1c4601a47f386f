import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { linspace, memory, rand, randint, scope, setDefaultDevice, type Device, type Tensor } from '@flambeau/core';
import { DataLoader, TensorDataset } from '@flambeau/data';
import { reference } from '@flambeau/backend-reference';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { afterAll, describe, expect, it } from 'vitest';
import { open } from './open.ts';

const megabyte = 2 ** 20;
// So small a budget that a step which keeps something shows soon.
const gpu = await open({ softBytes: 32 * megabyte });
if (gpu !== undefined) setDefaultDevice(gpu);
afterAll(() => gpu?.destroy());

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is live once V8 has collected what nothing reaches. */
async function left(device: Device): Promise<{ count: number; bytes: number }> {
  for (let i = 0; i < 3; i++) {
    collect();
    // What was found is told in a task of its own.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await device.synchronize();
  const { liveCount, liveBytes } = memory(device);
  return { count: liveCount, bytes: liveBytes };
}

/**
 * V8 collects when it likes, so what is held rises to a height that a busy machine reaches late: the tips may differ by as much as in the browser's
 * test. A tensor that each step leaves behind shows in what is left after a collection.
 */
function expectFlat(looks: readonly number[]): void {
  expect(Math.max(...looks.slice(5))).toBeLessThanOrEqual(Math.max(...looks.slice(0, 5)) * 1.1 + megabyte);
}

class CNN extends nn.Module {
  conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  out = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x)) as Tensor;
    return this.out.forward(features.view(features.size(0), -1));
  }
}

function regression(): () => Tensor {
  const x = linspace(-1, 1, 100).unsqueeze(1);
  const y = x.pow(2).add(rand(100, 1).mul(0.2));
  const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1));
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.2 });
  const lossFunction = new nn.MSELoss();
  return () => {
    const loss = lossFunction.forward(net.forward(x) as Tensor, y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss;
  };
}

function cnn(): () => Tensor {
  const net = new CNN();
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.001 });
  const lossFunction = new nn.CrossEntropyLoss();
  return () => {
    const loss = lossFunction.forward(net.forward(rand(4, 1, 28, 28)), randint(0, 10, [4]));
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    return loss;
  };
}

describe.skipIf(gpu === undefined)('GPU bytes stay flat in a training loop without a memory call', () => {
  const loops: [string, () => () => Tensor, number][] = [
    ['regression net', regression, 10_000],
    ['CNN with batch 4', cnn, 100],
  ];
  for (const scoped of [false, true]) {
    it.each(loops)(`of the %s${scoped ? ', in scope' : ''}`, { timeout: 1_800_000 }, async (name, make, steps) => {
      if (gpu === undefined) return;
      const step = make();
      // Without a scope V8 decides when the memory of dropped tensors comes back; 2048 of them at most wait for it. Twice the steps show that
      // the wait has an end.
      if (!scoped) steps *= 2;
      const looks: number[] = [];
      const dispatches: number[] = [];
      let before = gpu.counters;
      for (let i = 1; i <= steps; i++) {
        const loss = scoped ? scope(step) : step();
        expect(Number.isFinite(await loss.item())).toBe(true);
        if (i % (steps / 10) !== 0) continue;
        const { liveBytes, pooledBytes } = memory(gpu);
        looks.push(liveBytes + pooledBytes);
        const now = gpu.counters;
        dispatches.push((now.dispatches - before.dispatches) / (steps / 10));
        before = now;
      }
      console.log(`${name}${scoped ? ' in scope' : ''}: ${looks.map((bytes) => (bytes / megabyte).toFixed(1)).join(', ')} MB; ${dispatches.at(-1)} dispatches a step`); // prettier-ignore
      expect(Math.max(...looks)).toBeLessThan(96 * megabyte);
      expectFlat(looks);
      // Data, parameters, their gradients and the optimizer's state.
      const { count, bytes } = await left(gpu);
      expect(count).toBeLessThan(50);
      expect(bytes).toBeLessThan(megabyte);
      step();
      // Neither do the dispatches grow.
      expect(dispatches.at(-1)).toBeLessThanOrEqual((dispatches.at(1) ?? 0) * 1.05);
    });
  }
});

describe.skipIf(gpu === undefined)('and in a loop over a loader that never reads', () => {
  // The data are on another device, which is the default one, and each batch moves.
  it.each([
    ['regression net', 10_000, 100, () => new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1))],
    // V8 first collects after some hundred steps of few large tensors.
    ['CNN with batch 4', 400, 4, () => new CNN()],
  ])('of the %s', { timeout: 1_800_000 }, async (name, steps, batchSize, make) => {
    // A device of its own, on which nothing of the loops above waits for V8.
    const own = await open({ softBytes: 32 * megabyte });
    if (own === undefined) return;
    setDefaultDevice(reference);
    try {
      const images = batchSize === 4;
      const [x, y] = images ? [rand(40, 1, 28, 28), randint(0, 10, [40], { dtype: 'int32' })] : [rand(400, 1), rand(400, 1)];
      const net = make().to(own);
      const optimizer = new optim.SGD(net.parameters(), { lr: 0.01 });
      const lossFunction = images ? new nn.CrossEntropyLoss() : new nn.MSELoss();
      const loader = new DataLoader(new TensorDataset(x, y), { batchSize, shuffle: true });
      const looks: number[] = [];
      let most = 0;
      for (let step = 0; step < steps;) {
        for await (const [inputs, targets] of loader) {
          const loss = lossFunction.forward(net.forward(inputs.to(own)) as Tensor, targets.to(own));
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
          const { liveBytes, pooledBytes } = memory(own);
          most = Math.max(most, liveBytes + pooledBytes);
          if (++step % (steps / 10) !== 0) continue;
          looks.push(most);
          most = 0;
          if (step === steps) break;
        }
      }
      console.log(`${name} over a loader: ${looks.map((bytes) => (bytes / megabyte).toFixed(1)).join(', ')} MB`);
      expectFlat(looks);
      // The host has not run ahead of the GPU: what is left to do are a few steps.
      const before = performance.now();
      await own.synchronize();
      expect(performance.now() - before).toBeLessThan(2000);
      const { count, bytes } = await left(own);
      expect(count).toBeLessThan(50);
      expect(bytes).toBeLessThan(megabyte);
    } finally {
      setDefaultDevice(gpu as WebGpuDevice);
      own.destroy();
    }
  });
});
