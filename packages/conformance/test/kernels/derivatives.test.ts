import { arange, setDefaultDevice, tensor, type Device, type Tensor } from '@flambeau/core';
import { enableGrad, grad, gradcheck } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectClose, plain } from './samples.ts';

setDefaultDevice(reference);
const F = nn.functional;

/** The gradients of f as a function that has derivatives itself. */
const gradientsOf =
  (f: (...inputs: Tensor[]) => Tensor) =>
  (...inputs: Tensor[]): Tensor[] =>
    enableGrad(() => {
      const leaves = inputs.map((x) => (x.requiresGrad ? x : x.detach().requiresGrad_()));
      const y = f(...leaves);
      const weight = arange(y.count, { dtype: 'float64', device: y.device }).mul(0.37).sin().reshape(y.shape); // prettier-ignore
      return grad(y, leaves, { gradOutputs: weight, createGraph: true });
    });

const leaf = (shape: readonly number[], seed: number, device: Device = reference): Tensor =>
  plain(shape, seed, 'float64').make(device).requiresGrad_();

const functions: [string, (...inputs: Tensor[]) => Tensor, Tensor[]][] = [
  ['relu', (x) => x.relu(), [leaf([7], 1)]],
  ['softmax', (x) => x.softmax(1), [leaf([3, 4], 1)]],
  ['logSoftmax', (x) => x.logSoftmax(0), [leaf([3, 4], 1)]],
  ['cross-entropy', (x) => F.crossEntropy(x, tensor([2, 0, 1], { dtype: 'int32', device: reference })), [leaf([3, 4], 1)]],
  ['layer norm', (x, w, b) => F.layerNorm(x, [4], w, b), [leaf([3, 4], 1), leaf([4], 2), leaf([4], 3)]],
  ['gelu', (x) => F.gelu(x), [leaf([6], 1)]],
  ['gelu by tanh', (x) => F.gelu(x, { approximate: 'tanh' }), [leaf([6], 1)]],
  ['max pooling', (x) => F.maxPool2d(x.square(), 2, 1), [leaf([1, 1, 3, 4], 1)]],
  ['index select', (x) => x.square().indexSelect(0, tensor([2, 0, 2], { dtype: 'int32', device: reference })), [leaf([3, 2], 1)]],
  ['linear', (x, w, b) => F.linear(x.tanh(), w, b), [leaf([2, 3], 1), leaf([4, 3], 2), leaf([4], 3)]],
];

describe('derivatives of fused ops', () => {
  it.each(functions)('%s has a right first and second derivative', (_, f, inputs) => {
    expect(gradcheck(f, inputs)).toBe(true);
    expect(gradcheck(gradientsOf(f), inputs)).toBe(true);
  });

  it('an LSTM has a right first and second derivative, in both directions', () => {
    for (const bidirectional of [false, true]) {
      const lstm = new nn.LSTM(3, 2, { bidirectional, dtype: 'float64', device: reference });
      const run = (x: Tensor): Tensor => lstm.forward(x)[0];
      expect(gradcheck(run, [leaf([3, 2, 3], 1)])).toBe(true);
      expect(gradcheck(gradientsOf(run), [leaf([3, 2, 3], 1)])).toBe(true);
    }
  });
});

/** All gradients of a small network with a bit of everything, on a device. */
function gradients(
  device: Device,
  make: () => nn.Module & { forward(x: Tensor): Tensor },
  input: readonly number[],
  classes: number,
): Tensor[] {
  const net = make();
  let seed = 10;
  for (const parameter of net.parameters()) parameter.data = plain(parameter.shape, seed++).make(reference).mul(0.3);
  net.to(device);
  const x = plain(input).make(device).requiresGrad_();
  const out: Tensor = net.forward(x) as Tensor;
  const target = randintLike(out.shape[0], classes, device);
  const loss = F.crossEntropy(out, target);
  loss.backward();
  return [loss, x.grad as Tensor, ...[...net.parameters()].map((p) => p.grad as Tensor)];
}
const randintLike = (n: number, classes: number, device: Device): Tensor =>
  tensor(
    Array.from({ length: n }, (_, i) => (i * 7) % classes),
    { dtype: 'int32', device },
  );

class LastStep extends nn.Module {
  rnn = new nn.LSTM(6, 17, { batchFirst: true, numLayers: 2, bidirectional: true });
  out = new nn.Linear(34, 5);
  forward(x: Tensor): Tensor {
    return this.out.forward(this.rnn.forward(x)[0].at(':', -1));
  }
}

describe.each(devices)('networks on $name', ({ device }) => {
  const cases: [string, () => nn.Module & { forward(x: Tensor): Tensor }, number[], number][] = [
    ['convolutions', () => new nn.Sequential(new nn.Conv2d(2, 6, 3, 2, 1), new nn.ReLU(), new nn.Conv2d(6, 8, 3, { groups: 2, padding: 1 }), new nn.GELU(), new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(72, 4)), [3, 2, 12, 11], 4], // prettier-ignore
    ['layers', () => new nn.Sequential(new nn.Linear(7, 33), new nn.LayerNorm(33), new nn.GELU(), new nn.Linear(33, 3)), [9, 7], 3],
    ['LSTMs', () => new LastStep(), [4, 5, 6], 5],
  ];
  it.each(cases)('give the gradients of the reference backend through %s', (_, make, input, classes) => {
    const expected = gradients(reference, make, input, classes);
    gradients(device, make, input, classes).forEach((g, i) => expectClose(g, expected[i], 5e-6, `gradient ${i}`));
  });
});

describe('what passes between the layers of a Sequential', () => {
  it('leaves both outputs of a last layer that has two', () => {
    const net = new nn.Sequential(new nn.ReLU(), new nn.MaxPool1d(2, { returnIndices: true }));
    const [values, indices] = net.forward(tensor([[1, 3, -2, -4]])) as unknown as [Tensor, Tensor];
    expect(values.toArraySync()).toEqual([[3, 0]]);
    expect(indices.toArraySync()).toEqual([[1, 2]]);
  });

  it('is released with the graph, and what a hook or a module of one’s own saw is not', () => {
    const { device } = devices[devices.length - 1];
    const net = new nn.Sequential(new nn.Linear(4, 8), new nn.ReLU(), new nn.Linear(8, 3)).to(device);
    const x = plain([2, 4]).make(device);
    net.forward(x).sum().backward();
    for (const parameter of net.parameters()) parameter.grad = undefined;
    let seen: Tensor | undefined;
    net.at(0).registerForwardHook((_module, _inputs, output) => {
      seen = output as Tensor;
    });
    net.forward(x).sum().backward();
    expect(seen?.sum().itemSync()).toBeTypeOf('number');
  });
});
