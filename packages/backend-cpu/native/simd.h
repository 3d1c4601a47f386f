// Vectors as GCC and clang know them, of the width that the file is compiled for: 4 lanes of float32 for SSE2, NEON and WASM SIMD128,
// 8 for AVX2, 16 for AVX-512. The build defines FLAMBEAU_NAMESPACE (flambeau_base, flambeau_avx2, ...) and FLAMBEAU_LANES.
// Operators (+ - * / < & ...) work on whole vectors; a comparison gives lanes of 0 or -1.
#pragma once
#include "platform.h"

namespace FLAMBEAU_NAMESPACE {

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
FLAMBEAU_INLINE Vf select(Vi mask, Vf a, Vf b) { return (Vf)((mask & (Vi)a) | (~mask & (Vi)b)); }
FLAMBEAU_INLINE Vi select(Vi mask, Vi a, Vi b) { return (mask & a) | (~mask & b); }
FLAMBEAU_INLINE Vd select(Vl mask, Vd a, Vd b) { return (Vd)((mask & (Vl)a) | (~mask & (Vl)b)); }

FLAMBEAU_INLINE Vf absolute(Vf v) { return (Vf)((Vi)v & 0x7fffffff); }
/** The larger of each lane; b where either is NaN. */
FLAMBEAU_INLINE Vf larger(Vf a, Vf b) { return select(a > b, a, b); }
FLAMBEAU_INLINE Vf smaller(Vf a, Vf b) { return select(a < b, a, b); }
/** The larger of each lane; NaN where either is NaN. */
FLAMBEAU_INLINE Vf largerOrNaN(Vf a, Vf b) { return select((a > b) | (a != a), a, b); }
FLAMBEAU_INLINE Vf smallerOrNaN(Vf a, Vf b) { return select((a < b) | (a != a), a, b); }

FLAMBEAU_INLINE Vf toFloat(Vi v) { return __builtin_convertvector(v, Vf); }
/** Truncates; lanes must be in the range of int32. */
FLAMBEAU_INLINE Vi toInt(Vf v) { return __builtin_convertvector(v, Vi); }

FLAMBEAU_INLINE float sumLanes(Vf v) {
  float total = 0;
  for (int i = 0; i < W; i++) total += v[i];
  return total;
}
FLAMBEAU_INLINE float maxLanes(Vf v) {
  float best = v[0];
  for (int i = 1; i < W; i++) best = v[i] > best ? v[i] : best;
  return best;
}

/** The first `count` lanes from memory, the others repeat the first element. */
FLAMBEAU_INLINE Vf loadPart(const float* p, int64_t count) {
  Vf v = splat(p[0]);
  memcpy(&v, p, (size_t)count * 4);
  return v;
}
/** Writes the first `count` lanes. */
FLAMBEAU_INLINE void storePart(float* p, Vf v, int64_t count) { memcpy(p, &v, (size_t)count * 4); }

}  // namespace FLAMBEAU_NAMESPACE
