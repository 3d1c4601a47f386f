import { dispatch, explain, rand, setDefaultDevice, tensor, Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectClose, expectKernelEqualsComposition as check, opNamed, plain, type Sample } from './samples.ts';

// Modules are made there and moved.
setDefaultDevice(reference);

interface Case {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly stride?: readonly number[];
  readonly padding?: readonly number[];
  readonly dilation?: readonly number[];
  readonly pool?: readonly number[];
}
const cases: Case[] = [
  { x: [2, 16, 14, 14], weight: [32, 16, 5, 5], padding: [2, 2] },
  { x: [11, 1, 28, 28], weight: [16, 1, 5, 5], padding: [2, 2] },
  { x: [2, 3, 9, 11], weight: [5, 3, 3, 3], padding: [1, 1] },
  { x: [3, 3, 17, 12], weight: [7, 3, 3, 2], stride: [2, 1], padding: [0, 1], dilation: [2, 1], pool: [3, 2] },
  { x: [1, 33, 5, 6], weight: [40, 33, 1, 1], pool: [1, 3] },
  { x: [2, 7, 8, 8], weight: [3, 7, 7, 7], padding: [3, 3], pool: [4, 4] },
  { x: [1, 1, 2, 2], weight: [1, 1, 1, 1] },
];

function attrsOf({ x, weight, stride = [1, 1], padding = [0, 0], dilation = [1, 1], pool = [2, 2] }: Case) {
  const places = stride.map((s, i) => Math.floor((x[2 + i] + 2 * padding[i] - dilation[i] * (weight[2 + i] - 1) - 1) / s) + 1);
  const output = places.map((n, i) => Math.floor(n / pool[i]));
  return { stride, padding, dilation, groups: 1, pool: { kernel: pool, stride: pool, padding: [0, 0], dilation: [1, 1], output } };
}

describe.each(devices)('convolution, relu and max pooling in one on $name', ({ device }) => {
  it.each(cases)('computes x $x with weight $weight and all gradients', (one) => {
    const attrs = attrsOf(one);
    const inputs = [plain(one.x), plain(one.weight, 2), plain([one.weight[0]], 3)];
    check(device, 'convReluMaxPool2d', inputs, attrs);
    check(device, 'convReluMaxPool2d', inputs.slice(0, 2), attrs);
    // Both sides take the reference's values and places, for a tie may be broken by the last bit.
    const [values, places] = dispatch(opNamed('convReluMaxPool2d'), inputs.map((s) => s.make(reference)), attrs); // prettier-ignore
    const on = (x: Tensor): Sample => ({ make: (there) => tensor(x.dataSync(), { dtype: x.dtype, device: there }).reshape([...x.shape]) });
    const g = plain(values.shape, 4);
    for (const needs of [
      [true, true, true],
      [true, false, false],
      [false, true, false],
      [false, false, true],
    ]) {
      check(device, 'convReluMaxPool2dGrad', [g, on(values), on(places), inputs[0], inputs[1]], { ...attrs, needs }, [], 1e-5); // prettier-ignore
    }
  });

  it('takes the first NaN of a window, and the first of equal values', () => {
    // x · 1 through relu, in windows of 2x2: [NaN 5 / 1 2] → NaN at 0, [-1 -2 / -3 -4] → 0 at 2, [3 3 / 3 3] → 3 at 4
    const x = tensor([[NaN, 5, -1, -2, 3, 3], [1, 2, -3, -4, 3, 3]], { device }).reshape(1, 1, 2, 6); // prettier-ignore
    const weight = tensor([1], { device }).reshape(1, 1, 1, 1);
    const [values, places] = dispatch(opNamed('convReluMaxPool2d'), [x, weight], attrsOf({ x: [1, 1, 2, 6], weight: [1, 1, 1, 1] }));
    expect(values.flatten().toArraySync()).toEqual([NaN, 0, 3]);
    expect(places.flatten().toArraySync()).toEqual([0, 2, 4]);
    // A maximum that relu has cut, and a NaN, pass no gradient on: the derivative is 0 where y > 0 does not hold.
    const needs = [true, false, true];
    const attrs = { ...attrsOf({ x: [1, 1, 2, 6], weight: [1, 1, 1, 1] }), needs };
    const g = tensor([[[[2, 4, 8]]]], { device });
    const [input, bias] = dispatch(opNamed('convReluMaxPool2dGrad'), [g, values, places, x, weight], attrs);
    expect(input.flatten().toArraySync()).toEqual([0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0]);
    expect(bias.toArraySync()).toEqual([8]);
  });

  it('reads operands of any strides', () => {
    const attrs = attrsOf({ x: [2, 5, 6, 7], weight: [4, 5, 3, 3] });
    const x: Sample = { make: (on) => plain([2, 7, 6, 5]).make(on).permute(0, 3, 2, 1) };
    const weight: Sample = { make: (on) => plain([5, 4, 3, 3], 2).make(on).transpose(0, 1) };
    check(device, 'convReluMaxPool2d', [x, weight], attrs);
  });
});

describe.each(devices)('a Sequential on $name', ({ device }) => {
  const ops = (net: nn.Module, x: Tensor): string[] => explain(() => net.forward(x)).explanation.ops.map(({ op }) => op);
  const block = (): nn.Sequential => new nn.Sequential(new nn.Conv2d(3, 8, 3, 1, 1), new nn.ReLU(), new nn.MaxPool2d(2)).to(device);

  it('runs a convolution, a ReLU and a max pooling as one op, and gives what the three give', () => {
    const net = block();
    const x = rand([2, 3, 8, 8], { device });
    expect(ops(net, x)).toEqual(['convReluMaxPool2d']);
    const [conv, relu, pool] = net;
    const alone = pool.forward(relu.forward(conv.forward(x))) as Tensor;
    expectClose(net.forward(x), alone, 1e-6, 'the output');

    const parameters = [...net.parameters()];
    const gradients = (y: Tensor): Tensor[] => {
      for (const p of parameters) p.grad = undefined;
      y.square().sum().backward();
      return parameters.map((p) => p.grad as Tensor);
    };
    const expected = gradients(alone);
    gradients(net.forward(x)).forEach((g, i) => expectClose(g, expected[i], 1e-5, `gradient ${i}`));
  });

  it('runs them one by one where a hook watches one of them, or the kernel does not take them', () => {
    const x = rand([2, 3, 8, 8], { device });
    const watched = block();
    let seen: readonly number[] = [];
    watched.at(1).registerForwardHook((_module, _inputs, output) => {
      seen = (output as Tensor).shape;
    });
    expect(ops(watched, x)).not.toContain('convReluMaxPool2d');
    expect(seen).toEqual([2, 8, 8, 8]);
    const overlapping = new nn.Sequential(new nn.Conv2d(3, 8, 3), new nn.ReLU(), new nn.MaxPool2d(3, 1)).to(device);
    expect(ops(overlapping, x)).not.toContain('convReluMaxPool2d');
    const single = x.at(0);
    expect(ops(block(), single)).not.toContain('convReluMaxPool2d');
  });
});
