// The index of the largest or smallest element along a dimension.
#include "../convert.h"
#include "../nd.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

/** Elements that are converted at a time. */
constexpr int64_t chunk = 512;

template <bool largest, class T>
int64_t extremeIndex(const char* x, int dtype, int compute, int64_t stride, int64_t length) {
  T buffer[chunk];
  const int size = elementSize(dtype);
  const bool direct = isNative(dtype, compute) && stride == 1;
  T record = 0;
  int64_t best = 0;
  for (int64_t at = 0; at < length; at += chunk) {
    const int64_t n = length - at < chunk ? length - at : chunk;
    const T* values = buffer;
    if (direct) values = (const T*)(x + at * size);
    else loadBlock(dtype, compute, x + at * stride * size, 0, stride, 1, n, buffer);
    if (at == 0) record = values[0];
    if (record != record) return best;
    for (int64_t i = 0; i < n; i++) {
      if (largest ? values[i] > record : values[i] < record) {
        record = values[i];
        best = at + i;
      } else if (values[i] != values[i]) {
        return at + i;
      }
    }
  }
  return best;
}

template <class T>
int64_t extremeIndexOf(bool largest, const char* x, int dtype, int compute, int64_t stride, int64_t length) {
  return largest ? extremeIndex<true, T>(x, dtype, compute, stride, length) : extremeIndex<false, T>(x, dtype, compute, stride, length);
}

}  // namespace

/** Command: whether the largest, compute, address of out (int32), dtype and address of x, length and stride of the dimension, the kept dimensions. */
int argReduce(const double* command, ErrorSlot&) {
  Reader read(command);
  const bool largest = read.flag();
  const int compute = (int)read.integer();
  int32_t* out = read.pointer<int32_t>();
  const int dtype = (int)read.integer();
  const char* x = read.pointer<char>();
  const int64_t length = read.integer(), stride = read.integer();
  Loop<2> kept;
  readLoop(read, kept);
  if (kept.count == 0) return ok;
  const int size = elementSize(dtype);
  Odometer<2> outer(kept, kept.rank);
  do {
    const char* from = x + outer.offset[1] * size;
    int64_t best;
    switch (compute) {
      case F: best = extremeIndexOf<float>(largest, from, dtype, compute, stride, length); break;
      case D: best = extremeIndexOf<double>(largest, from, dtype, compute, stride, length); break;
      case I: best = extremeIndexOf<int32_t>(largest, from, dtype, compute, stride, length); break;
      default: best = extremeIndexOf<int64_t>(largest, from, dtype, compute, stride, length);
    }
    out[outer.offset[0]] = (int32_t)best;
  } while (outer.next());
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
