import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { AutogradError, queueBackwardCallback } from '@flambeau/autograd';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => setDefaultDevice(reference));

const leaf = (value: number): Tensor => tensor([value], { requiresGrad: true });

describe('registerPostAccumulateGradHook', () => {
  it('is called with the leaf once its grad is whole, in each backward', () => {
    const x = leaf(3);
    const seen: unknown[] = [];
    x.registerPostAccumulateGradHook((given) => {
      expect(given).toBe(x);
      seen.push(given.grad?.toArraySync());
    });
    // y = x² + x·2, so dy/dx = 2x + 2 = 8 though two ops add to it; the second walk adds another 8.
    x.square().add(x.mul(2)).sum().backward(); // prettier-ignore
    x.square().add(x.mul(2)).sum().backward(); // prettier-ignore
    expect(seen).toEqual([[8], [16]]);
  });

  it('comes while the walk goes on, as soon as the last op that adds to the leaf has been walked', () => {
    const order: string[] = [];
    const [first, second] = [leaf(2), leaf(5)];
    // A leaf of an earlier graph: its node is older than every op of this one.
    first.mul(second).sum().backward(); // prettier-ignore
    first.registerPostAccumulateGradHook(() => void order.push('first'));
    second.registerPostAccumulateGradHook(() => void order.push('second'));
    const between = first.mul(3);
    between.registerHook(() => void order.push('between'));
    between.mul(second).sum().backward(); // prettier-ignore
    expect(order).toEqual(['second', 'between', 'first']);
  });

  it('is not called any more once it was removed', () => {
    const x = leaf(1);
    let calls = 0;
    const remove = x.registerPostAccumulateGradHook(() => void calls++);
    x.mul(2).sum().backward(); // prettier-ignore
    remove();
    x.mul(2).sum().backward(); // prettier-ignore
    expect(calls).toBe(1);
  });

  it('refuses tensors that gather no gradient', () => {
    expect(() => tensor([1]).registerPostAccumulateGradHook(() => undefined)).toThrow(AutogradError);
    expect(() =>
      leaf(1)
        .mul(2)
        .registerPostAccumulateGradHook(() => undefined),
    ).toThrow(/a leaf that requires a gradient/);
  });
});

describe('queueBackwardCallback', () => {
  it('runs at the end of the backward in which a hook queued it, once', () => {
    const order: string[] = [];
    const [a, b] = [leaf(2), leaf(3)];
    for (const [name, x] of Object.entries({ a, b })) {
      x.registerPostAccumulateGradHook(() => {
        if (order.length === 0) queueBackwardCallback(() => void order.push('end'));
        order.push(name);
      });
    }
    a.mul(4).mul(b).sum().backward(); // prettier-ignore
    expect(order).toEqual(['b', 'a', 'end']);
  });

  it('is forgotten when the walk throws', () => {
    const x = leaf(2);
    let calls = 0;
    const remove = x.registerPostAccumulateGradHook(() => {
      queueBackwardCallback(() => void calls++);
      throw new Error('in the hook');
    });
    expect(() => x.mul(2).sum().backward()).toThrow('in the hook');
    remove();
    x.mul(2).sum().backward(); // prettier-ignore
    expect(calls).toBe(0);
  });

  it('throws outside of a backward', () => {
    expect(() => queueBackwardCallback(() => undefined)).toThrow(AutogradError);
  });
});
