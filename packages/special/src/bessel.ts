import { i0, i1, type Tensor } from '@flambeau/core';
import { defineHostUnary, overX, refuse } from './elementwise.ts';
import { airyAi as airyAiNumber, besselJ, besselY, scaledBesselI, scaledBesselK } from './scalar/bessel.ts';

type Unary = (x: Tensor) => Tensor;

// Each derivative names the function of the other order, so that all of them can be differentiated again.

/** The Bessel function of the first kind of order 0. */
export const besselJ0: Unary = defineHostUnary('besselJ0', (x) => besselJ(0, x), (g, x) => g.mul(besselJ1(x)).neg()); // prettier-ignore
/** The Bessel function of the first kind of order 1. */
export const besselJ1: Unary = defineHostUnary('besselJ1', (x) => besselJ(1, x), (g, x, y) => g.mul(besselJ0(x).sub(overX(y, x, 0.5)))); // prettier-ignore
/** The Bessel function of the second kind of order 0; -Infinity at 0, NaN below. */
export const besselY0: Unary = defineHostUnary('besselY0', (x) => besselY(0, x), (g, x) => g.mul(besselY1(x)).neg()); // prettier-ignore
/** The Bessel function of the second kind of order 1; -Infinity at 0, NaN below. */
export const besselY1: Unary = defineHostUnary('besselY1', (x) => besselY(1, x), (g, x, y) => g.mul(besselY0(x).sub(y.div(x)))); // prettier-ignore

/** `e^(-|x|)·I0(x)`: the modified Bessel function of the first kind, which does not overflow. */
export const i0e: Unary = defineHostUnary('i0e', (x) => scaledBesselI(0, x), (g, x, y) => g.mul(i1e(x).sub(x.sign().mul(y)))); // prettier-ignore
/** `e^(-|x|)·I1(x)`. */
export const i1e: Unary = defineHostUnary('i1e', (x) => scaledBesselI(1, x), (g, x, y) => g.mul(i0e(x).sub(x.sign().mul(y)).sub(overX(y, x, 0.5)))); // prettier-ignore
/** As `i0`. */
export const modifiedBesselI0: Unary = (x) => i0(x);
/** As `i1`. */
export const modifiedBesselI1: Unary = (x) => i1(x);

/** The modified Bessel function of the second kind of order 0; Infinity at 0, NaN below. */
export const modifiedBesselK0: Unary = defineHostUnary('modifiedBesselK0', (x) => unscaled(0, x), (g, x) => g.mul(modifiedBesselK1(x)).neg()); // prettier-ignore
/** The modified Bessel function of the second kind of order 1. */
export const modifiedBesselK1: Unary = defineHostUnary('modifiedBesselK1', (x) => unscaled(1, x), (g, x, y) => g.mul(modifiedBesselK0(x).add(y.div(x))).neg()); // prettier-ignore
/** `e^x·K0(x)`. */
export const scaledModifiedBesselK0: Unary = defineHostUnary('scaledModifiedBesselK0', (x) => scaledBesselK(0, x), (g, x, y) => g.mul(y.sub(scaledModifiedBesselK1(x)))); // prettier-ignore
/** `e^x·K1(x)`. */
export const scaledModifiedBesselK1: Unary = defineHostUnary('scaledModifiedBesselK1', (x) => scaledBesselK(1, x), (g, x, y) => g.mul(y.sub(scaledModifiedBesselK0(x)).sub(y.div(x)))); // prettier-ignore

const unscaled = (order: 0 | 1, x: number): number => (x > 750 ? 0 : scaledBesselK(order, x) * Math.exp(-x));

/** The spherical Bessel function of the first kind of order 0: `sin(x)/x`, and 1 at 0. */
export const sphericalBesselJ0: Unary = defineHostUnary('sphericalBesselJ0', (x) => (x === 0 ? 1 : Math.abs(x) === Infinity ? 0 : Math.sin(x) / x), (g, x, y) => g.mul(overX(x.cos().sub(y), x, 0))); // prettier-ignore

/** Airy's function Ai. It has no derivative here, as in PyTorch. */
export const airyAi: Unary = defineHostUnary('airyAi', airyAiNumber, refuse('airyAi'));
