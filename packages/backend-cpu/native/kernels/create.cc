// Kernels that make values from nothing: a constant, a progression, Philox's random numbers.
#include "../convert.h"
#include "../nd.h"

namespace FLAMBEAU_NAMESPACE {

/** Command: dtype and address of out, the value, for int64 also its high and low 32 bits, rank, shape, strides. */
int fill(const double* command, ErrorSlot&) {
  Reader read(command);
  const int dtype = (int)read.integer();
  char* out = read.pointer<char>();
  const double value = read.number();
  const int64_t high = read.integer(), low = read.integer();
  Loop<1> loop;
  readLoop(read, loop);
  if (loop.count == 0) return ok;
  alignas(8) char element[8];
  const int64_t exact = (int64_t)(((uint64_t)high << 32) | (uint64_t)low);
  if (dtype == Int64) memcpy(element, &exact, 8);
  else storeBlock(dtype, D, &value, element, 0, 1, 1, 1);
  const int size = elementSize(dtype), last = loop.rank - 1;
  Odometer<1> outer(loop, last);
  do {
    char* row = out + outer.offset[0] * size;
    bool zeros = loop.strides[0][last] == 1;
    for (int i = 0; i < size; i++) zeros = zeros && element[i] == 0;
    if (zeros) memset(row, 0, (size_t)(loop.shape[last] * size));
    else moveBlock(size, element, 0, 0, row, 0, loop.strides[0][last], 1, loop.shape[last]);
  } while (outer.next());
  return ok;
}

/** Command: dtype, address and stride of out, count, start, step. */
int iota(const double* command, ErrorSlot&) {
  Reader read(command);
  const int dtype = (int)read.integer();
  char* out = read.pointer<char>();
  const int64_t stride = read.integer(), count = read.integer();
  const double start = read.number(), step = read.number();
  const int size = elementSize(dtype);
  double values[256];
  for (int64_t at = 0; at < count; at += 256) {
    const int64_t n = count - at < 256 ? count - at : 256;
    for (int64_t i = 0; i < n; i++) {
      double product = (double)(at + i) * step;
      FLAMBEAU_ROUNDED(product);
      values[i] = start + product;
    }
    storeBlock(dtype, D, values, out + at * stride * size, 0, stride, 1, n);
  }
  return ok;
}

/** Command: whether normal (else uniform), address of out (float32), count, the two words of the key. @see core's random/philox.ts */
int philox(const double* command, ErrorSlot&) {
  Reader read(command);
  const bool normal = read.flag();
  float* out = read.pointer<float>();
  const int64_t count = read.integer();
  const uint32_t key0 = (uint32_t)read.integer(), key1 = (uint32_t)read.integer();
  for (int64_t i = 0; i < count; i += 4) {
    const uint64_t counter = (uint64_t)i / 4;
    uint32_t c[4] = {(uint32_t)counter, (uint32_t)(counter >> 32), 0, 0};
    uint32_t k0 = key0, k1 = key1;
    for (int round = 0; round < 10; round++) {
      const uint64_t p = (uint64_t)0xd2511f53 * c[0], q = (uint64_t)0xcd9e8d57 * c[2];
      const uint32_t next[4] = {(uint32_t)(q >> 32) ^ c[1] ^ k0, (uint32_t)q, (uint32_t)(p >> 32) ^ c[3] ^ k1, (uint32_t)p};
      for (int j = 0; j < 4; j++) c[j] = next[j];
      k0 += 0x9e3779b9;
      k1 += 0xbb67ae85;
    }
    double values[4];
    for (int j = 0; j < 4; j++) values[j] = (double)(c[j] & 0xffffff) * 0x1p-24;
    if (normal) {
      for (int j = 0; j < 4; j += 2) {
        const double radius = __builtin_sqrt(-2 * log(1 - values[j])), angle = 6.283185307179586477 * values[j + 1];
        values[j] = radius * cos(angle);
        values[j + 1] = radius * sin(angle);
      }
    }
    for (int j = 0; j < 4 && i + j < count; j++) out[i + j] = (float)values[j];
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
