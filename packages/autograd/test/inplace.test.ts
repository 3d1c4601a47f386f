import { setDefaultDevice, tensor, zeros, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { AutogradError, noGrad } from '@flambeau/autograd';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);
const leaf = (...values: number[]): Tensor => tensor(values).requiresGrad_();
const values = (x: Tensor | undefined): unknown => x?.toArraySync();
const refused = { asymmetricMatch: (error: unknown): boolean => error instanceof AutogradError };

describe('changes in place', () => {
  it('of a tensor that a derivative needs are caught, and name the op that saved it', () => {
    const x = leaf(1, 2);
    const y = x.mul(2);
    const z = y.square();
    y.add_(1);
    expect(() => z.sum().backward()).toThrow(
      /the tensor of shape \[2\] that square saved, at version 0, got version 1: it was changed in place/,
    );
  });

  it('of a view are changes of its base, and of its siblings', () => {
    const x = leaf(1, 2, 3);
    const y = x.mul(1);
    const z = y.square();
    y.slice(0, 0, 1).zero_();
    expect(() => z.sum().backward()).toThrow(refused);
    const w = x.mul(1);
    const [left, right] = [w.narrow(0, 0, 2), w.narrow(0, 1, 2)];
    const squared = right.square();
    left.mul_(2);
    expect(() => squared.sum().backward()).toThrow(refused);
  });

  it('through detach() and data count too: they share the storage', () => {
    const x = leaf(3);
    const y = x.mul(2);
    const z = y.square();
    y.detach().add_(1);
    expect(() => z.sum().backward()).toThrow(refused);
  });

  it('of tensors that no derivative needs are free', () => {
    const x = leaf(1, 2);
    const y = x.add(1);
    const z = y.add(1);
    y.zero_();
    z.sum().backward();
    expect(values(x.grad)).toEqual([1, 1]);
  });

  it('have a derivative: the tensor gets a new history', () => {
    const x = leaf(1, 2);
    const y = x.mul(2);
    y.mul_(3).add_(x);
    // y = 6x + x
    y.sum().backward();
    expect(values(y)).toEqual([7, 14]);
    expect(values(x.grad)).toEqual([7, 7]);
  });

  it('may read the value that they replace: x·y in place of x needs both', () => {
    const [x, y] = [leaf(2, 3), leaf(5, 7)];
    const z = x.mul(1);
    z.mul_(y).sin_();
    z.sum().backward();
    // d sin(xy)/dx = y·cos(xy), d/dy = x·cos(xy)
    const cosines = [Math.cos(10), Math.cos(21)];
    (values(x.grad) as number[]).forEach((g, i) => expect(g).toBeCloseTo([5, 7][i] * cosines[i], 5));
    (values(y.grad) as number[]).forEach((g, i) => expect(g).toBeCloseTo([2, 3][i] * cosines[i], 5));
  });

  it('of a leaf that requires a gradient are refused, and allowed under noGrad', () => {
    const x = leaf(1, 2);
    expect(() => x.add_(1)).toThrow(expect.objectContaining({ code: 'AUTOGRAD' }));
    expect(values(x)).toEqual([1, 2]);
    noGrad(() => x.add_(1));
    expect(values(x)).toEqual([2, 3]);
    expect(x.isLeaf).toBe(true);
  });

  it('of a leaf that requires none give it a history', () => {
    const x = leaf(2);
    const y = zeros(1);
    y.add_(x.mul(3));
    expect(y.isLeaf).toBe(false);
    y.sum().backward();
    expect(values(x.grad)).toEqual([3]);
  });

  it('of expanded and overlapping views are refused', () => {
    expect(() => zeros(1).expand(3).add_(1)).toThrow(expect.objectContaining({ code: 'SHAPE' }));
    expect(() => zeros(4).unfold(0, 2, 1).fill_(1)).toThrow(expect.objectContaining({ code: 'SHAPE' }));
  });

  it('of one of several outputs of an op that share storage are refused where they are views of a leaf', () => {
    const x = leaf(1, 2);
    expect(() => x.unbind()[0].add_(1)).toThrow(refused);
  });
});

describe('changes of views', () => {
  it('give the base the history “base with this region replaced”', () => {
    const [x, y] = [leaf(1, 2, 3), leaf(10, 20)];
    const base = x.mul(2);
    base.slice(0, 1).copy_(y);
    // base = (2x₀, y₀, y₁); weights 1, 2, 3
    base.mul(tensor([1, 2, 3])).sum().backward(); // prettier-ignore
    expect(values(base)).toEqual([2, 10, 20]);
    expect(values(x.grad)).toEqual([2, 0, 0]);
    expect(values(y.grad)).toEqual([2, 3]);
  });

  it('are seen by a sibling view that was made before', () => {
    const x = leaf(1, 2, 3);
    const base = x.mul(1);
    const sibling = base.narrow(0, 0, 2);
    base.narrow(0, 1, 2).mul_(10);
    // sibling = (x₀, 10·x₁)
    sibling.sum().backward();
    expect(values(sibling)).toEqual([1, 20]);
    expect(values(x.grad)).toEqual([1, 10, 0]);
  });

  it('pass through a chain of views', () => {
    const x = leaf(1, 2, 3, 4);
    const base = x.mul(1);
    base.view(2, 2).select(0, 1).narrow(0, 0, 1).mul_(7);
    // only element 2 is scaled
    base.sum().backward();
    expect(values(x.grad)).toEqual([1, 1, 7, 1]);
  });

  it('of the base are seen by the view', () => {
    const x = leaf(1, 2);
    const base = x.mul(1);
    const view = base.select(0, 1);
    base.mul_(5);
    view.backward();
    expect(view.itemSync()).toBe(10);
    expect(values(x.grad)).toEqual([0, 5]);
  });

  it('of a leaf are refused', () => {
    const x = leaf(1, 2);
    expect(() => x.select(0, 0).add_(1)).toThrow(refused);
    expect(() => x.view(2, 1).zero_()).toThrow(refused);
  });

  it('that were made under noGrad are refused while recording', () => {
    const x = leaf(1, 2);
    const base = x.mul(1);
    const view = noGrad(() => base.select(0, 0));
    expect(() => view.mul_(x.select(0, 1))).toThrow(refused);
  });
});

describe('data', () => {
  it('is the tensor without history, over the same storage', () => {
    const x = leaf(1, 2);
    x.data.add_(1);
    expect(values(x)).toEqual([2, 3]);
    expect(x.data.requiresGrad).toBe(false);
  });

  it('read by call is a promise of the values', async () => {
    expect(Array.from((await leaf(1, 2).data()) as Float32Array)).toEqual([1, 2]);
  });

  it('set to another tensor swaps the storage inside the same object', () => {
    const x = leaf(1, 2);
    const other = tensor([5, 6, 7]);
    x.data = other;
    expect(values(x)).toEqual([5, 6, 7]);
    expect(x.requiresGrad).toBe(true);
    x.square().sum().backward();
    expect(values(x.grad)).toEqual([10, 12, 14]);
  });
});
