import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { enableGrad, grad, gradcheck } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { special } from '@flambeau/special';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';

// pytorch.json is what fixtures/pytorch.py wrote with PyTorch 2.13.
type Plain = number | string;
interface Fixture {
  unary: { name: string; x: number[]; y: Plain[]; grad: Plain[] | null }[];
  polynomials: { name: string; n: number; x: number[]; y: number[] }[];
  zeta: { x: number[]; q: number[]; y: Plain[] };
  xlog1py: { pairs: [number, number][]; y: Plain[] };
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/pytorch.json', import.meta.url), 'utf8')) as Fixture;
const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
const functions = special as unknown as Record<string, (...args: unknown[]) => Tensor>;
const number = (value: Plain): number =>
  typeof value === 'number' ? value : value === 'nan' ? NaN : value === 'inf' ? Infinity : -Infinity;

beforeAll(() => setDefaultDevice(reference));

const wide = (values: readonly number[]): Tensor => tensor([...values], { dtype: 'float64' });

function expectClose(found: Tensor, expected: readonly Plain[], relative: number, absolute = 1e-14): void {
  const values = found.dataSync();
  expect(values.length).toBe(expected.length);
  expected.map(number).forEach((value, i) => {
    if (!Number.isFinite(value)) expect(Number(values[i]), `element ${i}`).toBe(value);
    else expect(Math.abs(Number(values[i]) - value), `element ${i}: ${values[i]} for ${value}`).toBeLessThanOrEqual(relative * Math.abs(value) + absolute); // prettier-ignore
  });
}

describe('functions of one tensor', () => {
  test.each(fixture.unary)('$name has the values and the gradient of PyTorch', ({ name, x, y, grad: slope }) => {
    const input = wide(x).requiresGrad_();
    const found = functions[camel(name)](input);
    // PyTorch's own J and Y are good to 1e-8 (its J0(8.5) is 0.041939253003 where tables have 0.041939251843); see the Wronskian below.
    const [relative, absolute] = name.startsWith('bessel') ? [0, 3e-8] : [1e-9, 2e-10];
    expectClose(found.detach(), y, relative, absolute);
    if (slope !== null) expectClose(grad(found.sum(), input)[0], slope, 1e-8, 1e-9);
  });

  test('float32 in, float32 out; integers give float32', () => {
    expect(special.besselJ0(tensor([1, 2])).dtype).toBe('float32');
    expect(special.erfcx(tensor([1, 2], { dtype: 'int32' })).dtype).toBe('float32');
    expect(special.i0e(tensor([], { dtype: 'float64' })).shape).toEqual([0]);
    expect(special.ndtri(tensor(0.5)).shape).toEqual([]);
  });

  test('J and Y fit each other', () => {
    // J1·Y0 - J0·Y1 = 2/(πx), on both sides of the switch to the expansion for large arguments
    const points = [0.01, 0.5, 2.4, 8.5, 19, 24.9, 25.1, 60, 1000];
    const x = wide(points);
    const wronskian = special.besselJ1(x).mul(special.besselY0(x)).sub(special.besselJ0(x).mul(special.besselY1(x))); // prettier-ignore
    expectClose(wronskian, points.map((p) => 2 / (Math.PI * p)), 1e-12); // prettier-ignore
    // Abramowitz & Stegun, table 9.1
    expectClose(special.besselJ0(wide([8.5])), [0.0419392518429], 0, 1e-12);
  });

  const slopeOf =
    (f: (x: Tensor) => Tensor) =>
    (x: Tensor): Tensor =>
      enableGrad(() => {
        const leaf = x.requiresGrad ? x : x.clone().requiresGrad_();
        return grad(f(leaf).sum(), leaf, { createGraph: true })[0];
      });

  test('derivatives that PyTorch has not agree with differences, the second ones too', () => {
    const positive = wide([0.4, 1.3, 2.6, 7.1]).requiresGrad_();
    for (const f of [special.besselJ0, special.besselJ1, special.besselY0, special.besselY1, special.modifiedBesselK0, special.modifiedBesselK1, special.scaledModifiedBesselK0, special.scaledModifiedBesselK1, special.sphericalBesselJ0]) {
      expect(gradcheck(f, [positive])).toBe(true);
      expect(gradcheck(slopeOf(f), [positive])).toBe(true);
    } // prettier-ignore
    const any = wide([-2.2, -0.3, 0.7, 1.9]).requiresGrad_();
    for (const f of [special.i0e, special.i1e, special.erfcx, special.logNdtr, special.ndtr])
      expect(gradcheck(slopeOf(f), [any])).toBe(true);
  });

  test('a derivative that there is none of is refused, not cut', () => {
    const x = wide([0.5]).requiresGrad_();
    expect(() => special.airyAi(x).sum().backward()).toThrow(/derivative/);
  });
});

describe('polynomials', () => {
  test.each(fixture.polynomials)('$name of degree $n', ({ name, n, x, y }) => {
    expectClose(functions[camel(name)](wide(x), n), y, 1e-12);
  });

  test('degrees may be a tensor that broadcasts; negative ones give 0', () => {
    // T0 = 1, T1 = x, T2 = 2x² - 1 at x = 0.5
    expectClose(special.chebyshevPolynomialT(wide([0.5]), wide([-1, 0, 1, 2])), [0, 1, 0.5, -0.5], 0);
  });

  test('they have a derivative in x', () => {
    const x = wide([-0.8, 0.1, 0.6, 1.4]).requiresGrad_();
    for (const f of [special.chebyshevPolynomialT, special.shiftedChebyshevPolynomialW, special.hermitePolynomialH, special.laguerrePolynomialL, special.legendrePolynomialP])
      expect(gradcheck((y) => f(y, 4), [x])).toBe(true); // prettier-ignore
  });
});

describe('functions of two', () => {
  test('zeta', () => {
    const { x, q, y } = fixture.zeta;
    expectClose(special.zeta(wide(x), wide(q)), y, 1e-13);
    // ζ(2, 1) = π²/6
    expectClose(special.zeta(2, wide([1])), [Math.PI ** 2 / 6], 1e-15);
    expect(gradcheck((s) => special.zeta(2.5, s), [wide([0.7, 3.2]).requiresGrad_()])).toBe(true);
  });

  test('xlog1py', () => {
    const { pairs, y } = fixture.xlog1py;
    expectClose(special.xlog1py(wide(pairs.map(([a]) => a)), wide(pairs.map(([, b]) => b))), y, 1e-15);
    const [a, b] = [wide([0.5, -2]).requiresGrad_(), wide([0.3, 1.5]).requiresGrad_()];
    expect(gradcheck(special.xlog1py, [a, b])).toBe(true);
  });

  test('a call without a tensor is refused', () => {
    expect(() => special.xlog1py(1, 2)).toThrow(/at least one tensor/);
  });
});
