import { dispatch, tensor } from '@flambeau/core';
import '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, labels, opNamed, plain, viewed } from './samples.ts';

describe.each(devices)('fused layers on $name', ({ device }) => {
  it.each([
    [[4, 10], 1],
    [[3, 2, 33], 1],
    [[3, 2, 33], 2],
    [[1, 1], 1],
    [[5, 256], 1],
  ] as [number[], number][])('layer norm of %j over %i dimensions, and its gradients', (shape, dims) => {
    const tail = shape.slice(shape.length - dims);
    const attrs = { dims, eps: 1e-5 };
    check(device, 'layerNorm', [plain(shape)], attrs, [], 1e-5);
    check(device, 'layerNorm', [plain(shape), plain(tail, 2)], attrs, [], 1e-5);
    check(device, 'layerNorm', [plain(shape), plain(tail, 2), plain(tail, 3)], attrs, [], 1e-5);
    const statistic = shape.map((n, i) => (i < shape.length - dims ? n : 1));
    const saved = [plain(shape, 4), plain(shape, 5), plain(statistic, 6), viewed(plain(statistic, 7), (x) => x.add(2))];
    check(device, 'layerNormGrad', saved, { dims, bias: false }, [], 1e-5);
    check(device, 'layerNormGrad', [...saved, plain(tail, 8)], { dims, bias: false }, [], 1e-5);
    check(device, 'layerNormGrad', [...saved, plain(tail, 8)], { dims, bias: true }, [], 1e-5);
  });

  it('passes the gradient of relu where its result is positive', () => {
    for (const count of [1, 15, 33]) check(device, 'reluGrad', [plain([count]), viewed(plain([count], 2), (x) => x.relu())], undefined);
  });

  it.each(['none', 'tanh'] as const)('gelu (%s) and its gradient', (approximate) => {
    for (const count of [1, 15, 16, 50]) {
      const x = viewed(plain([count]), (t) => t.mul(5));
      check(device, 'gelu', [x], { approximate });
      check(device, 'geluGrad', [plain([count], 2), x], { approximate });
    }
  });

  it('selects and adds slices', () => {
    for (const dtype of ['int32', 'int64'] as const) {
      for (const dim of [0, 1, 2]) {
        const shape = [4, 5, 6];
        const index = labels([7], shape[dim], dtype);
        const picked = shape.map((n, i) => (i === dim ? 7 : n));
        check(device, 'indexSelect', [plain(shape), index], { dim });
        check(device, 'indexSelect', [labels(shape, 100), index], { dim });
        check(device, 'indexAdd', [plain(shape), index, plain(picked, 2)], { dim });
        check(device, 'indexSelectGrad', [index, plain(picked, 2)], { dim, shape });
      }
    }
  });

  it('refuses an index out of range', () => {
    const x = tensor([1, 2, 3], { device });
    const index = tensor([0, 3], { dtype: 'int32', device });
    expect(() => dispatch(opNamed('indexSelect'), [x, index], { dim: 0 })).toThrow(/3/);
    expect(() => dispatch(opNamed('indexAdd'), [x, index, tensor([1, 1], { device })], { dim: 0 })).toThrow(/3/);
  });
});
