// One step of an optimizer for several parameters in float32, each over all its elements at once.
#include "../command.h"
#include "../parallel.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

// Loops that WASM has no room for as vectors.
#if defined(__wasm__)
#define FLAMBEAU_ROOMY FLAMBEAU_SCALAR
#else
#define FLAMBEAU_ROOMY FLAMBEAU_INDEPENDENT
#endif

// The loops are functions of their own: what a lambda captures would be read again for each element, since the elements written might be
// it, and g++ would make no vectors of that.

/** The numbers of a step of Adam, as `adamSteps` describes them. */
struct Adam {
  float sign, decay, shrink, beta1, rest1, beta2, rest2, eps, rate, rootScale;
};

static void adamRun(Adam of, int64_t n, float* p, const float* g, float* m, float* v) {
  FLAMBEAU_INDEPENDENT
  for (int64_t i = 0; i < n; i++) {
    const float slope = of.sign * g[i] + of.decay * p[i];
    m[i] = of.beta1 * m[i] + of.rest1 * slope;
    v[i] = of.beta2 * v[i] + of.rest2 * (slope * slope);
    p[i] = of.shrink * p[i] - of.rate * (m[i] / (__builtin_sqrtf(v[i]) * of.rootScale + of.eps));
  }
}

static void amsgradRun(Adam of, int64_t n, float* p, const float* g, float* m, float* v, float* largest) {
  FLAMBEAU_ROOMY
  for (int64_t i = 0; i < n; i++) {
    const float slope = of.sign * g[i] + of.decay * p[i], top = largest[i];
    m[i] = of.beta1 * m[i] + of.rest1 * slope;
    v[i] = of.beta2 * v[i] + of.rest2 * (slope * slope);
    largest[i] = top != top || top > v[i] ? top : v[i];
    p[i] = of.shrink * p[i] - of.rate * (m[i] / (__builtin_sqrtf(largest[i]) * of.rootScale + of.eps));
  }
}

/**
 * Adam and AdamW: m = b1·m + (1 - b1)·g, v = b2·v + (1 - b2)·g², p = p - rate·m / (sqrt(v)·rootScale + eps), with v's largest so far under amsgrad.
 * `shrink` multiplies p first (decoupled decay); `decay` adds decay·p to g; `sign` is -1 when climbing.
 *
 * parameters; sign, decay, shrink, b1, 1 - b1, b2, 1 - b2, eps; for each parameter: elements, p, g, m, v, largest v or 0, rate, rootScale.
 */
int adamSteps(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t parameters = read.integer();
  const auto number = [&] { return (float)read.number(); };
  Adam of = {number(), number(), number(), number(), number(), number(), number(), number(), 0, 0};
  for (int64_t parameter = 0; parameter < parameters; parameter++) {
    const int64_t n = read.integer();
    float* p = read.pointer<float>();
    const float* g = read.pointer<const float>();
    float* m = read.pointer<float>();
    float* v = read.pointer<float>();
    float* largest = read.pointer<float>();
    of.rate = number();
    of.rootScale = number();
    shareElements(slot, n, 48, [&](int64_t from, int64_t end) {
      if (largest == nullptr) adamRun(of, end - from, p + from, g + from, m + from, v + from);
      else amsgradRun(of, end - from, p + from, g + from, m + from, v + from, largest + from);
    });
  }
  return ok;
}

/** The numbers of a step of SGD, as `sgdSteps` describes them. */
struct Sgd {
  float sign, decay, momentum, keep, rate;
};

static void sgdRun(Sgd of, int64_t n, float* p, const float* g) {
  FLAMBEAU_INDEPENDENT
  for (int64_t i = 0; i < n; i++) p[i] -= of.rate * (of.sign * g[i] + of.decay * p[i]);
}

template <bool first, bool nesterov> static void momentumRun(Sgd of, int64_t n, float* p, const float* g, float* buffer) {
  FLAMBEAU_ROOMY
  for (int64_t i = 0; i < n; i++) {
    const float slope = of.sign * g[i] + of.decay * p[i];
    const float moved = first ? slope : of.momentum * buffer[i] + of.keep * slope;
    buffer[i] = moved;
    p[i] -= of.rate * (nesterov ? slope + of.momentum * moved : moved);
  }
}

/**
 * d = sign·g + decay·p; with a buffer b = momentum·b + keep·d (or d in the first step), d = nesterov ? d + momentum·b : b; p = p - rate·d.
 *
 * parameters; flag first, flag nesterov, sign, decay, momentum, keep, rate; for each parameter: elements, p, g, buffer or 0.
 */
int sgdSteps(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t parameters = read.integer();
  const bool first = read.flag(), nesterov = read.flag();
  const auto number = [&] { return (float)read.number(); };
  const Sgd of = {number(), number(), number(), number(), number()};
  const auto moving = first ? (nesterov ? momentumRun<true, true> : momentumRun<true, false>) : nesterov ? momentumRun<false, true> : momentumRun<false, false>;
  for (int64_t parameter = 0; parameter < parameters; parameter++) {
    const int64_t n = read.integer();
    float* p = read.pointer<float>();
    const float* g = read.pointer<const float>();
    float* buffer = read.pointer<float>();
    shareElements(slot, n, 16, [&](int64_t from, int64_t end) {
      if (buffer == nullptr) sgdRun(of, end - from, p + from, g + from);
      else moving(of, end - from, p + from, g + from, buffer + from);
    });
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
