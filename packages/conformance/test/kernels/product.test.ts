import { dispatch, tensor, type DType } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, opNamed, plain, viewed, type Sample } from './samples.ts';

const transposed = (sample: Sample): Sample => viewed(sample, (x) => x.transpose(-2, -1));

// Around the tile heights (4, 6, 14) and widths (8, 16, 32) of every instruction set, and the edges of blocks.
const sizes: [number, number, number][] = [
  [1, 1, 1],
  [1, 7, 5],
  [7, 1, 5],
  [3, 5, 1],
  [5, 3, 2],
  [14, 32, 16],
  [15, 33, 17],
  [13, 16, 64],
  [50, 10, 131],
  [57, 65, 40],
  [6, 8, 300],
  [130, 140, 270],
  [4, 3, 0],
];

describe.each(devices)('products on $name', ({ device }) => {
  it.each(sizes)('multiply [%i, n] x %i by inner %i in every layout', (m, n, k) => {
    for (const dtype of ['float32', 'float64'] as DType[]) {
      const tolerance = dtype === 'float32' ? 2e-6 * Math.max(1, Math.sqrt(k)) : 1e-13 * Math.max(1, k);
      const a = [
        plain([m, k], 1, dtype),
        transposed(plain([k, m], 2, dtype)),
        viewed(plain([m, 2 * k + 1], 3, dtype), (x) => x.slice(1, 0, 2 * k, 2)),
      ];
      const b = [plain([k, n], 4, dtype), transposed(plain([n, k], 5, dtype)), viewed(plain([k, 1], 6, dtype), (x) => x.expand([k, n]))];
      for (const left of a) for (const right of b) check(device, 'matmul', [left, right], undefined, [], tolerance);
    }
  });

  it('multiplies batches, also broadcast and permuted ones', () => {
    check(device, 'matmul', [plain([3, 5, 4]), plain([3, 4, 6], 2)], undefined);
    check(device, 'matmul', [viewed(plain([5, 4]), (x) => x.expand([2, 3, 5, 4])), plain([2, 3, 4, 6], 2)], undefined);
    check(
      device,
      'matmul',
      [viewed(plain([2, 5, 3, 4]), (x) => x.permute(0, 2, 1, 3)), viewed(plain([2, 5, 3, 4], 2), (x) => x.permute(0, 2, 3, 1))],
      undefined,
    );
    check(device, 'matmul', [plain([0, 5, 4]), plain([0, 4, 6], 2)], undefined);
  });

  it.each(sizes)('map [%i] rows to %i features from %i', (m, n, k) => {
    if (k === 0) return;
    for (const dtype of ['float32', 'float64'] as DType[]) {
      const tolerance = dtype === 'float32' ? 2e-6 * Math.sqrt(k) : 1e-13 * k;
      for (const x of [plain([m, k], 1, dtype), transposed(plain([k, m], 2, dtype))]) {
        check(device, 'linear', [x, plain([n, k], 3, dtype)], undefined, [], tolerance);
        check(device, 'linear', [x, plain([n, k], 3, dtype), plain([n], 4, dtype)], undefined, [], tolerance);
        check(device, 'linear', [x, transposed(plain([k, n], 3, dtype)), plain([n], 4, dtype)], undefined, [], tolerance);
      }
    }
  });

  it('needs no more scratch memory than it asks for', () => {
    // Long columns, rows and inner sizes, whose packed forms differ most in size; an overrun would spoil what was allocated next.
    for (const [m, n, k] of [
      [5000, 1, 5],
      [5000, 1, 300],
      [1, 5000, 5],
      [50, 200, 600],
      [9, 300, 1100],
    ]) {
      const beside = plain([64], 9).make(device);
      const before = Array.from(beside.dataSync(), Number);
      check(device, 'matmul', [plain([m, k]), plain([k, n], 2)], undefined, [], 1e-4);
      check(device, 'matmul', [transposed(plain([k, m])), transposed(plain([n, k], 2))], undefined, [], 1e-4);
      expect(Array.from(beside.dataSync(), Number)).toEqual(before);
    }
  });

  it('maps a batch of sequences', () => check(device, 'linear', [plain([2, 3, 8]), plain([5, 8], 2), plain([5], 3)], undefined));

  it('keeps NaN and infinities in their own row and column', () => {
    // row 0 is [NaN, 0], row 1 is [1, 2]; times the identity
    const a = tensor([[Number.NaN, 0], [1, 2]], { device }); // prettier-ignore
    const [y] = dispatch(opNamed('matmul'), [a, tensor([[1, 0], [0, 1]], { device })], undefined); // prettier-ignore
    expect(Array.from(y.dataSync(), Number)).toEqual([Number.NaN, Number.NaN, 1, 2]);
  });
});
