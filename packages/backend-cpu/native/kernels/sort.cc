// Stable sorting with indices, by merging.
#include "../convert.h"
#include "../nd.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

/** True when b must come before a: strictly, so that equal values keep their order. NaN counts as the largest. */
template <bool descending, class T>
FLAMBEAU_INLINE bool before(T b, T a) {
  if (descending) return b > a || (b != b && a == a);
  return b < a || (a != a && b == b);
}

/** Sorts keys and their indices; the second halves of both arrays are room for merging. */
template <bool descending, class T>
void sortLane(T* keys, int32_t* order, int64_t count) {
  constexpr int64_t run = 16;
  for (int64_t start = 0; start < count; start += run) {
    const int64_t end = start + run < count ? start + run : count;
    for (int64_t i = start + 1; i < end; i++) {
      const T key = keys[i];
      const int32_t index = order[i];
      int64_t j = i;
      for (; j > start && before<descending>(key, keys[j - 1]); j--) {
        keys[j] = keys[j - 1];
        order[j] = order[j - 1];
      }
      keys[j] = key;
      order[j] = index;
    }
  }
  T *from = keys, *to = keys + count;
  int32_t *fromOrder = order, *toOrder = order + count;
  for (int64_t width = run; width < count; width *= 2) {
    for (int64_t start = 0; start < count; start += 2 * width) {
      const int64_t middle = start + width < count ? start + width : count, end = start + 2 * width < count ? start + 2 * width : count;
      int64_t p = start, q = middle;
      for (int64_t i = start; i < end; i++) {
        const bool right = p == middle || (q < end && before<descending>(from[q], from[p]));
        const int64_t pick = right ? q++ : p++;
        to[i] = from[pick];
        toOrder[i] = fromOrder[pick];
      }
    }
    T* keysSwap = from;
    from = to;
    to = keysSwap;
    int32_t* orderSwap = fromOrder;
    fromOrder = toOrder;
    toOrder = orderSwap;
  }
  if (from != keys) {
    memcpy(keys, from, (size_t)count * sizeof(T));
    memcpy(order, fromOrder, (size_t)count * sizeof(int32_t));
  }
}

template <class T>
void sortAs(bool descending, T* keys, int32_t* order, int64_t count) {
  if (descending) sortLane<true>(keys, order, count);
  else sortLane<false>(keys, order, count);
}

}  // namespace

/**
 * Command: whether descending; dtype and address of values; address of indices (int32); address of x; scratch of 24 bytes for each element of a
 * lane; length; strides of values, indices and x along it; the other dimensions.
 */
int sort(const double* command, ErrorSlot&) {
  Reader read(command);
  const bool descending = read.flag();
  const int dtype = (int)read.integer();
  char* values = read.pointer<char>();
  char* indices = read.pointer<char>();
  const char* x = read.pointer<char>();
  char* scratch = read.pointer<char>();
  const int64_t length = read.integer(), valueStride = read.integer(), indexStride = read.integer(), xStride = read.integer();
  Loop<3> others;
  readLoop(read, others);
  if (others.count == 0 || length == 0) return ok;
  const int compute = computeOf(dtype), size = elementSize(dtype);
  int32_t* order = (int32_t*)(scratch + length * 16);
  Odometer<3> outer(others, others.rank);
  do {
    loadBlock(dtype, compute, x + outer.offset[2] * size, 0, xStride, 1, length, scratch);
    for (int64_t i = 0; i < length; i++) order[i] = (int32_t)i;
    switch (compute) {
      case F: sortAs(descending, (float*)scratch, order, length); break;
      case D: sortAs(descending, (double*)scratch, order, length); break;
      case I: sortAs(descending, (int32_t*)scratch, order, length); break;
      default: sortAs(descending, (int64_t*)scratch, order, length);
    }
    storeBlock(dtype, compute, scratch, values + outer.offset[0] * size, 0, valueStride, 1, length);
    storeBlock(Int32, I, order, indices + outer.offset[1] * 4, 0, indexStride, 1, length);
  } while (outer.next());
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
