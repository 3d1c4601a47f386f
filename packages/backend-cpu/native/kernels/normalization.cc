// Layer normalization and its gradient, in float32, row by row.
#include "../command.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

/** rows, n, eps; x, weight or 0, bias or 0; y, mean, rstd. */
int layerNorm(const double* command, ErrorSlot&) {
  Reader read(command);
  const int64_t rows = read.integer(), n = read.integer();
  const double eps = read.number();
  const float* x = read.pointer<const float>();
  const float* weight = read.pointer<const float>();
  const float* bias = read.pointer<const float>();
  float* y = read.pointer<float>();
  float* means = read.pointer<float>();
  float* rstds = read.pointer<float>();
  for (int64_t r = 0; r < rows; r++, x += n, y += n) {
    Vf p = Vf{}, q = Vf{};
    int64_t i = 0;
    for (; i + 2 * W <= n; i += 2 * W) {
      p += load(x + i);
      q += load(x + i + W);
    }
    double sum = sumLanes(p + q);
    for (; i < n; i++) sum += x[i];
    const float mean = (float)(sum / (double)n);
    p = Vf{}, q = Vf{};
    for (i = 0; i + 2 * W <= n; i += 2 * W) {
      const Vf a = load(x + i) - mean, b = load(x + i + W) - mean;
      p += a * a;
      q += b * b;
    }
    double squares = sumLanes(p + q);
    for (; i < n; i++) squares += (x[i] - mean) * (x[i] - mean);
    const float rstd = (float)(1 / __builtin_sqrt(squares / (double)n + eps));
    means[r] = mean;
    rstds[r] = rstd;
    if (weight != nullptr && bias != nullptr)
      for (i = 0; i < n; i++) y[i] = (x[i] - mean) * rstd * weight[i] + bias[i];
    else
      for (i = 0; i < n; i++) y[i] = (x[i] - mean) * rstd * (weight == nullptr ? 1.0f : weight[i]) + (bias == nullptr ? 0.0f : bias[i]);
  }
  return ok;
}

/**
 * rows, n; g, x, mean, rstd, weight or 0; dx, dweight or 0, dbias or 0. With z = (x - mean)·rstd and h = g·weight:
 * dx = rstd·(h - mean(h) - z·mean(h·z)), dweight = Σ g·z, dbias = Σ g over rows.
 */
int layerNormGrad(const double* command, ErrorSlot&) {
  Reader read(command);
  const int64_t rows = read.integer(), n = read.integer();
  const float* g = read.pointer<const float>();
  const float* x = read.pointer<const float>();
  const float* means = read.pointer<const float>();
  const float* rstds = read.pointer<const float>();
  const float* weight = read.pointer<const float>();
  float* __restrict dx = read.pointer<float>();
  float* __restrict dweight = read.pointer<float>();
  float* __restrict dbias = read.pointer<float>();
  if (dweight != nullptr) memset(dweight, 0, (size_t)n * 4);
  if (dbias != nullptr) memset(dbias, 0, (size_t)n * 4);
  for (int64_t r = 0; r < rows; r++, g += n, x += n, dx += n) {
    const float mean = means[r], rstd = rstds[r];
    Vf sumH = Vf{}, sumHZ = Vf{};
    int64_t i = 0;
    for (; i + W <= n; i += W) {
      const Vf z = (load(x + i) - mean) * rstd;
      const Vf h = weight == nullptr ? load(g + i) : load(g + i) * load(weight + i);
      sumH += h;
      sumHZ += h * z;
    }
    float totalH = sumLanes(sumH), totalHZ = sumLanes(sumHZ);
    for (; i < n; i++) {
      const float h = weight == nullptr ? g[i] : g[i] * weight[i];
      totalH += h;
      totalHZ += h * ((x[i] - mean) * rstd);
    }
    const float meanH = totalH / (float)n, meanHZ = totalHZ / (float)n;
    for (i = 0; i + W <= n; i += W) {
      const Vf slope = load(g + i), z = (load(x + i) - mean) * rstd;
      const Vf h = weight == nullptr ? slope : slope * load(weight + i);
      store(dx + i, rstd * (h - meanH - z * meanHZ));
      if (dweight != nullptr) store(dweight + i, load(dweight + i) + slope * z);
      if (dbias != nullptr) store(dbias + i, load(dbias + i) + slope);
    }
    for (; i < n; i++) {
      const float z = (x[i] - mean) * rstd, h = weight == nullptr ? g[i] : g[i] * weight[i];
      dx[i] = rstd * (h - meanH - z * meanHZ);
      if (dweight != nullptr) dweight[i] += g[i] * z;
      if (dbias != nullptr) dbias[i] += g[i];
    }
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
