/** The functions of WGSL that the expressions of `functions.ts` call. */
export const mathHelpers = `
// An adapter's own exponential and logarithm may turn NaN into a number: WGSL leaves it free.
fn exp_(x: f32) -> f32 { if (isNan(x)) { return x; } return exp(x); }
fn expm1_(x: f32) -> f32 {
  if (abs(x) < 0.35) { return x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666668 + x * (0.008333334 + x * (0.0013888889 + x * 0.00019841270)))))); }
  return exp_(x) - 1.0;
}
fn powerParts_(x: f32) -> vec2<f32> {
  // x = 2^k·m with m in [√½, √2), for positive x.
  let bits = bitcast<u32>(x);
  let tiny = bits < 0x800000u;
  let moved = select(bits, bitcast<u32>(f32(bits)), tiny) - 0x3f3504f3u;
  let k = (bitcast<i32>(moved) >> 23u) - select(0, 149, tiny);
  return vec2<f32>(f32(k), bitcast<f32>((moved & 0x7fffffu) + 0x3f3504f3u));
}
fn artanh2_(s: f32) -> f32 {
  // (artanh s - s)/s for |s| <= 0.25, which is s²/3 + s⁴/5 + ...
  let w = s * s;
  return w * (0.33333333 + w * (0.2 + w * (0.14285714 + w * (0.11111111 + w * (0.09090909 + w * 0.07692308)))));
}
fn logParts_(x: f32) -> vec2<f32> {
  // k and log m = 2·artanh((m - 1)/(m + 1)). An adapter's own logarithm may lose all digits near 1.
  if (isNan(x) || x < 0.0) { return vec2<f32>(nan(), 0.0); }
  if (isZero(x)) { return vec2<f32>(-inf(), 0.0); }
  if (isInf(x)) { return vec2<f32>(x, 0.0); }
  let parts = powerParts_(x);
  let s = (parts.y - 1.0) / (parts.y + 1.0);
  return vec2<f32>(parts.x, 2.0 * (s + s * artanh2_(s)));
}
fn log_(x: f32) -> f32 { let p = logParts_(x); return p.x * 0.6931472 + p.y; }
fn log2_(x: f32) -> f32 { let p = logParts_(x); return p.x + p.y * 1.442695; }
fn log10_(x: f32) -> f32 { let p = logParts_(x); return p.x * 0.30103 + p.y * 0.43429448; }
fn log1p_(x: f32) -> f32 {
  if (abs(x) > 0.4) { return log_(1.0 + x); }
  // No compensation for the rounding of 1 + x: a compiler may take it for nothing.
  let s = x / (2.0 + x);
  return 2.0 * (s + s * artanh2_(s));
}
fn turn_(x: f32) -> vec2<f32> {
  if (abs(x) > 4000.0) { return turnFar_(x); }
  // x less the nearest multiple of π/2 (in three parts, Cody & Waite 1980), and which multiple it is.
  let k = round(x * 0.63661977);
  let r = ((x - k * 1.5703125) - k * 4.837512969970703e-4) - k * 7.549789948768648e-8;
  return vec2<f32>(r, k - 4.0 * floor(k * 0.25));
}
fn high_(a: u32, b: u32) -> u32 {
  // The upper word of a·b.
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u);
}
fn turnFar_(x: f32) -> vec2<f32> {
  // The same in fixed point, by the bits of 1/(2π) that matter to the exponent of x (Payne & Hanek 1983).
  var digits = array<u32, 8>(0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u, 0x4f10e410u, 0x7f9458eau, 0xf7aef158u);
  let bits = bitcast<u32>(x);
  let mantissa = (bits << 8u) | 0x80000000u;
  let exponent = ((bits >> 23u) & 255u) - 126u;
  let first = exponent >> 5u;
  let shift = exponent & 31u;
  var parts = array<u32, 4>(0u, digits[first], digits[first + 1u], digits[first + 2u]);
  if (first > 0u) { parts[0] = digits[first - 1u]; }
  if (shift > 0u) { for (var i = 0; i < 3; i++) { parts[i] = (parts[i] << shift) | (parts[i + 1] >> (32u - shift)); } }
  // Quarter turns with 62 bits behind the point, modulo 4.
  let middle = mantissa * parts[1];
  var low = middle + high_(mantissa, parts[2]);
  var high = mantissa * parts[0] + high_(mantissa, parts[1]) + select(0u, 1u, low < middle);
  var k = high >> 30u;
  high &= 0x3fffffffu;
  let above = high >= 0x20000000u;
  if (above) { k += 1u; high = 0x40000000u - high - select(0u, 1u, low != 0u); low = 0u - low; }
  let zeros = select(countLeadingZeros(high), 32u + countLeadingZeros(low), high == 0u);
  let top = select(low << (zeros & 31u), (high << (zeros & 31u)) | (low >> ((32u - zeros) & 31u)), zeros < 32u);
  let r = f32(top) * 1.5707964 * bitcast<f32>((97u - zeros) << 23u);
  return vec2<f32>(select(r, -r, above != (x < 0.0)), f32(select(k, 4u - k, x < 0.0) & 3u));
}
fn sinPart_(r: f32) -> f32 { let s = r * r; return r + r * s * (-0.16666667 + s * (0.008333333 + s * (-1.9841270e-4 + s * 2.7557319e-6))); }
fn cosPart_(r: f32) -> f32 { let s = r * r; return 1.0 + s * (-0.5 + s * (0.041666667 + s * (-0.0013888889 + s * (2.4801587e-5 - s * 2.7557319e-7)))); }
fn sin_(x: f32) -> f32 {
  if (isInf(x) || isNan(x)) { return nan(); }
  if (isZero(x)) { return x; }
  let t = turn_(x);
  let v = select(sinPart_(t.x), cosPart_(t.x), t.y == 1.0 || t.y == 3.0);
  return select(v, -v, t.y >= 2.0);
}
fn cos_(x: f32) -> f32 {
  if (isInf(x) || isNan(x)) { return nan(); }
  let t = turn_(x);
  let v = select(cosPart_(t.x), sinPart_(t.x), t.y == 1.0 || t.y == 3.0);
  return select(v, -v, t.y == 1.0 || t.y == 2.0);
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
  return copysign_(e / (e + 2.0), x);
}
fn sinh_(x: f32) -> f32 {
  if (isNan(x) || isInf(x)) { return x; }
  let a = abs(x);
  let h = exp(0.5 * a);
  let big = 0.5 * h * h;
  let e = expm1_(min(a, 1.0));
  return copysign_(select(0.5 * (e + e / (e + 1.0)), big - 0.25 / big, a > 1.0), x);
}
fn cosh_(x: f32) -> f32 { let h = exp_(0.5 * abs(x)); let big = 0.5 * h * h; return big + 0.25 / big; }
fn asinh_(x: f32) -> f32 {
  if (isNan(x) || isInf(x)) { return x; }
  let a = abs(x);
  if (a > 1e9) { return copysign_(log_(a) + 0.6931472, x); }
  return copysign_(log1p_(a + a * a / (1.0 + sqrt(a * a + 1.0))), x);
}
fn acosh_(x: f32) -> f32 {
  if (isNan(x) || x < 1.0) { return nan(); }
  if (x > 1e9) { return log_(x) + 0.6931472; }
  let t = x - 1.0;
  return log1p_(t + sqrt(2.0 * t + t * t));
}
fn atanh_(x: f32) -> f32 {
  if (isNan(x) || abs(x) > 1.0) { return nan(); }
  if (abs(x) == 1.0) { return x * inf(); }
  let a = abs(x);
  return copysign_(0.5 * log1p_(2.0 * a / (1.0 - a)), x);
}
fn fmod_(a: f32, b: f32) -> f32 {
  if (isNan(a) || isNan(b) || isInf(a) || isZero(b)) { return nan(); }
  let x = bitcast<u32>(a) & 0x7fffffffu;
  let y = bitcast<u32>(b) & 0x7fffffffu;
  if (x < y) { return a; }
  // Long division of the mantissas, eight bits at a time: exact for every quotient.
  let exponent = max(y >> 23u, 1u);
  let divisor = (y & 0x7fffffu) | select(0u, 0x800000u, y >= 0x800000u);
  var left = max(x >> 23u, 1u) - exponent;
  var r = (x & 0x7fffffu) | select(0u, 0x800000u, x >= 0x800000u);
  loop {
    let bits = min(left, 8u);
    r = (r << bits) % divisor;
    left -= bits;
    if (left == 0u) { break; }
  }
  let sign = bitcast<u32>(a) & 0x80000000u;
  if (r == 0u) { return bitcast<f32>(sign); }
  let zeros = countLeadingZeros(r) - 8u;
  if (zeros >= exponent) { return bitcast<f32>(sign | (r << (exponent - 1u))); }
  return bitcast<f32>(sign | ((exponent - zeros) << 23u) | ((r << zeros) & 0x7fffffu));
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
  if (q == 0.0) { return bitcast<f32>((bitcast<u32>(a) ^ bitcast<u32>(b)) & 0x80000000u); }
  let f = floor(q);
  return select(f, f + 1.0, q - f > 0.5);
}
fn pow_(a: f32, b: f32) -> f32 {
  if (a == 1.0 || isZero(b)) { return 1.0; }
  if (isNan(a) || isNan(b)) { return nan(); }
  if (b == 2.0) { return a * a; }
  if (isInf(b)) { if (abs(a) == 1.0) { return 1.0; } return select(0.0, inf(), (abs(a) > 1.0) == (b > 0.0)); }
  let odd = abs(b) < 16777216.0 && b == trunc(b) && (i32(b) & 1) == 1;
  if (isZero(a)) { let power = select(0.0, inf(), b < 0.0); return select(power, copysign_(power, a), odd); }
  let s = select(1.0, -1.0, a < 0.0 && odd);
  if (isInf(a)) { return s * select(0.0, inf(), b > 0.0); }
  if (a < 0.0 && b != trunc(b)) { return nan(); }
  if (b == trunc(b) && abs(b) <= 64.0) {
    var n = i32(abs(b)); var base = a; var result = 1.0;
    while (n > 0) { if ((n & 1) == 1) { result *= base; } base *= base; n >>= 1u; }
    return select(result, 1.0 / result, b < 0.0);
  }
  return s * powPositive_(abs(a), b);
}
fn top_(x: f32) -> f32 { return bitcast<f32>(bitcast<u32>(x) & 0xfffff000u); }
fn powPositive_(a: f32, b: f32) -> f32 {
  // 2^(b·log2 a) with the logarithm in two parts: products of the 12 bits of first parts are exact (FreeBSD's powf).
  let parts = powerParts_(a);
  let k = parts.x;
  let m = parts.y;
  let u = m - 1.0;
  let v = 1.0 / (m + 1.0);
  let s = u * v;
  let s1 = top_(s);
  let t1 = top_(m + 1.0);
  let s2 = v * ((u - s1 * t1) - s1 * (m - (t1 - 1.0)));
  // 2/ln 2 is 2.884765625 + 0.00062445678.
  let z1 = 2.884765625 * s1;
  let z2 = 0.00062445678 * s1 + 2.8853901 * (s2 + s * artanh2_(s));
  let log1 = top_(k + (z1 + z2));
  let log2 = z2 - ((log1 - k) - z1);
  if (b * log1 > 160.0) { return inf(); }
  if (b * log1 < -180.0) { return 0.0; }
  let b1 = top_(b);
  let p1 = b1 * log1;
  let p2 = (b - b1) * log1 + b * log2;
  let whole = round(p1 + p2);
  let first = i32(whole) / 2;
  let second = i32(whole) - first;
  return exp2((p1 - whole) + p2) * bitcast<f32>(u32(first + 127) << 23u) * bitcast<f32>(u32(second + 127) << 23u);
}
fn atan2_(y: f32, x: f32) -> f32 {
  if (isNan(x) || isNan(y)) { return nan(); }
  let negative = (bitcast<u32>(x) >> 31u) == 1u;
  if (isInf(y) && isInf(x)) { return copysign_(select(0.7853982, 2.3561945, negative), y); }
  if (isZero(y) || isInf(x)) { return copysign_(select(0.0, 3.1415927, negative), y); }
  if (isInf(y) || isZero(x)) { return copysign_(1.5707964, y); }
  let r = atan(abs(y) / abs(x));
  return copysign_(select(r, 3.1415927 - r, negative), y);
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
