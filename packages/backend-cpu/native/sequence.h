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
  /** Calls body(first sample, samples) for groups of samples, for the steps that run as numbers begin to end. `width` is how many sums a sample has in a step. */
  template <class Body> void overSamples(const ErrorSlot& slot, Index width, Index begin, Index end, const Body& body) const {
    const Index groups = (batch + 31) / 32;
    share(slot, groups, 2.0 * (double)(end - begin) * (double)batch * (double)width * (double)(size + features), [&](int64_t group, int) {
      const Index first = batch * (Index)group / groups;
      body(first, batch * ((Index)group + 1) / groups - first);
    });
  }
};

/** Calls step(i, lanes) for the vectors of a row, the last of which may be a part. `step` is to be inlined: its code for whole vectors has no branch. */
template <class Step> FLAMBEAU_INLINE void overRow(Index size, Step step) {
  Index i = 0;
  for (; i + W <= size; i += W) step(i, Index(W));
  if (i < size) step(i, size - i);
}
#define FLAMBEAU_STEP __attribute__((always_inline))
FLAMBEAU_INLINE Vf some(const float* p, Index count) { return count == W ? load(p) : loadPart(p, count); }
FLAMBEAU_INLINE void putSome(float* p, Vf v, Index count) {
  if (count == W) store(p, v);
  else storePart(p, v, count);
}

/** How far apart rows of n floats are to lie: whole panels, and not a power of two, which would send all rows to the same few lines of the cache. */
static inline Index spread(Index n) { return wholePanels(n) + 16; }

/**
 * c [m, n] = aᵀ·b over k rows of a and of b, or c + aᵀ·b with `accumulate`: both are read where they lie, b up to the end of its last panel.
 * Threads share the columns.
 */
static inline void addRowProducts(const ErrorSlot& slot, Index m, Index n, Index k, const float* a, Index aStep, const float* b, Index bStep, float* c, bool accumulate) {
  constexpr Index panel = tileVectors * W, most = 256;
  share(slot, wholePanels(n) / panel, 2.0 * (double)m * (double)n * (double)k, [&](int64_t part, int) {
    const Index n0 = (Index)part * panel, left = n - n0, w = panelWidth<float>(left);
    Tile<float> tile = {};
    tile.k1 = 1;
    tile.am = 1;
    tile.a2 = aStep;
    tile.b2 = bStep;
    for (Index k0 = 0; k0 < k; k0 += most) {
      tile.k2 = k - k0 < most ? k - k0 : most;
      tile.a = a + k0 * aStep;
      tile.b = b + k0 * bStep + n0;
      runPanel(tile, m, left < w ? left : w, w, c + n0, n, (const float*)nullptr, accumulate || k0 > 0);
    }
  });
}

/** to [columns, rows] = the transposed of `from` [rows, columns]: in strips whose lines of the result stay in the nearest cache until they are whole. */
static inline void turn(const float* from, Index step, Index rows, Index columns, float* to) {
  for (Index i = 0; i < columns; i += 64) transposeInto(from + i, step, rows, columns - i < 64 ? columns - i : Index(64), to + i * rows, rows);
}

}  // namespace FLAMBEAU_NAMESPACE
