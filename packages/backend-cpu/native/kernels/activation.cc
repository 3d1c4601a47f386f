// The gradient of relu; gelu and its gradient, exact and in the approximation by tanh; in float32.
#include "../command.h"
#include "../parallel.h"
#include "../quickMath.h"

namespace FLAMBEAU_NAMESPACE {

/**
 * ½ + x·P(x²)/Q(x²), a curve that rises from 0 to 1 and is point-symmetric about ½: gelu(x)/x and the derivative of gelu are such curves. Each
 * was fitted to minimize the largest relative error of (curve - ½)/x on |x| <= bound; beyond, the curve is 0 or 1 to all the digits of a float.
 */
struct Curve {
  int high, low;  // degrees of P and Q
  float bound;
  float p[8], q[7];
};

static constexpr Curve exactValue = {
    5, 5, 5.55f,
    {3.989422729e-01f, 3.368914390e-02f, 4.664008317e-03f, 1.666938006e-04f, 6.294344221e-06f, 2.261047290e-08f},
    {1.0f, 2.511125263e-01f, 2.854380481e-02f, 1.872723224e-03f, 7.273299750e-05f, 1.189144260e-06f}};
static constexpr Curve exactSlope = {
    7, 6, 6.0f,
    {7.978845528e-01f, -1.854385500e-02f, 1.359130247e-02f, 2.757199472e-04f, 3.207750850e-05f, 1.095109166e-06f, 1.275473951e-08f, -2.851034726e-11f},
    {1.0f, 3.100918251e-01f, 4.539901298e-02f, 4.125056156e-03f, 2.562441425e-04f, 1.071238227e-05f, 3.552107570e-07f}};
static constexpr Curve tanhValue = {
    5, 5, 5.2f,
    {3.989422871e-01f, 3.071651794e-02f, 3.643416488e-03f, 1.356152285e-04f, 6.986513091e-06f, 2.331597297e-08f},
    {1.0f, 2.444867922e-01f, 2.450973345e-02f, 1.310124290e-03f, 7.604216197e-05f, 1.289461142e-06f}};
static constexpr Curve tanhSlope = {
    7, 6, 5.6f,
    {7.978845539e-01f, -5.036869191e-02f, 1.352638687e-02f, -2.968115838e-04f, 2.947310383e-05f, 7.107241494e-08f, 9.888921919e-09f, -3.600874852e-11f},
    {1.0f, 2.718552597e-01f, 3.130550148e-02f, 1.722691584e-03f, 1.242387094e-04f, 3.941163957e-06f, 1.485464881e-07f}};

template <const Curve& curve> FLAMBEAU_INLINE Vf heightAt(Vf x) {
  const Vf bounded = smaller(splat(curve.bound), x), t = bounded * bounded;
  Vf p = splat(curve.p[curve.high]), q = splat(curve.q[curve.low]);
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 8
#endif
  for (int i = curve.high - 1; i >= 0; i--) {
    p = p * t + curve.p[i];
    if (i < curve.low) q = q * t + curve.q[i];
  }
  const Vf height = bounded * p * quickReciprocal(q) + 0.5f;
  // 0 and not almost 0, for gelu multiplies it by x.
  return select(x < -curve.bound, Vf{}, height);
}

/** x times the height, or g times the height where there is a g. */
template <const Curve& curve> static void apply(const float* factor, const float* x, float* out, int64_t n) {
  for (int64_t i = 0; i < n; i += W) store(out + i, load(factor + i) * heightAt<curve>(load(x + i)));
}

// A function of its own: in a lambda, whose captures it would have to read again after each element, g++ makes no vectors of the loop.
static void reluGradRun(const float* g, const float* y, float* out, int64_t n) {
  FLAMBEAU_INDEPENDENT
  for (int64_t i = 0; i < n; i++) out[i] = y[i] > 0 ? g[i] : 0;
}

/** count; g, y, out: g where y is positive, else 0. */
int reluGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t n = read.integer();
  const float* g = read.pointer<const float>();
  const float* y = read.pointer<const float>();
  float* out = read.pointer<float>();
  shareElements(slot, n, 16, [=](int64_t from, int64_t end) { reluGradRun(g + from, y + from, out + from, end - from); });
  return ok;
}

/** flag tanh, count; g or 0, x, out: gelu(x), or g times its derivative. */
int gelu(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const bool approximate = read.flag();
  const int64_t n = read.integer();
  const float* g = read.pointer<const float>();
  const float* x = read.pointer<const float>();
  float* out = read.pointer<float>();
  const VectorLoop loop = g == nullptr ? (approximate ? apply<tanhValue> : apply<exactValue>) : (approximate ? apply<tanhSlope> : apply<exactSlope>);
  const float* factor = g == nullptr ? x : g;
  shareElements(slot, n, 32, [=](int64_t from, int64_t end) { runVectors(loop, factor + from, x + from, out + from, end - from); });
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
