import * as f from '@flambeau/core';
import '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => f.setDefaultDevice(reference));

describe('integers', () => {
  const big = 2n ** 53n + 1n; // no float64
  it('keeps int64 exact through arithmetic, reductions, scans, sorting and indexing', () => {
    const x = f.tensor([big, 2n]);
    const exact = (y: f.Tensor): bigint[] => [...(y.dataSync() as BigInt64Array)];
    expect(exact(x.sum())).toEqual([big + 2n]);
    expect(exact(x.neg())).toEqual([-big, -2n]);
    expect(exact(x.remainder(10))).toEqual([big % 10n, 2n]);
    expect(exact(x.cumsum(0))).toEqual([big, big + 2n]);
    expect(exact(x.sort().values)).toEqual([2n, big]);
    expect(exact(x.amax())).toEqual([big]);
    expect(exact(x.scatterAdd(0, f.tensor([0], { dtype: 'int32' }), f.tensor([1n])))).toEqual([big + 1n, 2n]);
    expect(exact(x.dot(f.tensor([1n, 1n])))).toEqual([big + 2n]);
    expect(x.eq(f.tensor([big - 1n, 2n])).toArraySync()).toEqual([false, true]);
    expect([...x.to('int32').dataSync()]).toEqual([1, 2]);
  });

  it('wraps small integers around', () => {
    const x = f.tensor([250, 10], { dtype: 'uint8' });
    expect(x.add(10).toArraySync()).toEqual([4, 20]);
    expect(f.tensor([-128], { dtype: 'int8' }).neg().toArraySync()).toEqual([-128]);
    // 65537² = 2^32 + 2·65536 + 1
    expect(f.tensor([65537], { dtype: 'int32' }).square().toArraySync()).toEqual([131073]);
  });

  it('sums bools and small integers as int32', () => {
    expect(f.tensor([true, true]).sum().dtype).toBe('int32');
    expect(f.tensor([200, 100], { dtype: 'uint8' }).sum().itemSync()).toBe(300);
  });

  it('refuses floats in bitwise functions, and fractions in integers', () => {
    expect(() => f.tensor([1]).bitwiseAnd(1)).toThrow(f.DTypeError);
    expect(() => f.tensor([1], { dtype: 'int32' }).maskedFill(f.tensor([true]), 0.5)).toThrow(f.ArgumentError);
  });
});

describe('16-bit floats', () => {
  it('round once, after computing in float32', () => {
    const x = f.tensor([60000, 60000]).half();
    expect(x.mean().itemSync()).toBe(60000); // their sum is beyond 65504
    expect(x.std().itemSync()).toBe(0);
    expect(x.norm().dtype).toBe('float16');
    // ‖[300, 400]‖ = 500, whose square is beyond 65504
    expect(f.tensor([300, 400]).half().norm().itemSync()).toBe(500);
  });
});

describe('in place', () => {
  it('has a form for every pointwise function, which keeps the dtype', () => {
    const x = f.tensor([-4, 9]);
    expect(x.abs_().sqrt_().toArraySync()).toEqual([2, 3]);
    expect(x.clampMax_(2.5).mul_(2).toArraySync()).toEqual([4, 5]);
    expect(x.eq_(4).toArraySync()).toEqual([1, 0]);
    expect(f.tensor([7, 8], { dtype: 'int32' }).floorDivide_(3).toArraySync()).toEqual([2, 2]);
  });

  it('refuses a result that the dtype cannot hold', () => {
    const x = f.tensor([4, 9], { dtype: 'int32' });
    expect(() => x.sqrt_()).toThrow(f.DTypeError);
    expect(() => x.div_(2)).toThrow(f.DTypeError);
    expect(() => x.mul_(0.5)).toThrow(f.DTypeError);
    expect(x.toArraySync()).toEqual([4, 9]);
  });

  it('records what it does', () => {
    const x = f.tensor([2]).requiresGrad_();
    // y = (3x)², dy/dx = 18x
    x.mul(3).square_().backward();
    expect(x.grad?.toArraySync()).toEqual([36]);
  });

  it('fills the diagonal of a tall matrix, and again below it', () => {
    expect(f.zeros(3, 2).fillDiagonal_(1).toArraySync()).toEqual([[1, 0], [0, 1], [0, 0]]); // prettier-ignore
  });
});

describe('creating', () => {
  it('meets both ends of linspace exactly', () => {
    const values = [...(f.linspace(0, 1, 11).dataSync() as Float32Array)];
    expect([values[0], values[10]]).toEqual([0, 1]);
    expect(f.linspace(f.tensor(4), -3, 3, { dtype: 'int32' }).toArraySync()).toEqual([4, 0, -3]);
    expect(() => f.linspace(f.tensor([1, 2]), 3, 3)).toThrow(f.ArgumentError);
    expect(() => f.logspace(0, 1, -1)).toThrow(f.ArgumentError);
  });

  it('counts after rounding for an integer dtype', () => {
    // 1, 3 below 5, and not 5 although 5.000001 was asked for
    expect(f.arange(1, 5.000001, 2, { dtype: 'int32' }).toArraySync()).toEqual([1, 3]);
    expect(f.arange({ end: 3 }).toArraySync()).toEqual([0, 1, 2]);
  });

  it('marks leaves, and refuses wrong options', () => {
    expect(f.zeros(2, { requiresGrad: true }).requiresGrad).toBe(true);
    expect(f.randn(2, { requiresGrad: true }).isLeaf).toBe(true);
    expect(() => f.zeros(2, { device: 'cpu' as unknown as f.Device })).toThrow(f.DeviceError);
    expect(() => f.ones(2, { dtpye: 'int32' } as f.TensorOptions)).toThrow(f.ArgumentError);
    expect(() => f.full([1], Infinity, { dtype: 'int64' })).toThrow(f.ArgumentError);
  });
});

describe('calls', () => {
  it('reads positions and options alike', () => {
    const x = f.arange(4).reshape(2, 2);
    for (const y of [f.diagEmbed(x, 1, 0, 1), f.diagEmbed(x, 1, { dim1: 0, dim2: 1 }), f.diagEmbed(x, { offset: 1, dim1: 0, dim2: 1 })])
      expect(y.shape).toEqual([3, 3, 2]);
    expect(x.sum(1, true).shape).toEqual([2, 1]);
    expect(x.sum({ dim: 1, keepdim: true }).shape).toEqual([2, 1]);
    expect(x.softmax({ dim: 1 }).shape).toEqual([2, 2]);
  });

  it('refuses unknown options, and what is given twice', () => {
    const x = f.zeros(2, 2);
    expect(() => x.sum({ dims: 1 } as f.ReduceOptions)).toThrow(f.ArgumentError);
    expect(() => x.tril({ diag: 1 } as object)).toThrow(f.ArgumentError);
    expect(() => x.flatten(0, { startDim: 0 } as object)).toThrow(f.ArgumentError);
  });
});
