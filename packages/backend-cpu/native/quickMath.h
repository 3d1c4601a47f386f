// Cheaper functions for fused kernels, which need no more than float32 keeps: within 5 ulp on a bounded argument, where vectorMath.h covers
// every argument within 3.
#pragma once
#include "vectorMath.h"

namespace FLAMBEAU_NAMESPACE {

/** eˣ for x up to 0 and a little beyond, as it is after the largest was subtracted: no overflow, and below -87 the smallest normal number. */
FLAMBEAU_INLINE Vf expBelowZero(Vf x) {
  const Vf bounded = select(x < splat(-87.0f), splat(-87.0f), x);
  const Vf n = nearest(bounded * 1.44269504f);
  const Vf r = (bounded - n * ln2High) - n * ln2Low;
  const Vf p = (expTail(r) * (r * r) + r) + 1.0f;
  // A NaN keeps its bits: converted to an integer it is 0, or a number whose lower bits are.
  return floats(bits(p) + (toInt(n) << 23));
}

/**
 * erf(x) = x·P(x²)/Q(x²) on |x| <= 3.92, beyond which it is 1: half the work of verf, which is exact to 3 ulp where this is to 5. Both
 * polynomials were fitted together to minimize the largest relative error, 2e-8.
 */
FLAMBEAU_INLINE Vf quickErf(Vf x) {
  Vf bounded = select(x > 3.92f, splat(3.92f), x);
  bounded = select(bounded < -3.92f, splat(-3.92f), bounded);
  const Vf t = bounded * bounded;
  Vf p = splat(2.050138200e-06f), q = splat(3.809216336e-05f);
  p = p * t + 2.848810778e-04f;
  q = q * t + 1.162501741e-03f;
  p = p * t + 3.765462634e-03f;
  q = q * t + 1.496890254e-02f;
  p = p * t + 5.274824333e-02f;
  q = q * t + 1.141075452e-01f;
  p = p * t + 1.904026086e-01f;
  q = q * t + 5.020726598e-01f;
  p = p * t + 1.128379146f;
  q = q * t + 1.0f;
  return bounded * p / q;
}

/**
 * tanh(x) = x·P(x²)/Q(x²) on |x| <= 9.02, beyond which it is 1: a third of the work of vtanh, and within 5 ulp. The polynomials were fitted
 * together to minimize the largest relative error, 2e-8.
 */
FLAMBEAU_INLINE Vf quickTanh(Vf x) {
  Vf bounded = select(x > 9.02f, splat(9.02f), x);
  bounded = select(bounded < -9.02f, splat(-9.02f), bounded);
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
  Vf bounded = select(x > 87.0f, splat(87.0f), x);
  bounded = select(bounded < -87.0f, splat(-87.0f), bounded);
  const Vf n = nearest(bounded * -1.44269504f);
  const Vf r = (-bounded - n * ln2High) - n * ln2Low;
  const Vf p = (expTail(r) * (r * r) + r) + 1.0f;
  return 1.0f / (1.0f + floats(bits(p) + (toInt(n) << 23)));
}

}  // namespace FLAMBEAU_NAMESPACE
