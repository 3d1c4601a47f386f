import { arange, full, ones, scope, setDefaultDevice, tensor, zeros, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { AutogradError, detectAnomaly, grad, valueAndGrad } from '@flambeau/autograd';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);
const leaf = (...values: number[]): Tensor => tensor(values).requiresGrad_();
const values = (x: Tensor | undefined): unknown => x?.toArraySync();

describe('backward', () => {
  it('adds the gradient of a scalar to the leaves', () => {
    const x = leaf(3, 5, 4);
    // y = x² + 5x + 4, so dy/dx = 2x + 5
    x.square().add(x.mul(5)).add(4).sum().backward();
    expect(values(x.grad)).toEqual([11, 15, 13]);
  });

  it('gathers over several walks, and forgets what is set to undefined', () => {
    const x = leaf(2);
    // d(x³)/dx = 3x² = 12, twice
    x.pow(3).sum().backward();
    x.pow(3).sum().backward();
    expect(values(x.grad)).toEqual([24]);
    x.grad = undefined;
    x.mul(7).sum().backward();
    expect(values(x.grad)).toEqual([7]);
  });

  it('takes a gradient for a result that is not a scalar', () => {
    const x = leaf(1, 2, 3);
    // g · 2x with g = (1, 10, 100)
    x.square().backward(tensor([1, 10, 100]));
    expect(values(x.grad)).toEqual([2, 40, 600]);
  });

  it('says what is missing for a result that is not a scalar, and when the gradient does not fit', () => {
    const x = leaf(1, 2);
    expect(() => x.mul(2).backward()).toThrow(
      'backward: a scalar, or a gradient of the same shape, got a tensor of shape [2] and no gradient. Reduce it first, as in loss.sum().backward().',
    );
    expect(() => x.mul(2).backward(ones(3))).toThrow(expect.objectContaining({ code: 'SHAPE' }));
    expect(() => tensor([1]).sum().backward()).toThrow(expect.objectContaining({ code: 'AUTOGRAD', op: 'backward' }));
  });

  it('walks a graph once, and again where it was retained', () => {
    const x = leaf(3);
    const y = x.square().sum();
    y.backward(undefined, { retainGraph: true });
    y.backward();
    // 2x twice
    expect(values(x.grad)).toEqual([12]);
    expect(() => y.backward()).toThrow(/freed by an earlier backward.*retainGraph: true/);
  });

  it('records its own walk with createGraph, so that gradients have gradients', () => {
    const x = leaf(2);
    // y = x⁴: y' = 4x³ = 32, y'' = 12x² = 48, y''' = 24x = 48
    const [first] = grad(x.pow(4).sum(), x, { createGraph: true });
    const [second] = grad(first.sum(), x, { createGraph: true });
    const [third] = grad(second.sum(), x);
    expect([first, second, third].map(values)).toEqual([[32], [48], [48]]);
  });

  it('fills only the inputs that it is given, also inner ones', () => {
    const [a, b] = [leaf(2), leaf(3)];
    const product = a.mul(b);
    // d(ab·a)/da = 2ab = 12; d/d(ab) = a = 2
    product
      .mul(a)
      .sum()
      .backward(undefined, { inputs: [a, product] });
    expect(values(a.grad)).toEqual([12]);
    expect(values(product.grad)).toEqual([2]);
    expect(b.grad).toBeUndefined();
  });

  it('sums what arrives over several paths, whatever their length', () => {
    const x = leaf(1.5);
    const y = x.mul(2);
    // z = y·x + y = 2x² + 2x, so dz/dx = 4x + 2 = 8
    y.mul(x).add(y).sum().backward();
    expect(values(x.grad)).toEqual([8]);
  });

  it('does not overflow the stack on a chain of 100,000 ops', () => {
    const x = leaf(1);
    let y = x;
    for (let i = 0; i < 100_000; i++) y = y.add(1);
    y.sum().backward();
    expect(values(x.grad)).toEqual([1]);
  });

  it('refuses a backward in a hook of the same graph', () => {
    const x = leaf(1);
    const y = x.mul(2);
    const z = y.mul(3).sum();
    y.registerHook(() => {
      z.backward(undefined, { retainGraph: true });
    });
    expect(() => z.backward()).toThrow(expect.objectContaining({ code: 'AUTOGRAD' }));
    expect(x.grad).toBeUndefined();
  });
});

describe('grad and valueAndGrad', () => {
  it('grad leaves every `grad` as it was', () => {
    const [a, b] = [leaf(2), leaf(5)];
    // d(a²b)/da = 2ab = 20, d/db = a² = 4
    expect(grad(a.square().mul(b).sum(), [a, b]).map(values)).toEqual([[20], [4]]);
    expect([a.grad, b.grad]).toEqual([undefined, undefined]);
  });

  it('grad pulls several outputs back at once, each from its own gradient', () => {
    const x = leaf(1, 2);
    // 3·2x + (1, 5)
    const [g] = grad([x.square().sum(), x.mul(1)], x, { gradOutputs: [tensor(3), tensor([1, 5])] });
    expect(values(g)).toEqual([7, 17]);
  });

  it('an input that is not in the graph is an error, or undefined where that is allowed', () => {
    const [a, b] = [leaf(2), leaf(5)];
    expect(() => grad(a.mul(2).sum(), [a, b])).toThrow(/input 1 of shape \[1\], which is not in the graph/);
    expect(grad(a.mul(2).sum(), [a, b], { allowUnused: true })[1]).toBeUndefined();
  });

  it('valueAndGrad differentiates with respect to its arguments, which need not require gradients', () => {
    const f = valueAndGrad((x: Tensor, y: Tensor) => x.mul(y).sum());
    const { value, grads } = f(tensor([1, 2]), tensor([3, 4]));
    // 1·3 + 2·4, with gradients y and x
    expect(value.itemSync()).toBe(11);
    expect(grads.map(values)).toEqual([[3, 4], [1, 2]]); // prettier-ignore
  });

  it('valueAndGrad nests for second derivatives', () => {
    const slope = (x: Tensor): Tensor => valueAndGrad((t: Tensor) => t.pow(3).sum())(x).grads[0].sum();
    expect(values(slope(tensor([2])))).toBe(12);
  });
});

describe('hooks and kept gradients', () => {
  it('a hook sees the gradient, and what it returns takes its place', () => {
    const x = leaf(1, 2);
    const y = x.mul(2);
    const seen: unknown[] = [];
    y.registerHook((g) => {
      seen.push(values(g));
      return g.mul(10);
    });
    // dz/dy = 3, times 10 by the hook, times 2
    y.mul(3).sum().backward();
    expect(seen).toEqual([[3, 3]]);
    expect(values(x.grad)).toEqual([60, 60]);
  });

  it('a hook is gone when it is removed, and runs on leaves as well', () => {
    const x = leaf(1);
    let calls = 0;
    const remove = x.registerHook(() => {
      calls++;
    });
    x.mul(2).sum().backward();
    remove();
    x.mul(2).sum().backward();
    expect(calls).toBe(1);
  });

  it('hooks run in the order of their registration, each on what the last one gave', () => {
    const x = leaf(1);
    const y = x.mul(1);
    y.registerHook((g) => g.add(1));
    y.registerHook((g) => g.mul(10));
    // (1 + 1)·10
    y.sum().backward();
    expect(values(x.grad)).toEqual([20]);
  });

  it('a replacement of another shape is refused', () => {
    const x = leaf(1, 2);
    x.registerHook(() => ones(3));
    expect(() => x.sum().backward()).toThrow(expect.objectContaining({ code: 'SHAPE', op: 'hook' }));
  });

  it('retainGrad keeps the gradient of an inner tensor; without it there is none', () => {
    const x = leaf(3);
    const [kept, other] = [x.mul(2), x.mul(5)];
    kept.retainGrad();
    // d(kept·other)/dkept = other = 15
    kept.mul(other).sum().backward();
    expect(values(kept.grad)).toEqual([15]);
    expect(other.grad).toBeUndefined();
  });
});

describe('detectAnomaly', () => {
  it('names the forward op that made a NaN gradient, and where it was called', () => {
    const x = leaf(0);
    const broken = (): void =>
      detectAnomaly(() => {
        // d√x at 0 is infinite, and infinity times 0 is NaN.
        x.sqrt().mul(0).sum().backward();
      });
    expect(broken).toThrow(AutogradError);
    expect(broken).toThrow(/NaN from the derivative of sqrt[\s\S]*backward\.test\.ts/);
  });

  it('is silent where all is well, and off afterwards', () => {
    const x = leaf(4);
    detectAnomaly(() => x.sqrt().sum().backward());
    expect(values(x.grad)).toEqual([0.25]);
    leaf(0).sqrt().mul(0).sum().backward();
  });
});

describe('leaves', () => {
  it('only floats may require a gradient, and only leaves may stop to', () => {
    expect(() => tensor([1], { dtype: 'int32' }).requiresGrad_()).toThrow(expect.objectContaining({ code: 'DTYPE' }));
    const y = leaf(1).mul(2);
    expect(() => {
      y.requiresGrad = false;
    }).toThrow(/a leaf, got the result of mul/);
    expect([y.isLeaf, y.requiresGrad, y.gradFn]).toEqual([false, true, 'mul']);
  });

  it('a leaf that stops to require a gradient is not recorded', () => {
    const x = leaf(1);
    x.requiresGrad = false;
    expect(x.mul(2).requiresGrad).toBe(false);
  });

  it('two leaves never share a gradient', () => {
    const [a, b] = [leaf(1), leaf(1)];
    a.add(b).sum().backward();
    a.grad?.mul_(5);
    expect([values(a.grad), values(b.grad)]).toEqual([[5], [1]]);
  });

  it('gradients have the shape and dtype of their leaf', () => {
    const x = full([2, 1], 3).to('float64').requiresGrad_();
    x.expand(2, 4).to('float32').sum().backward();
    expect(x.grad?.dtype).toBe('float64');
    expect(values(x.grad)).toEqual([[4], [4]]);
  });
});

describe('memory of a walk', () => {
  it('gives back what it made, but for the gradients of leaves', () => {
    const x = zeros(1000).requiresGrad_();
    const step = (): void => {
      const loss = x.add(1).exp().mul(2).tanh().sum();
      loss.backward();
      x.grad = undefined;
    };
    scope(step);
    const before = reference.memory().liveCount;
    for (let i = 0; i < 10; i++) scope(step);
    expect(reference.memory().liveCount).toBe(before);
  });

  it('a gradient outlives the scope of its step', () => {
    const x = arange(3).requiresGrad_();
    scope(() => x.square().sum().backward());
    // 2x
    expect(values(x.grad)).toEqual([0, 2, 4]);
  });
});
