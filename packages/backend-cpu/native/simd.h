// Vectors as GCC and clang know them, of the width that the file is compiled for: 4 lanes of float32 for SSE2, NEON and WASM SIMD128,
// 8 for AVX2, 16 for AVX-512. The build defines FLAMBEAU_NAMESPACE (flambeau_base, flambeau_avx2, ...) and FLAMBEAU_LANES.
// Operators (+ - * / < & ...) work on whole vectors; a comparison gives lanes of 0 or -1.
#pragma once
#include "platform.h"

namespace FLAMBEAU_NAMESPACE {

/** Sizes and strides: as wide as an address. */
typedef intptr_t Index;

/** Lanes of float32 in a vector. */
constexpr int W = FLAMBEAU_LANES;

typedef float Vf __attribute__((vector_size(W * 4)));      // W float32
typedef int32_t Vi __attribute__((vector_size(W * 4)));    // W int32
typedef uint32_t Vu __attribute__((vector_size(W * 4)));   // W uint32
typedef double Vd __attribute__((vector_size(W * 4)));     // W / 2 float64
typedef int64_t Vl __attribute__((vector_size(W * 4)));    // W / 2 int64
typedef uint64_t Vul __attribute__((vector_size(W * 4)));  // W / 2 uint64

// The same at any address.
typedef float VfAny __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef int32_t ViAny __attribute__((vector_size(W * 4), aligned(4), may_alias));
typedef double VdAny __attribute__((vector_size(W * 4), aligned(8), may_alias));

FLAMBEAU_INLINE Vf load(const float* p) { return (Vf) * (const VfAny*)p; }
FLAMBEAU_INLINE Vi load(const int32_t* p) { return (Vi) * (const ViAny*)p; }
FLAMBEAU_INLINE Vd load(const double* p) { return (Vd) * (const VdAny*)p; }
FLAMBEAU_INLINE void store(float* p, Vf v) { *(VfAny*)p = (VfAny)v; }
FLAMBEAU_INLINE void store(int32_t* p, Vi v) { *(ViAny*)p = (ViAny)v; }
FLAMBEAU_INLINE void store(double* p, Vd v) { *(VdAny*)p = (VdAny)v; }

// x - V{} and not V{} + x: the subtraction of zero keeps -0, and compiles to a plain broadcast.
FLAMBEAU_INLINE Vf splat(float x) { return x - Vf{}; }
FLAMBEAU_INLINE Vi splat(int32_t x) { return x - Vi{}; }
FLAMBEAU_INLINE Vd splat(double x) { return x - Vd{}; }

// The bits of one kind as another.
FLAMBEAU_INLINE Vi bits(Vf v) { return (Vi)v; }
FLAMBEAU_INLINE Vf floats(Vi v) { return (Vf)v; }
FLAMBEAU_INLINE Vl bits(Vd v) { return (Vl)v; }
FLAMBEAU_INLINE Vd floats(Vl v) { return (Vd)v; }

/** a where the mask's lanes are -1, b where they are 0. */
FLAMBEAU_INLINE Vf select(Vi mask, Vf a, Vf b) { return mask ? a : b; }
FLAMBEAU_INLINE Vi select(Vi mask, Vi a, Vi b) { return mask ? a : b; }
FLAMBEAU_INLINE Vd select(Vl mask, Vd a, Vd b) { return mask ? a : b; }

FLAMBEAU_INLINE Vf absolute(Vf v) { return (Vf)((Vi)v & 0x7fffffff); }
/** The larger of each lane; b where either is NaN. */
#if defined(__AVX512F__) && !defined(__clang__)
// g++ makes a comparison and a blend of what is one instruction, and comparisons run on the units that multiply.
FLAMBEAU_INLINE Vf larger(Vf a, Vf b) { return (Vf)__builtin_ia32_maxps512_mask(a, b, Vf{}, (unsigned short)-1, 4); }
FLAMBEAU_INLINE Vf smaller(Vf a, Vf b) { return (Vf)__builtin_ia32_minps512_mask(a, b, Vf{}, (unsigned short)-1, 4); }
#else
FLAMBEAU_INLINE Vf larger(Vf a, Vf b) { return select(a > b, a, b); }
FLAMBEAU_INLINE Vf smaller(Vf a, Vf b) { return select(a < b, a, b); }
#endif
/** The larger of each lane; NaN where either is NaN. */
FLAMBEAU_INLINE Vf largerOrNaN(Vf a, Vf b) { return select((a > b) | (a != a), a, b); }
FLAMBEAU_INLINE Vf smallerOrNaN(Vf a, Vf b) { return select((a < b) | (a != a), a, b); }

FLAMBEAU_INLINE Vf toFloat(Vi v) { return __builtin_convertvector(v, Vf); }
/** Truncates; lanes must be in the range of int32. */
FLAMBEAU_INLINE Vi toInt(Vf v) { return __builtin_convertvector(v, Vi); }

// Halves are folded onto each other: log2(W) steps instead of a chain of W.
typedef float V4 __attribute__((vector_size(16)));
FLAMBEAU_INLINE V4 foldSum(V4 v) { return v; }
FLAMBEAU_INLINE V4 foldMax(V4 v) { return v; }
#if FLAMBEAU_LANES >= 8
typedef float V8 __attribute__((vector_size(32)));
FLAMBEAU_INLINE V4 foldSum(V8 v) { return __builtin_shufflevector(v, v, 0, 1, 2, 3) + __builtin_shufflevector(v, v, 4, 5, 6, 7); }
FLAMBEAU_INLINE V4 foldMax(V8 v) {
  const V4 a = __builtin_shufflevector(v, v, 0, 1, 2, 3), b = __builtin_shufflevector(v, v, 4, 5, 6, 7);
  return a > b ? a : b;
}
#endif
#if FLAMBEAU_LANES == 16
FLAMBEAU_INLINE V4 foldSum(Vf v) {
  return foldSum(__builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7) + __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15));
}
FLAMBEAU_INLINE V4 foldMax(Vf v) {
  const V8 a = __builtin_shufflevector(v, v, 0, 1, 2, 3, 4, 5, 6, 7), b = __builtin_shufflevector(v, v, 8, 9, 10, 11, 12, 13, 14, 15);
  return foldMax(a > b ? a : b);
}
#endif
FLAMBEAU_INLINE float sumLanes(Vf v) {
  const V4 four = foldSum(v);
  const V4 two = four + __builtin_shufflevector(four, four, 2, 3, 0, 1);
  return two[0] + two[1];
}
FLAMBEAU_INLINE float maxLanes(Vf v) {
  const V4 four = foldMax(v), other = __builtin_shufflevector(four, four, 2, 3, 0, 1);
  const V4 two = four > other ? four : other;
  return two[0] > two[1] ? two[0] : two[1];
}

/** The first `count` lanes from memory, the others repeat the first element. */
FLAMBEAU_INLINE Vf loadPart(const float* p, int64_t count) {
  Vf v = splat(p[0]);
  memcpy(&v, p, (size_t)count * 4);
  return v;
}
/** Writes the first `count` lanes. */
FLAMBEAU_INLINE void storePart(float* p, Vf v, int64_t count) { memcpy(p, &v, (size_t)count * 4); }

/** Whether whole vectors have code of their own, without a branch: not where size counts more. */
#if defined(__wasm__)
constexpr bool wholeApart = false;
#else
constexpr bool wholeApart = true;
#endif
/** Calls step(i, lanes) for the vectors of a row, the last of which may be a part. `step` is to be inlined; `apart` makes it stand twice. */
template <bool apart = wholeApart, class Step> FLAMBEAU_INLINE void overRow(Index size, Step step) {
  Index i = 0;
  for (; apart && i + W <= size; i += W) step(i, Index(W));
  for (; i < size; i += W) step(i, size - i < W ? size - i : Index(W));
}
#define FLAMBEAU_STEP __attribute__((always_inline))
FLAMBEAU_INLINE Vf some(const float* p, Index count) { return count == W ? load(p) : loadPart(p, count); }
FLAMBEAU_INLINE void putSome(float* p, Vf v, Index count) {
  if (count == W) store(p, v);
  else storePart(p, v, count);
}

/** out[i] = f(a[i], b[i]) for a whole number of vectors. */
typedef void (*VectorLoop)(const float* a, const float* b, float* out, int64_t count);
/**
 * Runs a loop over any number of elements: over the whole vectors, then over one that has what is left. The loop itself calls nothing, and so keeps the
 * constants of f in registers.
 */
FLAMBEAU_NOINLINE inline void runVectors(VectorLoop loop, const float* a, const float* b, float* out, int64_t count) {
  const int64_t rest = count % W, whole = count - rest;
  if (whole > 0) loop(a, b, out, whole);
  if (rest == 0) return;
  float left[W], right[W];
  store(left, loadPart(a + whole, rest));
  store(right, loadPart(b + whole, rest));
  loop(left, right, left, W);
  memcpy(out + whole, left, (size_t)rest * 4);
}

}  // namespace FLAMBEAU_NAMESPACE
