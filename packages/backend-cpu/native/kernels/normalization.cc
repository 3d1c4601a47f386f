// Layer normalization and its gradient, in float32.
#include "../command.h"
#include "../parallel.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

/** Σ f(vector) over a row; f gets what lies beyond the row as zeros, and how many lanes are inside. */
template <class F> FLAMBEAU_INLINE float sumOver(int64_t n, F f) {
  Vf p = Vf{}, q = Vf{};
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    p += f(i, W);
    q += f(i + W, W);
  }
  for (; i + W <= n; i += W) p += f(i, W);
  if (i < n) q += f(i, n - i);
  return sumLanes(p + q);
}

/** The first `count` lanes from memory, zeros in the others. */
FLAMBEAU_INLINE Vf loadZeros(const float* p, int64_t count) {
  if (count == W) return load(p);
  Vf v = Vf{};
  memcpy(&v, p, (size_t)count * 4);
  return v;
}
FLAMBEAU_INLINE void storeSome(float* p, Vf v, int64_t count) {
  if (count == W) store(p, v);
  else storePart(p, v, count);
}
/** Lanes that are inside, for numbers that are not 0 outside. */
FLAMBEAU_INLINE Vf inside(Vf v, int64_t count) {
  if (count < W)
    for (int64_t lane = count; lane < W; lane++) v[lane] = 0;
  return v;
}

/** y = (x - mean)·rstd·weight + bias for a row. */
template <bool weighted, bool biased>
static void normalizeRow(const float* x, const float* weight, const float* bias, float* y, int64_t n, float mean, float rstd) {
  const auto step = [=](int64_t i, int64_t count) __attribute__((always_inline)) {
    Vf v = (loadZeros(x + i, count) - mean) * rstd;
    if (weighted) v *= loadZeros(weight + i, count);
    if (biased) v += loadZeros(bias + i, count);
    storeSome(y + i, v, count);
  };
  int64_t i = 0;
  for (; i + W <= n; i += W) step(i, W);
  if (i < n) step(i, n - i);
}

/** rows, n, eps; x, weight or 0, bias or 0; y, mean, rstd. The variance is of differences from the mean: nothing cancels. */
int layerNorm(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t rows = read.integer(), n = read.integer();
  const double eps = read.number();
  const float* xs = read.pointer<const float>();
  const float* weight = read.pointer<const float>();
  const float* bias = read.pointer<const float>();
  float* ys = read.pointer<float>();
  float* means = read.pointer<float>();
  float* rstds = read.pointer<float>();
  share(slot, rows, 32.0 * (double)(rows * n), [=](int64_t r, int) {
    const float* x = xs + r * n;
    float* y = ys + r * n;
    const float mean = sumOver(n, [=](int64_t i, int64_t count) { return loadZeros(x + i, count); }) / (float)n;
    const float squares = sumOver(n, [=](int64_t i, int64_t count) {
      const Vf d = inside(loadZeros(x + i, count) - mean, count);
      return d * d;
    });
    const float rstd = 1 / __builtin_sqrtf(squares / (float)n + (float)eps);
    means[r] = mean;
    rstds[r] = rstd;
    if (weight != nullptr && bias != nullptr) normalizeRow<true, true>(x, weight, bias, y, n, mean, rstd);
    else if (weight != nullptr) normalizeRow<true, false>(x, weight, bias, y, n, mean, rstd);
    else normalizeRow<false, false>(x, weight, bias, y, n, mean, rstd);
  });
  return ok;
}

/** What the gradient of a block of rows reads and writes. */
struct RowGrads {
  int64_t n;
  const float* g;
  const float* x;
  const float* means;
  const float* rstds;
  const float* weight;
  float* dx;
  float* dweight;
  float* dbias;
};

/** `rows` rows from `first` at once, so that dweight and dbias are read and written once for all of them. */
template <int rows, bool weighted> static void layerNormGradRows(const RowGrads& at, int64_t first) {
  const int64_t n = at.n;
  const float* gs = at.g + first * n;
  const float* xs = at.x + first * n;
  const float* means = at.means + first;
  const float* rstds = at.rstds + first;
  float* dx = at.dx + first * n;
  float meanH[rows], meanHZ[rows];
  for (int r = 0; r < rows; r++) {
    const float* g = gs + r * n;
    const float* x = xs + r * n;
    const float mean = means[r], rstd = rstds[r];
    Vf sumH = Vf{}, sumHZ = Vf{};
    const auto step = [&](int64_t i, int64_t count) __attribute__((always_inline)) {
      Vf h = loadZeros(g + i, count);
      if (weighted) h *= loadZeros(at.weight + i, count);
      sumH += h;
      sumHZ += h * ((loadZeros(x + i, count) - mean) * rstd);
    };
    int64_t i = 0;
    for (; i + W <= n; i += W) step(i, W);
    if (i < n) step(i, n - i);
    meanH[r] = sumLanes(sumH) / (float)n;
    meanHZ[r] = sumLanes(sumHZ) / (float)n;
  }
  const auto step = [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    Vf sumZ = Vf{}, sumG = Vf{};
    const Vf weight = weighted ? loadZeros(at.weight + i, count) : Vf{};
    for (int r = 0; r < rows; r++) {
      const Vf g = loadZeros(gs + r * n + i, count), z = (loadZeros(xs + r * n + i, count) - means[r]) * rstds[r];
      const Vf h = weighted ? g * weight : g;
      storeSome(dx + r * n + i, rstds[r] * (h - meanH[r] - z * meanHZ[r]), count);
      sumZ += g * z;
      sumG += g;
    }
    if (at.dweight != nullptr) storeSome(at.dweight + i, loadZeros(at.dweight + i, count) + sumZ, count);
    if (at.dbias != nullptr) storeSome(at.dbias + i, loadZeros(at.dbias + i, count) + sumG, count);
  };
  int64_t i = 0;
  for (; i + W <= n; i += W) step(i, W);
  if (i < n) step(i, n - i);
}

/**
 * rows, n; g, x, mean, rstd, weight or 0; dx, dweight or 0, dbias or 0; parts of the rows, scratch [parts, 2, n]. With z = (x - mean)·rstd and
 * h = g·weight: dx = rstd·(h - mean(h) - z·mean(h·z)), dweight = Σ g·z, dbias = Σ g over rows, each part of which has sums of its own.
 */
int layerNormGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t rows = read.integer(), n = read.integer();
  RowGrads at;
  at.n = n;
  at.g = read.pointer<const float>();
  at.x = read.pointer<const float>();
  at.means = read.pointer<const float>();
  at.rstds = read.pointer<const float>();
  at.weight = read.pointer<const float>();
  at.dx = read.pointer<float>();
  at.dweight = read.pointer<float>();
  at.dbias = read.pointer<float>();
  const int64_t parts = read.integer();
  float* sums = read.pointer<float>();
  share(slot, parts, 64.0 * (double)(rows * n), [=](int64_t part, int) {
    const int64_t end = rows * (part + 1) / parts;
    RowGrads some = at;
    float* sum = sums + part * 2 * n;
    memset(sum, 0, (size_t)n * 8);
    if (at.dweight != nullptr) some.dweight = sum;
    if (at.dbias != nullptr) some.dbias = sum + n;
    for (int64_t r = rows * part / parts; r < end;) {
      const bool four = FLAMBEAU_LANES >= 8 && r + 4 <= end;
      if (at.weight != nullptr) (four ? layerNormGradRows<FLAMBEAU_LANES >= 8 ? 4 : 1, true> : layerNormGradRows<1, true>)(some, r);
      else (four ? layerNormGradRows<FLAMBEAU_LANES >= 8 ? 4 : 1, false> : layerNormGradRows<1, false>)(some, r);
      r += four ? 4 : 1;
    }
  });
  for (int64_t part = 1; part < parts; part++) {
    FLAMBEAU_SCALAR
    for (int64_t i = 0; i < 2 * n; i++) sums[i] += sums[part * 2 * n + i];
  }
  if (at.dweight != nullptr) memcpy(at.dweight, sums, (size_t)n * 4);
  if (at.dbias != nullptr) memcpy(at.dbias, sums + n, (size_t)n * 4);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
