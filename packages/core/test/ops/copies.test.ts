import * as f from '@flambeau/core';
import '@flambeau/autograd';
import { noGrad } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => f.setDefaultDevice(reference));

const matrix = (): f.Tensor => f.arange(6).reshape(2, 3);
const list = (x: f.Tensor): unknown => x.toArraySync();

describe('the copying form of a view', () => {
  it('has the elements of the view in a storage of its own', () => {
    const x = matrix();
    const y = f.transposeCopy(x, 0, 1);
    expect(list(y)).toEqual(list(x.transpose(0, 1)));
    y.fill_(9);
    expect(list(x)).toEqual([[0, 1, 2], [3, 4, 5]]); // prettier-ignore
  });
  it('takes what the view takes, also by name', () => {
    expect(list(f.unsqueezeCopy(matrix(), { dim: 0 }))).toEqual([[[0, 1, 2], [3, 4, 5]]]); // prettier-ignore
    expect(f.splitWithSizesCopy(matrix(), [1, 2], 1).map((part) => part.shape)).toEqual([[2, 1], [2, 2]]); // prettier-ignore
    expect(f.unbindCopy(matrix()).map(list)).toEqual([[0, 1, 2], [3, 4, 5]]); // prettier-ignore
    expect(list(f.diagonalCopy(matrix(), 1))).toEqual([1, 5]);
  });
  it('lets a gradient through', () => {
    const x = matrix().requiresGrad_();
    // y = xᵀ, so dΣ(2y)/dx = 2
    f.tCopy(x).mul(2).sum().backward();
    expect(list(x.grad as f.Tensor)).toEqual([[2, 2, 2], [2, 2, 2]]); // prettier-ignore
  });
});

describe('a layout changed in place', () => {
  it('stays the same tensor over the same elements', () => {
    const x = matrix();
    const first = x.select(0, 0);
    expect(x.unsqueeze_(1)).toBe(x);
    expect(x.shape).toEqual([2, 1, 3]);
    expect(x.squeeze_().transpose_(0, 1).shape).toEqual([3, 2]);
    expect(list(x)).toEqual([[0, 3], [1, 4], [2, 5]]); // prettier-ignore
    first.fill_(7);
    expect(list(x)).toEqual([[7, 3], [7, 4], [7, 5]]); // prettier-ignore
  });
  it('keeps the history of what it was', () => {
    const x = matrix().requiresGrad_();
    const y = x.mul(x);
    y.t_();
    // y = (x²)ᵀ; Σ y·[1 2; 1 2; 1 2] gives dx = 2x·[1 1 1; 2 2 2]
    y.mul(f.tensor([1, 2]))
      .sum()
      .backward();
    expect(list(x.grad as f.Tensor)).toEqual([[0, 2, 4], [12, 16, 20]]); // prettier-ignore
  });
  it('is refused for a leaf that requires a gradient, and allowed without recording', () => {
    const x = matrix().requiresGrad_();
    expect(() => x.unsqueeze_(0)).toThrow(f.ArgumentError);
    expect(noGrad(() => x.unsqueeze_(0)).shape).toEqual([1, 2, 3]);
  });
  it('resize_ keeps the elements in order, and fills up with zeros', () => {
    expect(list(matrix().resize_(2, 2))).toEqual([[0, 1], [2, 3]]); // prettier-ignore
    expect(list(matrix().resize_([8]))).toEqual([0, 1, 2, 3, 4, 5, 0, 0]);
    expect(list(matrix().t().resizeAs_(f.zeros(2, 2)))).toEqual([[0, 3], [1, 4]]); // prettier-ignore
    expect(() => matrix().requiresGrad_().resize_(1)).toThrow(f.NotSupportedError);
  });
});

describe('tensors with strides of their own', () => {
  it('lie as they are asked to', () => {
    const x = f.emptyStrided([2, 3], [1, 2], { dtype: 'int32' });
    expect([x.shape, x.strides, x.dtype]).toEqual([[2, 3], [1, 2], 'int32']); // prettier-ignore
    expect(f.emptyPermuted([2, 3, 4], [0, 2, 1]).strides).toEqual([12, 1, 3]);
    expect(x.newEmptyStrided([2], [3]).strides).toEqual([3]);
    expect(() => f.emptyStrided([2, 3], [1])).toThrow(f.ShapeError);
  });
});

describe('nonzeroStatic', () => {
  it('gives as many rows as are asked for, with a fill value where no element is left', () => {
    const x = f.tensor([[1, 0, 2], [0, 3, 0]]); // prettier-ignore
    expect(list(f.nonzeroStatic(x, { size: 2 }))).toEqual([[0, 0], [0, 2]]); // prettier-ignore
    expect(list(f.nonzeroStatic(x, { size: 5, fillValue: 7 }))).toEqual([[0, 0], [0, 2], [1, 1], [7, 7], [7, 7]]); // prettier-ignore
  });
});

describe('a call that PyTorch refuses is refused', () => {
  const x = (): f.Tensor => f.rand(2);
  it.each([
    ['a number as the first operand of atan2', () => f.atan2(2 as unknown as f.Tensor, x())],
    ['a number as the first operand of maximum', () => f.maximum(2 as unknown as f.Tensor, x())],
    ['a number as the first operand of a comparison', () => f.eq(2 as unknown as f.Tensor, x())],
    ['a number as the first operand of igamma', () => f.igamma(2 as unknown as f.Tensor, x())],
    ['a reduction of more than 64 dimensions', () => f.ones(new Array<number>(65).fill(1)).amax()],
    ['half a step in linspace', () => f.linspace(0, 3, 1.5)],
    ['a diagonal at half an offset', () => f.diagonal(f.eye(3), 0.5)],
    ['a scatter of a string', () => f.zeros(3).scatter(0, f.zeros([1], { dtype: 'int32' }), 'x' as unknown as f.Tensor)],
  ])('%s', (_, call) => expect(call).toThrow(f.FlambeauError));
});
