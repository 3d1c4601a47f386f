import * as f from '@flambeau/core';
import '@flambeau/autograd';
import { gradcheck } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => f.setDefaultDevice(reference));

const doubles = (values: f.NestedArray): f.Tensor => f.tensor(values, { dtype: 'float64' }).requiresGrad_();

describe('medians and quantiles', () => {
  it('takes the lower of two middle values, and NaN when there is one', () => {
    expect(f.tensor([4, 1, 3, 2]).median().itemSync()).toBe(2);
    expect(f.tensor([1, NaN, 3]).median().itemSync()).toBeNaN();
    expect(f.tensor([1, NaN, 3]).nanmedian().itemSync()).toBe(1);
  });

  it('names the first of equal values along a dimension', () => {
    const { values, indices } = f.tensor([[5, 2, 2], [1, 0, 3]]).median(1); // prettier-ignore
    expect([values.toArraySync(), indices.toArraySync()]).toEqual([[2, 1], [1, 0]]); // prettier-ignore
  });

  it('interpolates between ranks', () => {
    const x = f.tensor([1, 2, 4, 8]);
    // rank 0.5·3 = 1.5, between 2 and 4
    const at = (interpolation: 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest'): unknown =>
      x.quantile(0.5, { interpolation }).toArraySync();
    expect([at('linear'), at('lower'), at('higher'), at('midpoint')]).toEqual([3, 2, 4, 3]);
    // rank 1.5 is as near to 1 as to 2: the even one
    expect(at('nearest')).toBe(4);
    expect(x.quantile(f.tensor([0, 1])).toArraySync()).toEqual([1, 8]);
  });

  it('leaves NaN out of nanquantile, and refuses what is no quantile', () => {
    expect(f.tensor([NaN, 1, 3]).nanquantile(0.5).itemSync()).toBe(2);
    expect(f.tensor([NaN, 1, 3]).quantile(0.5).itemSync()).toBeNaN();
    expect(() => f.tensor([1]).quantile(1.5)).toThrow(f.ValueError);
  });

  it('has the derivative of its differences', () => {
    const x = doubles([[3, 1, 2], [6, 5, 4]]); // prettier-ignore
    expect(gradcheck((t) => t.quantile(0.3, 1), [x])).toBe(true);
    expect(gradcheck((t) => t.median(1).values, [x])).toBe(true);
    expect(gradcheck((t) => t.kthvalue(2, 1).values, [x])).toBe(true);
  });

  it('gives the smallest of the most frequent values', () => {
    const { values, indices } = f.tensor([2, 1, 2, 1, 3]).mode();
    expect([values.itemSync(), indices.itemSync()]).toEqual([1, 3]);
  });
});

describe('searching', () => {
  const sequence = [1, 3, 3, 5];
  it('goes before equal values, or after them', () => {
    const sought = f.tensor([3, 0, 6, NaN]);
    expect(f.searchsorted(f.tensor(sequence), sought).toArraySync()).toEqual([1, 0, 4, 4]);
    expect(f.searchsorted(f.tensor(sequence), sought, { right: true }).toArraySync()).toEqual([3, 0, 4, 4]);
    expect(() => f.searchsorted(f.tensor(sequence), sought, { side: 'left', right: true })).toThrow(f.ArgumentError);
  });

  it('puts values into buckets that include their right edge', () => {
    expect(f.bucketize(f.tensor([1, 2, 9]), f.tensor([1, 5])).toArraySync()).toEqual([0, 1, 2]);
  });

  it('counts the last edge in the last bin', () => {
    const { hist, binEdges } = f.tensor([0, 1, 2, 2]).histogram(2);
    expect([hist.toArraySync(), binEdges.toArraySync()]).toEqual([[1, 3], [0, 1, 2]]); // prettier-ignore
    expect(f.histc(f.tensor([0, 1, 2, 9]), 2, 0, 2).toArraySync()).toEqual([1, 2]);
    // 4 elements over bins of width 1: 1/4 and 3/4
    expect(f.tensor([0, 1, 2, 2]).histogram(2, { density: true }).hist.toArraySync()).toEqual([0.25, 0.75]);
  });

  it('counts integers, and refuses negative ones', () => {
    const x = f.tensor([1, 3, 1], { dtype: 'int32' });
    expect(x.bincount().toArraySync()).toEqual([0, 2, 0, 1]);
    expect(x.bincount({ weights: f.tensor([0.5, 1, 2]), minlength: 5 }).toArraySync()).toEqual([0, 2.5, 0, 1, 0]);
    expect(() => f.tensor([-1], { dtype: 'int32' }).bincount()).toThrow(f.ValueError);
  });
});

describe('variance', () => {
  it('reads the correction in all its spellings', () => {
    const x = f.tensor([1, 2, 4]); // mean 7/3, squares 14/3
    expect(x.var().itemSync()).toBeCloseTo(7 / 3, 6);
    expect(x.var(false).itemSync()).toBeCloseTo(14 / 9, 6);
    expect(x.var(0, { unbiased: false }).itemSync()).toBeCloseTo(14 / 9, 6);
    expect(x.var({ correction: 2 }).itemSync()).toBeCloseTo(14 / 3, 5);
    expect(f.var(x, 0, { correction: 0, keepdim: true }).shape).toEqual([1]);
    expect(() => x.var({ correction: 1, unbiased: true })).toThrow(f.ArgumentError);
  });
});
