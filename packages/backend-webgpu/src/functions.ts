import type { BinaryName, UnaryName } from '@flambeau/core';

/** Unary functions of an f32 `x`. The flags give an i32. */
export const floatUnary: Record<UnaryName, string> = {
  neg: 'bitcast<f32>(bitcast<u32>(x) ^ 0x80000000u)',
  abs: 'abs(x)',
  sign: 'select(sign(x), x, isNan(x))',
  ceil: 'ceil(x)',
  floor: 'floor(x)',
  round: 'round(x)',
  trunc: 'trunc(x)',
  sqrt: 'sqrt(x)',
  rsqrt: '1.0 / sqrt(x)',
  reciprocal: '1.0 / x',
  square: 'x * x',
  exp: 'exp_(x)',
  exp2: 'select(exp2(x), x, isNan(x))',
  expm1: 'expm1_(x)',
  log: 'log_(x)',
  log2: 'log2_(x)',
  log10: 'log10_(x)',
  log1p: 'log1p_(x)',
  sin: 'sin_(x)',
  cos: 'cos_(x)',
  tan: 'sin_(x) / cos_(x)',
  asin: 'atan2_(x, sqrt((1.0 - x) * (1.0 + x)))',
  acos: 'atan2_(sqrt((1.0 - x) * (1.0 + x)), x)',
  atan: 'atan2_(x, 1.0)',
  sinh: 'sinh_(x)',
  cosh: 'cosh_(x)',
  tanh: 'tanh_(x)',
  asinh: 'asinh_(x)',
  acosh: 'acosh_(x)',
  atanh: 'atanh_(x)',
  sigmoid: '1.0 / (1.0 + exp_(-x))',
  relu: 'select(0.0, x, x > 0.0 || isNan(x))',
  erf: 'erf_(x)',
  erfc: 'erfc_(x)',
  isnan: 'select(0, 1, isNan(x))',
  isinf: 'select(0, 1, isInf(x))',
  logicalNot: 'select(0, 1, isZero(x))',
  bitwiseNot: 'x',
  signbit: 'select(0, 1, (bitcast<u32>(x) >> 31u) == 1u && !isNan(x))',
};

/** Unary functions of an i32 `x`; what is not here is computed in f32. */
export const integerUnary: Partial<Record<UnaryName, string>> = {
  neg: '-x',
  abs: 'abs(x)',
  sign: 'sign(x)',
  ceil: 'x',
  floor: 'x',
  round: 'x',
  trunc: 'x',
  square: 'x * x',
  relu: 'max(x, 0)',
  isnan: '0',
  isinf: '0',
  logicalNot: 'select(0, 1, x == 0)',
  bitwiseNot: '~x',
  signbit: 'select(0, 1, x < 0)',
};

/** Unary functions of a u32 `x`. */
export const unsignedUnary: Partial<Record<UnaryName, string>> = {
  ...integerUnary,
  neg: '0u - x',
  abs: 'x',
  sign: 'min(x, 1u)',
  relu: 'x',
  signbit: '0',
};

/** Binary functions of two f32. */
export const floatBinary: Partial<Record<BinaryName, string>> = {
  add: 'a + b',
  sub: 'a - b',
  mul: 'a * b',
  div: 'a / b',
  floorDivide: 'floorDivide_(a, b)',
  truncDivide: 'trunc(a / b)',
  remainder: 'remainder_(a, b)',
  fmod: 'fmod_(a, b)',
  pow: 'pow_(a, b)',
  maximum: 'maxF(a, b)',
  minimum: 'minF(a, b)',
  atan2: 'atan2_(a, b)',
  copysign: 'copysign_(a, b)',
  nextafter: 'nextafter_(a, b)',
  logicalAnd: 'select(0, 1, !isZero(a) && !isZero(b))',
  logicalOr: 'select(0, 1, !isZero(a) || !isZero(b))',
  logicalXor: 'select(0, 1, isZero(a) != isZero(b))',
};

/** Binary functions of two i32. */
export const integerBinary: Partial<Record<BinaryName, string>> = {
  add: 'a + b',
  sub: 'a - b',
  mul: 'a * b',
  floorDivide: 'floorI(a, b)',
  truncDivide: 'a / b',
  remainder: 'remainderI(a, b)',
  fmod: 'a % b',
  pow: 'powI(a, b)',
  maximum: 'max(a, b)',
  minimum: 'min(a, b)',
  logicalAnd: 'select(0, 1, a != 0 && b != 0)',
  logicalOr: 'select(0, 1, a != 0 || b != 0)',
  logicalXor: 'select(0, 1, (a != 0) != (b != 0))',
  bitwiseAnd: 'a & b',
  bitwiseOr: 'a | b',
  bitwiseXor: 'a ^ b',
  shiftLeft: 'select(a << u32(b & 31), 0, b < 0 || b > 31)',
  shiftRight: 'select(a >> u32(b & 31), a >> 31u, b < 0 || b > 31)',
};

/** Binary functions of two u32. */
export const unsignedBinary: Partial<Record<BinaryName, string>> = {
  ...integerBinary,
  floorDivide: 'a / b',
  remainder: 'a % b',
  pow: 'powU(a, b)',
  shiftLeft: 'select(a << (b & 31u), 0u, b > 31u)',
  shiftRight: 'select(a >> (b & 31u), 0u, b > 31u)',
};

/** The comparisons; with a NaN all but `ne` are false. */
export const comparisons: Partial<Record<BinaryName, string>> = { eq: '==', ne: '!=', lt: '<', le: '<=', gt: '>', ge: '>=' };
