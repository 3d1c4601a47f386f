// Slices of one dimension by an index: reading them (any dtype, as bytes), and adding to them in float32.
// A tensor is seen as [outer, n, inner] with the slices along n.
#include "../command.h"
#include "../parallel.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

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
    for (int64_t i = 0; i < count; i++) {
      const int64_t pick = (*this)[i];
      if (pick >= 0 && pick < limit) continue;
      error.value = (double)pick;
      error.limit = (double)limit;
      return indexOutOfRange;
    }
    return ok;
  }
};

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
  share(slot, outer * picks.count, 4.0 * outer * picks.count * bytes, [&](int64_t slice, int) {
    const int64_t o = slice / picks.count, i = slice % picks.count;
    memcpy(out + slice * bytes, x + (o * n + picks[i]) * bytes, (size_t)bytes);
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
  /** Slices begin to end of out, which lie together, and what is added to them, in the order of the index. */
  const auto add = [&](int64_t o, int64_t begin, int64_t end) {
    float* to = out + o * n * inner;
    const size_t size = (size_t)((end - begin) * inner) * 4;
    if (x == nullptr) memset(to + begin * inner, 0, size);
    else memcpy(to + begin * inner, x + (o * n + begin) * inner, size);
    const float* from = source + o * picks.count * inner;
    for (int64_t i = 0; i < picks.count; i++, from += inner) {
      const int64_t pick = picks[i];
      if (pick < begin || pick >= end) continue;
      float* sum = to + pick * inner;
      FLAMBEAU_INDEPENDENT
      for (int64_t j = 0; j < inner; j++) sum[j] += from[j];
    }
  };
  // Every part looks through the whole index, which is little beside long slices.
  const int64_t parts = outer == 1 && inner >= 64 && n >= 16 ? 16 : 1;
  share(slot, outer * parts, 16.0 * (double)(outer * (n + picks.count) * inner),
        [&](int64_t part, int) { add(part / parts, n * (part % parts) / parts, n * (part % parts + 1) / parts); });
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
