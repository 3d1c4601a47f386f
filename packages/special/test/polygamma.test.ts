import { polygamma, setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { grad } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { special } from '@flambeau/special';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';

// polygamma.json is what fixtures/polygamma.py wrote with mpmath, beside PyTorch 2.13. PyTorch's own samples lie as near as 0.03 to a pole, where one element is
// 10^9 times the others and drowns them in any sum; these do not.
interface Fixture {
  points: number[];
  orders: { n: number; y: number[]; first: number[]; second: number[] }[];
}
const { points, orders } = JSON.parse(readFileSync(new URL('fixtures/polygamma.json', import.meta.url), 'utf8')) as Fixture;

beforeAll(() => setDefaultDevice(reference));

/** The largest error among the elements, relative to each. */
const worst = (found: Tensor, expected: readonly number[]): number =>
  Math.max(...expected.map((value, i) => Math.abs(Number(found.dataSync()[i]) - value) / Math.abs(value)));

describe.each([
  ['polygamma', polygamma],
  ['special.polygamma', special.polygamma],
] as const)('%s has its values and derivatives away from the poles', (_, f) => {
  it.each(orders)('order $n', ({ n, y, first, second }) => {
    expect(y.length).toBe(points.length);
    const x = tensor(points, { dtype: 'float64' }).requiresGrad_();
    const found = f(n, x);
    const [slope] = grad(found.sum(), [x], { createGraph: true });
    const [curvature] = grad(slope.sum(), [x]);
    expect(worst(found.detach(), y)).toBeLessThan(1e-10);
    expect(worst(slope.detach(), first)).toBeLessThan(1e-10);
    expect(worst(curvature, second)).toBeLessThan(1e-10);
  });
});
