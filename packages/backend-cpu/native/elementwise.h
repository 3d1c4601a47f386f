// Runs a function of packed rows over strided operands of any dtype. Where the operands lie as the function wants them, it runs on them in
// place; everything else passes through buffers that stay in the first-level cache. So each function exists once for each type.
#pragma once
#include "convert.h"
#include "nd.h"

namespace FLAMBEAU_NAMESPACE {

/** A function of `count` packed values: out[i] = f(a[i], b[i], c[i]). It ignores the inputs that it has no use for. */
typedef void (*RowFunction)(const void* a, const void* b, const void* c, void* out, int64_t count);

/** Whether the loop of a row function gets vectors. In WASM, where size counts and there is one loop for each type, those of float32 do. */
template <class T>
struct LoopOf { static constexpr bool hasVectors = true; };
#if defined(__wasm__)
template <> struct LoopOf<double> { static constexpr bool hasVectors = false; };
template <> struct LoopOf<int32_t> { static constexpr bool hasVectors = false; };
template <> struct LoopOf<int64_t> { static constexpr bool hasVectors = false; };
#endif
/** for (i) statement, with vectors where the type T has them. */
#define FLAMBEAU_ROW(T, count, statement)                                \
  if constexpr (LoopOf<T>::hasVectors) {                                 \
    FLAMBEAU_INDEPENDENT for (int64_t i = 0; i < count; i++) statement;  \
  } else {                                                               \
    FLAMBEAU_SCALAR for (size_t i = 0; i < (size_t)count; i++) statement; \
  }

/** An operand of an elementwise kernel. Index 0 of the loop's strides is the output, 1 and on are the inputs. */
struct Side {
  char* base;
  int dtype;
  /** The type of the packed values: a Compute, or `bytes` for values that are a byte in memory and for the function. */
  int packed;
};
/** Packed as the bytes 0 and 1. */
constexpr int bytes = 4;

/** Applies `function` to the elements of `Inputs` operands; where there are many, threads share them. */
template <int Inputs>
void runElementwise(const ErrorSlot& slot, RowFunction function, const Loop<Inputs + 1>& loop, const Side* sides);

extern template void runElementwise<1>(const ErrorSlot&, RowFunction, const Loop<2>&, const Side*);
extern template void runElementwise<2>(const ErrorSlot&, RowFunction, const Loop<3>&, const Side*);
extern template void runElementwise<3>(const ErrorSlot&, RowFunction, const Loop<4>&, const Side*);

}  // namespace FLAMBEAU_NAMESPACE
