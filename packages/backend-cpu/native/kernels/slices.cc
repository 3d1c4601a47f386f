// Slices of one dimension by an index: reading them (any dtype, as bytes), and adding to them in float32.
// A tensor is seen as [outer, n, inner] with the slices along n.
#include "../command.h"
#include "../parallel.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

/** Whether all of `count` indices are from 0 to `last`. Nothing leaves the loop early, so that it takes vectors. */
template <class T, class Unsigned>
bool allFit(const T* index, int64_t count, T last) {
  Unsigned beyond = 0;
  FLAMBEAU_SCALAR
  for (int64_t i = 0; i < count; i++) beyond |= (Unsigned)index[i] | ((Unsigned)last - (Unsigned)index[i]);
  return (T)beyond >= 0;
}

/** Indices of either integer type. */
struct Picks {
  const void* at;
  bool wide;
  int64_t count;

  explicit Picks(Reader& read) {
    at = read.pointer<const void>();
    wide = read.flag();
    count = read.integer();
  }
  int64_t operator[](int64_t i) const { return wide ? ((const int64_t*)at)[i] : ((const int32_t*)at)[i]; }

  /** ok, or the error of the first index outside [0, limit). */
  int check(int64_t limit, ErrorSlot& error) const {
    constexpr int64_t largest = 0x7fffffff;
    const bool fit = wide ? allFit<int64_t, uint64_t>((const int64_t*)at, count, limit - 1)
                          : allFit<int32_t, uint32_t>((const int32_t*)at, count, (int32_t)(limit > largest ? largest : limit - 1));
    if (fit) return ok;
    int64_t i = 0;
    while ((*this)[i] >= 0 && (*this)[i] < limit) i++;
    error.value = (double)(*this)[i];
    error.limit = (double)limit;
    return indexOutOfRange;
  }
};

/**
 * Slices lie anywhere, and the processor does not foresee where the next one does: so many bytes before its turn it is asked for. Of a table beyond
 * the caches 1024 rows of 1 KB take 110 µs in place of 190.
 */
constexpr int64_t aheadBytes = 4096;

/** How many slices ahead one is asked for. */
FLAMBEAU_INLINE int64_t aheadOf(int64_t bytes) { return bytes < aheadBytes ? aheadBytes / bytes : 1; }

/** Copies a slice, and asks for a later one. */
FLAMBEAU_INLINE void copySlice(char* to, const char* from, int64_t bytes, const char* later) {
  int64_t i = 0;
#if !defined(__wasm__)
  for (; i + W * 4 <= bytes; i += W * 4) {
    __builtin_prefetch(later + i);
    store((int32_t*)(to + i), load((const int32_t*)(from + i)));
  }
#endif
  (void)later;
  if (i < bytes) memcpy(to + i, from + i, (size_t)(bytes - i));
}

}  // namespace

/** outer, n, bytes of a slice; the index; x, out. */
int indexSelect(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t outer = read.integer(), n = read.integer(), bytes = read.integer();
  const Picks picks(read);
  const char* x = read.pointer<const char>();
  char* out = read.pointer<char>();
  if (const int status = picks.check(n, slot)) return status;
  if (bytes == 4) {
    for (int64_t o = 0; o < outer; o++, x += n * bytes)
      for (int64_t i = 0; i < picks.count; i++, out += 4) *(int32_t*)out = ((const int32_t*)x)[picks[i]];
    return ok;
  }
  if (bytes == 0) return ok;
  // Slices in portions of 64 KB, and not beyond the end of the index.
  const int64_t count = picks.count, ahead = aheadOf(bytes), each = 65536 / bytes + 1, portions = (count + each - 1) / each;
  share(slot, outer * portions, 4.0 * (double)(outer * count * bytes), [=](int64_t part, int) {
    const Picks index = picks;
    const int64_t o = part / portions, size = bytes, last = count - 1, begin = part % portions * each, end = begin + each < count ? begin + each : count;
    const char* from = x + o * n * size;
    char* to = out + (o * count + begin) * size;
    for (int64_t i = begin; i < end; i++, to += size)
      copySlice(to, from + index[i] * size, size, from + index[i + ahead < last ? i + ahead : last] * size);
  });
  return ok;
}

/** outer, n, inner; the index; x or 0 for zeros, source [outer, count, inner], out. */
int indexAdd(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t outer = read.integer(), n = read.integer(), inner = read.integer();
  const Picks picks(read);
  const float* x = read.pointer<const float>();
  const float* source = read.pointer<const float>();
  float* out = read.pointer<float>();
  if (const int status = picks.check(n, slot)) return status;
  // Threads share the slices of out, which lie together, in ranges; each goes through the whole index, which is little beside long slices. What is
  // added to a slice is added in the order of the index.
  const double work = 16.0 * (double)(outer * (n + picks.count) * inner);
  const int threads = outer == 1 && inner >= 64 && work >= worthSharing ? threadsOf(slot) : 1;
  const int64_t parts = threads > 1 ? 4 * threads : 1;
  share(slot, outer * parts, work, [=](int64_t part, int) {
    const Picks index = picks;
    const int64_t count = index.count, size = inner, ahead = aheadOf(4 * size + 1);
    const int64_t o = part / parts, begin = n * (part % parts) / parts, end = n * (part % parts + 1) / parts;
    float* to = out + o * n * size;
    const size_t bytes = (size_t)((end - begin) * size) * 4;
    if (x == nullptr) memset(to + begin * size, 0, bytes);
    else memcpy(to + begin * size, x + (o * n + begin) * size, bytes);
    const float* from = source + o * count * size;
    for (int64_t i = 0; i < count; i++, from += size) {
      const int64_t pick = index[i];
      if (pick < begin || pick >= end) continue;
      float* sum = to + pick * size;
#if !defined(__wasm__)
      if (i + ahead < count) {
        const char* later = (const char*)(to + index[i + ahead] * size);
        for (int64_t j = 0; j < 4 * size; j += 64) __builtin_prefetch(later + j, 1);
      }
#endif
      (void)ahead;
      FLAMBEAU_INDEPENDENT
      for (int64_t j = 0; j < size; j++) sum[j] += from[j];
    }
  });
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
