// Elements found and placed by index, and sums of overlapping windows.
#include "../convert.h"
#include "../nd.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

FLAMBEAU_INLINE int64_t indexAt(const char* base, bool wide, int64_t at) { return wide ? ((const int64_t*)base)[at] : (int64_t)((const int32_t*)base)[at]; }

/** Whether all of `count` indices are from 0 to below a limit. */
bool allFit(const int32_t* index, int64_t count, int64_t limit) {
  const uint32_t bound = (uint32_t)(limit < (int64_t)1 << 31 ? limit : (int64_t)1 << 31);
  Vi beyond = Vi{};
  int64_t i = 0;
  for (; i + W <= count; i += W) beyond |= (Vi)((Vu)load(index + i) >= bound);
  bool fit = true;
  for (; i < count; i++) fit &= (uint32_t)index[i] < bound;
  for (int lane = 0; lane < W; lane++) fit &= beyond[lane] == 0;
  return fit;
}

/** Checks every index; strides[which] of the loop are the index's. */
bool indicesFit(const Loop<3>& loop, int which, const char* index, bool wide, int64_t limit, ErrorSlot& error) {
  const int last = loop.rank - 1;
  const int64_t stride = loop.strides[which][last], length = stride == 0 ? 1 : loop.shape[last];
  Odometer<3> outer(loop, last);
  do {
    if (!wide && stride == 1 && allFit((const int32_t*)index + outer.offset[which], length, limit)) continue;
    for (int64_t i = 0; i < length; i++) {
      const int64_t pick = indexAt(index, wide, outer.offset[which] + i * stride);
      if ((uint64_t)pick >= (uint64_t)limit) {
        error.value = (double)pick;
        error.limit = (double)limit;
        return false;
      }
    }
  } while (outer.next());
  return true;
}

template <class T>
void gatherAs(const Loop<3>& loop, char* out, const char* index, bool wide, const char* x, int64_t dimStride) {
  const int last = loop.rank - 1;
  const int64_t n = loop.shape[last], outStep = loop.strides[0][last], indexStep = loop.strides[1][last], xStep = loop.strides[2][last];
  Odometer<3> outer(loop, last);
  do {
    T* to = (T*)out + outer.offset[0];
    const T* from = (const T*)x + outer.offset[2];
    const int64_t at = outer.offset[1];
    if (indexStep == 0) {
      // One index for the whole row.
      const T* row = from + indexAt(index, wide, at) * dimStride;
      if (xStep == 1 && outStep == 1) memcpy(to, row, (size_t)n * sizeof(T));
      else
        for (int64_t i = 0; i < n; i++) to[i * outStep] = row[i * xStep];
    } else if (!wide && indexStep == 1 && outStep == 1 && xStep == 0) {
      const int32_t* picks = (const int32_t*)index + at;
      if (dimStride == 1)
        for (int64_t i = 0; i < n; i++) to[i] = from[picks[i]];
      else
        for (int64_t i = 0; i < n; i++) to[i] = from[picks[i] * dimStride];
    } else {
      for (int64_t i = 0; i < n; i++) to[i * outStep] = from[i * xStep + indexAt(index, wide, at + i * indexStep) * dimStride];
    }
  } while (outer.next());
}

enum Placement { Set, Add, Prod, Max, Min };

template <class T>
FLAMBEAU_INLINE T placed(int how, T old, T value) {
  switch (how) {
    case Add: return old + value;
    case Prod: return old * value;
    case Max: return old > value || old != old ? old : value;
    default: return old < value || old != old ? old : value;
  }
}

template <class T>
void scatterAs(const Loop<3>& loop, char* target, const char* index, bool wide, const char* source, int64_t dimStride, int how) {
  const int last = loop.rank - 1;
  const int64_t n = loop.shape[last], toStep = loop.strides[0][last], indexStep = loop.strides[1][last], fromStep = loop.strides[2][last];
  Odometer<3> outer(loop, last);
  do {
    T* to = (T*)target + outer.offset[0];
    const T* from = (const T*)source + outer.offset[2];
    const int64_t at = outer.offset[1];
    for (int64_t i = 0; i < n; i++) {
      T& place = to[i * toStep + indexAt(index, wide, at + i * indexStep) * dimStride];
      place = how == Set ? from[i * fromStep] : placed(how, place, from[i * fromStep]);
    }
  } while (outer.next());
}

/** Any dtype, by converting each element. */
void scatterConverting(const Loop<3>& loop, int dtype, char* target, const char* index, bool wide, const char* source, int64_t dimStride, int how) {
  const int last = loop.rank - 1, size = elementSize(dtype);
  const bool floats = computeOf(dtype) == F;
  Odometer<3> outer(loop, last);
  do {
    for (int64_t i = 0; i < loop.shape[last]; i++) {
      char* place = target + (outer.offset[0] + i * loop.strides[0][last] + indexAt(index, wide, outer.offset[1] + i * loop.strides[1][last]) * dimStride) * size;
      const char* from = source + (outer.offset[2] + i * loop.strides[2][last]) * size;
      if (floats) {
        float pair[2];
        loadBlock(dtype, F, place, 0, 1, 1, 1, &pair[0]);
        loadBlock(dtype, F, from, 0, 1, 1, 1, &pair[1]);
        pair[0] = placed(how, pair[0], pair[1]);
        storeBlock(dtype, F, pair, place, 0, 1, 1, 1);
      } else {
        int32_t pair[2];
        loadBlock(dtype, I, place, 0, 1, 1, 1, &pair[0]);
        loadBlock(dtype, I, from, 0, 1, 1, 1, &pair[1]);
        pair[0] = placed(how, pair[0], pair[1]);
        storeBlock(dtype, I, pair, place, 0, 1, 1, 1);
      }
    }
  } while (outer.next());
}

}  // namespace

/**
 * Command: dtype, addresses of out, index and x, whether the index is int64, the dimension's limit and x's stride along it, rank, the index's
 * shape, strides of out, index, and x with 0 for the dimension.
 */
int gather(const double* command, ErrorSlot& error) {
  Reader read(command);
  const int dtype = (int)read.integer();
  char* out = read.pointer<char>();
  const char* index = read.pointer<char>();
  const char* x = read.pointer<char>();
  const bool wide = read.flag();
  const int64_t limit = read.integer(), dimStride = read.integer();
  Loop<3> loop;
  readLoop(read, loop);
  if (loop.count == 0) return ok;
  if (!indicesFit(loop, 1, index, wide, limit, error)) return indexOutOfRange;
  switch (elementSize(dtype)) {
    case 1: gatherAs<uint8_t>(loop, out, index, wide, x, dimStride); break;
    case 2: gatherAs<uint16_t>(loop, out, index, wide, x, dimStride); break;
    case 4: gatherAs<uint32_t>(loop, out, index, wide, x, dimStride); break;
    default: gatherAs<uint64_t>(loop, out, index, wide, x, dimStride);
  }
  return ok;
}

/**
 * Command: how, dtype, addresses of target, index and source, whether the index is int64, the dimension's limit and the target's stride along
 * it, rank, the index's shape, strides of the target with 0 for the dimension, index and source.
 */
int scatter(const double* command, ErrorSlot& error) {
  Reader read(command);
  const int how = (int)read.integer(), dtype = (int)read.integer();
  char* target = read.pointer<char>();
  const char* index = read.pointer<char>();
  const char* source = read.pointer<char>();
  const bool wide = read.flag();
  const int64_t limit = read.integer(), dimStride = read.integer();
  Loop<3> loop;
  readLoop(read, loop);
  if (loop.count == 0) return ok;
  if (!indicesFit(loop, 1, index, wide, limit, error)) return indexOutOfRange;
  if (how == Set) {
    switch (elementSize(dtype)) {
      case 1: scatterAs<uint8_t>(loop, target, index, wide, source, dimStride, Set); break;
      case 2: scatterAs<uint16_t>(loop, target, index, wide, source, dimStride, Set); break;
      case 4: scatterAs<uint32_t>(loop, target, index, wide, source, dimStride, Set); break;
      default: scatterAs<uint64_t>(loop, target, index, wide, source, dimStride, Set);
    }
    return ok;
  }
  switch (dtype) {
    case Float32: scatterAs<float>(loop, target, index, wide, source, dimStride, how); break;
    case Float64: scatterAs<double>(loop, target, index, wide, source, dimStride, how); break;
    case Int32: scatterAs<int32_t>(loop, target, index, wide, source, dimStride, how); break;
    case UInt32: scatterAs<uint32_t>(loop, target, index, wide, source, dimStride, how); break;
    case Int64: scatterAs<int64_t>(loop, target, index, wide, source, dimStride, how); break;
    default: scatterConverting(loop, dtype, target, index, wide, source, dimStride, how);
  }
  return ok;
}

namespace {

template <class T>
void foldAs(const Loop<2>& loop, char* out, const char* x) {
  const int last = loop.rank - 1;
  const int64_t n = loop.shape[last], outStep = loop.strides[0][last], xStep = loop.strides[1][last];
  Odometer<2> outer(loop, last);
  do {
    T* to = (T*)out + outer.offset[0];
    const T* from = (const T*)x + outer.offset[1];
    if (outStep == 1 && xStep == 1) {
      FLAMBEAU_INDEPENDENT
      for (int64_t i = 0; i < n; i++) to[i] += from[i];
    } else {
      for (int64_t i = 0; i < n; i++) to[i * outStep] += from[i * xStep];
    }
  } while (outer.next());
}

}  // namespace

/** Command: dtype, addresses of out and x, rank, shape, strides of the windows in out and of x. */
int fold(const double* command, ErrorSlot&) {
  Reader read(command);
  const int dtype = (int)read.integer();
  char* out = read.pointer<char>();
  const char* x = read.pointer<char>();
  Loop<2> loop;
  readLoop(read, loop);
  if (loop.count == 0) return ok;
  switch (dtype) {
    case Float32: foldAs<float>(loop, out, x); break;
    case Float64: foldAs<double>(loop, out, x); break;
    case Int32: foldAs<int32_t>(loop, out, x); break;
    case Int64: foldAs<int64_t>(loop, out, x); break;
    default: {
      // The small dtypes, converting each element; a bool sum is "any".
      const int size = elementSize(dtype), last = loop.rank - 1;
      Odometer<2> outer(loop, last);
      do {
        for (int64_t i = 0; i < loop.shape[last]; i++) {
          char* place = out + (outer.offset[0] + i * loop.strides[0][last]) * size;
          const char* from = x + (outer.offset[1] + i * loop.strides[1][last]) * size;
          double pair[2];
          loadBlock(dtype, D, place, 0, 1, 1, 1, &pair[0]);
          loadBlock(dtype, D, from, 0, 1, 1, 1, &pair[1]);
          pair[0] += pair[1];
          storeBlock(dtype, D, pair, place, 0, 1, 1, 1);
        }
      } while (outer.next());
    }
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
