import { cat, linspace, normal, ones, rand, randint, randn, zeros, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import type { Work } from './work.ts';

class CNN extends nn.Module {
  conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
  conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
  out = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x));
    return this.out.forward(features.view(features.size(0), -1));
  }
}

class Rows extends nn.Module {
  rnn = new nn.LSTM(28, 64, { numLayers: 1, batchFirst: true });
  out = new nn.Linear(64, 10);

  forward(x: Tensor): Tensor {
    return this.out.forward(this.rnn.forward(x)[0].at(':', -1));
  }
}

const small = (inputs: number, outputs: number): nn.Sequential =>
  new nn.Sequential(new nn.Linear(inputs, 10), new nn.ReLU(), new nn.Linear(10, outputs));

interface Trainable {
  forward(x: Tensor): Tensor;
  parameters(): Iterable<Tensor>;
}

/** One training step as a program writes it. */
function step(
  net: Trainable,
  loss: { forward(x: Tensor, y: Tensor): Tensor },
  optimizer: { zeroGrad(): void; step(): unknown },
  x: Tensor,
  y: Tensor,
): () => void {
  return () => {
    const value = loss.forward(net.forward(x), y);
    optimizer.zeroGrad();
    value.backward();
    optimizer.step();
  };
}

/** The training steps of the tutorial's networks (W1 to W4), and inference of single samples (W7). */
export const networks: readonly Work[] = [
  {
    name: 'W1 regression step',
    setup() {
      const x = linspace(-1, 1, 100).unsqueeze(1);
      const y = x.pow(2).add(rand(x.shape).mul(0.2));
      const net = small(1, 1);
      return step(net, new nn.MSELoss(), new optim.SGD(net.parameters(), { lr: 0.2 }), x, y);
    },
  },
  {
    name: 'W2 classification step',
    setup() {
      const n = ones(100, 2);
      const x = cat([normal(n.mul(2), 1), normal(n.mul(-2), 1)], 0);
      const y = cat([zeros(100), ones(100)]).to('int32');
      const net = small(2, 2);
      return step(net, new nn.CrossEntropyLoss(), new optim.SGD(net.parameters(), { lr: 0.02 }), x, y);
    },
  },
  {
    name: 'W3 CNN step',
    setup() {
      const net = new CNN();
      return step(
        net,
        new nn.CrossEntropyLoss(),
        new optim.Adam(net.parameters(), { lr: 0.001 }),
        rand(50, 1, 28, 28),
        randint(0, 10, [50]),
      );
    },
  },
  {
    name: 'W4 LSTM step',
    setup() {
      const net = new Rows();
      return step(net, new nn.CrossEntropyLoss(), new optim.Adam(net.parameters(), { lr: 0.01 }), rand(64, 28, 28), randint(0, 10, [64]));
    },
  },
  {
    name: 'W7 CNN inference',
    grad: false,
    setup() {
      const net = new CNN();
      const x = randn(1, 1, 28, 28);
      return () => net.forward(x);
    },
  },
  {
    name: 'W7 LSTM inference',
    grad: false,
    setup() {
      const net = new Rows();
      const x = randn(1, 28, 28);
      return () => net.forward(x);
    },
  },
];
