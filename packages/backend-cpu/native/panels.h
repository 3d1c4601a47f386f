// Matrices cut into panels: packing, and products of all tiles of a panel.
#pragma once
#include "tile.h"

namespace FLAMBEAU_NAMESPACE {

/** Transposes four rows of four float32. */
FLAMBEAU_INLINE void transposeFour(const float* s, Index srcStep, float* d, Index dstStep) {
  typedef float Four __attribute__((vector_size(16)));
  typedef float LooseFour __attribute__((vector_size(16), aligned(4), may_alias));
  const Four p = *(const LooseFour*)s, q = *(const LooseFour*)(s + srcStep);
  const Four u = *(const LooseFour*)(s + 2 * srcStep), w = *(const LooseFour*)(s + 3 * srcStep);
  const Four pq = __builtin_shufflevector(p, q, 0, 4, 1, 5), uw = __builtin_shufflevector(u, w, 0, 4, 1, 5);
  const Four pqHigh = __builtin_shufflevector(p, q, 2, 6, 3, 7), uwHigh = __builtin_shufflevector(u, w, 2, 6, 3, 7);
  *(LooseFour*)d = __builtin_shufflevector(pq, uw, 0, 1, 4, 5);
  *(LooseFour*)(d + dstStep) = __builtin_shufflevector(pq, uw, 2, 3, 6, 7);
  *(LooseFour*)(d + 2 * dstStep) = __builtin_shufflevector(pqHigh, uwHigh, 0, 1, 4, 5);
  *(LooseFour*)(d + 3 * dstStep) = __builtin_shufflevector(pqHigh, uwHigh, 2, 3, 6, 7);
}

#if FLAMBEAU_LANES == 16
/** dst[c*dstStep + r] = src[r*srcStep + c] for 16 rows and columns, in registers: neighbours are exchanged, then pairs, then lanes of four, then of eight. */
inline void transposeSquare(const float* src, Index srcStep, float* dst, Index dstStep) {
#define LOW_OF(a, b) __builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define HIGH_OF(a, b) __builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define LOW_PAIRS(a, b) __builtin_shufflevector(a, b, 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29)
#define HIGH_PAIRS(a, b) __builtin_shufflevector(a, b, 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31)
#define EVEN_FOURS(a, b) __builtin_shufflevector(a, b, 0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
#define ODD_FOURS(a, b) __builtin_shufflevector(a, b, 4, 5, 6, 7, 12, 13, 14, 15, 20, 21, 22, 23, 28, 29, 30, 31)
  Vf pairs[16], fours[16];
  UNROLL for (int i = 0; i < 16; i += 2) {
    const Vf a = load(src + i * srcStep), b = load(src + (i + 1) * srcStep);
    pairs[i] = LOW_OF(a, b);
    pairs[i + 1] = HIGH_OF(a, b);
  }
  UNROLL for (int i = 0; i < 16; i += 4) {
    fours[i] = LOW_PAIRS(pairs[i], pairs[i + 2]);
    fours[i + 1] = HIGH_PAIRS(pairs[i], pairs[i + 2]);
    fours[i + 2] = LOW_PAIRS(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = HIGH_PAIRS(pairs[i + 1], pairs[i + 3]);
  }
  // fours[4i + j] holds in its lanes l of four the columns 4l + j of the rows 4i to 4i + 3.
  UNROLL for (int j = 0; j < 4; j++) {
    const Vf even = EVEN_FOURS(fours[j], fours[4 + j]), odd = ODD_FOURS(fours[j], fours[4 + j]);
    const Vf evenBelow = EVEN_FOURS(fours[8 + j], fours[12 + j]), oddBelow = ODD_FOURS(fours[8 + j], fours[12 + j]);
    store(dst + j * dstStep, EVEN_FOURS(even, evenBelow));
    store(dst + (4 + j) * dstStep, EVEN_FOURS(odd, oddBelow));
    store(dst + (8 + j) * dstStep, ODD_FOURS(even, evenBelow));
    store(dst + (12 + j) * dstStep, ODD_FOURS(odd, oddBelow));
  }
#undef LOW_OF
#undef HIGH_OF
#undef LOW_PAIRS
#undef HIGH_PAIRS
#undef EVEN_FOURS
#undef ODD_FOURS
}
#endif

/** dst[c*dstStep + r] = src[r*srcStep + c] for a matrix of rows x columns. */
template <typename T> FLAMBEAU_NOINLINE void transposeInto(const T* src, Index srcStep, Index rows, Index columns, T* dst, Index dstStep) {
  if (sizeof(T) == 4 && rows >= 4 && columns >= 4) {
    const float* from = (const float*)src;
    float* to = (float*)dst;
    // Sixteen rows at a time, which fill a cache line of the result; the last four rows or columns may overlap those before.
    for (Index r0 = 0; r0 < rows; r0 += 16) {
      Index c = 0;
#if FLAMBEAU_LANES == 16
      if (r0 + 16 <= rows)
        for (; c + 16 <= columns; c += 16) transposeSquare(from + r0 * srcStep + c, srcStep, to + c * dstStep + r0, dstStep);
#endif
      for (; c < columns; c += 4) {
        const Index column = c + 4 <= columns ? c : columns - 4;
        for (Index i = r0; i < rows && i < r0 + 16; i += 4) {
          const Index r = i + 4 <= rows ? i : rows - 4;
          transposeFour(from + r * srcStep + column, srcStep, to + column * dstStep + r, dstStep);
        }
      }
    }
    return;
  }
  for (Index r = 0; r < rows; r++)
    for (Index c = 0; c < columns; c++) dst[c * dstStep + r] = src[r * srcStep + c];
}

template <typename T> inline void copyRun(const T* from, T* to, Index n) { // written out, since there is no memcpy in WASM
  constexpr int lanes = LanesOf<T>::count;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) storeVector(to + i, loadVector(from + i));
  if (i < n && n >= lanes) {
    storeVector(to + n - lanes, loadVector(from + n - lanes)); // some of them a second time
    return;
  }
  for (; i < n; i++) to[i] = from[i];
}
template <typename T> inline void fillRun(T* to, T value, Index n) {
  for (Index i = 0; i < n; i++) to[i] = value;
}

/** Asks for a run before it is read, or written: rows that lie apart are too short for the processor to see them coming. */
template <int written = 0, typename T> inline void fetchRun(const T* from, Index n) {
#if !defined(__wasm__)
  for (Index i = 0; i < n; i += 64 / (Index)sizeof(T)) __builtin_prefetch(from + i, written);
#else
  (void)from;
  (void)n;
#endif
}

/** A matrix [rows, columns] with any strides. */
template <typename T> struct Matrix {
  const T* at;
  Index row, column;
};

/** The width of the panel of n that begins at n0: two vectors, or one where that is enough. */
template <typename T> inline Index panelWidth(Index left) { return left > LanesOf<T>::count ? tileVectors * LanesOf<T>::count : LanesOf<T>::count; }

/** Packs columns [0, n) of rows [0, k) of b into one panel [k][width], zeros behind. */
template <typename T> FLAMBEAU_NOINLINE void packPanel(const Matrix<T>& b, Index k, Index n, Index width, T* to) {
  if (n < width)
    for (Index i = 0; i < k; i++) fillRun(to + i * width + n, T(0), width - n);
  if (b.column == 1) {
    if (n == width && width == 2 * LanesOf<T>::count) {
      constexpr int lanes = LanesOf<T>::count;
      for (Index i = 0; i < k; i++) {
        storeVector(to + i * width, loadVector(b.at + i * b.row));
        storeVector(to + i * width + lanes, loadVector(b.at + i * b.row + lanes));
      }
    } else
      for (Index i = 0; i < k; i++) copyRun(b.at + i * b.row, to + i * width, n);
  } else if (b.row == 1) transposeInto(b.at, b.column, n, k, to, width);
  else
    for (Index i = 0; i < k; i++)
      for (Index j = 0; j < n; j++) to[i * width + j] = b.at[i * b.row + j * b.column];
}

/**
 * Packs as many columns of k contiguous rows as fill groups of four panels, and returns how many: the pieces of a row that one panel takes are so
 * short that each of them waits for memory.
 */
template <typename T> FLAMBEAU_NOINLINE Index packRows(const T* b, Index row, Index k, Index n, T* to) {
  constexpr int lanes = LanesOf<T>::count, width = tileVectors * lanes, panels = 4;
  Index first = 0;
  for (; first + panels * width <= n; first += panels * width) {
    for (Index i = 0; i < k; i++) {
      const T* from = b + i * row + first;
      T* panel = to + first * k + i * width;
      if (i + 4 < k) fetchRun(from + 4 * row, panels * width);
      for (int p = 0; p < panels; p++, panel += width * k) {
        storeVector(panel, loadVector(from + p * width));
        storeVector(panel + lanes, loadVector(from + p * width + lanes));
      }
    }
  }
  return first;
}

/** Copies the valid columns of a tile that hangs over the edge of c. */
template <typename T> FLAMBEAU_NOINLINE void storeEdge(const T* tile, Index width, Index rows, Index n, T* c, Index cm, bool accumulate) {
  for (Index r = 0; r < rows; r++)
    for (Index j = 0; j < n; j++) c[r * cm + j] = accumulate ? c[r * cm + j] + tile[r * width + j] : tile[r * width + j];
}

alignas(64) static const float zeroBlock[8 * W] = {};

/**
 * All row tiles of one panel of c: c[0..m, 0..n] = start + a·b. `tile` holds the strides and b; m is cut into tiles of nearly equal height,
 * since 50 rows as 13+13+12+12 keep the pipeline fuller than 14+14+14+8.
 */
template <typename T> FLAMBEAU_NOINLINE void runPanel(Tile<T> tile, Index m, Index n, Index width, T* c, Index cm, const T* bias, bool accumulate) {
  constexpr int most = rowsOfTile<T>;
  const Index tiles = (m + most - 1) / most;
  if (tiles == 0) return;
  const Index base = m / tiles, larger = m % tiles;
  const TileFunction<T> small = width > LanesOf<T>::count ? tileFunction<T, 2>((int)base) : tileFunction<T, 1>((int)base);
  const TileFunction<T> large = width > LanesOf<T>::count ? tileFunction<T, 2>((int)base + 1) : tileFunction<T, 1>((int)base + 1);
  const T* origin = tile.a;
  Index row = 0;
  const T* zeros = (const T*)zeroBlock;
  if (n == width) {
    tile.cm = cm;
    tile.startM = accumulate ? cm : 0;
    for (Index i = 0; i < tiles; i++) {
      tile.a = origin + row * tile.am;
      tile.c = c + row * cm;
      tile.start = accumulate ? tile.c : bias != nullptr ? bias : zeros;
      // A new result is not in the near caches: it comes there while the tile is computed.
      for (Index r = 0; r <= base; r++) fetchRun<1>(tile.c + r * cm, width);
      if (i < larger) large(tile), row += base + 1;
      else small(tile), row += base;
    }
    return;
  }
  T edge[most * tileVectors * LanesOf<T>::count];
  tile.cm = width;
  tile.startM = 0;
  tile.start = !accumulate && bias != nullptr ? bias : zeros;
  tile.c = edge;
  for (Index i = 0; i < tiles; i++) {
    const Index rows = i < larger ? base + 1 : base;
    tile.a = origin + row * tile.am;
    (i < larger ? large : small)(tile);
    storeEdge(edge, width, rows, n, c + row * cm, cm, accumulate);
    row += rows;
  }
}

/** Packs all of b [k, n] into panels, for products that are made many times over; `to` holds k times n rounded up to whole panels. */
template <typename T> void packRight(const Matrix<T>& b, Index k, Index n, T* to) {
  for (Index n0 = 0; n0 < n; n0 += tileVectors * LanesOf<T>::count) {
    const Index left = n - n0, w = panelWidth<T>(left);
    packPanel(Matrix<T>{b.at + n0 * b.column, b.row, b.column}, k, left < w ? left : w, w, to + n0 * k);
  }
}

/** Packs two matrices with n columns, one below the other, as packRight does one of their k + l rows. */
template <typename T> void packStacked(const Matrix<T>& above, Index k, const Matrix<T>& below, Index l, Index n, T* to) {
  for (Index n0 = 0; n0 < n; n0 += tileVectors * LanesOf<T>::count) {
    const Index left = n - n0, w = panelWidth<T>(left), columns = left < w ? left : w;
    T* panel = to + n0 * (k + l);
    packPanel(Matrix<T>{above.at + n0 * above.column, above.row, above.column}, k, columns, w, panel);
    packPanel(Matrix<T>{below.at + n0 * below.column, below.row, below.column}, l, columns, w, panel + k * w);
  }
}

/** c [m, n] = bias + a [m, k] · b, or c + a·b with `accumulate`, where b was packed by packRight; `bias` fills whole panels, or is null. */
template <typename T>
void packedProduct(Index m, Index n, Index k, const Matrix<T>& a, const T* packed, T* c, Index cm, const T* bias, bool accumulate) {
  for (Index n0 = 0; n0 < n; n0 += tileVectors * LanesOf<T>::count) {
    const Index left = n - n0, w = panelWidth<T>(left);
    Tile<T> tile = {};
    tile.k1 = 1;
    tile.k2 = k;
    tile.a = a.at;
    tile.am = a.row;
    tile.a2 = a.column;
    tile.b = packed + n0 * k;
    tile.b2 = w;
    runPanel(tile, m, left < w ? left : w, w, c + n0, cm, bias != nullptr ? bias + n0 : nullptr, accumulate);
  }
}

// Instantiated once, in kernels/product.cc.
extern template void runPanel<float>(Tile<float>, Index, Index, Index, float*, Index, const float*, bool);

}  // namespace FLAMBEAU_NAMESPACE
