import * as f from '@flambeau/core';
import '@flambeau/autograd';
import { gradcheck } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => f.setDefaultDevice(reference));

const ints = (values: f.NestedArray): f.Tensor => f.tensor(values, { dtype: 'int32' });
const doubles = (values: f.NestedArray): f.Tensor => f.tensor(values, { dtype: 'float64' }).requiresGrad_();

describe('scatterReduce', () => {
  const x = [1, 2, 3, 4];
  const index = (): f.Tensor => ints([0, 0, 1]);
  const source = [5, 6, 7];
  // place 0 gets 5 and 6, place 1 gets 7; with its own values 1 and 2 or without
  it.each([
    ['sum', true, [12, 9, 3, 4]],
    ['sum', false, [11, 7, 3, 4]],
    ['prod', true, [30, 14, 3, 4]],
    ['prod', false, [30, 7, 3, 4]],
    ['mean', true, [4, 4.5, 3, 4]],
    ['mean', false, [5.5, 7, 3, 4]],
    ['amax', true, [6, 7, 3, 4]],
    ['amin', true, [1, 2, 3, 4]],
    ['amin', false, [5, 7, 3, 4]],
  ] as const)('combines by %s, own values included: %s', (reduce, includeSelf, expected) => {
    const y = f.scatterReduce(f.tensor(x), 0, index(), f.tensor(source), reduce, { includeSelf });
    expect(y.toArraySync()).toEqual([...expected]);
  });

  it('divides integers by the count and rounds down', () => {
    // (1 + 5 + 6)/3 = 4, (-2 + 7)/2 = 2.5, rounded down to 2
    const y = f.scatterReduce(ints([1, -2]), 0, index(), ints(source), 'mean');
    expect(y.toArraySync()).toEqual([4, 2]);
  });

  it('starts an extreme of the largest integers from a source, not from a number beyond them', () => {
    const big = f.tensor([2n ** 62n, 5n]);
    const y = f.scatterReduce(f.tensor([0n, 0n]), 0, ints([0, 1]), big, 'amin', { includeSelf: false });
    expect(y.dataSync()).toEqual(new BigInt64Array([2n ** 62n, 5n]));
  });

  it.each(['sum', 'prod', 'mean', 'amax', 'amin'] as const)('has the derivative of its differences for %s', (reduce) => {
    for (const includeSelf of [true, false]) {
      const run = (a: f.Tensor, b: f.Tensor): f.Tensor => f.scatterReduce(a, 0, index(), b, reduce, { includeSelf });
      expect(gradcheck(run, [doubles([1.5, -2, 3]), doubles([0.5, 2.5, -1])])).toBe(true);
    }
  });

  it('leaves a zero out of the product instead of dividing by it', () => {
    // y = 2·0·3, so dy/dsource[0] = 2·3 = 6
    const source0 = f.tensor([0, 3]).requiresGrad_();
    f.scatterReduce(f.tensor([2]), 0, ints([0, 0]), source0, 'prod')
      .sum()
      .backward();
    expect(source0.grad?.toArraySync()).toEqual([6, 0]);
  });

  it('refuses an unknown reduction', () => {
    expect(() => f.scatterReduce(f.tensor(x), 0, index(), f.tensor(source), 'max' as 'amax')).toThrow(f.ArgumentError);
  });
});

describe('slices by index', () => {
  it('adds repeated slices all, scaled by alpha', () => {
    // row 0 twice: [1, 1] - 2·([1, 2] + [3, 4])
    const y = f.indexAdd(f.ones(2, 2), 0, ints([0, 0]), f.tensor([[1, 2], [3, 4]]), { alpha: -2 }); // prettier-ignore
    expect(y.toArraySync()).toEqual([[-7, -11], [1, 1]]); // prettier-ignore
  });

  it('counts from the end with negative indices', () => {
    expect(f.take(f.arange(6).reshape(2, 3), ints([-1, 0])).toArraySync()).toEqual([5, 0]);
    expect(f.takeAlongDim(f.tensor([[1, 2, 3]]), ints([[-1]]), 1).toArraySync()).toEqual([[3]]);
    expect(f.indexCopy(f.zeros(3), 0, ints([-1]), f.tensor([7])).toArraySync()).toEqual([0, 0, 7]);
  });

  it('gives a filling value the gradient of each filled place once', () => {
    const value = f.tensor(0).requiresGrad_();
    f.indexFill(f.ones(3), 0, ints([1, 1]), value)
      .sum()
      .backward();
    expect(value.grad?.itemSync()).toBe(1);
  });

  it('accumulates repeated indices in indexPut', () => {
    const y = f.indexPut(f.zeros(3), [ints([2, 2, 0])], f.tensor([1, 2, 3]), true);
    expect(y.toArraySync()).toEqual([3, 0, 3]);
  });

  it('says which index is wrong, also among several', () => {
    const x = f.zeros(2, 3);
    // 0·3 + 4 would be the place [1, 1] of the flattened tensor
    expect(() => x.at(ints([0]), ints([4]))).toThrow('indices in [-3, 2] for dimension 1, got 4');
    expect(() => x.setAt([ints([2])], 1)).toThrow('indices in [-2, 1] for dimension 0, got 2');
  });

  it('refuses a source of another shape or dtype', () => {
    expect(() => f.indexAdd(f.zeros(2, 2), 0, ints([0]), f.zeros(2))).toThrow(f.ShapeError);
    expect(() => f.put(f.zeros(2), ints([0]), ints([1]))).toThrow(f.DTypeError);
  });
});

describe('masks', () => {
  it('hands the elements of a source out in order', () => {
    const mask = f.tensor([[true, false], [true, true]]); // prettier-ignore
    expect(f.maskedScatter(f.zeros(2, 2), mask, f.tensor([1, 2, 3, 4])).toArraySync()).toEqual([[1, 0], [2, 3]]); // prettier-ignore
    expect(() => f.maskedScatter(f.zeros(2, 2), mask, f.tensor([1, 2]))).toThrow(f.IndexError);
  });

  it('reads where as PyTorch writes it, from the condition and from the tensor', () => {
    const x = f.tensor([1, -2]);
    expect(x.gt(0).where(x, 0).toArraySync()).toEqual([1, 0]);
    expect(x.where(x.gt(0), 0).toArraySync()).toEqual([1, 0]);
    expect(f.where(x.gt(0)).map((t) => t.toArraySync())).toEqual([[0]]);
  });
});

describe('unique', () => {
  it('gives the inverse and the counts', () => {
    const [values, inverse, counts] = f.tensor([3, 1, 3]).unique({ returnInverse: true, returnCounts: true });
    expect([values, inverse, counts].map((t) => t.toArraySync())).toEqual([[1, 3], [1, 0, 1], [1, 2]]); // prettier-ignore
  });

  it('compares whole slices, and only neighbours when consecutive', () => {
    const x = f.tensor([[2, 1], [1, 9], [2, 1]]); // prettier-ignore
    expect(x.unique({ dim: 0 }).toArraySync()).toEqual([[1, 9], [2, 1]]); // prettier-ignore
    expect(f.tensor([1, 1, 2, 1]).uniqueConsecutive().toArraySync()).toEqual([1, 2, 1]);
  });

  it('is the same when it waits', async () => {
    expect((await f.tensor([2, 1, 2]).uniqueAsync() as f.Tensor).toArraySync()).toEqual([1, 2]); // prettier-ignore
  });
});
