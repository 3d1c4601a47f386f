import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { customFunction, enableGrad, grad, gradcheck, noGrad } from '@flambeau/autograd';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);
const leaf = (...values: number[]): Tensor => tensor(values).requiresGrad_();
const leaf64 = (...values: number[]): Tensor => tensor(values, { dtype: 'float64' }).requiresGrad_();
const values = (x: Tensor | undefined): unknown => x?.toArraySync();

describe('noGrad and enableGrad', () => {
  it('noGrad records nothing, enableGrad inside of it does', () => {
    const x = leaf(2);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(noGrad(() => enableGrad(() => x.mul(2))).requiresGrad).toBe(true);
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  it('restores the mode when the function throws', () => {
    const x = leaf(2);
    expect(() => noGrad(() => { throw new Error('stop'); })).toThrow('stop'); // prettier-ignore
    expect(x.mul(2).requiresGrad).toBe(true);
  });

  it('refuses a function that returns a promise', () => {
    expect(() => noGrad(() => Promise.resolve(1))).toThrow(expect.objectContaining({ code: 'ARGUMENT', op: 'noGrad' }));
    expect(() => enableGrad(() => Promise.resolve(1))).toThrow(expect.objectContaining({ code: 'ARGUMENT' }));
  });
});

describe('detach', () => {
  it('cuts the history and shares the storage', () => {
    const x = leaf(3);
    const y = x.mul(2);
    const d = y.detach();
    // only the other factor counts: d(y·d)/dx = 2·6
    y.mul(d).sum().backward();
    expect(d.requiresGrad).toBe(false);
    expect(d.storage).toBe(y.storage);
    expect(values(x.grad)).toEqual([12]);
  });
});

describe('customFunction', () => {
  const cube = customFunction({
    name: 'cube',
    forward(context, x) {
      context.saveForBackward(x);
      return x.pow(3);
    },
    backward(context, g) {
      const [x] = context.savedTensors;
      return g?.mul(x.square()).mul(3);
    },
  });

  it('has the derivative that it is given', () => {
    const x = leaf(2);
    // 3x²
    (cube(x) as Tensor).sum().backward();
    expect(values(x.grad)).toEqual([12]);
  });

  it('has a second derivative where its backward is made of ops', () => {
    const x = leaf64(2);
    const [g] = grad((cube(x) as Tensor).sum(), x, { createGraph: true });
    // 6x
    expect(values(grad(g.sum(), x)[0])).toEqual([12]);
  });

  it('checks saved tensors for changes in place', () => {
    const x = leaf(2);
    const y = x.mul(1);
    const z = cube(y) as Tensor;
    y.add_(1);
    expect(() => z.sum().backward()).toThrow(expect.objectContaining({ code: 'AUTOGRAD' }));
  });

  it('takes several inputs, gives several outputs, and may leave gradients out', () => {
    const arrived: boolean[] = [];
    const both = customFunction({
      forward: (_, a, b) => [a.add(b), a.mul(2)],
      backward(_, ofSum, ofDouble) {
        arrived.push(ofSum !== undefined, ofDouble !== undefined);
        return [ofDouble?.mul(2), undefined];
      },
    });
    const [a, b] = [leaf(1), leaf(1)];
    const [, double] = both(a, b) as Tensor[];
    double.sum().backward();
    // Nothing depends on the sum, so that it has no gradient.
    expect(arrived).toEqual([false, true]);
    expect(values(a.grad)).toEqual([2]);
    expect(b.grad).toBeUndefined();
  });

  it('takes tensors only', () => {
    expect(() => cube(3 as unknown as Tensor)).toThrow(expect.objectContaining({ code: 'ARGUMENT' }));
  });
});

describe('gradcheck', () => {
  it('accepts a right derivative', () => {
    expect(gradcheck((x) => x.sin().mul(x.exp()), [leaf64(0.3, 1.2)])).toBe(true);
  });

  it('names the element where a derivative is wrong', () => {
    const wrong = customFunction({ name: 'wrong', forward: (_, x) => x.square(), backward: (_, g) => g?.mul(2) });
    // the slope of x² at 3 is 6 and not 2, weighed by 0.3
    expect(() => gradcheck((x) => wrong(x) as Tensor, [leaf64(3)])).toThrow(
      /derivative 1\.[78]\d* in element 0 of input 0, output 0, got 0\.6/,
    );
  });
});
