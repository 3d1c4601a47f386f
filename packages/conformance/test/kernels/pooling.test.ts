import { dispatch, tensor } from '@flambeau/core';
import '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, opNamed, plain } from './samples.ts';

const pool = (kernel: number[], stride: number[], padding: number[], dilation: number[], output: number[]) => ({
  kernel,
  stride,
  padding,
  dilation,
  output,
});

describe.each(devices)('max pooling on $name', ({ device }) => {
  it('finds the largest of each window and its place', () => {
    const two = pool([2, 2], [2, 2], [0, 0], [1, 1], [14, 14]);
    check(device, 'maxPool2d', [plain([2, 3, 28, 28])], two);
    check(device, 'maxPool2d', [plain([2, 5, 9])], pool([2, 2], [2, 2], [0, 0], [1, 1], [2, 4]));
    check(device, 'maxPool2d', [plain([2, 5, 7])], pool([2, 2], [2, 2], [0, 0], [1, 1], [2, 3]));
    check(device, 'maxPool2d', [plain([1, 2, 9, 10])], pool([3, 2], [2, 1], [1, 1], [1, 2], [5, 10]));
    check(device, 'maxPool1d', [plain([2, 3, 11])], pool([3], [2], [1], [1], [6]));
  });

  it('takes the first of equal values and the first NaN', () => {
    // Windows of one row: [1, 1 / 1, 1], [0, NaN / NaN, 9], [-inf, -inf / -inf, -inf], [2, 3 / 4, 4]
    const n = Number.NaN;
    const i = -Infinity;
    const x = tensor([[1, 1, 0, n, i, i, 2, 3], [1, 1, n, 9, i, i, 4, 4]], { device }).reshape(1, 2, 8); // prettier-ignore
    const [values, indices] = dispatch(opNamed('maxPool2d'), [x], pool([2, 2], [2, 2], [0, 0], [1, 1], [1, 4]));
    expect(Array.from(values.dataSync(), Number)).toEqual([1, n, i, 4]);
    expect(Array.from(indices.dataSync(), Number)).toEqual([0, 3, 4, 14]);
  });

  it('sends the gradient back to those places, adding where windows share one', () => {
    const x = plain([2, 3, 9, 8]);
    const attrs = pool([3, 3], [1, 1], [1, 1], [1, 1], [9, 8]);
    const indices = { make: (on: typeof device) => dispatch(opNamed('maxPool2d'), [x.make(on)], attrs)[1] };
    check(device, 'maxPool2dGrad', [plain([2, 3, 9, 8], 2), indices], { shape: [2, 3, 9, 8] });
  });
});
