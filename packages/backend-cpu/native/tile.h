// The micro-kernel of every matrix product: one tile of the result, its operands read in place or from packed panels.
#pragma once
#include "simd.h"
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

namespace FLAMBEAU_NAMESPACE {

template <typename T> struct LanesOf;
template <> struct LanesOf<float> {
  typedef float Vector __attribute__((vector_size(W * 4)));
  typedef float Loose __attribute__((vector_size(W * 4), aligned(4), may_alias));
  static constexpr int count = W;
};
template <> struct LanesOf<double> {
  typedef double Vector __attribute__((vector_size(W * 4)));
  typedef double Loose __attribute__((vector_size(W * 4), aligned(8), may_alias));
  static constexpr int count = W / 2;
};
template <typename T> inline typename LanesOf<T>::Vector loadVector(const T* p) { return *(const typename LanesOf<T>::Loose*)p; }
template <typename T> inline void storeVector(T* p, typename LanesOf<T>::Vector v) { *(typename LanesOf<T>::Loose*)p = v; }

// Rows of a tile, by the number of registers: 14 rows of 2 vectors with 32 of them, 6 with 16, and 4 where the engine below needs some itself.
#if FLAMBEAU_LANES == 16
constexpr int tileRows = 14;
#elif FLAMBEAU_LANES == 8
constexpr int tileRows = 6;
#else
constexpr int tileRows = 4;
#endif
constexpr int tileVectors = 2;
/** float64 gets by with fewer: half the code. */
template <typename T> constexpr int rowsOfTile = sizeof(T) == 8 && tileRows > 6 ? 6 : tileRows;

/** c[m, n] = start[m, n] + sum over k1, k2 of a[m*am + k1*a1 + k2*a2] * b[n + k1*b1 + k2*b2], for one tile of c. */
template <typename T> struct Tile {
  Index k1, k2;
  const T* a;
  Index am, a1, a2;
  const T* b;
  Index b1, b2;
  T* c;
  Index cm;
  const T* start;
  Index startM;
};

template <typename T, int rows, int vectors> void microTile(const Tile<T>& t) {
  typedef typename LanesOf<T>::Vector Vector;
  constexpr int lanes = LanesOf<T>::count;
  constexpr int groups = (rows + 2) / 3;
  const Index am = t.am, a2 = t.a2, b2 = t.b2, k2 = t.k2;
  Vector sum[rows][vectors];
  const T* start = t.start;
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = loadVector(start + v * lanes);
    start += t.startM;
  }
  for (Index i = 0; i < t.k1; i++) {
    const T* b = t.b + i * t.b1;
    // Three rows share a pointer, so that all addresses stay in registers.
    const T* a[groups];
    UNROLL for (int g = 0; g < groups; g++) a[g] = t.a + i * t.a1 + 3 * g * am;
    for (Index k = 0; k < k2; k++) {
      Vector right[vectors];
      UNROLL for (int v = 0; v < vectors; v++) right[v] = loadVector(b + v * lanes);
      UNROLL for (int r = 0; r < rows; r++) {
        const T left = a[r / 3][(r % 3) * am];
        UNROLL for (int v = 0; v < vectors; v++) sum[r][v] += left * right[v];
      }
      b += b2;
      UNROLL for (int g = 0; g < groups; g++) a[g] += a2;
    }
  }
  T* c = t.c;
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) storeVector(c + v * lanes, sum[r][v]);
    c += t.cm;
  }
}

template <typename T> using TileFunction = void (*)(const Tile<T>&);
constexpr int smallerOf(int a, int b) { return a < b ? a : b; }
template <typename T, int vectors> TileFunction<T> tileFunction(int rows) {
  switch (rows) {
    case 1: return microTile<T, smallerOf(1, rowsOfTile<T>), vectors>;
    case 2: return microTile<T, smallerOf(2, rowsOfTile<T>), vectors>;
    case 3: return microTile<T, smallerOf(3, rowsOfTile<T>), vectors>;
#if FLAMBEAU_LANES >= 8
    case 4: return microTile<T, smallerOf(4, rowsOfTile<T>), vectors>;
    case 5: return microTile<T, smallerOf(5, rowsOfTile<T>), vectors>;
#endif
#if FLAMBEAU_LANES == 16
    case 6: return microTile<T, smallerOf(6, rowsOfTile<T>), vectors>;
    case 7: return microTile<T, smallerOf(7, rowsOfTile<T>), vectors>;
    case 8: return microTile<T, smallerOf(8, rowsOfTile<T>), vectors>;
    case 9: return microTile<T, smallerOf(9, rowsOfTile<T>), vectors>;
    case 10: return microTile<T, smallerOf(10, rowsOfTile<T>), vectors>;
    case 11: return microTile<T, smallerOf(11, rowsOfTile<T>), vectors>;
    case 12: return microTile<T, smallerOf(12, rowsOfTile<T>), vectors>;
    case 13: return microTile<T, smallerOf(13, rowsOfTile<T>), vectors>;
#endif
    default: return microTile<T, rowsOfTile<T>, vectors>;
  }
}

}  // namespace FLAMBEAU_NAMESPACE
