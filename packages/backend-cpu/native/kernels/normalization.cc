// Layer normalization and its gradient, in float32.
#include "../command.h"
#include "../parallel.h"
#include "../tile.h"

namespace FLAMBEAU_NAMESPACE {

/** Rows that are taken at once: sums of one wait for each other, those of several do not. Short vectors have no registers for that. */
constexpr int rowsAtOnce = FLAMBEAU_LANES >= 8 ? 4 : 1;

/** sums[r] = Σ f(r, i, count) over rows of n, by vectors of which `count` lanes are inside; f gives zeros beyond the row. */
template <int rows, class F> FLAMBEAU_INLINE void sumOver(int64_t n, float* sums, F f) {
  Vf p[rows] = {}, q[rows] = {};
  int64_t i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    UNROLL for (int r = 0; r < rows; r++) {
      p[r] += f(r, i, W);
      q[r] += f(r, i + W, W);
    }
  }
  for (; i + W <= n; i += W)
    UNROLL for (int r = 0; r < rows; r++) p[r] += f(r, i, W);
  if (i < n) {
    UNROLL for (int r = 0; r < rows; r++) q[r] += f(r, i, n - i);
  }
  UNROLL for (int r = 0; r < rows; r++) sums[r] = sumLanes(p[r] + q[r]);
}

/** The first `count` lanes from memory, zeros in the others. */
FLAMBEAU_INLINE Vf loadZeros(const float* p, int64_t count) {
  if (count == W) return load(p);
  Vf v = Vf{};
  memcpy(&v, p, (size_t)count * 4);
  return v;
}
/** Lanes that are inside, for numbers that are not 0 outside. */
FLAMBEAU_INLINE Vf inside(Vf v, int64_t count) {
  if (count < W)
    for (int64_t lane = count; lane < W; lane++) v[lane] = 0;
  return v;
}

/** What layerNorm reads and writes. */
struct Norm {
  int64_t n;
  float eps;
  const float* x;
  /** Either may be null. */
  const float* weight;
  const float* bias;
  float* y;
  float* means;
  float* rstds;
};

/** y = (x - mean)·rstd·weight + bias for `rows` rows from `first`. */
template <int rows, bool weighted, bool biased>
static void scaleRows(const Norm& at, int64_t first) {
  const int64_t n = at.n;
  const float* x = at.x + first * n;
  float* y = at.y + first * n;
  float mean[rows], rstd[rows];
  UNROLL for (int r = 0; r < rows; r++) mean[r] = at.means[first + r], rstd[r] = at.rstds[first + r];
  overRow<true>(n, [=](Index i, Index count) FLAMBEAU_STEP {
    const Vf weight = weighted ? loadZeros(at.weight + i, count) : Vf{}, bias = biased ? loadZeros(at.bias + i, count) : Vf{};
    UNROLL for (int r = 0; r < rows; r++) {
      Vf v = (loadZeros(x + r * n + i, count) - mean[r]) * rstd[r];
      if (weighted) v *= weight;
      if (biased) v += bias;
      putSome(y + r * n + i, v, count);
    }
  });
}

/** The variance is of differences from the mean: nothing cancels. */
template <int rows> static void normalizeRows(const Norm& at, int64_t first) {
  const int64_t n = at.n;
  const float* x = at.x + first * n;
  float sums[rows], mean[rows];
  sumOver<rows>(n, sums, [=](int r, int64_t i, int64_t count) { return loadZeros(x + r * n + i, count); });
  UNROLL for (int r = 0; r < rows; r++) at.means[first + r] = mean[r] = sums[r] / (float)n;
  sumOver<rows>(n, sums, [=](int r, int64_t i, int64_t count) {
    const Vf d = inside(loadZeros(x + r * n + i, count) - mean[r], count);
    return d * d;
  });
  UNROLL for (int r = 0; r < rows; r++) at.rstds[first + r] = 1 / __builtin_sqrtf(sums[r] / (float)n + at.eps);
  if (at.weight != nullptr && at.bias != nullptr) scaleRows<rows, true, true>(at, first);
  else if (at.weight != nullptr) scaleRows<rows, true, false>(at, first);
  else scaleRows<rows, false, false>(at, first);
}

/** rows, n, eps; x, weight or 0, bias or 0; y, mean, rstd. */
int layerNorm(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t rows = read.integer();
  Norm at;
  at.n = read.integer();
  at.eps = (float)read.number();
  at.x = read.pointer<const float>();
  at.weight = read.pointer<const float>();
  at.bias = read.pointer<const float>();
  at.y = read.pointer<float>();
  at.means = read.pointer<float>();
  at.rstds = read.pointer<float>();
  share(slot, (rows + rowsAtOnce - 1) / rowsAtOnce, 32.0 * (double)(rows * at.n), [=](int64_t group, int) {
    int64_t r = group * rowsAtOnce;
    if (r + rowsAtOnce <= rows) normalizeRows<rowsAtOnce>(at, r);
    else
      for (; r < rows; r++) normalizeRows<1>(at, r);
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
    overRow<true>(n, [&](Index i, Index count) FLAMBEAU_STEP {
      Vf h = loadZeros(g + i, count);
      if (weighted) h *= loadZeros(at.weight + i, count);
      sumH += h;
      sumHZ += h * ((loadZeros(x + i, count) - mean) * rstd);
    });
    meanH[r] = sumLanes(sumH) / (float)n;
    meanHZ[r] = sumLanes(sumHZ) / (float)n;
  }
  overRow<true>(n, [&](Index i, Index count) FLAMBEAU_STEP {
    Vf sumZ = Vf{}, sumG = Vf{};
    const Vf weight = weighted ? loadZeros(at.weight + i, count) : Vf{};
    for (int r = 0; r < rows; r++) {
      const Vf g = loadZeros(gs + r * n + i, count), z = (loadZeros(xs + r * n + i, count) - means[r]) * rstds[r];
      const Vf h = weighted ? g * weight : g;
      putSome(dx + r * n + i, rstds[r] * (h - meanH[r] - z * meanHZ[r]), count);
      sumZ += g * z;
      sumG += g;
    }
    if (at.dweight != nullptr) putSome(at.dweight + i, loadZeros(at.dweight + i, count) + sumZ, count);
    if (at.dbias != nullptr) putSome(at.dbias + i, loadZeros(at.dbias + i, count) + sumG, count);
  });
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
      const bool several = r + rowsAtOnce <= end;
      if (at.weight != nullptr) (several ? layerNormGradRows<rowsAtOnce, true> : layerNormGradRows<1, true>)(some, r);
      else (several ? layerNormGradRows<rowsAtOnce, false> : layerNormGradRows<1, false>)(some, r);
      r += several ? rowsAtOnce : 1;
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
