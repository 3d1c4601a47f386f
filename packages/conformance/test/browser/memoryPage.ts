import { linspace, manualSeed, memory, rand, randint, scope, setDefaultDevice, type Device, type Tensor } from '@flambeau/core';
import { createCpuDevice } from '@flambeau/backend-cpu';
import { webgpu } from '@flambeau/backend-webgpu';
import { DataLoader, TensorDataset } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';

// Plain training loops in a page, without a memory call or inside `scope`; the test calls this.

/**
 * A tenth of the steps: the most that the device held after any of them, with what of it was live and pooled, and what the page's own heap
 * holds at the end. The collector runs when it likes, so that what is held rises and falls like a saw: a look at one moment shows how long
 * ago that was, and only the tips can be compared.
 */
export interface Look {
  readonly step: number;
  readonly liveBytes: number;
  readonly pooledBytes: number;
  readonly heapBytes: number;
}

interface Task {
  readonly net: nn.Sequential;
  readonly optimizer: optim.Optimizer;
  readonly lossFunction: { forward(out: Tensor, y: Tensor): Tensor };
  readonly loader: DataLoader<readonly Tensor[]>;
}

function regression(): Task {
  const x = linspace(-1, 1, 400).unsqueeze(1);
  const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1));
  return {
    net,
    optimizer: new optim.SGD(net.parameters(), { lr: 0.05 }),
    lossFunction: new nn.MSELoss(),
    loader: new DataLoader(new TensorDataset(x, x.pow(2).add(rand(x.size()).mul(0.2))), { batchSize: 100, shuffle: true }),
  };
}

function cnn(): Task {
  const block = (from: number, to: number): nn.Module[] => [new nn.Conv2d(from, to, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2)];
  const net = new nn.Sequential(...block(1, 16), ...block(16, 32), new nn.Flatten(), new nn.Linear(32 * 7 * 7, 10));
  return {
    net,
    optimizer: new optim.Adam(net.parameters(), { lr: 0.001 }),
    lossFunction: new nn.CrossEntropyLoss(),
    loader: new DataLoader(new TensorDataset(rand(40, 1, 28, 28), randint(0, 10, [40])), { batchSize: 4, shuffle: true }),
  };
}

const devices: Readonly<Record<string, () => Promise<Device>>> = {
  wasm: () => Promise.resolve(createCpuDevice().device),
  webgpu: () => webgpu(),
};

let latest: Device | undefined;

/** What is live on the device of the last training, whose nets and data nobody needs any more. */
export async function left(): Promise<number> {
  if (latest === undefined) throw new Error('nothing was trained');
  // What the collector found is told in a task of its own.
  await new Promise((resolve) => setTimeout(resolve, 100));
  await latest.synchronize();
  return memory(latest).liveBytes;
}

/** Trains for some steps and looks at the memory after each tenth of them. */
export async function train(task: 'regression' | 'cnn', deviceName: string, steps: number, scoped: boolean): Promise<Look[]> {
  const device = await devices[deviceName]();
  latest = device;
  setDefaultDevice(device);
  manualSeed(1);
  const { net, optimizer, lossFunction, loader } = task === 'cnn' ? cnn() : regression();
  const looks: Look[] = [];
  const one = (x: Tensor, y: Tensor): void => {
    const loss = lossFunction.forward(net.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
  };
  let most = memory(device);
  for (let step = 0; step < steps;) {
    for await (const [x, y] of loader) {
      if (scoped) scope(() => one(x, y));
      else one(x, y);
      const now = memory(device);
      if (now.liveBytes + now.pooledBytes > most.liveBytes + most.pooledBytes) most = now;
      if (++step % (steps / 10) !== 0) continue;
      // The work that was asked for is done, and its result is a number.
      await device.synchronize();
      const { liveBytes, pooledBytes } = most;
      most = memory(device);
      const { usedJSHeapSize } = (performance as unknown as { memory: { usedJSHeapSize: number } }).memory;
      looks.push({ step, liveBytes, pooledBytes, heapBytes: usedJSHeapSize });
      if (step === steps) break;
    }
  }
  const [weight] = net.parameters();
  if (!Number.isFinite(await weight.sum().item())) throw new Error('the training diverged');
  return looks;
}
