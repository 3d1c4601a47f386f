// Products as sums over rows of both sides, where k is long and no panel is worth its packing.
#pragma once
#include "panels.h"

namespace FLAMBEAU_NAMESPACE {

template <typename T> inline T totalOf(typename LanesOf<T>::Vector v) {
  constexpr int lanes = LanesOf<T>::count;
  T parts[lanes];
  storeVector(parts, v);
  for (int half = lanes / 2; half > 0; half /= 2)
    for (int i = 0; i < half; i++) parts[i] += parts[i + half];
  return parts[0];
}

/** Sums over k of rows of a times rows of b, both contiguous in k: a block of rows x columns results, each still in its lanes. */
template <typename T, int rows, int columns> void dotTile(const T* a, Index am, const T* b, Index bn, Index k, T* out) {
  typedef typename LanesOf<T>::Vector Vector;
  constexpr int lanes = LanesOf<T>::count;
  Vector sum[rows][columns];
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int j = 0; j < columns; j++) sum[r][j] = Vector{};
  }
  Index i = 0;
  for (; i + lanes <= k; i += lanes) {
    Vector right[columns];
    UNROLL for (int j = 0; j < columns; j++) right[j] = loadVector(b + j * bn + i);
    UNROLL for (int r = 0; r < rows; r++) {
      const Vector left = loadVector(a + r * am + i);
      UNROLL for (int j = 0; j < columns; j++) sum[r][j] += left * right[j];
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int j = 0; j < columns; j++) storeVector(out + (r * columns + j) * lanes, sum[r][j]);
  }
}
template <typename T> using DotFunction = void (*)(const T*, Index, const T*, Index, Index, T*);
constexpr int dotSide = FLAMBEAU_LANES == 16 ? 5 : 3;
template <typename T, int rows> DotFunction<T> dotFunction(Index columns) {
  switch (columns) {
    case 1: return dotTile<T, rows, 1>;
    case 2: return dotTile<T, rows, 2>;
#if FLAMBEAU_LANES == 16
    case 3: return dotTile<T, rows, 3>;
    case 4: return dotTile<T, rows, 4>;
#endif
    default: return dotTile<T, rows, dotSide>;
  }
}
template <typename T> DotFunction<T> dotFunction(Index rows, Index columns) {
  switch (rows) {
    case 1: return dotFunction<T, 1>(columns);
    case 2: return dotFunction<T, 2>(columns);
#if FLAMBEAU_LANES == 16
    case 3: return dotFunction<T, 3>(columns);
    case 4: return dotFunction<T, 4>(columns);
#endif
    default: return dotFunction<T, dotSide>(columns);
  }
}

/** The product where both sides are contiguous in k and n is small: no panel is worth its packing. */
template <typename T>
FLAMBEAU_NOINLINE void dotProduct(Index m, Index n, Index k, Matrix<T> a, Matrix<T> b, T* c, Index cm, const T* bias, bool accumulate) {
  constexpr int lanes = LanesOf<T>::count;
  const Index whole = k / lanes * lanes;
  T out[dotSide * dotSide * lanes];
  const Index nTiles = (n + dotSide - 1) / dotSide, mTiles = (m + dotSide - 1) / dotSide;
  for (Index j = 0, n0 = 0; j < nTiles; j++) {
    const Index columns = n / nTiles + (j < n % nTiles);
    for (Index i = 0, m0 = 0; i < mTiles; i++) {
      const Index rows = m / mTiles + (i < m % mTiles);
      const T* left = a.at + m0 * a.row;
      const T* right = b.at + n0 * b.column;
      dotFunction<T>(rows, columns)(left, a.row, right, b.column, k, out);
      for (Index r = 0; r < rows; r++) {
        for (Index q = 0; q < columns; q++) {
          T total = totalOf<T>(loadVector(out + (r * columns + q) * lanes));
          for (Index p = whole; p < k; p++) total += left[r * a.row + p] * right[q * b.column + p];
          T* to = c + (m0 + r) * cm + n0 + q;
          *to = accumulate ? *to + total : bias != nullptr ? bias[n0 + q] + total : total;
        }
      }
      m0 += rows;
    }
    n0 += columns;
  }
}

/** Whether both sides are contiguous in k and no panel would be worth its packing. */
template <typename T> inline bool takesDots(Index m, Index n, Index k, const Matrix<T>& a, const Matrix<T>& b) {
  return a.column == 1 && b.row == 1 && (n <= 2 * W || m <= 4) && k >= 4 * LanesOf<T>::count;
}

}  // namespace FLAMBEAU_NAMESPACE
