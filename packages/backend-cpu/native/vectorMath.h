// Mathematics on vectors of float32: range reduction and polynomials that were fitted to minimize the largest relative error. Errors stay
// within 3 ulp; infinities, NaN and -0 come out as IEEE 754 has them. Beside each polynomial stands what it approximates.
#pragma once
#include "simd.h"

namespace FLAMBEAU_NAMESPACE {

/** The nearest integer, halves to even, for |x| < 2^22. */
FLAMBEAU_INLINE Vf nearest(Vf x) {
  const Vf shifter = splat(12582912.0f);  // 1.5 · 2^23: the sum has no bits left for a fraction
  return (x + shifter) - shifter;
}
/** 2^n for whole n in [-126, 127]. */
FLAMBEAU_INLINE Vf powerOfTwo(Vi n) { return floats((n + 127) << 23); }
/** p·2ⁿ, rounded once where it is subnormal, for whole n in [-252, 254]; a NaN in either stays. */
FLAMBEAU_INLINE Vf scaled(Vf p, Vf n) {
#if defined(__AVX512F__) && !defined(__clang__)
  return (Vf)__builtin_ia32_scalefps512_mask(p, n, Vf{}, (unsigned short)-1, 4);
#else
  // In two steps, for 2^n alone would overflow, or be subnormal.
  const Vi whole = toInt(select(n == n, n, Vf{}));
  const Vi half = whole >> 1;
  return (p * powerOfTwo(half)) * powerOfTwo(whole - half);
#endif
}

constexpr float ln2High = 0.693359375f;       // 9 bits: n · ln2High is exact
constexpr float ln2Low = -2.12194440e-4f;

/** (eʳ - 1 - r) / r² for |r| <= ln2 / 2. */
FLAMBEAU_INLINE Vf expTail(Vf r) {
  Vf p = splat(1.990770236e-04f);
  p = p * r + 1.393373294e-03f;
  p = p * r + 8.333285839e-03f;
  p = p * r + 4.166646417e-02f;
  p = p * r + 1.666666676e-01f;
  return p * r + 5.000000014e-01f;
}

/** eˣ: x = n·ln2 + r. 1 ulp. */
FLAMBEAU_INLINE Vf vexp(Vf x) {
  // NaN passes through both bounds.
  const Vf bounded = larger(splat(-104.0f), smaller(splat(89.0f), x));
  const Vf n = nearest(bounded * 1.44269504f);
  const Vf r = (bounded - n * ln2High) - n * ln2Low;
  return scaled((expTail(r) * (r * r) + r) + 1.0f, n);
}

/** eˣ - 1, accurate near 0: 2ⁿ·(eʳ - 1) + (2ⁿ - 1). */
FLAMBEAU_INLINE Vf vexpm1(Vf x) {
  const Vf bounded = larger(splat(-20.0f), smaller(splat(89.0f), x));
  const Vf n = nearest(bounded * 1.44269504f);
  const Vf r = (bounded - n * ln2High) - n * ln2Low;
  const Vf p = expTail(r) * (r * r) + r;
  // Half of everything, doubled at the end: n may be 128.
  const Vf scale = powerOfTwo(toInt(select(n == n, n, Vf{})) - 1);
  const Vf y = (p * scale + (scale - 0.5f)) * 2.0f;
  return select(n == 0.0f, select(x == 0.0f, x, p), y);
}

/** x = 2ᵉ·(1 + f) with 1 + f from √½ to √2. For 0, ∞ and NaN e or f is -∞, ∞ or NaN, and so it is for negative numbers. */
struct Mantissa {
  Vf f, e;
};
FLAMBEAU_INLINE Mantissa split(Vf x) {
#if defined(__AVX512F__) && !defined(__clang__)
  constexpr unsigned short all = (unsigned short)-1;
  const Vf positive = x + 0.0f;  // -0 is 0
  // From 1 to 2, and NaN for what is negative.
  const Vf m = (Vf)__builtin_ia32_getmantps512_mask(positive, 0b1000, Vf{}, all, 4);
  const Vf e = (Vf)__builtin_ia32_getexpps512_mask(positive, Vf{}, all, 4);
  const Vi upper = m > splat(1.41421354f);
  return {select(upper, m * 0.5f, m) - 1.0f, select(upper, e + 1.0f, e)};
#else
  const Vi tiny = x < splat(1.17549435e-38f);
  const Vf normal = select(tiny, x * 8388608.0f, x);
  // Subtracting the bits of √½ makes the exponent that of a mantissa in [√½, √2).
  const Vi word = bits(normal) - 0x3f3504f3;
  const Vf e = toFloat((word >> 23) - (tiny & 23));
  const Vf f = floats((word & 0x007fffff) + 0x3f3504f3) - 1.0f;
  const Vf infinity = splat(__builtin_inff());
  return {f, select((x == infinity) | (x != x), x, select(x == 0.0f, -infinity, select(x < 0.0f, splat(__builtin_nanf("")), e)))};
#endif
}

constexpr float ln2Upper = 0.693145751953125f;  // 15 bits, and both parts are positive: e = ±∞ makes no difference of infinities
constexpr float ln2Lower = 1.42860677e-6f;

/** The natural logarithm: x = 2ᵉ·(1 + f), log(1 + f) = f - f²/2 + f³·P(f), P as in Cephes. 1 ulp. */
FLAMBEAU_INLINE Vf vlog(Vf x) {
  const Mantissa of = split(x);
  const Vf f = of.f, z = f * f;
  Vf p = splat(7.0376836292e-2f);
  p = p * f + -1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f + -1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f + -1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f + -2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const Vf y = (z * f * p + of.e * ln2Lower) - 0.5f * z;
  return (f + y) + of.e * ln2Upper;
}

/** log(1 + x): log of the rounded sum u, corrected by what the rounding lost. */
FLAMBEAU_INLINE Vf vlog1p(Vf x) {
  const Vf u = x + 1.0f;
  const Vf lost = select(absolute(x) < 1.0f, x - (u - 1.0f), 1.0f - (u - x));
  const Vf y = vlog(u) + lost / u;
  const Vf infinity = splat(__builtin_inff());
  return select((u == 1.0f) | (x == infinity), x, select(u == 0.0f, -infinity, y));
}

/** tanh: an odd polynomial below 0.625, 1 - 2 / (e²ˣ + 1) from there. */
FLAMBEAU_INLINE Vf vtanh(Vf x) {
  const Vf magnitude = absolute(x);
  const Vf u = x * x;
  // (tanh(√u)/√u - 1) / u
  Vf p = splat(2.122742611e-03f);
  p = p * u + -8.156276648e-03f;
  p = p * u + 2.169260537e-02f;
  p = p * u + -5.394537806e-02f;
  p = p * u + 1.333319591e-01f;
  p = p * u + -3.333333057e-01f;
  const Vf small = x + x * (u * p);
  const Vf e = vexp(magnitude + magnitude);
  const Vf large = 1.0f - 2.0f / (e + 1.0f);
  const Vf y = select(magnitude < 0.625f, small, large);
  return select(x == x, floats(bits(y) | (bits(x) & (int32_t)0x80000000)), x);
}

/** 1 / (1 + e⁻ˣ), without overflow on either side. */
FLAMBEAU_INLINE Vf vsigmoid(Vf x) {
  const Vf e = vexp(-absolute(x));
  return select(x < 0.0f, e, select(x == x, splat(1.0f), x)) / (e + 1.0f);
}

/** Up to here n·π/2 can be subtracted in parts of π/2; without a fused multiply-add their products are exact for small n only. */
#if defined(__FMA__) || defined(__aarch64__)
constexpr float reducible = 30000.0f;
#else
constexpr float reducible = 1500.0f;
#endif

/** sin(x + shift·π/2), by octants: x = n·π/2 + r with π/2 in four parts. Numbers that are not reducible take the scalar function. */
FLAMBEAU_INLINE Vf sinShifted(Vf x, int shift) {
  const Vf n = nearest(x * 0.636619772f);
  Vf r = x - n * 1.5703125f;
  r = r - n * 4.837512969970703125e-4f;
  r = r - n * 7.54953362047672271728515625e-8f;
  r = r - n * 2.56334406825708960298e-12f;
  const Vf u = r * r;
  const Vf sine = r + r * (u * (-1.666666664e-01f + u * (8.333329267e-03f + u * (-1.983929612e-04f + u * 2.717939826e-06f))));
  const Vf cosine = (1.0f - 0.5f * u) + (u * u) * (4.166666662e-02f + u * (-1.388888360e-03f + u * (2.479947861e-05f + u * -2.720678696e-07f)));
  const Vi quadrant = toInt(select(absolute(x) < reducible, n, Vf{})) + shift;
  const Vf y = select((quadrant & 1) != 0, cosine, sine);
  return floats(bits(y) ^ ((quadrant & 2) << 30));
}
FLAMBEAU_INLINE bool anyLarge(Vf x) {
  const Vi large = ~(absolute(x) < reducible);  // also NaN and infinities
  int32_t any = 0;
  for (int i = 0; i < W; i++) any |= large[i];
  return any != 0;
}
FLAMBEAU_INLINE Vf vsin(Vf x) {
  Vf y = sinShifted(x, 0);
  if (anyLarge(x))
    for (int i = 0; i < W; i++)
      if (!(__builtin_fabsf(x[i]) < reducible)) y[i] = (float)sin((double)x[i]);
  return select(x == 0.0f, x, y);
}
FLAMBEAU_INLINE Vf vcos(Vf x) {
  Vf y = sinShifted(x, 1);
  if (anyLarge(x))
    for (int i = 0; i < W; i++)
      if (!(__builtin_fabsf(x[i]) < reducible)) y[i] = (float)cos((double)x[i]);
  return y;
}

/** The error function: x·P(x²) below 1, 1 - exp(Q(|x|)) with Q = log(erfc) from there; 1 to float32 from 4 on. */
FLAMBEAU_INLINE Vf verf(Vf x) {
  const Vf magnitude = absolute(x);
  const Vf u = x * x;
  Vf p = splat(-9.680136600e-06f);
  p = p * u + 1.127054456e-04f;
  p = p * u + -8.484711459e-04f;
  p = p * u + 5.221074879e-03f;
  p = p * u + -2.686544582e-02f;
  p = p * u + 1.128378275e-01f;
  p = p * u + -3.761263848e-01f;
  p = p * u + 1.128379167e+00f;
  const Vf t = select(magnitude < 4.0f, magnitude, splat(4.0f));
  Vf q = splat(-2.241758835e-07f);
  q = q * t + -1.850256567e-05f;
  q = q * t + 4.219646824e-04f;
  q = q * t + -4.138620511e-03f;
  q = q * t + 2.507083454e-02f;
  q = q * t + -1.082389560e-01f;
  q = q * t + -6.333637692e-01f;
  q = q * t + -1.129513816e+00f;
  q = q * t + 1.755789096e-04f;
  const Vf large = 1.0f - vexp(q);
  const Vf big = floats(bits(large) | (bits(x) & (int32_t)0x80000000));
  return select(magnitude < 1.0f, x * p, select(x == x, big, x));
}

/** The error functions of float64: the Taylor series below 3, the continued fraction of erfc from there. @see Abramowitz & Stegun 7.1.6, 7.1.14 */
FLAMBEAU_NOINLINE static double erfcTail(double a) {
  if (a > 27.3) return 0;
  double fraction = 0;
  for (int n = 80; n > 0; n--) fraction = n * 0.5 / (a + fraction);
  return exp(-a * a) * 0.56418958354775628695 / (a + fraction);
}
FLAMBEAU_NOINLINE static double errorFunction(double x) {
  if (x != x) return x;
  const double a = x < 0 ? -x : x;
  if (a >= 3) return x < 0 ? erfcTail(a) - 1 : 1 - erfcTail(a);
  double term = x, sum = x;
  for (int n = 1; n < 200 && (term < 0 ? -term : term) > 1e-18 * (sum < 0 ? -sum : sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return 1.12837916709551257390 * exp(-x * x) * sum;
}
static double complementaryErrorFunction(double x) { return x >= 1 ? erfcTail(x) : 1 - errorFunction(x); }

}  // namespace FLAMBEAU_NAMESPACE
