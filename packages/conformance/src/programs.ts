import * as f from '@flambeau/core';
import type { Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';

// The tutorial's programs, as random.json records them: each starts from a fresh seed.

/** y = x² + noise with one hidden layer of 10: 100 steps of SGD 0.2. */
export async function regressionLosses(): Promise<number[]> {
  const x = f.linspace(-1, 1, 100).unsqueeze(1);
  const y = x.pow(2).add(f.rand(100, 1).mul(0.2));
  const net = new nn.Sequential(new nn.Linear(1, 10), new nn.ReLU(), new nn.Linear(10, 1));
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.2 });
  const lossFunction = new nn.MSELoss();
  return train(100, optimizer, () => lossFunction.forward(net.forward(x) as Tensor, y));
}

/** Two clouds of 100 points: 100 steps of SGD 0.02, and the accuracy at the last. */
export async function classification(): Promise<{ loss: number[]; accuracy: number }> {
  const data = f.ones(100, 2);
  const x0 = f.normal(data.mul(2), 1);
  const x1 = f.normal(data.mul(-2), 1);
  const x = f.cat([x0, x1], 0);
  const y = f.cat([f.zeros(100), f.ones(100)], 0).to('int32');
  const net = new nn.Sequential(new nn.Linear(2, 10), new nn.ReLU(), new nn.Linear(10, 2));
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.02 });
  const lossFunction = new nn.CrossEntropyLoss();
  let out = x;
  const loss = await train(100, optimizer, () => {
    out = net.forward(x) as Tensor;
    return lossFunction.forward(out, y);
  });
  const hits = await out.argmax(1).eq(y).sum().item();
  return { loss, accuracy: hits / 200 };
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

class RNN extends nn.Module {
  rnn = new nn.LSTM(28, 64, { batchFirst: true });
  out = new nn.Linear(64, 10);

  forward(x: Tensor): Tensor {
    const [r] = this.rnn.forward(x.view(-1, 28, 28), null);
    return this.out.forward((r as Tensor).at(':', -1));
  }
}

/** Ten steps of Adam on one batch of random images and labels. */
export async function imageLosses(kind: 'cnn' | 'lstm'): Promise<number[]> {
  const net = kind === 'cnn' ? new CNN() : new RNN();
  const batch = kind === 'cnn' ? 50 : 64;
  const x = f.rand(batch, 1, 28, 28);
  const y = f.randint(0, 10, [batch]);
  const optimizer = new optim.Adam(net.parameters(), { lr: kind === 'cnn' ? 0.001 : 0.01 });
  const lossFunction = new nn.CrossEntropyLoss();
  return train(10, optimizer, () => lossFunction.forward(net.forward(x), y));
}

async function train(steps: number, optimizer: { zeroGrad(): void; step(): unknown }, loss: () => Tensor): Promise<number[]> {
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) {
    const value = loss();
    optimizer.zeroGrad();
    value.backward();
    optimizer.step();
    losses.push(await value.item());
  }
  return losses;
}
