import type { BinaryName, UnaryName } from '@flambeau/core';

/** What the expressions below call. */
export const mathHelpers = `
// An adapter's own exponential and logarithm may turn NaN into a number: WGSL leaves it free.
fn exp_(x: f32) -> f32 { if (isNan(x)) { return x; } return exp(x); }
fn expm1_(x: f32) -> f32 {
  if (abs(x) < 0.35) { return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334 + x * (0.0013888889 + x * 0.00019841270)))))); }
  return exp_(x) - 1.0;
}
fn log1p_(x: f32) -> f32 {
  let u = 1.0 + x;
  if (isInf(u) || u == 1.0) { return x; }
  return log(u) * (x / (u - 1.0));
}
fn turn_(x: f32) -> vec2<f32> {
  // x less the nearest multiple of π/2 (in three parts, Cody & Waite 1980), and which multiple it is.
  let k = round(x * 0.63661977);
  let r = ((x - k * 1.5703125) - k * 4.837512969970703e-4) - k * 7.549789948768648e-8;
  return vec2<f32>(r, k - 4.0 * floor(k * 0.25));
}
fn sinPart_(r: f32) -> f32 { let s = r * r; return r + r * s * (-0.16666667 + s * (0.008333333 + s * (-1.9841270e-4 + s * 2.7557319e-6))); }
fn cosPart_(r: f32) -> f32 { let s = r * r; return 1.0 + s * (-0.5 + s * (0.041666667 + s * (-0.0013888889 + s * (2.4801587e-5 - s * 2.7557319e-7)))); }
fn sin_(x: f32) -> f32 {
  if (isInf(x) || isNan(x)) { return nan(); }
  if (abs(x) > 50000.0) { return sin(x); }
  let t = turn_(x);
  let v = select(sinPart_(t.x), cosPart_(t.x), t.y == 1.0 || t.y == 3.0);
  return select(v, -v, t.y >= 2.0);
}
fn cos_(x: f32) -> f32 {
  if (isInf(x) || isNan(x)) { return nan(); }
  if (abs(x) > 50000.0) { return cos(x); }
  let t = turn_(x);
  let v = select(cosPart_(t.x), sinPart_(t.x), t.y == 1.0 || t.y == 3.0);
  return select(v, -v, t.y == 1.0 || t.y == 2.0);
}
fn log_(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (isZero(x)) { return -inf(); }
  if (x < 0.0) { return nan(); }
  return log(x);
}
fn erfcTail(a: f32) -> f32 {
  let t = 1.0 / (1.0 + 0.5 * a);
  let poly = -1.26551223 + t * (1.00002368 + t * (0.37409196 + t * (0.09678418 + t * (-0.18628806 + t * (0.27886807 + t * (-1.13520398 + t * (1.48851587 + t * (-0.82215223 + t * 0.17087277))))))));
  return t * exp(-a * a + poly);
}
fn erf_(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = abs(x);
  if (a > 1.5) { return sign(x) * (1.0 - erfcTail(min(a, 20.0))); }
  var term = x;
  var sum = x;
  for (var n = 1; n < 24; n++) { term *= 2.0 * x * x / f32(2 * n + 1); sum += term; }
  return 1.1283791670955126 * exp(-x * x) * sum;
}
fn erfc_(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  if (x > 1.5) { return erfcTail(min(x, 20.0)); }
  return 1.0 - erf_(x);
}
fn tanh_(x: f32) -> f32 {
  if (isNan(x)) { return x; }
  let a = abs(x);
  if (a > 15.0) { return sign(x); }
  let e = expm1_(2.0 * a);
  return select(1.0, -1.0, x < 0.0) * (e / (e + 2.0));
}
fn sinh_(x: f32) -> f32 {
  if (isNan(x) || isInf(x)) { return x; }
  let a = abs(x);
  let h = exp(0.5 * a);
  let big = 0.5 * h * h;
  let e = expm1_(min(a, 1.0));
  return select(1.0, -1.0, x < 0.0) * select(0.5 * (e + e / (e + 1.0)), big - 0.25 / big, a > 1.0);
}
fn cosh_(x: f32) -> f32 { let h = exp_(0.5 * abs(x)); let big = 0.5 * h * h; return big + 0.25 / big; }
fn asinh_(x: f32) -> f32 {
  if (isNan(x) || isInf(x)) { return x; }
  let a = abs(x);
  let s = select(1.0, -1.0, x < 0.0);
  if (a > 1e9) { return s * (log(a) + 0.6931472); }
  return s * log1p_(a + a * a / (1.0 + sqrt(a * a + 1.0)));
}
fn acosh_(x: f32) -> f32 {
  if (isNan(x) || x < 1.0) { return nan(); }
  if (x > 1e9) { return log(x) + 0.6931472; }
  let t = x - 1.0;
  return log1p_(t + sqrt(2.0 * t + t * t));
}
fn atanh_(x: f32) -> f32 {
  if (isNan(x) || abs(x) > 1.0) { return nan(); }
  if (abs(x) == 1.0) { return x * inf(); }
  let a = abs(x);
  return select(0.5, -0.5, x < 0.0) * log1p_(2.0 * a / (1.0 - a));
}
fn fmod_(a: f32, b: f32) -> f32 {
  if (isNan(a) || isNan(b) || isInf(a) || isZero(b)) { return nan(); }
  if (isInf(b)) { return a; }
  let q = trunc(a / b);
  // In two parts, so that the products are exact for quotients up to 4096.
  let high = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  var r = (a - q * high) - q * (b - high);
  let step = copysign_(b, a);
  if (r != 0.0 && ((r < 0.0) != (a < 0.0))) { r += step; } else if (abs(r) >= abs(b)) { r -= step; }
  return r;
}
fn remainder_(a: f32, b: f32) -> f32 {
  let r = fmod_(a, b);
  return select(r, r + b, r != 0.0 && ((r < 0.0) != (b < 0.0)));
}
fn floorDivide_(a: f32, b: f32) -> f32 {
  if (isZero(b)) { return a / b; }
  let m = fmod_(a, b);
  var q = (a - m) / b;
  if (m != 0.0 && ((b < 0.0) != (m < 0.0))) { q -= 1.0; }
  let f = floor(q);
  return select(f, f + 1.0, q - f > 0.5);
}
fn pow_(a: f32, b: f32) -> f32 {
  if (a == 1.0 || isZero(b)) { return 1.0; }
  if (isNan(a) || isNan(b)) { return nan(); }
  if (b == 2.0) { return a * a; }
  if (isZero(a)) { return select(0.0, inf(), b < 0.0); }
  if (isInf(b)) { if (abs(a) == 1.0) { return 1.0; } return select(0.0, inf(), (abs(a) > 1.0) == (b > 0.0)); }
  let odd = abs(b) < 16777216.0 && b == trunc(b) && (i32(b) & 1) == 1;
  let s = select(1.0, -1.0, a < 0.0 && odd);
  if (isInf(a)) { return s * select(0.0, inf(), b > 0.0); }
  if (a < 0.0 && b != trunc(b)) { return nan(); }
  if (b == trunc(b) && abs(b) <= 64.0) {
    var n = i32(abs(b)); var base = a; var result = 1.0;
    while (n > 0) { if ((n & 1) == 1) { result *= base; } base *= base; n >>= 1u; }
    return select(result, 1.0 / result, b < 0.0);
  }
  return s * pow(abs(a), b);
}
fn atan2_(y: f32, x: f32) -> f32 {
  if (isNan(x) || isNan(y)) { return nan(); }
  let sy = select(1.0, -1.0, (bitcast<u32>(y) >> 31u) == 1u);
  let negative = (bitcast<u32>(x) >> 31u) == 1u;
  if (isZero(y)) { return sy * select(0.0, 3.1415927, negative); }
  if (isInf(x) && isInf(y)) { return sy * select(0.7853982, 2.3561945, negative); }
  if (isInf(y) || isZero(x)) { return sy * 1.5707964; }
  if (isInf(x)) { return sy * select(0.0, 3.1415927, negative); }
  let r = atan(abs(y) / abs(x));
  return sy * select(r, 3.1415927 - r, negative);
}
fn copysign_(a: f32, b: f32) -> f32 { return bitcast<f32>((bitcast<u32>(a) & 0x7fffffffu) | (bitcast<u32>(b) & 0x80000000u)); }
fn nextafter_(a: f32, b: f32) -> f32 {
  if (isNan(a) || isNan(b)) { return nan(); }
  if (a == b) { return b; }
  if (isZero(a)) { return bitcast<f32>((bitcast<u32>(b) & 0x80000000u) | 1u); }
  return bitcast<f32>(select(bitcast<u32>(a) - 1u, bitcast<u32>(a) + 1u, (a < b) == (a > 0.0)));
}
fn maxF(a: f32, b: f32) -> f32 { if (isNan(a) || isNan(b)) { return nan(); } return max(a, b); }
fn minF(a: f32, b: f32) -> f32 { if (isNan(a) || isNan(b)) { return nan(); } return min(a, b); }
fn powI(a: i32, b: i32) -> i32 {
  if (b < 0) { if (a == 1) { return 1; } if (a == -1) { return select(-1, 1, (b & 1) == 0); } return 0; }
  var n = b; var base = a; var result = 1;
  while (n > 0) { if ((n & 1) == 1) { result *= base; } base *= base; n >>= 1u; }
  return result;
}
fn powU(a: u32, b: u32) -> u32 {
  var n = b; var base = a; var result = 1u;
  while (n > 0u) { if ((n & 1u) == 1u) { result *= base; } base *= base; n >>= 1u; }
  return result;
}
fn floorI(a: i32, b: i32) -> i32 { let q = a / b; return select(q, q - 1, (a % b != 0) && ((a < 0) != (b < 0))); }
fn remainderI(a: i32, b: i32) -> i32 { let r = a % b; return select(r, r + b, r != 0 && ((r < 0) != (b < 0))); }
`;

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
  log2: 'select(log2(x), log_(x), x <= 0.0 || isNan(x))',
  log10: 'log_(x) * 0.43429448',
  log1p: 'select(log1p_(x), nan(), x < -1.0)',
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
