#include "../convert.h"

namespace FLAMBEAU_NAMESPACE {

int elementSize(int dtype) {
  static const int8_t sizes[] = {1, 1, 1, 2, 4, 4, 8, 2, 2, 4, 8};
  return sizes[dtype];
}

float fromHalf(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000) << 16;
  const uint32_t exponent = (half >> 10) & 0x1f;
  const uint32_t fraction = half & 0x3ff;
  uint32_t out;
  float value;
  if (exponent == 0) {
    value = (float)fraction * 0x1p-24f;
    memcpy(&out, &value, 4);
    out |= sign;
  } else if (exponent == 31) {
    out = sign | 0x7f800000 | (fraction << 13);
  } else {
    out = sign | ((exponent + 112) << 23) | (fraction << 13);
  }
  memcpy(&value, &out, 4);
  return value;
}

uint16_t toHalf(float value) {
  uint32_t word;
  memcpy(&word, &value, 4);
  const uint16_t sign = (uint16_t)((word >> 16) & 0x8000);
  const uint32_t magnitude = word & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: adding 0.5 leaves the value, as a multiple of 2^-24, in the low bits, rounded to nearest even.
    float small;
    memcpy(&small, &magnitude, 4);
    small += 0.5f;
    uint32_t sum;
    memcpy(&sum, &small, 4);
    return sign | (uint16_t)(sum - 0x3f000000);
  }
  return sign | (uint16_t)((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
}

namespace {

struct Half { uint16_t bits; };
struct Brain { uint16_t bits; };
struct Truth { uint8_t value; };

/** The integer part modulo 2^64 as far as int64 goes; what JavaScript's typed arrays keep the low bits of. */
FLAMBEAU_INLINE int64_t wrapInteger(double v) {
  if (v > -9223372036854775808.0 && v < 9223372036854775808.0) return (int64_t)v;
  if (v != v || v - v != 0) return 0;
  // A multiple of 2^11: the low 32 bits are what remains modulo 2^32.
  return (int64_t)fmod(v, 4294967296.0);
}
FLAMBEAU_INLINE int64_t toInt64(double v) {
  return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN;
}

#define INTEGER(To)                                                          \
  FLAMBEAU_INLINE To convert(float v, To*) { return (To)wrapInteger(v); }    \
  FLAMBEAU_INLINE To convert(double v, To*) { return (To)wrapInteger(v); }   \
  FLAMBEAU_INLINE To convert(int32_t v, To*) { return (To)v; }               \
  FLAMBEAU_INLINE To convert(int64_t v, To*) { return (To)v; }
INTEGER(int8_t)
INTEGER(int16_t)
INTEGER(int32_t)
#undef INTEGER
FLAMBEAU_INLINE float convert(int32_t v, float*) { return (float)v; }
FLAMBEAU_INLINE float convert(int64_t v, float*) { return (float)v; }
FLAMBEAU_INLINE double convert(int32_t v, double*) { return v; }
FLAMBEAU_INLINE double convert(int64_t v, double*) { return (double)v; }
FLAMBEAU_INLINE int64_t convert(int32_t v, int64_t*) { return v; }
FLAMBEAU_INLINE int64_t convert(int64_t v, int64_t*) { return v; }
FLAMBEAU_INLINE float convert(float v, float*) { return v; }
FLAMBEAU_INLINE float convert(double v, float*) { return (float)v; }
FLAMBEAU_INLINE double convert(float v, double*) { return v; }
FLAMBEAU_INLINE double convert(double v, double*) { return v; }
FLAMBEAU_INLINE int64_t convert(float v, int64_t*) { return toInt64(v); }
FLAMBEAU_INLINE int64_t convert(double v, int64_t*) { return toInt64(v); }
template <class From>
FLAMBEAU_INLINE Truth convert(From v, Truth*) { return {(uint8_t)(v != 0)}; }
template <class From>
FLAMBEAU_INLINE Half convert(From v, Half*) { return {toHalf((float)v)}; }
template <class From>
FLAMBEAU_INLINE Brain convert(From v, Brain*) {
  const float value = (float)v;
  uint32_t word;
  memcpy(&word, &value, 4);
  if ((word & 0x7fffffff) > 0x7f800000) return {(uint16_t)((word >> 16) | 0x40)};
  return {(uint16_t)((word + 0x7fff + ((word >> 16) & 1)) >> 16)};
}

FLAMBEAU_INLINE float widen(Half v) { return fromHalf(v.bits); }
FLAMBEAU_INLINE float widen(Brain v) {
  const uint32_t word = (uint32_t)v.bits << 16;
  float value;
  memcpy(&value, &word, 4);
  return value;
}
FLAMBEAU_INLINE int32_t widen(Truth v) { return v.value != 0; }
FLAMBEAU_INLINE int32_t widen(uint8_t v) { return v; }
FLAMBEAU_INLINE int32_t widen(int8_t v) { return v; }
FLAMBEAU_INLINE int32_t widen(int16_t v) { return v; }
FLAMBEAU_INLINE int32_t widen(int32_t v) { return v; }
FLAMBEAU_INLINE int64_t widen(uint32_t v) { return v; }
FLAMBEAU_INLINE int64_t widen(int64_t v) { return v; }
FLAMBEAU_INLINE float widen(float v) { return v; }
FLAMBEAU_INLINE double widen(double v) { return v; }

/** Converts a block; one function for each pair of types. */
template <class From, class To>
FLAMBEAU_NOINLINE void convertBlock(const From* from, int64_t fromRow, int64_t fromColumn, To* to, int64_t toRow, int64_t toColumn, int64_t rows,
                                    int64_t columns) {
#if defined(__wasm__)
  // Seventy of these: where size counts, one loop for every layout.
  for (int32_t r = 0; r < (int32_t)rows; r++) {
    const From* source = from + r * (int32_t)fromRow;
    To* target = to + r * (int32_t)toRow;
    for (int32_t c = 0; c < (int32_t)columns; c++, source += (int32_t)fromColumn, target += (int32_t)toColumn)
      *target = convert(widen(*source), (To*)nullptr);
  }
#else
  for (int64_t r = 0; r < rows; r++) {
    const From* source = from + r * fromRow;
    To* target = to + r * toRow;
    if (fromColumn == 1 && toColumn == 1) {
      FLAMBEAU_INDEPENDENT
      for (int64_t c = 0; c < columns; c++) target[c] = convert(widen(source[c]), (To*)nullptr);
    } else if (fromColumn == 0 && toColumn == 1) {
      const To value = convert(widen(source[0]), (To*)nullptr);
      for (int64_t c = 0; c < columns; c++) target[c] = value;
    } else {
      for (int64_t c = 0; c < columns; c++) target[c * toColumn] = convert(widen(source[c * fromColumn]), (To*)nullptr);
    }
  }
#endif
}

template <class From>
void loadFrom(int compute, const From* from, int64_t rowStride, int64_t columnStride, int64_t rows, int64_t columns, void* to) {
  switch (compute) {
    case F: return convertBlock(from, rowStride, columnStride, (float*)to, columns, 1, rows, columns);
    case D: return convertBlock(from, rowStride, columnStride, (double*)to, columns, 1, rows, columns);
    case I: return convertBlock(from, rowStride, columnStride, (int32_t*)to, columns, 1, rows, columns);
    default: return convertBlock(from, rowStride, columnStride, (int64_t*)to, columns, 1, rows, columns);
  }
}

template <class From>
void storeTo(int dtype, const From* from, void* to, int64_t row, int64_t column, int64_t rows, int64_t columns) {
  switch (dtype) {
    case Bool: return convertBlock(from, columns, 1, (Truth*)to, row, column, rows, columns);
    case UInt8: case Int8: return convertBlock(from, columns, 1, (int8_t*)to, row, column, rows, columns);
    case Int16: return convertBlock(from, columns, 1, (int16_t*)to, row, column, rows, columns);
    case Int32: case UInt32: return convertBlock(from, columns, 1, (int32_t*)to, row, column, rows, columns);
    case Int64: return convertBlock(from, columns, 1, (int64_t*)to, row, column, rows, columns);
    case Float16: return convertBlock(from, columns, 1, (Half*)to, row, column, rows, columns);
    case BFloat16: return convertBlock(from, columns, 1, (Brain*)to, row, column, rows, columns);
    case Float32: return convertBlock(from, columns, 1, (float*)to, row, column, rows, columns);
    default: return convertBlock(from, columns, 1, (double*)to, row, column, rows, columns);
  }
}

template <class T>
FLAMBEAU_NOINLINE void moveElements(const T* from, int64_t fromRow, int64_t fromColumn, T* to, int64_t toRow, int64_t toColumn, int64_t rows,
                                    int64_t columns) {
  for (int64_t r = 0; r < rows; r++) {
    const T* source = from + r * fromRow;
    T* target = to + r * toRow;
    if (fromColumn == 1 && toColumn == 1) {
      memcpy(target, source, (size_t)columns * sizeof(T));
    } else if (fromColumn == 0 && toColumn == 1) {
      const T value = source[0];
      for (int64_t c = 0; c < columns; c++) target[c] = value;
    } else if (toColumn == 1) {
      for (int64_t c = 0; c < columns; c++) target[c] = source[c * fromColumn];
    } else {
      for (int64_t c = 0; c < columns; c++) target[c * toColumn] = source[c * fromColumn];
    }
  }
}

}  // namespace

void loadBlock(int dtype, int compute, const void* from, int64_t rowStride, int64_t columnStride, int64_t rows, int64_t columns, void* to) {
  if (isNative(dtype, compute)) return moveBlock(elementSize(dtype), from, rowStride, columnStride, to, columns, 1, rows, columns);
  switch (dtype) {
    case Bool: return loadFrom(compute, (const Truth*)from, rowStride, columnStride, rows, columns, to);
    case UInt8: return loadFrom(compute, (const uint8_t*)from, rowStride, columnStride, rows, columns, to);
    case Int8: return loadFrom(compute, (const int8_t*)from, rowStride, columnStride, rows, columns, to);
    case Int16: return loadFrom(compute, (const int16_t*)from, rowStride, columnStride, rows, columns, to);
    case Int32: return loadFrom(compute, (const int32_t*)from, rowStride, columnStride, rows, columns, to);
    case UInt32: return loadFrom(compute, (const uint32_t*)from, rowStride, columnStride, rows, columns, to);
    case Int64: return loadFrom(compute, (const int64_t*)from, rowStride, columnStride, rows, columns, to);
    case Float16: return loadFrom(compute, (const Half*)from, rowStride, columnStride, rows, columns, to);
    case BFloat16: return loadFrom(compute, (const Brain*)from, rowStride, columnStride, rows, columns, to);
    case Float32: return loadFrom(compute, (const float*)from, rowStride, columnStride, rows, columns, to);
    default: return loadFrom(compute, (const double*)from, rowStride, columnStride, rows, columns, to);
  }
}

void storeBlock(int dtype, int compute, const void* from, void* to, int64_t rowStride, int64_t columnStride, int64_t rows, int64_t columns) {
  if (isNative(dtype, compute)) return moveBlock(elementSize(dtype), from, columns, 1, to, rowStride, columnStride, rows, columns);
  switch (compute) {
    case F: return storeTo(dtype, (const float*)from, to, rowStride, columnStride, rows, columns);
    case D: return storeTo(dtype, (const double*)from, to, rowStride, columnStride, rows, columns);
    case I: return storeTo(dtype, (const int32_t*)from, to, rowStride, columnStride, rows, columns);
    default: return storeTo(dtype, (const int64_t*)from, to, rowStride, columnStride, rows, columns);
  }
}

void moveBlock(int size, const void* from, int64_t fromRow, int64_t fromColumn, void* to, int64_t toRow, int64_t toColumn, int64_t rows,
               int64_t columns) {
  switch (size) {
    case 1: return moveElements((const uint8_t*)from, fromRow, fromColumn, (uint8_t*)to, toRow, toColumn, rows, columns);
    case 2: return moveElements((const uint16_t*)from, fromRow, fromColumn, (uint16_t*)to, toRow, toColumn, rows, columns);
    case 4: return moveElements((const uint32_t*)from, fromRow, fromColumn, (uint32_t*)to, toRow, toColumn, rows, columns);
    default: return moveElements((const uint64_t*)from, fromRow, fromColumn, (uint64_t*)to, toRow, toColumn, rows, columns);
  }
}

}  // namespace FLAMBEAU_NAMESPACE
