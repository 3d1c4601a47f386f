import { noGrad } from '@flambeau/autograd';
import { randint, randn, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { CNN } from './networks.ts';
import type { Work } from './work.ts';

// The fused kernels, forward and backward: each with what a program writes that gets it.

const F = nn.functional;

/** A module forward and backward, from a given gradient of its output. */
const trained = (
  name: string,
  make: () => nn.Module,
  shape: readonly number[],
  output: (y: unknown) => Tensor = (y) => y as Tensor,
): Work => ({
  name: `fused ${name} both`,
  setup() {
    const module = make() as nn.Module & { forward(x: Tensor): unknown };
    const x = randn([...shape]);
    const g = noGrad(() => randn([...output(module.forward(x)).shape]));
    const parameters = [...module.parameters()];
    return () => {
      for (const parameter of parameters) parameter.grad = undefined;
      output(module.forward(x)).backward(g);
    };
  },
});

/** An optimizer's step over all parameters of the CNN. */
const updated = (name: string, make: (parameters: Tensor[]) => { step(): unknown }): Work => ({
  name: `fused ${name} step`,
  setup() {
    const parameters = [...new CNN().parameters()];
    const optimizer = make(parameters);
    for (const parameter of parameters) parameter.grad = noGrad(() => randn(parameter.shape));
    return () => optimizer.step();
  },
});

const first = (outputs: unknown): Tensor => (outputs as readonly Tensor[])[0];

/** Kernels that do the work of several ops (W5's neighbours; no limits of their own). */
export const fused: readonly Work[] = [
  trained('linear and relu', () => new nn.Sequential(new nn.Linear(256, 256), new nn.ReLU()), [1024, 256]),
  trained('convolution, relu and pool', () => new nn.Sequential(new nn.Conv2d(16, 32, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2)), [50, 16, 14, 14]), // prettier-ignore
  {
    name: 'fused softmax and cross entropy both',
    setup() {
      const [x, y] = [randn(64, 1000).requiresGrad_(), randint(0, 1000, [64])];
      return () => {
        x.grad = undefined;
        F.crossEntropy(x, y).backward();
      };
    },
  },
  {
    name: 'fused attention both',
    setup() {
      const inputs = Array.from({ length: 3 }, () => randn(8, 4, 128, 64).requiresGrad_());
      const g = randn(8, 4, 128, 64);
      const [q, k, v] = inputs;
      return () => {
        for (const input of inputs) input.grad = undefined;
        F.scaledDotProductAttention(q, k, v).backward(g);
      };
    },
  },
  trained('LSTM', () => new nn.LSTM(28, 64, { batchFirst: true }), [64, 28, 28], first),
  trained('GRU', () => new nn.GRU(28, 64, { batchFirst: true }), [64, 28, 28], first),
  updated('Adam', (parameters) => new optim.Adam(parameters, { lr: 0.001 })),
  updated('SGD', (parameters) => new optim.SGD(parameters, { lr: 0.001, momentum: 0.9 })),
];
