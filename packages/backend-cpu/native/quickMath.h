// Cheaper functions for fused kernels, which need no more than float32 keeps: within 7 ulp on a bounded argument, where vectorMath.h covers
// every argument within 3.
#pragma once
#include "vectorMath.h"

namespace FLAMBEAU_NAMESPACE {

/** 1/q to 1 ulp or 2 for q from 2^-100 to 2^100: an estimate of the processor and a Newton step where it has one, for a division takes as long as ten products. */
FLAMBEAU_INLINE Vf quickReciprocal(Vf q) {
#if defined(__AVX512F__)
  const Vf estimate = (Vf)__builtin_ia32_rcp14ps512_mask(q, Vf{}, (unsigned short)-1);
  return estimate + estimate * (1.0f - q * estimate);
#elif defined(__AVX2__)
  const Vf estimate = (Vf)__builtin_ia32_rcpps256(q);
  return estimate + estimate * (1.0f - q * estimate);
#else
  return 1.0f / q;
#endif
}

/** x cut to [-limit, limit]; a NaN stays. */
FLAMBEAU_INLINE Vf within(Vf x, float limit) { return larger(splat(-limit), smaller(splat(limit), x)); }

/**
 * eˣ for x from -87 to 88: 2ⁿ·eʳ with |r| <= ln2 / 2. The polynomial was fitted to minimize the largest relative error, 3e-9.
 * A NaN keeps its bits: converted to an integer it is 0, or a number whose lower bits are.
 */
FLAMBEAU_INLINE Vf boundedExp(Vf x) {
  const Vf n = nearest(x * 1.44269504f);
  const Vf r = (x - n * ln2High) - n * ln2Low;
  Vf p = splat(1.381458395e-03f);
  p = p * r + 8.368724040e-03f;
  p = p * r + 4.166838874e-02f;
  p = p * r + 1.666652057e-01f;
  p = p * r + 4.999999344e-01f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  return floats(bits(p) + (toInt(n) << 23));
}

/** eˣ for x up to 0 and a little beyond, as it is after the largest was subtracted: no overflow, and below -87 the smallest normal number. */
FLAMBEAU_INLINE Vf expBelowZero(Vf x) { return boundedExp(larger(splat(-87.0f), x)); }

/**
 * tanh(x) = x·P(x²)/Q(x²) on |x| <= 9.02, beyond which it is 1: a third of the work of vtanh, and within 7 ulp. The polynomials were fitted
 * together to minimize the largest relative error, 2e-8.
 */
FLAMBEAU_INLINE Vf quickTanh(Vf x) {
  const Vf bounded = within(x, 9.02f);
  const Vf t = bounded * bounded;
  Vf p = splat(1.331905037e-08f), q = splat(7.762010483e-07f);
  p = p * t + 2.058346531e-05f;
  q = q * t + 3.283091250e-04f;
  p = p * t + 3.494033595e-03f;
  q = q * t + 2.587106959e-02f;
  p = p * t + 1.337971716e-01f;
  q = q * t + 4.671303241e-01f;
  p = p * t + 9.999999791e-01f;
  q = q * t + 1.000000000e+00f;
  return bounded * p / q;
}

/** 1/(1 + e⁻ˣ), with the exponent kept where one scaling is enough: the result reaches 1e-38 instead of the subnormal numbers. */
FLAMBEAU_INLINE Vf quickSigmoid(Vf x) {
  return quickReciprocal(1.0f + boundedExp(-within(x, 87.0f)));
}

}  // namespace FLAMBEAU_NAMESPACE
