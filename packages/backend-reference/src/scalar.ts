import { ValueError, type BinaryName, type UnaryName } from '@flambeau/core';

/** Rounds halves to even, as IEEE 754 and PyTorch do. */
function roundHalfEven(x: number): number {
  const floor = Math.floor(x);
  if (x - floor !== 0.5) return Math.round(x) === 0 && (x < 0 || Object.is(x, -0)) ? -0 : Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * The error function: its Taylor series below 3, a continued fraction of erfc from there. Both to float64 rounding.
 * @see Abramowitz & Stegun 7.1.6 and 7.1.14
 */
function erf(x: number): number {
  const a = Math.abs(x);
  if (Number.isNaN(x)) return NaN;
  if (a >= 3) return Math.sign(x) * (1 - erfcTail(a));
  let term = x;
  let sum = x;
  for (let n = 1; n < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function erfcTail(a: number): number {
  if (a > 27.3) return 0;
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (a + fraction);
  return Math.exp(-a * a) / Math.sqrt(Math.PI) / (a + fraction);
}

function erfc(x: number): number {
  if (x >= 1) return erfcTail(x);
  return 1 - erf(x);
}

export const unary = {
  neg: (x) => -x,
  abs: Math.abs,
  sign: Math.sign,
  ceil: Math.ceil,
  floor: Math.floor,
  round: roundHalfEven,
  trunc: Math.trunc,
  sqrt: Math.sqrt,
  rsqrt: (x) => 1 / Math.sqrt(x),
  reciprocal: (x) => 1 / x,
  square: (x) => x * x,
  exp: Math.exp,
  exp2: (x) => 2 ** x,
  expm1: Math.expm1,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  sin: Math.sin,
  cos: Math.cos,
  tan: Math.tan,
  asin: Math.asin,
  acos: Math.acos,
  atan: Math.atan,
  sinh: Math.sinh,
  cosh: Math.cosh,
  tanh: Math.tanh,
  asinh: Math.asinh,
  acosh: Math.acosh,
  atanh: Math.atanh,
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  relu: (x) => (x > 0 || Number.isNaN(x) ? x : 0),
  erf,
  erfc,
  isnan: (x) => (Number.isNaN(x) ? 1 : 0),
  isinf: (x) => (x === Infinity || x === -Infinity ? 1 : 0),
  logicalNot: (x) => (x === 0 ? 1 : 0),
  bitwiseNot: (x) => ~x,
  signbit: (x) => (x < 0 || Object.is(x, -0) ? 1 : 0),
} satisfies Record<UnaryName, (x: number) => number>;

function nonZero(op: string, b: number): number {
  if (b === 0)
    throw new ValueError({
      op,
      expected: 'a divisor that is not zero for integers',
      received: '0',
      hint: 'Cast to float32 for infinities.',
    });
  return b;
}

function fmod(a: number, b: number): number {
  return Number.isFinite(a) && (b === Infinity || b === -Infinity) ? a : a % b;
}

/** Python's remainder: the sign of the divisor. */
function remainder(a: number, b: number): number {
  const r = fmod(a, b);
  return r !== 0 && r < 0 !== b < 0 ? r + b : r;
}

/** floor(a / b), exact also where a / b rounds up to an integer, as PyTorch computes it. */
function floorDivide(a: number, b: number): number {
  if (b === 0) return a / b;
  const modulus = fmod(a, b);
  let quotient = (a - modulus) / b;
  if (modulus !== 0 && b < 0 !== modulus < 0) quotient -= 1;
  if (quotient === 0) return a / b < 0 ? -0 : 0;
  const floor = Math.floor(quotient);
  return quotient - floor > 0.5 ? floor + 1 : floor;
}

const float64 = new Float64Array(1);
const bits64 = new BigInt64Array(float64.buffer);
const float32 = new Float32Array(1);
const bits32 = new Int32Array(float32.buffer);

/** The next float32 (or float64) after a towards b. */
function nextafter(a: number, b: number, double: boolean): number {
  if (Number.isNaN(a) || Number.isNaN(b)) return NaN;
  if (a === b) return b;
  if (a === 0) return (b > 0 ? 1 : -1) * (double ? 5e-324 : 2 ** -149);
  const away = a < b === a > 0;
  if (double) {
    float64[0] = a;
    bits64[0] += away ? 1n : -1n;
    return float64[0];
  }
  float32[0] = a;
  bits32[0] += away ? 1 : -1;
  return float32[0];
}

const flag = (condition: boolean): number => (condition ? 1 : 0);
const integerPow = (a: number, b: number): number => (b < 0 ? (a === 1 ? 1 : a === -1 ? (b % 2 === 0 ? 1 : -1) : 0) : a ** b);

/** `integer` says that the operands are integers or bools, `double` that they are float64. */
export const binary = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  floorDivide: (a, b, integer) => (integer ? Math.floor(a / nonZero('floorDivide', b)) : floorDivide(a, b)),
  truncDivide: (a, b, integer) => Math.trunc(a / (integer ? nonZero('div', b) : b)),
  remainder: (a, b, integer) => remainder(a, integer ? nonZero('remainder', b) : b),
  fmod: (a, b, integer) => fmod(a, integer ? nonZero('fmod', b) : b),
  pow: (a, b, integer) =>
    integer ? integerPow(a, b) : a === 1 || b === 0 ? 1 : a === -1 && !Number.isFinite(b) && !Number.isNaN(b) ? 1 : a ** b,
  maximum: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : Math.max(a, b)),
  minimum: (a, b) => (Number.isNaN(a) || Number.isNaN(b) ? NaN : Math.min(a, b)),
  atan2: Math.atan2,
  copysign: (a, b) => (b < 0 || Object.is(b, -0) ? -Math.abs(a) : Math.abs(a)),
  nextafter: (a, b, _, double) => nextafter(a, b, double),
  eq: (a, b) => flag(a === b),
  ne: (a, b) => flag(a !== b),
  lt: (a, b) => flag(a < b),
  le: (a, b) => flag(a <= b),
  gt: (a, b) => flag(a > b),
  ge: (a, b) => flag(a >= b),
  logicalAnd: (a, b) => flag(a !== 0 && b !== 0),
  logicalOr: (a, b) => flag(a !== 0 || b !== 0),
  logicalXor: (a, b) => flag((a !== 0) !== (b !== 0)),
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
  shiftLeft: (a, b) => (b < 0 || b > 31 ? 0 : a << b),
  shiftRight: (a, b) => (b < 0 || b > 31 ? (a < 0 ? -1 : 0) : a >> b),
} satisfies Record<BinaryName, (a: number, b: number, integer: boolean, double: boolean) => number>;

/** What int64 computes exactly; the rest goes through float64. */
export const exactBinary: Partial<Record<BinaryName, (a: bigint, b: bigint) => bigint>> = {
  add: (a, b) => BigInt.asIntN(64, a + b),
  sub: (a, b) => BigInt.asIntN(64, a - b),
  mul: (a, b) => BigInt.asIntN(64, a * b),
  maximum: (a, b) => (a > b ? a : b),
  minimum: (a, b) => (a < b ? a : b),
  bitwiseAnd: (a, b) => a & b,
  bitwiseOr: (a, b) => a | b,
  bitwiseXor: (a, b) => a ^ b,
  shiftLeft: (a, b) => (b < 0n || b > 63n ? 0n : BigInt.asIntN(64, a << b)),
  shiftRight: (a, b) => (b < 0n || b > 63n ? (a < 0n ? -1n : 0n) : a >> b),
};
