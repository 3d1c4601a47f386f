// Kernels compute in one of four types; elements of any dtype are converted when they are loaded and stored.
#pragma once
#include "command.h"

namespace FLAMBEAU_NAMESPACE {

/** What a kernel computes in: float32, float64, int32 (for bool and all signed or smaller integers) or int64 (for uint32 too). */
enum Compute { F, D, I, L };

template <Compute C>
struct ComputeTypes;
template <>
struct ComputeTypes<F> { typedef float Type; };
template <>
struct ComputeTypes<D> { typedef double Type; };
template <>
struct ComputeTypes<I> { typedef int32_t Type; };
template <>
struct ComputeTypes<L> { typedef int64_t Type; };

int elementSize(int dtype);
FLAMBEAU_INLINE int computeSize(int compute) { return compute == F || compute == I ? 4 : 8; }

/** The type in which values of a dtype are computed. */
FLAMBEAU_INLINE int computeOf(int dtype) {
  if (dtype == Float64) return D;
  if (dtype == Int64 || dtype == UInt32) return L;
  return dtype >= Float16 ? F : I;
}
/** True when elements of the dtype lie in memory as the compute type. */
FLAMBEAU_INLINE bool isNative(int dtype, int compute) {
  return (dtype == Float32 && compute == F) || (dtype == Float64 && compute == D) || (dtype == Int32 && compute == I) || (dtype == Int64 && compute == L);
}

/** Loads `rows` × `columns` elements with the given strides (in elements) as values of the compute type, packed. */
void loadBlock(int dtype, int compute, const void* from, int64_t rowStride, int64_t columnStride, int64_t rows, int64_t columns, void* to);
/** Stores packed values: floats to integers as JavaScript wraps them, anything to bool as `x != 0`. */
void storeBlock(int dtype, int compute, const void* from, void* to, int64_t rowStride, int64_t columnStride, int64_t rows, int64_t columns);
/** Moves elements of `size` bytes without looking at them. */
void moveBlock(int size, const void* from, int64_t fromRow, int64_t fromColumn, void* to, int64_t toRow, int64_t toColumn, int64_t rows, int64_t columns);

float fromHalf(uint16_t bits);
uint16_t toHalf(float value);

}  // namespace FLAMBEAU_NAMESPACE
