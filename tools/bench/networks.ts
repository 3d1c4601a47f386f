import { cat, linspace, normal, ones, rand, randint, randn, zeros, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import type { Work } from './work.ts';

const F = nn.functional;

/** The tutorial's convolutional network. */
export class CNN extends nn.Module {
  conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
  conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
  out = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x));
    return this.out.forward(features.view(features.size(0), -1));
  }
}

/** The tutorial's LSTM: an image is a sequence of rows. */
export class Rows extends nn.Module {
  rnn = new nn.LSTM(28, 64, { numLayers: 1, batchFirst: true });
  out = new nn.Linear(64, 10);

  forward(x: Tensor): Tensor {
    return this.out.forward(this.rnn.forward(x, null)[0].at(':', -1));
  }
}

const [width, heads] = [256, 4];

/** One block of a transformer, norms first: x [N, T, 256] → [N, T, 256]. */
export class Block extends nn.Module {
  ln1 = new nn.LayerNorm(width);
  qkv = new nn.Linear(width, 3 * width);
  proj = new nn.Linear(width, width);
  ln2 = new nn.LayerNorm(width);
  fc1 = new nn.Linear(width, 4 * width);
  fc2 = new nn.Linear(4 * width, width);

  forward(x: Tensor): Tensor {
    const [n, t] = x.shape;
    // [N, T, 3·256] → [3, N, heads, T, 256 / heads]
    const parts = this.qkv.forward(this.ln1.forward(x)).view(n, t, 3, heads, width / heads).permute(2, 0, 3, 1, 4); // prettier-ignore
    const [q, k, v] = parts.unbind(0);
    const attended = F.scaledDotProductAttention(q, k, v).transpose(1, 2).reshape(n, t, width);
    const y = x.add(this.proj.forward(attended));
    return y.add(this.fc2.forward(F.gelu(this.fc1.forward(this.ln2.forward(y)))));
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

/** One sample through a network, without recording. */
const inference = (name: string, network: () => Trainable, shape: readonly number[]): Work => ({
  name,
  grad: false,
  atMost: 0.3,
  setup() {
    const net = network();
    const x = randn([...shape]);
    return () => net.forward(x);
  },
});

/** The training steps of the tutorial's networks (W1 to W4) and of a transformer block (W6), and inference of single samples (W7). */
export const networks: readonly Work[] = [
  {
    name: 'W1 regression step',
    atMost: 0.15,
    setup() {
      const x = linspace(-1, 1, 100).unsqueeze(1);
      const y = x.pow(2).add(rand(x.shape).mul(0.2));
      const net = small(1, 1);
      return step(net, new nn.MSELoss(), new optim.SGD(net.parameters(), { lr: 0.2 }), x, y);
    },
  },
  {
    name: 'W2 classification step',
    atMost: 0.15,
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
    atMost: 0.5,
    atMostOnWasm: 2.5,
    setup() {
      const net = new CNN();
      const [x, y] = [rand(50, 1, 28, 28), randint(0, 10, [50])];
      return step(net, new nn.CrossEntropyLoss(), new optim.Adam(net.parameters(), { lr: 0.001 }), x, y);
    },
  },
  {
    name: 'W4 LSTM step',
    atMost: 0.5,
    atMostOnWasm: 2.5,
    setup() {
      const net = new Rows();
      const [x, y] = [rand(64, 28, 28), randint(0, 10, [64])];
      return step(net, new nn.CrossEntropyLoss(), new optim.Adam(net.parameters(), { lr: 0.01 }), x, y);
    },
  },
  {
    name: 'W6 transformer block step',
    atMost: 0.9,
    setup() {
      const net = new Block();
      const [x, y] = [randn(8, 128, width), randn(8, 128, width)];
      return step(net, new nn.MSELoss(), new optim.Adam(net.parameters(), { lr: 0.001 }), x, y);
    },
  },
  inference('W7 CNN inference', () => new CNN(), [1, 1, 28, 28]),
  inference('W7 LSTM inference', () => new Rows(), [1, 28, 28]),
  inference('W7 block inference', () => new Block(), [1, 128, width]),
];
