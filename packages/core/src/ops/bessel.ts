import { checkInput } from '../checks.ts';
import { defineOp, type Op } from '../op.ts';
import { dispatchOne } from '../dispatch.ts';
import type { Tensor } from '../tensor.ts';
import { toFloat } from './cast.ts';
import { computeWide } from './precision.ts';

// Modified Bessel functions of the first kind, of order 0 and 1.

/** Where the series about 0 hands over to the expansion for large arguments. */
const boundary = 15;

/** Iν(x) = (x/2)^ν Σ (x²/4)^k / (k! (k+ν)!), up to `boundary`. */
function aroundZero(order: 0 | 1, x: Tensor): Tensor {
  const q = x.square().div(4);
  let sum = q.mul(0).add(1);
  for (let k = 45; k > 0; k--) sum = sum.mul(q.div(k * (k + order))).add(1);
  return order === 0 ? sum : sum.mul(x).div(2);
}

/** Iν(x) ~ eˣ/√(2πx) · Σ (-1)^k (4ν²-1)(4ν²-9)...(4ν²-(2k-1)²) / (k! (8x)^k), for large positive x. */
function farOut(order: 0 | 1, x: Tensor): Tensor {
  const inverse = x.mul(8).reciprocal();
  const mu = 4 * order * order;
  let sum = inverse.mul(0).add(1);
  for (let k = 18; k > 0; k--) sum = sum.mul(inverse.mul(-(mu - (2 * k - 1) ** 2) / k)).add(1);
  // In two halves, since eˣ alone overflows before the quotient does.
  const half = x.div(2).exp();
  return half.mul(sum.div(x.mul(2 * Math.PI).sqrt())).mul(half);
}

const defineBessel = (order: 0 | 1, slope: (g: Tensor, x: Tensor, y: Tensor) => Tensor): Op =>
  defineOp<unknown>({
    name: `i${order}`,
    infer: ([x]) => [x],
    compose: ([input]) => [
      computeWide(input, (x) => {
        const size = x.abs();
        const near = size.le(boundary);
        const value = near.where(aroundZero(order, near.where(size, 0)), farOut(order, near.where(boundary, size)));
        return order === 0 ? value : value.mul(x.sign());
      }),
    ],
    save: ([x], [y]) => [x, y],
    vjp: ({ cotangents: [g], saved: [x, y] }) => [g && slope(g, x, y)],
  });

// I0' = I1
const i0Op: Op = defineBessel(0, (g, x) => g.mul(i1(x)));
// I1' = I0 - I1/x, which is 1/2 at 0
const i1Op: Op = defineBessel(1, (g, x, y) => {
  const zero = x.eq(0);
  return g.mul(i0(x).sub(zero.where(0.5, y.div(zero.where(1, x)))));
});

/** The modified Bessel function of the first kind of order 0. */
export const i0 = (x: Tensor): Tensor => dispatchOne(i0Op, [toFloat(checkInput('i0', x))]);
/** The modified Bessel function of the first kind of order 1. */
export const i1 = (x: Tensor): Tensor => dispatchOne(i1Op, [toFloat(checkInput('i1', x))]);
