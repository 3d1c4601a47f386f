// The gradient of relu; gelu and its gradient, exact and in the approximation by tanh; in float32.
#include "../command.h"
#include "../quickMath.h"

namespace FLAMBEAU_NAMESPACE {

constexpr float rootHalf = 0.70710678118654752f;         // √½
constexpr float rootTwoOverPi = 0.79788456080286536f;    // √(2/π)
constexpr float rootInverseTwoPi = 0.39894228040143268f; // 1/√(2π)
constexpr float cubic = 0.044715f;

FLAMBEAU_INLINE Vf geluExact(Vf x) { return x * (quickErf(x * rootHalf) + 1.0f) * 0.5f; }
FLAMBEAU_INLINE Vf geluTanh(Vf x) { return x * (quickTanh((x + cubic * x * x * x) * rootTwoOverPi) + 1.0f) * 0.5f; }
/** Φ(x) + x·φ(x). */
FLAMBEAU_INLINE Vf geluSlope(Vf x) {
  return (quickErf(x * rootHalf) + 1.0f) * 0.5f + x * (expBelowZero(x * x * -0.5f) * rootInverseTwoPi);
}
FLAMBEAU_INLINE Vf geluTanhSlope(Vf x) {
  // 1 - t² wants more digits of t near 1 than quickTanh has.
  const Vf t = vtanh((x + cubic * x * x * x) * rootTwoOverPi);
  const Vf inner = (x * x * (3 * cubic) + 1.0f) * rootTwoOverPi;
  return (t + 1.0f + x * (1.0f - t * t) * inner) * 0.5f;
}

template <Vf (*f)(Vf)> static void apply(const float* g, const float* x, float* out, int64_t n) {
  int64_t i = 0;
  for (; i + W <= n; i += W) {
    const Vf y = f(load(x + i));
    store(out + i, g == nullptr ? y : load(g + i) * y);
  }
  if (i < n) {
    const Vf y = f(loadPart(x + i, n - i));
    storePart(out + i, g == nullptr ? y : loadPart(g + i, n - i) * y, n - i);
  }
}

/** count; g, y, out: g where y is positive, else 0. */
int reluGrad(const double* command, ErrorSlot&) {
  Reader read(command);
  const int64_t n = read.integer();
  const float* g = read.pointer<const float>();
  const float* y = read.pointer<const float>();
  float* out = read.pointer<float>();
  FLAMBEAU_INDEPENDENT
  for (int64_t i = 0; i < n; i++) out[i] = y[i] > 0 ? g[i] : 0;
  return ok;
}

/** flag tanh, count; g or 0, x, out: gelu(x), or g times its derivative. */
int gelu(const double* command, ErrorSlot&) {
  Reader read(command);
  const bool approximate = read.flag();
  const int64_t n = read.integer();
  const float* g = read.pointer<const float>();
  const float* x = read.pointer<const float>();
  float* out = read.pointer<float>();
  if (g == nullptr) approximate ? apply<geluTanh>(g, x, out, n) : apply<geluExact>(g, x, out, n);
  else approximate ? apply<geluTanhSlope>(g, x, out, n) : apply<geluSlope>(g, x, out, n);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
