// What recurrent layers over whole sequences have in common. The samples of a batch do not depend on each other: groups of them run through all
// steps on threads of their own.
#pragma once
#include "gemm.h"
#include "parallel.h"

namespace FLAMBEAU_NAMESPACE {

static inline float* aligned(float* p) { return (float*)(((uintptr_t)p + 63) & ~(uintptr_t)63); }
static inline Index wholePanels(Index n) {
  const Index panel = tileVectors * W;
  return (n + panel - 1) / panel * panel;
}

static inline Index wholeVectors(Index n) { return (n + W - 1) / W * W; }

/** A sequence [steps, batch, features] with any strides for step and sample, its features together. */
struct Sequence {
  const float* at;
  Index step, sample;

  explicit Sequence(Reader& read) {
    at = read.pointer<const float>();
    step = read.integer();
    sample = read.integer();
  }
  /** The rows of samples from `first` at a step. */
  Matrix<float> rows(Index t, Index first) const { return {at + t * step + first * sample, sample, 1}; }
};

/** Sizes of a layer: steps T, samples N, features I, hidden size H; and the direction in which it runs. */
struct Layer {
  Index steps, batch, features, size;
  bool reverse;

  explicit Layer(Reader& read) {
    steps = read.integer();
    batch = read.integer();
    features = read.integer();
    size = read.integer();
    reverse = read.flag();
  }
  /** The step that runs as number s. */
  Index at(Index s) const { return reverse ? steps - 1 - s : s; }
  /** Samples run through the steps in groups of some 32, which depend on the batch alone. */
  Index groups() const { return (batch + 31) / 32; }
  Index firstOf(Index group) const { return batch * group / groups(); }
  /**
   * Calls body(first sample, samples, group) for the groups from `from` to `to`, for so many steps. `width` is how many sums a sample has in a step.
   */
  template <class Body> void overSamples(const ErrorSlot& slot, Index width, Index count, Index from, Index to, const Body& body) const {
    share(slot, to - from, 2.0 * (double)count * (double)(firstOf(to) - firstOf(from)) * (double)width * (double)(size + features), [&](int64_t i, int) {
      const Index group = from + (Index)i, first = firstOf(group);
      body(first, firstOf(group + 1) - first, group);
    });
  }
};

/** How far apart rows of n floats are to lie: whole panels, and not a power of two, which would send all rows to the same few lines of the cache. */
static inline Index spread(Index n) { return wholePanels(n) + 16; }

/** Rows of samples, for several steps: how far steps and samples are apart. */
struct Rows {
  const float* at;
  Index step, sample;
};

/**
 * c [m, n] = aᵀ·b over the rows of a and of b, of so many steps and samples, or c + aᵀ·b with `accumulate`: both are read where they lie, b up to the
 * end of its last panel. Threads share the columns.
 */
static inline void addRowProducts(const ErrorSlot& slot, Index m, Index n, Index steps, Index samples, const Rows& a, const Rows& b, float* c, bool accumulate) {
  constexpr Index panel = tileVectors * W, most = 256;
  const Index many = samples < most ? most / samples : 1; // steps at once
  share(slot, wholePanels(n) / panel, 2.0 * (double)m * (double)n * (double)(steps * samples), [&](int64_t part, int) {
    const Index n0 = (Index)part * panel, left = n - n0, w = panelWidth<float>(left);
    Tile<float> tile = {};
    tile.am = 1;
    tile.a1 = a.step;
    tile.a2 = a.sample;
    tile.b1 = b.step;
    tile.b2 = b.sample;
    bool adds = accumulate;
    for (Index s = 0; s < steps; s += many) {
      tile.k1 = steps - s < many ? steps - s : many;
      for (Index first = 0; first < samples; first += most) {
        tile.k2 = samples - first < most ? samples - first : most;
        tile.a = a.at + s * a.step + first * a.sample;
        tile.b = b.at + s * b.step + first * b.sample + n0;
        runPanel(tile, m, left < w ? left : w, w, c + n0, n, (const float*)nullptr, adds);
        adds = true;
      }
    }
  });
}

/** to [n] = from [n], or zeros where that is null. */
static inline void copyOrZero(const float* from, float* to, Index n) {
  if (from == nullptr) fillRun(to, 0.0f, n);
  else copyRun(from, to, n);
}

/** The gradient of a layer's output: of so many steps from one on, zero at all others. */
struct OutputSlope {
  Sequence rows;
  Index from, count;

  explicit OutputSlope(Reader& read) : rows(read) {
    from = read.integer();
    count = read.integer();
  }
  /** That of samples from `first` at a step, all on `zeros` where there is none. */
  Matrix<float> at(Index t, Index first, const float* zeros) const {
    return t < from || t >= from + count ? Matrix<float>{zeros, 0, 1} : rows.rows(t - from, first);
  }
};

/** to [n] += from [n]. */
static inline void addRun(const float* from, float* to, Index n) {
  overRow(n, [=](Index i, Index lanes) FLAMBEAU_STEP { putSome(to + i, some(to + i, lanes) + some(from + i, lanes), lanes); });
}

/** to [columns, rows] = the transposed of `from` [rows, columns]: in strips whose lines of the result stay in the nearest cache until they are whole. */
static inline void turn(const float* from, Index step, Index rows, Index columns, float* to) {
  for (Index i = 0; i < columns; i += 64) transposeInto(from + i, step, rows, columns - i < 64 ? columns - i : Index(64), to + i * rows, rows);
}

}  // namespace FLAMBEAU_NAMESPACE
