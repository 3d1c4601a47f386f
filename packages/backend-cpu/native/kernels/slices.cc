// Slices of one dimension by an index: reading them (any dtype, as bytes), and adding to them in float32.
// A tensor is seen as [outer, n, inner] with the slices along n.
#include "../command.h"
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
int indexSelect(const double* command, ErrorSlot& error) {
  Reader read(command);
  const int64_t outer = read.integer(), n = read.integer(), bytes = read.integer();
  const Picks picks(read);
  const char* x = read.pointer<const char>();
  char* out = read.pointer<char>();
  if (const int status = picks.check(n, error)) return status;
  for (int64_t o = 0; o < outer; o++, x += n * bytes) {
    if (bytes == 4)
      for (int64_t i = 0; i < picks.count; i++, out += 4) *(int32_t*)out = ((const int32_t*)x)[picks[i]];
    else
      for (int64_t i = 0; i < picks.count; i++, out += bytes) memcpy(out, x + picks[i] * bytes, (size_t)bytes);
  }
  return ok;
}

/** outer, n, inner; the index; x or 0 for zeros, source [outer, count, inner], out. */
int indexAdd(const double* command, ErrorSlot& error) {
  Reader read(command);
  const int64_t outer = read.integer(), n = read.integer(), inner = read.integer();
  const Picks picks(read);
  const float* x = read.pointer<const float>();
  const float* source = read.pointer<const float>();
  float* out = read.pointer<float>();
  if (const int status = picks.check(n, error)) return status;
  if (x == nullptr) memset(out, 0, (size_t)(outer * n * inner) * 4);
  else memcpy(out, x, (size_t)(outer * n * inner) * 4);
  for (int64_t o = 0; o < outer; o++, out += n * inner) {
    for (int64_t i = 0; i < picks.count; i++, source += inner) {
      float* to = out + picks[i] * inner;
      FLAMBEAU_INDEPENDENT
      for (int64_t j = 0; j < inner; j++) to[j] += source[j];
    }
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
