// Softmax and its logarithm along one dimension, their gradients, and cross-entropy of classes, in float32.
// A tensor is seen as [outer, n, inner]; the sums run over n. With inner 1 a row is contiguous, else neighbouring lanes are neighbouring rows.
#include "../command.h"
#include "../parallel.h"
#include "../quickMath.h"

namespace FLAMBEAU_NAMESPACE {

static const float lowest = -__builtin_inff();
alignas(64) static const int32_t laneNumbers[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/** The largest of a row. Of a row with NaN it may be any: its exponentials have NaN all the same. */
FLAMBEAU_INLINE float largestOf(const float* x, int64_t n) {
  if (n < W) {
    float best = lowest;
    for (int64_t i = 0; i < n; i++) best = x[i] > best ? x[i] : best;
    return best;
  }
  // The last vector overlaps the one before it.
  Vf p = load(x), q = load(x + n - W);
  int64_t i = W;
  for (; i + 2 * W <= n; i += 2 * W) {
    p = larger(p, load(x + i));
    q = larger(q, load(x + i + W));
  }
  if (i + W <= n) p = larger(p, load(x + i));
  return maxLanes(larger(p, q));
}

FLAMBEAU_INLINE float totalOf(const float* x, int64_t n) {
  int64_t i = 0;
  Vf p = Vf{}, q = Vf{};
  for (; i + 2 * W <= n; i += 2 * W) {
    p += load(x + i);
    q += load(x + i + W);
  }
  for (; i + W <= n; i += W) p += load(x + i);
  float total = sumLanes(p + q);
  for (; i < n; i++) total += x[i];
  return total;
}

/** The sum of exp(x - shift), which is written to `out` where there is one; x and out are not the same. */
template <bool writes> FLAMBEAU_INLINE float expRow(const float* x, float* out, int64_t n, float shift) {
  Vf p = Vf{}, q = Vf{};
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    const Vf e = expBelowZero(load(x + i) - shift), f = expBelowZero(load(x + i + W) - shift);
    if (writes) store(out + i, e);
    if (writes) store(out + i + W, f);
    p += e;
    q += f;
  }
  if (i + W <= n) {
    const Vf e = expBelowZero(load(x + i) - shift);
    if (writes) store(out + i, e);
    p += e;
    i += W;
  }
  const int64_t rest = n - i;
  if (rest > 0 && n >= W) {
    // The last vector overlaps the one before it, of which only the new lanes count.
    const Vf e = expBelowZero(load(x + n - W) - shift);
    if (writes) store(out + n - W, e);
    q += select(load(laneNumbers) < splat((int32_t)(W - rest)), Vf{}, e);
  }
  float sum = sumLanes(p + q);
  if (rest > 0 && n < W) {
    const Vf e = expBelowZero(loadPart(x + i, rest) - shift);
    if (writes) storePart(out + i, e, rest);
    for (int lane = 0; lane < rest; lane++) sum += e[lane];
  }
  return sum;
}

static void softmaxRow(const float* x, float* out, int64_t n) {
  const float scale = 1 / expRow<true>(x, out, n, largestOf(x, n));
  for (int64_t i = 0; i < n; i++) out[i] *= scale;
}

/** Writes the logarithm of softmax of a row. */
static void logSoftmaxRow(const float* x, float* out, int64_t n) {
  const float peak = largestOf(x, n), rest = (float)log((double)expRow<false>(x, nullptr, n, peak));
  // Two subtractions, so that nothing of the logarithm is lost beside a large peak.
  for (int64_t i = 0; i < n; i++) out[i] = (x[i] - peak) - rest;
}

/** The same for `count` neighbouring lanes, `step` apart along n. */
static void softmaxLanes(const float* x, float* out, int64_t n, int64_t step, int64_t count, bool logarithm) {
  const bool whole = count == W;
  const auto get = [=](const float* p) __attribute__((always_inline)) { return whole ? load(p) : loadPart(p, count); };
  const auto put = [=](float* p, Vf v) __attribute__((always_inline)) {
    if (whole) store(p, v);
    else storePart(p, v, count);
  };
  Vf peak = get(x);
  for (int64_t i = 1; i < n; i++) peak = larger(peak, get(x + i * step));
  Vf total = Vf{};
  for (int64_t i = 0; i < n; i++) {
    const Vf e = expBelowZero(get(x + i * step) - peak);
    total += e;
    if (!logarithm) put(out + i * step, e);
  }
  if (logarithm) {
    const Vf rest = vlog(total);
    for (int64_t i = 0; i < n; i++) put(out + i * step, (get(x + i * step) - peak) - rest);
  } else {
    const Vf scale = 1 / total;
    for (int64_t i = 0; i < n; i++) put(out + i * step, get(out + i * step) * scale);
  }
}

/** Rows up to this are turned, so that a lane holds a row: a vector of one row would be almost empty. */
constexpr int64_t shortRow = 32;

/** Reading, the exponential, and dividing, for each element. */
constexpr double softmaxWork = 64;

static void softmaxRows(const ErrorSlot& slot, const float* x, float* out, int64_t rows, int64_t n, bool logarithm) {
  const double work = softmaxWork * (double)(rows * n);
  if (n > shortRow || rows == 1) {
    share(slot, rows, work, [=](int64_t r, int) {
      if (logarithm) logSoftmaxRow(x + r * n, out + r * n, n);
      else softmaxRow(x + r * n, out + r * n, n);
    });
    return;
  }
  share(slot, (rows + W - 1) / W, work, [=](int64_t chunk, int) {
    alignas(64) float block[shortRow * W];
    const int64_t first = chunk * W, count = rows - first < W ? rows - first : W;
    const float* from = x + first * n;
    float* to = out + first * n;
    if (count < W)
      for (int64_t i = 0; i < n * W; i++) block[i] = 0;
    for (int64_t r = 0; r < count; r++)
      for (int64_t i = 0; i < n; i++) block[i * W + r] = from[r * n + i];
    softmaxLanes(block, block, n, W, W, logarithm);
    for (int64_t r = 0; r < count; r++)
      for (int64_t i = 0; i < n; i++) to[r * n + i] = block[i * W + r];
  });
}

/** flag logarithm; outer, n, inner; x, out. */
int softmax(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const bool logarithm = read.flag();
  const int64_t outer = read.integer(), n = read.integer(), inner = read.integer();
  const float* x = read.pointer<const float>();
  float* out = read.pointer<float>();
  if (inner == 1) {
    softmaxRows(slot, x, out, outer, n, logarithm);
    return ok;
  }
  const int64_t groups = (inner + W - 1) / W;
  share(slot, outer * groups, softmaxWork * (double)(outer * n * inner), [=](int64_t group, int) {
    const int64_t i = group % groups * W, at = group / groups * n * inner + i;
    softmaxLanes(x + at, out + at, n, inner, inner - i < W ? inner - i : W, logarithm);
  });
  return ok;
}

/** The gradient of a contiguous row. */
static void softmaxGradRow(const float* g, const float* y, float* out, int64_t n, bool logarithm) {
  float total = 0;
  int64_t i = 0;
  if (logarithm) {
    total = totalOf(g, n);
    for (; i < n; i += W) {
      const int64_t rest = n - i;
      const Vf e = vexp(rest >= W ? load(y + i) : loadPart(y + i, rest)) * total;
      if (rest >= W) store(out + i, load(g + i) - e);
      else storePart(out + i, loadPart(g + i, rest) - e, rest);
    }
    return;
  }
  Vf sum = Vf{};
  for (; i + W <= n; i += W) sum += load(g + i) * load(y + i);
  total = sumLanes(sum);
  for (; i < n; i++) total += g[i] * y[i];
  for (i = 0; i < n; i++) out[i] = y[i] * (g[i] - total);
}

/** The same for `count` neighbouring lanes, `step` apart along n. */
static void softmaxGradLanes(const float* g, const float* y, float* out, int64_t n, int64_t step, int64_t count, bool logarithm) {
  Vf total = Vf{};
  for (int64_t i = 0; i < n; i++) {
    const Vf slope = loadPart(g + i * step, count);
    total += logarithm ? slope : slope * loadPart(y + i * step, count);
  }
  for (int64_t i = 0; i < n; i++) {
    const Vf slope = loadPart(g + i * step, count), value = loadPart(y + i * step, count);
    storePart(out + i * step, logarithm ? slope - vexp(value) * total : value * (slope - total), count);
  }
}

/** flag logarithm; outer, n, inner; g, y, out. y·(g - Σ g·y), or g - exp(y)·Σ g for the logarithm. */
int softmaxGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const bool logarithm = read.flag();
  const int64_t outer = read.integer(), n = read.integer(), inner = read.integer();
  const float* g = read.pointer<const float>();
  const float* y = read.pointer<const float>();
  float* out = read.pointer<float>();
  const int64_t groups = (inner + W - 1) / W;
  share(slot, outer * groups, softmaxWork * (double)(outer * n * inner), [=](int64_t group, int) {
    const int64_t i = group % groups * W, at = group / groups * n * inner + i;
    if (inner == 1) softmaxGradRow(g + at, y + at, out + at, n, logarithm);
    else softmaxGradLanes(g + at, y + at, out + at, n, inner, inner - i < W ? inner - i : W, logarithm);
  });
  return ok;
}

/** Class labels of either integer type. */
struct Labels {
  const void* at;
  bool wide;
  int64_t operator[](int64_t i) const { return wide ? ((const int64_t*)at)[i] : ((const int32_t*)at)[i]; }
};

/** rows, classes; flag mean; ignored class; x, labels, flag int64, loss, logProbabilities. Labels are checked before anything is written. */
int crossEntropy(const double* command, ErrorSlot& error) {
  Reader read(command);
  const int64_t rows = read.integer(), n = read.integer();
  const bool mean = read.flag();
  const int64_t ignored = read.integer();
  const float* x = read.pointer<const float>();
  Labels labels;
  labels.at = read.pointer<const void>();
  labels.wide = read.flag();
  float* loss = read.pointer<float>();
  float* out = read.pointer<float>();
  for (int64_t r = 0; r < rows; r++) {
    const int64_t label = labels[r];
    if (label == ignored || (label >= 0 && label < n)) continue;
    error.value = (double)label;
    error.limit = (double)n;
    return targetOutOfRange;
  }
  double total = 0;
  int64_t counted = 0;
  softmaxRows(error, x, out, rows, n, true);
  for (int64_t r = 0; r < rows; r++) {
    const int64_t label = labels[r];
    if (label == ignored) continue;
    total -= out[r * n + label];
    counted++;
  }
  *loss = (float)(mean ? total / (double)counted : total);
  return ok;
}

/** rows, classes; flag mean; ignored class; g (one number), labels, flag int64, logProbabilities, out = (softmax - onehot)·g. */
int crossEntropyGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t rows = read.integer(), n = read.integer();
  const bool mean = read.flag();
  const int64_t ignored = read.integer();
  const float* g = read.pointer<const float>();
  Labels labels;
  labels.at = read.pointer<const void>();
  labels.wide = read.flag();
  const float* y = read.pointer<const float>();
  float* out = read.pointer<float>();
  int64_t counted = 0;
  for (int64_t r = 0; r < rows; r++) counted += labels[r] != ignored;
  const float scale = mean ? *g / (float)counted : *g;
  shareElements(slot, rows * n, 48, [=](int64_t from, int64_t end) {
    for (int64_t i = from; i < end; i += W) {
      const int64_t rest = end - i;
      const Vf e = vexp(rest >= W ? load(y + i) : loadPart(y + i, rest)) * scale;
      if (rest >= W) store(out + i, e);
      else storePart(out + i, e, rest);
    }
  });
  for (int64_t r = 0; r < rows; r++, out += n) {
    const int64_t label = labels[r];
    if (label != ignored) out[label] -= scale;
    else
      for (int64_t i = 0; i < n; i++) out[i] = 0;
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
