// Loops over strided operands of one shape.
#pragma once
#include "command.h"

namespace FLAMBEAU_NAMESPACE {

constexpr int maxRank = 64;

/** A shape with the strides of K operands, neighbouring dimensions merged where all operands walk them in one stride. */
template <int K>
struct Loop {
  int rank;
  int64_t count;
  int64_t shape[maxRank];
  int64_t strides[K][maxRank];
};

/** Appends a dimension, inner to those before it. */
template <int K>
FLAMBEAU_INLINE void appendDim(Loop<K>& loop, int64_t size, const int64_t* strides) {
  loop.count *= size;
  if (size == 1) return;
  const int last = loop.rank - 1;
  bool merges = last >= 0;
  for (int k = 0; k < K; k++) merges = merges && loop.strides[k][last] == strides[k] * size;
  if (merges) loop.shape[last] *= size;
  else loop.shape[loop.rank++] = size;
  for (int k = 0; k < K; k++) loop.strides[k][loop.rank - 1] = strides[k];
}

/** Ensures that there is a dimension to loop over. */
template <int K>
FLAMBEAU_INLINE void closeLoop(Loop<K>& loop) {
  if (loop.rank > 0) return;
  loop.rank = 1;
  loop.shape[0] = 1;
  for (int k = 0; k < K; k++) loop.strides[k][0] = 1;
}

/** Reads the rank, the shape and the strides of K operands. */
template <int K>
static void readLoop(Reader& read, Loop<K>& loop) {
  const int rank = (int)read.integer();
  const double* shape = read.list(rank);
  const double* strides[K];
  for (int k = 0; k < K; k++) strides[k] = read.list(rank);
  loop.rank = 0;
  loop.count = 1;
  for (int d = 0; d < rank; d++) {
    int64_t steps[K];
    for (int k = 0; k < K; k++) steps[k] = (int64_t)strides[k][d];
    appendDim(loop, (int64_t)shape[d], steps);
  }
  closeLoop(loop);
}

/** Steps through the outer `dims` dimensions of a loop, keeping the offset of each operand. */
template <int K>
struct Odometer {
  const Loop<K>& loop;
  const int dims;
  int64_t index[maxRank];
  int64_t offset[K];

  /** Begins at the index that is the `position`-th of all. */
  FLAMBEAU_NOINLINE Odometer(const Loop<K>& loop, int dims, int64_t position = 0) : loop(loop), dims(dims) {
    for (int k = 0; k < K; k++) offset[k] = 0;
    for (int d = dims - 1; d >= 0; d--) {
      index[d] = position % loop.shape[d];
      position /= loop.shape[d];
      for (int k = 0; k < K; k++) offset[k] += loop.strides[k][d] * index[d];
    }
  }
  /** Goes on to the next index; false after the last. */
  FLAMBEAU_NOINLINE bool next() {
    for (int d = dims - 1; d >= 0; d--) {
      for (int k = 0; k < K; k++) offset[k] += loop.strides[k][d];
      if (++index[d] < loop.shape[d]) return true;
      for (int k = 0; k < K; k++) offset[k] -= loop.strides[k][d] * loop.shape[d];
      index[d] = 0;
    }
    return false;
  }
};

}  // namespace FLAMBEAU_NAMESPACE
