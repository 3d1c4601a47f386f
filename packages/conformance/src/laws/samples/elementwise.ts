import type { Tensor } from '@flambeau/core';
import * as f from '@flambeau/core';
import { fixed, flag, integer, real, sample, shapes, type Samples } from '../inputs.ts';

type Unary = (x: Tensor) => Tensor;
type Binary = (a: Tensor, b: Tensor) => Tensor;

/** A function of one tensor, in every shape that breaks kernels, between `low` and `high`. */
const unary = (run: Unary, low = -2, high = 2, smooth = true): Samples =>
  shapes.map((shape) => sample([real(shape, low, high)], run, smooth));

/** A function of two tensors: the same shapes, shapes that broadcast, and a number on either side where `numbers` says so. */
const binary = (run: Binary, left: readonly [number, number] = [-2, 2], right = left, smooth = true): Samples => [
  ...shapes.map((shape) => sample([real(shape, ...left), real(shape, ...right)], run, smooth)),
  sample([real([2, 3], ...left), real([3], ...right)], run, smooth),
  sample([real([2, 1, 2], ...left), real([3, 1], ...right)], run, smooth),
  sample([real([], ...left), real([2, 2], ...right)], run, smooth),
  sample([real([0, 1], ...left), real([1, 3], ...right)], run, smooth),
];

/** The same with one side a number. */
const withNumber = (
  run: (a: Tensor | number, b: Tensor | number) => Tensor,
  number: number,
  low = -2,
  high = 2,
  smooth = true,
): Samples => [
  sample([real([2, 3], low, high)], (x) => run(x, number), smooth),
  sample([real([2, 3], low, high)], (x) => run(number, x), smooth),
];

const integers = (run: Binary, low: number, high: number): Samples => [
  ...shapes.map((shape) => sample([integer(shape, low, high), integer(shape, low, high)], run)),
  sample([integer([2, 3], low, high), integer([3], low, high)], run),
];
const comparing = (run: Binary): Samples => [...binary(run, [-2, 2], [-2, 2], false), ...integers(run, -2, 3)];
const flags = (run: Binary): Samples => [
  ...shapes.map((shape) => sample([flag(shape), flag(shape)], run)),
  sample([flag([2, 3]), flag([3])], run),
];

export const elementwise = {
  add: [...binary((a, b) => a.add(b)), ...withNumber(f.add, 1.5), ...integers((a, b) => a.add(b), -5, 5)],
  sub: [...binary((a, b) => a.sub(b)), ...withNumber(f.sub, 1.5), ...integers((a, b) => a.sub(b), -5, 5)],
  mul: [...binary((a, b) => a.mul(b)), ...withNumber(f.mul, -1.5), ...integers((a, b) => a.mul(b), -5, 5)],
  div: [...binary((a, b) => a.div(b), [-2, 2], [0.5, 2]), ...withNumber(f.div, 1.5, 0.5, 2)],
  floorDivide: [...binary((a, b) => a.floorDivide(b), [-2, 2], [0.5, 2], false), ...integers((a, b) => a.floorDivide(b), 1, 9)],
  truncDivide: binary((a, b) => a.div(b, { roundingMode: 'trunc' }), [-2, 2], [0.5, 2], false),
  // b stays above |a|, where the quotient has no jump.
  remainder: [...binary((a, b) => a.remainder(b), [0.1, 0.9], [1, 2]), ...integers((a, b) => a.remainder(b), 1, 9)],
  fmod: [...binary((a, b) => a.fmod(b), [0.1, 0.9], [1, 2]), ...integers((a, b) => a.fmod(b), 1, 9)],
  pow: [...binary((a, b) => a.pow(b), [0.5, 2], [-2, 2]), ...withNumber(f.pow, 2.5, 0.5, 2), ...withNumber(f.pow, 2, 0.5, 2)],
  maximum: binary((a, b) => a.maximum(b)),
  minimum: binary((a, b) => a.minimum(b)),
  atan2: binary((a, b) => a.atan2(b), [-2, 2], [0.5, 2]),
  copysign: binary((a, b) => a.copysign(b)),
  nextafter: shapes.map((shape) => sample([fixed(shape), fixed(shape)], (a, b) => a.nextafter(b), false)),
  hypot: binary((a, b) => f.hypot(a, b), [0.5, 2]),
  xlogy: binary((a, b) => f.xlogy(a, b), [0.5, 2]),
  logaddexp: binary((a, b) => f.logaddexp(a, b)),
  logaddexp2: binary((a, b) => f.logaddexp2(a, b)),
  igamma: shapes.map((shape) => sample([fixed(shape, 0.5, 3), real(shape, 0.5, 3)], (a, x) => f.igamma(a, x))),
  igammac: shapes.map((shape) => sample([fixed(shape, 0.5, 3), real(shape, 0.5, 3)], (a, x) => f.igammac(a, x))),

  eq: comparing((a, b) => a.eq(b)),
  ne: comparing((a, b) => a.ne(b)),
  lt: comparing((a, b) => a.lt(b)),
  le: comparing((a, b) => a.le(b)),
  gt: comparing((a, b) => a.gt(b)),
  ge: comparing((a, b) => a.ge(b)),
  logicalAnd: flags((a, b) => a.logicalAnd(b)),
  logicalOr: flags((a, b) => a.logicalOr(b)),
  logicalXor: flags((a, b) => a.logicalXor(b)),
  bitwiseAnd: [...flags((a, b) => a.bitwiseAnd(b)), ...integers((a, b) => a.bitwiseAnd(b), -9, 9)],
  bitwiseOr: [...flags((a, b) => a.bitwiseOr(b)), ...integers((a, b) => a.bitwiseOr(b), -9, 9)],
  bitwiseXor: [...flags((a, b) => a.bitwiseXor(b)), ...integers((a, b) => a.bitwiseXor(b), -9, 9)],
  shiftLeft: integers((a, b) => a.bitwiseLeftShift(b), 0, 5),
  shiftRight: integers((a, b) => a.bitwiseRightShift(b), 0, 5),

  neg: unary((x) => x.neg()),
  abs: unary((x) => x.abs()),
  sign: unary((x) => x.sign(), -2, 2, false),
  ceil: unary((x) => x.ceil(), -2, 2, false),
  floor: unary((x) => x.floor(), -2, 2, false),
  round: unary((x) => x.round(), -2, 2, false),
  trunc: unary((x) => x.trunc(), -2, 2, false),
  sqrt: unary((x) => x.sqrt(), 0.5, 2),
  rsqrt: unary((x) => x.rsqrt(), 0.5, 2),
  reciprocal: unary((x) => x.reciprocal(), 0.5, 2),
  square: unary((x) => x.square()),
  exp: unary((x) => x.exp()),
  exp2: unary((x) => x.exp2()),
  expm1: unary((x) => x.expm1()),
  log: unary((x) => x.log(), 0.5, 3),
  log2: unary((x) => x.log2(), 0.5, 3),
  log10: unary((x) => x.log10(), 0.5, 3),
  log1p: unary((x) => x.log1p(), -0.5, 3),
  sin: unary((x) => x.sin(), -4, 4),
  cos: unary((x) => x.cos(), -4, 4),
  tan: unary((x) => x.tan(), -1, 1),
  asin: unary((x) => x.asin(), -0.8, 0.8),
  acos: unary((x) => x.acos(), -0.8, 0.8),
  atan: unary((x) => x.atan()),
  sinh: unary((x) => x.sinh()),
  cosh: unary((x) => x.cosh()),
  tanh: unary((x) => x.tanh()),
  asinh: unary((x) => x.asinh()),
  acosh: unary((x) => x.acosh(), 1.5, 3),
  atanh: unary((x) => x.atanh(), -0.8, 0.8),
  sigmoid: unary((x) => x.sigmoid()),
  relu: unary((x) => x.relu()),
  reluGrad: unary((x) => x.relu()),
  erf: unary((x) => x.erf()),
  erfc: unary((x) => x.erfc()),
  erfinv: unary((x) => f.erfinv(x), -0.8, 0.8),
  lgamma: unary((x) => f.lgamma(x), 0.5, 4),
  digamma: unary((x) => f.digamma(x), 0.5, 4),
  polygamma: unary((x) => f.polygamma(1, x), 0.5, 4),
  i0: unary((x) => f.i0(x)),
  i1: unary((x) => f.i1(x)),
  sinc: unary((x) => f.sinc(x), 0.2, 2),
  logit: unary((x) => f.logit(x), 0.2, 0.8),
  frexp: unary((x) => f.frexp(x).mantissa, 0.6, 0.9, false),
  isnan: unary((x) => x.isnan(), -2, 2, false),
  isinf: unary((x) => x.isinf(), -2, 2, false),
  signbit: unary((x) => x.signbit(), -2, 2, false),
  logicalNot: shapes.map((shape) => sample([flag(shape)], (x) => x.logicalNot())),
  bitwiseNot: shapes.map((shape) => sample([integer(shape, -5, 5)], (x) => x.bitwiseNot())),
} satisfies Record<string, Samples>;
