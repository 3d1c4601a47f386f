import {
  arange,
  contiguousStrides,
  einsum,
  keep,
  memory,
  ones,
  overlaps,
  scope,
  setDefaultDevice,
  tensor,
  viewStrides,
  type Tensor,
} from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);
const values = (x: Tensor): unknown => x.toArraySync();

describe('views share storage', () => {
  const x = arange(12).reshape(3, 4);

  it.each<[string, (x: Tensor) => Tensor, number[], number[], number]>([
    ['transpose', (y) => y.t(), [4, 3], [1, 4], 0],
    ['select', (y) => y.select(0, 1), [4], [1], 4],
    ['slice with a step', (y) => y.slice(1, 1, null, 2), [3, 2], [4, 2], 1],
    ['unsqueeze', (y) => y.unsqueeze(1), [3, 1, 4], [4, 4, 1], 0],
    ['expand', (y) => y.select(0, 2).expand(2, 4), [2, 4], [0, 1], 8],
    ['diagonal', (y) => y.diagonal(1), [3], [5], 1],
    ['unfold', (y) => y.unfold(1, 2, 2), [3, 2, 2], [4, 2, 1], 0],
    ['view of a slice', (y) => y.slice(0, 1).view(2, 2, 2), [2, 2, 2], [4, 2, 1], 4],
    ['flatten', (y) => y.flatten(), [12], [1], 0],
  ])('%s', (_, make, shape, strides, offset) => {
    const y = make(x);
    expect([y.storage === x.storage, y.shape, y.strides, y.offset]).toEqual([true, shape, strides, offset]);
  });

  it('reshape is a view where strides allow it and a copy where not', () => {
    expect(x.reshape(4, 3).storage).toBe(x.storage);
    expect(x.t().reshape(12).storage).not.toBe(x.storage);
    expect(values(x.t().reshape(12))).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
  });

  it('a write through one is seen by all', () => {
    const base = ones(2, 2);
    base.t().select(0, 0).mul_(5);
    expect(values(base)).toEqual([[5, 1], [5, 1]]); // prettier-ignore
  });

  it('strides that a shape can be seen with', () => {
    expect(contiguousStrides([2, 3, 4])).toEqual([12, 4, 1]);
    // rows of 4 that lie 8 apart: the inner dimension splits, the outer cannot merge
    expect(viewStrides([3, 4], [8, 1], [3, 2, 2])).toEqual([8, 2, 1]);
    expect(viewStrides([3, 4], [8, 1], [12])).toBeUndefined();
  });

  it('overlapping layouts are known', () => {
    expect(overlaps({ shape: [3], strides: [0], offset: 0 })).toBe(true);
    expect(overlaps({ shape: [3, 2], strides: [1, 1], offset: 0 })).toBe(true);
    expect(overlaps({ shape: [3, 2], strides: [2, 1], offset: 0 })).toBe(false);
  });
});

describe('einsum', () => {
  const [a, b] = [tensor([[1, 2], [3, 4]]), tensor([[5, 6], [7, 8]])]; // prettier-ignore
  it.each<[string, Tensor[], unknown]>([
    // [1·5 + 2·7, 1·6 + 2·8], [3·5 + 4·7, 3·6 + 4·8]
    ['ij,jk->ik', [a, b], [[19, 22], [43, 50]]],
    ['ij->ji', [a], [[1, 3], [2, 4]]],
    ['ii->', [a], 5],
    ['ii->i', [a], [1, 4]],
    // Σ a∘b = 5 + 12 + 21 + 32
    ['ij,ij->', [a, b], 70],
    ['i,j->ij', [a.select(0, 0), b.select(0, 0)], [[5, 6], [10, 12]]],
    ['...j->...', [a], [3, 7]],
    ['ij,jk', [a, b], [[19, 22], [43, 50]]],
  ])('%s', (equation, operands, expected) => {
    expect(values(einsum(equation, ...operands))).toEqual(expected);
  }); // prettier-ignore

  // Sums over nothing are 0, and nothing is in what has an empty dimension; a 1 becomes the 0 of another operand.
  it.each<[string, number[][], number[]]>([
    ['ij,jk->ik', [[0, 3], [3, 2]], [0, 2]],
    ['ij,jk->ik', [[2, 0], [0, 3]], [2, 3]],
    ['ij,jk->ik', [[2, 3], [3, 0]], [2, 0]],
    ['ij,jk', [[2, 0], [1, 3]], [2, 3]],
    ['i,i->i', [[1], [0]], [0]],
    ['i,i->i', [[0], [1]], [0]],
    ['i,i', [[0], [0]], []],
    ['i,j->ij', [[0], [3]], [0, 3]],
    ['i,->i', [[0], []], [0]],
    ['ii', [[0, 0]], []],
    ['ij->i', [[2, 0]], [2]],
    ['ij,kl->i', [[2, 0], [3, 4]], [2]],
    ['bij,bjk->bik', [[0, 2, 3], [0, 3, 4]], [0, 2, 4]],
    ['bij,bjk->bik', [[2, 2, 0], [2, 0, 4]], [2, 2, 4]],
    ['...ij,...jk->...ik', [[0, 2, 3], [1, 3, 4]], [0, 2, 4]],
    ['ij,jk,kl->il', [[2, 0], [0, 3], [3, 2]], [2, 2]],
  ])('%s of shapes %j, with an empty dimension, gives zeros of shape %j', (equation, shapes, expected) => {
    const result = einsum(equation, ...shapes.map((shape) => ones(shape)));
    expect(result.shape).toEqual(expected);
    expect([...result.dataSync()]).toEqual(new Array<number>(expected.reduce((n, m) => n * m, 1)).fill(0));
  }); // prettier-ignore

  it('refuses two operands of which one is empty and the other has several', () => {
    expect(() => einsum('i,i', ones(2), ones(0))).toThrow(expect.objectContaining({ code: 'SHAPE' }));
    expect(() => einsum('i,i', ones(0), ones(2))).toThrow(expect.objectContaining({ code: 'SHAPE' }));
  });

  it('refuses subscripts that do not fit', () => {
    expect(() => einsum('ijk->i', a)).toThrow(expect.objectContaining({ code: expect.any(String) as string }));
    expect(() => einsum('ij,jk->ik', a, ones(3, 2))).toThrow(expect.objectContaining({ code: 'SHAPE' }));
    expect(() => einsum('i?->i', a)).toThrow(expect.objectContaining({ code: expect.any(String) as string }));
  });
});

describe('scope', () => {
  it('releases what its body made, but for what it returns or keeps', () => {
    const before = memory().liveCount;
    const kept: Tensor[] = [];
    const { result, inner } = scope(() => {
      const y = ones(10).add(1);
      kept.push(keep(y.mul(2)));
      return { result: [y.mul(3)], inner: new Map([['a', ones(1)]]) };
    });
    expect(memory().liveCount).toBe(before + 3);
    expect([result[0].itemSync, kept[0].sum().itemSync(), inner.get('a')?.itemSync()].slice(1)).toEqual([40, 1]);
  });

  it('nests: the inner scope’s results belong to the outer one', () => {
    let escaped: Tensor | undefined;
    scope(() => {
      escaped = scope(() => ones(3));
      return ones(1);
    });
    expect(() => escaped?.add(1)).toThrow(expect.objectContaining({ code: 'RELEASED', op: 'add' }));
  });

  it('releases also when its body throws', () => {
    const before = memory().liveCount;
    expect(() => scope(() => { ones(5); throw new Error('stop'); })).toThrow('stop'); // prettier-ignore
    expect(memory().liveCount).toBe(before);
  });

  it('refuses a function that returns a promise', () => {
    expect(() => scope(async () => ones(1))).toThrow(expect.objectContaining({ code: 'ARGUMENT', op: 'scope' }));
  });

  it('use after release names the op, and how to keep it', () => {
    const x = ones(2);
    x.dispose();
    expect(() => x.tanh()).toThrow(
      'tanh: a tensor that is still alive, got one made by full that was released. It was disposed, or the scope that made it has ended: return it from the scope, or keep(tensor).',
    );
  });
});
