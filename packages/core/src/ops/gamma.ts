import { readCall } from '../call.ts';
import { checkInput, checkTensor } from '../checks.ts';
import { checkInteger } from '../checks.ts';
import { ArgumentError, NotSupportedError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { Tensor } from '../tensor.ts';
import { toFloat } from './cast.ts';
import { hostMap } from './hostmap.ts';
import { computeWide, defineComposedUnary, runComposed, runPair } from './precision.ts';

// The gamma function and its family. The series are Stirling's and Euler-Maclaurin's, whose coefficients are the Bernoulli numbers
// B2, B4, ...; arguments below 8 are first moved up by the recurrence, and those below 1/2 are reflected.

const bernoulli = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510];
const shift = 8;

const factorial = (n: number): number => (n <= 1 ? 1 : n * factorial(n - 1));
/** c0 + x·(c1 + x·(c2 + ...)). */
const horner = (x: Tensor, coefficients: readonly number[]): Tensor =>
  coefficients.slice(0, -1).reduceRight((sum, c) => sum.mul(x).add(c), x.mul(0).add(coefficients[coefficients.length - 1]));

/** The distance to the nearest integer, on which the sine and tangent of πx depend. */
const offInteger = (x: Tensor): Tensor => x.sub(x.round());

/** log Γ(x) for x ≥ 1/2: (z - ½) log z - z + ½ log 2π + Σ B2k/(2k(2k-1)z^(2k-1)), less the log of what the recurrence multiplied. */
function lgammaAbove(x: Tensor): Tensor {
  const small = x.lt(shift);
  const z = small.where(x.add(shift), x);
  let product = x;
  for (let k = 1; k < shift; k++) product = product.mul(x.add(k));
  const inverse = z.reciprocal();
  const tail = horner(inverse.square(), bernoulli.map((b, i) => b / ((2 * i + 2) * (2 * i + 1)))).mul(inverse); // prettier-ignore
  const stirling = z.sub(0.5).mul(z.log().sub(1)).add(0.5 * Math.log(2 * Math.PI) - 0.5); // prettier-ignore
  return stirling.add(tail).sub(small.where(product, 1).log());
}

const lgammaOp: Op = defineComposedUnary(
  'lgamma',
  (input) =>
    computeWide(input, (x) => {
      const low = x.lt(0.5);
      const above = lgammaAbove(low.where(x.neg().add(1), x));
      // log Γ(x) = log(π/|sin πx|) - log Γ(1 - x)
      const reflected = offInteger(x).mul(Math.PI).sin().abs().reciprocal().mul(Math.PI).log().sub(above);
      return low.where(reflected, above).maskedFill(x.isinf(), Infinity);
    }),
  (g, x) => g.mul(digamma(x)),
);
/** `log |Γ(x)|`; Infinity at 0 and the negative integers. */
export const lgamma = (x: Tensor): Tensor => runComposed(lgammaOp, x);

/** ψ(x) for x ≥ 1/2: log z - 1/(2z) - Σ B2k/(2k z^2k), less the sum of the recurrence. */
function digammaAbove(x: Tensor): Tensor {
  const z = x.add(shift);
  let recurrence = x.reciprocal();
  for (let k = 1; k < shift; k++) recurrence = recurrence.add(x.add(k).reciprocal());
  const inverse = z.reciprocal();
  const square = inverse.square();
  const tail = horner(square, bernoulli.map((b, i) => b / (2 * i + 2))).mul(square); // prettier-ignore
  return z.log().sub(inverse.mul(0.5)).sub(tail).sub(recurrence);
}

const digammaOp: Op = defineComposedUnary(
  'digamma',
  (input) =>
    computeWide(input, (x) => {
      const low = x.lt(0.5);
      const above = digammaAbove(low.where(x.neg().add(1), x));
      const off = offInteger(x);
      // ψ(x) = ψ(1 - x) - π/tan(πx)
      const reflected = above.sub(off.mul(Math.PI).tan().reciprocal().mul(Math.PI));
      const values = low.where(reflected, above);
      const poles = values.maskedFill(off.eq(0).logicalAnd(x.lt(0)), NaN);
      // At zero the sign follows that of the zero.
      return x.eq(0).where(x.signbit().where(x.newFull([], Infinity), -Infinity), poles);
    }),
  (g, x) => g.mul(polygamma(1, x)),
);
/** The logarithmic derivative of the gamma function; NaN at the negative integers, an infinity at 0. */
export const digamma = (x: Tensor): Tensor => runComposed(digammaOp, x);

/** The Hurwitz zeta function Σ (x + k)^-s over k ≥ 0, for x ≥ 1/2 and an integer s > 1, by Euler-Maclaurin from x + 10 on. */
function hurwitz(s: number, x: Tensor): Tensor {
  const terms = 10;
  let sum = x.pow(-s);
  for (let k = 1; k < terms; k++) sum = sum.add(x.add(k).pow(-s));
  const z = x.add(terms);
  const tail: number[] = [];
  // B2k/(2k)! · s(s+1)...(s+2k-2) for k = 1, 2, ...
  let rising = s;
  bernoulli.forEach((b, i) => {
    tail.push((b / factorial(2 * i + 2)) * rising);
    rising *= (s + 2 * i + 1) * (s + 2 * i + 2);
  });
  const inverse = z.reciprocal();
  const corrections = horner(inverse.square(), tail).mul(inverse).add(0.5).add(z.div(s - 1)); // prettier-ignore
  return sum.add(z.pow(-s).mul(corrections));
}

/** Coefficients of the polynomial P with d^n/dx^n cot(x) = P(cot x): P' times -(1 + c²), n times. */
function cotangentDerivative(n: number): number[] {
  let p = [0, 1];
  for (let i = 0; i < n; i++) {
    const next = new Array<number>(p.length + 1).fill(0);
    for (let k = 1; k < p.length; k++) {
      next[k - 1] -= k * p[k];
      next[k + 1] -= k * p[k];
    }
    p = next;
  }
  return p;
}

const polygammaOp: Op<{ n: number }> = defineComposedUnary<{ n: number }>(
  'polygamma',
  (input, { n }) =>
    computeWide(input, (x) => {
      const low = x.lt(0.5);
      const scale = (n % 2 === 1 ? 1 : -1) * factorial(n);
      const above = hurwitz(n + 1, low.where(x.neg().add(1), x)).mul(scale);
      // ψn(x) = (-1)^n ψn(1 - x) - π^(n+1) · (d^n cot)(πx)
      const cotangent = offInteger(x).mul(Math.PI).tan().reciprocal();
      const reflection = horner(cotangent, cotangentDerivative(n)).mul(Math.PI ** (n + 1));
      const value = low.where(above.mul(n % 2 === 0 ? 1 : -1).sub(reflection), above);
      // Poles, with the sign that they have from above.
      return value.maskedFill(x.le(0).logicalAnd(x.floor().eq(x)), n % 2 === 1 ? Infinity : -Infinity);
    }),
  (g, x, _, { n }) => g.mul(polygamma(n + 1, x)),
);

/**
 * The n-th derivative of digamma: `polygamma(1, x)`, or `x.polygamma(1)`.
 * @throws ArgumentError unless n is a non-negative integer
 */
export function polygamma(n: number, x: Tensor): Tensor {
  if (!(x instanceof Tensor)) throw new ArgumentError({ op: 'polygamma', expected: 'n and a tensor', received: describe([n, x]) });
  checkInteger('polygamma', 'n', n, 0);
  return n === 0 ? digamma(x) : runComposed(polygammaOp, x, { n });
}

/**
 * The logarithm of the multivariate gamma function of dimension p: `p(p-1)/4·log π + Σ log Γ(x - j/2)` over j < p.
 * @throws ArgumentError unless p is a positive integer
 */
export function mvlgamma(x: Tensor, p: number | { p: number }): Tensor {
  const order = checkInteger('mvlgamma', 'p', readCall<{ p: number }>('mvlgamma', [p], ['p']).p, 1);
  const y = toFloat(checkInput('mvlgamma', x));
  let sum = lgamma(y);
  for (let j = 1; j < order; j++) sum = sum.add(lgamma(y.sub(j / 2)));
  return sum.add(((order * (order - 1)) / 4) * Math.log(Math.PI));
}

/** log Γ of a positive number. */
function lgammaNumber(x: number): number {
  let [z, product] = [x, 1];
  for (; z < shift; z++) product *= z;
  const inverse = 1 / z;
  const tail = bernoulli.reduceRight((sum, b, i) => sum * inverse * inverse + b / ((2 * i + 2) * (2 * i + 1)), 0) * inverse;
  return (z - 0.5) * Math.log(z) - z + 0.5 * Math.log(2 * Math.PI) + tail - Math.log(product);
}

/**
 * The regularized incomplete gamma functions: the lower one by its series below a + 1, the upper one by its continued fraction above.
 * @see Press et al., Numerical Recipes, 6.2
 */
function incompleteGamma(a: number, x: number, upper: boolean): number {
  if (Number.isNaN(a) || Number.isNaN(x) || a < 0 || x < 0 || (a === 0 && x === 0) || (a === Infinity && x === Infinity)) return NaN;
  const answer = (lower: number): number => (upper ? 1 - lower : lower);
  if (a === 0 || x === Infinity) return answer(1);
  if (x === 0 || a === Infinity) return answer(0);
  const factor = Math.exp(a * Math.log(x) - x - lgammaNumber(a));
  const limit = 200 + 20 * Math.ceil(Math.sqrt(a));
  if (x < a + 1) {
    let [term, sum] = [1 / a, 1 / a];
    for (let k = 1; k < limit && Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
      term *= x / (a + k);
      sum += term;
    }
    return answer(factor * sum);
  }
  // Lentz's method for 1/(x+1-a- 1(1-a)/(x+3-a- 2(2-a)/(x+5-a- ...)))
  let b = x + 1 - a;
  let c = 1e300;
  let d = 1 / b;
  let h = d;
  for (let k = 1; k < limit; k++) {
    const numerator = -k * (k - a);
    b += 2;
    d = 1 / (numerator * d + b || 1e-300);
    c = b + numerator / c || 1e-300;
    h *= d * c;
    if (Math.abs(d * c - 1) < 1e-16) break;
  }
  return upper ? factor * h : 1 - factor * h;
}

const defineIncomplete = (name: 'igamma' | 'igammac'): Op =>
  defineOp<unknown>({
    name,
    infer: ([a]) => [a],
    compose: ([a, x]) => [hostMap(name, [a, x], (p, q) => incompleteGamma(p, q, name === 'igammac'))],
    save: (inputs) => inputs,
    vjp({ needs, cotangents: [g], saved: [a, x] }) {
      if (needs[0]) throw new NotSupportedError({ op: name, expected: 'a gradient with respect to x alone', received: 'one with respect to a', hint: 'Detach a.' }); // prettier-ignore
      if (g === undefined || !needs[1]) return [undefined, undefined];
      // ± e^-x x^(a-1) / Γ(a)
      const density = a.sub(1).mul(x.log()).sub(x).sub(lgamma(a)).exp();
      return [undefined, g.mul(name === 'igamma' ? density : density.neg())];
    },
  });
const igammaOp: Op = defineIncomplete('igamma');
const igammacOp: Op = defineIncomplete('igammac');

/** The regularized lower incomplete gamma function P(a, x). It has a derivative in x alone, and is computed on the host. */
export const igamma = (a: Tensor, x: Tensor): Tensor =>
  runPair(igammaOp, checkTensor('igamma', 'the first operand', a), checkTensor('igamma', 'the second operand', x));
/** The regularized upper incomplete gamma function Q(a, x) = 1 - P(a, x). It has a derivative in x alone, and is computed on the host. */
export const igammac = (a: Tensor, x: Tensor): Tensor =>
  runPair(igammacOp, checkTensor('igammac', 'the first operand', a), checkTensor('igammac', 'the second operand', x));
