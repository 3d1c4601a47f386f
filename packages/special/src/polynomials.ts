import { defineOp, dispatchOne, hostMap, type Op, type Tensor } from '@flambeau/core';
import { refuse } from './elementwise.ts';
import { pair } from './information.ts';

/** p[k+1] = (a·x + b)·p[k] - c·p[k-1], with the coefficients of k. */
type Recurrence = (k: number) => readonly [a: number, b: number, c: number];

interface Family {
  readonly name: string;
  /** p[1] = slope·x + constant; p[0] = 1. */
  readonly slope: number;
  readonly constant: number;
  readonly recurrence: Recurrence;
  /** Takes 2x - 1 in place of x. */
  readonly shifted?: boolean;
}

/** The value and the derivative in x of the polynomial of degree n, which is cut to an integer; 0 for negative n. */
function evaluate(
  { slope, constant, recurrence, shifted = false }: Family,
  given: number,
  degree: number,
): [value: number, derivative: number] {
  const n = Math.trunc(degree);
  if (Number.isNaN(given) || Number.isNaN(degree)) return [NaN, NaN];
  if (n <= 0) return [n < 0 ? 0 : 1, 0];
  const x = shifted ? 2 * given - 1 : given;
  let [before, value, slopeBefore, slopeNow] = [1, slope * x + constant, 0, slope];
  for (let k = 1; k < n && (Number.isFinite(value) || Number.isFinite(before)); k++) {
    const [a, b, c] = recurrence(k);
    [before, value, slopeBefore, slopeNow] = [value, (a * x + b) * value - c * before, slopeNow, a * value + (a * x + b) * slopeNow - c * slopeBefore];
  } // prettier-ignore
  return [value, shifted ? 2 * slopeNow : slopeNow];
}

function definePolynomial(family: Family): (x: Tensor | number, n: Tensor | number) => Tensor {
  const { name } = family;
  const op = (suffix: string, part: 0 | 1, slope: ((x: Tensor, n: Tensor) => Tensor) | undefined): Op =>
    defineOp<unknown>({
      name: `special${name[0].toUpperCase()}${name.slice(1)}${suffix}`,
      infer: ([x]) => [x],
      compose: ([x, n]) => [hostMap(`special.${name}`, [x, n], (a, b) => evaluate(family, a, b)[part])],
      save: (inputs) => inputs,
      vjp: ({ needs, cotangents: [g], saved: [x, n] }) => [g && needs[0] ? g.mul((slope ?? refuse(name))(x, n)) : undefined, undefined],
    });
  const derivative = op('Derivative', 1, undefined);
  const value = op('', 0, (x, n) => dispatchOne(derivative, [x, n]));
  return (x, n) => dispatchOne(value, pair(`special.${name}`, x, n));
}

type Polynomial = (x: Tensor | number, n: Tensor | number) => Tensor;
const chebyshev: Recurrence = () => [2, 0, 1];

/** Chebyshev's polynomial of the first kind, of degree n. */
export const chebyshevPolynomialT: Polynomial = definePolynomial({ name: 'chebyshevPolynomialT', slope: 1, constant: 0, recurrence: chebyshev }); // prettier-ignore
/** Chebyshev's polynomial of the second kind. */
export const chebyshevPolynomialU: Polynomial = definePolynomial({ name: 'chebyshevPolynomialU', slope: 2, constant: 0, recurrence: chebyshev }); // prettier-ignore
/** Chebyshev's polynomial of the third kind. */
export const chebyshevPolynomialV: Polynomial = definePolynomial({ name: 'chebyshevPolynomialV', slope: 2, constant: -1, recurrence: chebyshev }); // prettier-ignore
/** Chebyshev's polynomial of the fourth kind. */
export const chebyshevPolynomialW: Polynomial = definePolynomial({ name: 'chebyshevPolynomialW', slope: 2, constant: 1, recurrence: chebyshev }); // prettier-ignore
/** The first kind at 2x - 1. */
export const shiftedChebyshevPolynomialT: Polynomial = definePolynomial({ name: 'shiftedChebyshevPolynomialT', slope: 1, constant: 0, recurrence: chebyshev, shifted: true }); // prettier-ignore
/** The second kind at 2x - 1. */
export const shiftedChebyshevPolynomialU: Polynomial = definePolynomial({ name: 'shiftedChebyshevPolynomialU', slope: 2, constant: 0, recurrence: chebyshev, shifted: true }); // prettier-ignore
/** The third kind at 2x - 1. */
export const shiftedChebyshevPolynomialV: Polynomial = definePolynomial({ name: 'shiftedChebyshevPolynomialV', slope: 2, constant: -1, recurrence: chebyshev, shifted: true }); // prettier-ignore
/** The fourth kind at 2x - 1. */
export const shiftedChebyshevPolynomialW: Polynomial = definePolynomial({ name: 'shiftedChebyshevPolynomialW', slope: 2, constant: 1, recurrence: chebyshev, shifted: true }); // prettier-ignore
/** Hermite's polynomial as physicists have it. */
export const hermitePolynomialH: Polynomial = definePolynomial({ name: 'hermitePolynomialH', slope: 2, constant: 0, recurrence: (k) => [2, 0, 2 * k] }); // prettier-ignore
/** Hermite's polynomial as statisticians have it. */
export const hermitePolynomialHe: Polynomial = definePolynomial({ name: 'hermitePolynomialHe', slope: 1, constant: 0, recurrence: (k) => [1, 0, k] }); // prettier-ignore
/** Laguerre's polynomial. */
export const laguerrePolynomialL: Polynomial = definePolynomial({ name: 'laguerrePolynomialL', slope: -1, constant: 1, recurrence: (k) => [-1 / (k + 1), (2 * k + 1) / (k + 1), k / (k + 1)] }); // prettier-ignore
/** Legendre's polynomial. */
export const legendrePolynomialP: Polynomial = definePolynomial({ name: 'legendrePolynomialP', slope: 1, constant: 0, recurrence: (k) => [(2 * k + 1) / (k + 1), 0, k / (k + 1)] }); // prettier-ignore
