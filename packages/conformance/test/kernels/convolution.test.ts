import '@flambeau/nn';
import { describe, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, plain, viewed } from './samples.ts';

interface ConvAttrs {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}
interface Case {
  readonly x: readonly number[];
  readonly weight: readonly number[];
  readonly attrs: ConvAttrs;
}
const square = (x: number[], weight: number[], stride = 1, padding = 0, dilation = 1, groups = 1): Case => ({
  x,
  weight,
  attrs: { stride: [stride, stride], padding: [padding, padding], dilation: [dilation, dilation], groups },
});

const cases: Case[] = [
  square([2, 3, 7, 9], [5, 3, 3, 3], 1, 1),
  square([2, 16, 14, 14], [32, 16, 5, 5], 1, 2),
  square([1, 1, 28, 28], [16, 1, 5, 5], 1, 2),
  square([2, 3, 9, 8], [4, 3, 3, 2], 2, 1),
  square([2, 4, 10, 11], [6, 4, 3, 3], 1, 0, 2),
  square([2, 4, 12, 11], [6, 4, 3, 3], 3, 2, 2),
  square([2, 8, 6, 6], [12, 4, 3, 3], 1, 1, 1, 2),
  square([3, 33, 5, 4], [40, 33, 1, 1]),
  square([1, 2, 8, 8], [3, 2, 3, 3], 2, 3),
  square([1, 1, 1, 1], [1, 1, 1, 1]),
  square([2, 4, 8, 8], [6, 4, 3, 3], 2, 1),
  square([2, 4, 7, 8], [6, 4, 1, 1], 2),
  square([2, 8, 9, 11], [6, 4, 3, 3], 3, 1, 1, 2),
  square([1, 3, 10, 10], [4, 3, 2, 2], 4, 1),
  { x: [2, 3, 9, 6], weight: [4, 3, 3, 1], attrs: { stride: [2, 1], padding: [0, 1], dilation: [1, 1], groups: 1 } },
];

const outputShape = ({ x, weight, attrs }: Case): number[] => [
  x[0],
  weight[0],
  ...attrs.stride.map((s, i) => Math.floor((x[2 + i] + 2 * attrs.padding[i] - attrs.dilation[i] * (weight[2 + i] - 1) - 1) / s) + 1),
];

describe.each(devices)('convolution on $name', ({ device }) => {
  it.each(cases)('computes x $x with weight $weight and both gradients', (one) => {
    const { x, weight, attrs } = one;
    const y = outputShape(one);
    check(device, 'conv2d', [plain(x), plain(weight, 2)], attrs);
    check(device, 'conv2d', [plain(x), plain(weight, 2), plain([weight[0]], 3)], attrs);
    check(device, 'conv2dInputGrad', [plain(y), plain(weight, 2)], { ...attrs, shape: x });
    check(device, 'conv2dWeightGrad', [plain(y), plain(x, 2)], { ...attrs, shape: weight }, [], 1e-5);
  });

  it('reads operands of any strides', () => {
    const attrs: ConvAttrs = { stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 };
    const x = viewed(plain([2, 7, 6, 5]), (t) => t.permute(0, 3, 2, 1)); // [2, 5, 6, 7]
    const weight = viewed(plain([5, 4, 3, 3], 2), (t) => t.transpose(0, 1)); // [4, 5, 3, 3]
    const g = viewed(plain([2, 4, 1, 1], 3), (t) => t.expand([2, 4, 6, 7]));
    check(device, 'conv2d', [x, weight], attrs);
    check(device, 'conv2dInputGrad', [g, weight], { ...attrs, shape: [2, 5, 6, 7] });
    check(device, 'conv2dWeightGrad', [g, x], { ...attrs, shape: [4, 5, 3, 3] });
  });

  it('computes one dimension as a single row', () => {
    const attrs: ConvAttrs = { stride: [2], padding: [2], dilation: [2], groups: 1 };
    // ⌊(21 + 4 - 2·3 - 1)/2⌋ + 1 = 10
    check(device, 'conv1d', [plain([2, 3, 21]), plain([5, 3, 4], 2), plain([5], 3)], attrs);
    check(device, 'conv1dInputGrad', [plain([2, 5, 10]), plain([5, 3, 4], 2)], { ...attrs, shape: [2, 3, 21] });
    check(device, 'conv1dWeightGrad', [plain([2, 5, 10]), plain([2, 3, 21], 2)], { ...attrs, shape: [5, 3, 4] });
  });
});
