// The mean squared error and its gradient, in float32.
#include "../command.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

/** out = scale · Σ (x - y)²; lanes of floats for a stretch, stretches in double, so that long sums keep their digits. */
int mseLoss(const double* command, ErrorSlot&) {
  Reader read(command);
  const int64_t n = read.integer();
  const float* x = read.pointer<const float>();
  const float* y = read.pointer<const float>();
  float* out = read.pointer<float>();
  const double scale = read.number();
  const int64_t stretch = 64 * W;
  double total = 0;
  int64_t i = 0;
  while (i + W <= n) {
    const int64_t end = i + stretch < n ? i + stretch : n;
    Vf sum = Vf{};
    for (; i + W <= end; i += W) {
      const Vf d = load(x + i) - load(y + i);
      sum += d * d;
    }
    total += sumLanes(sum);
  }
  for (; i < n; i++) {
    const double d = (double)x[i] - y[i];
    total += d * d;
  }
  *out = (float)(total * scale);
  return ok;
}

/** out = 2 · scale · g · (x - y), where g is one number. */
int mseLossGrad(const double* command, ErrorSlot&) {
  Reader read(command);
  const int64_t n = read.integer();
  const float* g = read.pointer<const float>();
  const float* x = read.pointer<const float>();
  const float* y = read.pointer<const float>();
  float* out = read.pointer<float>();
  const float factor = (float)(2 * read.number() * *g);
  int64_t i = 0;
  for (; i + W <= n; i += W) store(out + i, (load(x + i) - load(y + i)) * factor);
  for (; i < n; i++) out[i] = (x[i] - y[i]) * factor;
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
