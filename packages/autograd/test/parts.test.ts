import { arange, profile, setDefaultDevice, tensor, zeros, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { grad } from '@flambeau/autograd';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);
const values = (x: Tensor | undefined): unknown => x?.toArraySync();
const leaf = (rows: number, columns: number): Tensor =>
  arange(rows * columns)
    .reshape(rows, columns)
    .to('float32')
    .requiresGrad_();

/** How often each op runs in the backward walk of what `f` makes. */
function calls(f: () => Tensor): Record<string, number> {
  const y = f().sum();
  const { profile: seen } = profile(() => y.backward());
  return Object.fromEntries(seen.ops.map(({ op, calls: count }) => [op, count]));
}

describe('the gradients of parts of a tensor', () => {
  it('are joined once, however many parts there are', () => {
    const x = leaf(3, 2);
    const seen = calls(() => {
      const [a, b, c] = x.unbind(0);
      return a.mul(2).add(b.mul(3)).add(c.mul(5));
    });
    expect(values(x.grad)).toEqual([[2, 2], [3, 3], [5, 5]]); // prettier-ignore
    expect([seen.embedSlice, seen.add]).toEqual([1, undefined]);
  });

  it('stay zero where no part was used', () => {
    const x = leaf(4, 2);
    const [, b] = x.chunk(2, 0);
    b.mul(7).sum().backward();
    expect(values(x.grad)).toEqual([[0, 0], [0, 0], [7, 7], [7, 7]]); // prettier-ignore
  });

  it('add up where parts overlap, lie along two dimensions or have a step, and with the gradient of the whole', () => {
    const x = leaf(3, 3);
    const sum = x
      .narrow(0, 0, 2)
      .sum()
      .add(x.narrow(0, 1, 2).mul(10).sum());
    sum
      .add(x.select(1, 0).mul(100).sum())
      .add(x.slice(1, 0, 3, 2).mul(1000).sum())
      .add(x.mul(10000).sum())
      .backward();
    // rows 0, 1: 1; rows 1, 2: 10; column 0: 100; columns 0, 2: 1000; everywhere 10000
    expect(values(x.grad)).toEqual([[11101, 10001, 11001], [11111, 10011, 11011], [11110, 10010, 11010]]); // prettier-ignore
  });

  it('reach a view of a view, and a tensor between them that is asked for', () => {
    const x = leaf(2, 3);
    const doubled = x.mul(2);
    const rows = doubled.unbind(0).map((row) => row.slice(0, 1).square().sum());
    // y = Σ (2x)² over the columns 1 and 2, so that dy/d(2x) = 4x there
    const [g] = grad(rows[0].add(rows[1]), [doubled]);
    expect(values(g)).toEqual([[0, 4, 8], [0, 16, 20]]); // prettier-ignore
  });

  it('pass through views that only reorder, and meet those of other parts below', () => {
    const x = leaf(3, 2);
    const seen = calls(() => {
      const doubled = x.mul(2);
      const turned = doubled.t().at(':'); // [2, 3], and an alias of it
      return turned.select(1, 0).mul(3).add(turned.at(':', -1)).add(doubled.select(0, 1).mul(5));
    });
    // rows of 2x: the first times 3, the second times 5, the last once
    expect(values(x.grad)).toEqual([[6, 6], [10, 10], [2, 2]]); // prettier-ignore
    expect([seen.embedSlice, seen.add]).toEqual([1, undefined]);
  });

  it('are whole where a hook or a caller sees them', () => {
    const x = leaf(2, 3);
    const turned = x.mul(2).t();
    const shapes: unknown[] = [];
    turned.registerHook((g) => void shapes.push(g.shape));
    turned.retainGrad();
    turned.select(0, 1).sum().backward();
    expect(shapes).toEqual([[3, 2]]);
    expect(values(turned.grad)).toEqual([[0, 0], [1, 1], [0, 0]]); // prettier-ignore
    const again = x.mul(2).t();
    expect(values(grad(again.select(0, 2).sum(), [again])[0])).toEqual([[0, 0], [0, 0], [1, 1]]); // prettier-ignore
  });

  it('have gradients themselves', () => {
    const x = tensor([1, 2, 3]).requiresGrad_();
    const [a, b, c] = x.unbind(0);
    // y = a²b + c³; its gradient is (2ab, a², 3c²), whose sum has the gradient (2b + 2a, 2a, 6c)
    const [g] = grad(a.square().mul(b).add(c.pow(3)), [x], { createGraph: true });
    expect(values(g)).toEqual([4, 1, 27]);
    g.sum().backward();
    expect(values(x.grad)).toEqual([6, 2, 18]);
  });

  it('are let go of when a walk fails', () => {
    const x = zeros(2, 2).requiresGrad_();
    const y = x.mul(1);
    const part = y.select(0, 0);
    let fails = true;
    part.registerHook((g) => g);
    const other = y.mul(2);
    other.registerHook(() => {
      if (fails) throw new Error('no');
    });
    const sum = part.sum().add(other.sum());
    expect(() => sum.backward(undefined, { retainGraph: true })).toThrow('no');
    fails = false;
    x.grad = undefined;
    sum.backward();
    expect(values(x.grad)).toEqual([[3, 3], [2, 2]]); // prettier-ignore
  });
});
