import { toFloat, type Tensor } from '@flambeau/core';
import { defineHostUnary } from './elementwise.ts';
import { erfcx as erfcxNumber, logNdtr as logNdtrNumber, ndtri as ndtriNumber } from './scalar/normal.ts';

type Unary = (x: Tensor) => Tensor;

/** `e^(x²)·erfc(x)`, which does not vanish for large x. */
export const erfcx: Unary = defineHostUnary('erfcx', erfcxNumber, (g, x, y) => g.mul(x.mul(y).mul(2).sub(2 / Math.sqrt(Math.PI)))); // prettier-ignore

/** The normal distribution function: the area below x under the standard normal density. */
export function ndtr(x: Tensor): Tensor {
  const y = toFloat(x);
  const exact = y.device.computes('float64') ? y.to('float64') : y;
  return exact.mul(-Math.SQRT1_2).erfc().mul(0.5).to(y.dtype); // prettier-ignore
}

/** The logarithm of `ndtr`, accurate far below 0. Its derivative is √(2/π) / erfcx(-x/√2). */
export const logNdtr: Unary = defineHostUnary('logNdtr', logNdtrNumber, (g, x) => g.div(erfcx(x.mul(-Math.SQRT1_2))).mul(Math.sqrt(2 / Math.PI))); // prettier-ignore

/** The inverse of `ndtr`; -Infinity at 0, Infinity at 1, NaN outside. */
export const ndtri: Unary = defineHostUnary('ndtri', ndtriNumber, (g, _, y) => g.mul(y.square().div(2).exp()).mul(Math.sqrt(2 * Math.PI))); // prettier-ignore
