// Matrix products in float32 and float64: one micro-kernel for everything, reading its operands in place or from packed panels.
#pragma once
#include "simd.h"
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

namespace FLAMBEAU_NAMESPACE {

/** Sizes and strides: as wide as an address. */
typedef intptr_t Index;

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

/** dst[c*dstStep + r] = src[r*srcStep + c] for a matrix of rows x columns. */
template <typename T> FLAMBEAU_NOINLINE void transposeInto(const T* src, Index srcStep, Index rows, Index columns, T* dst, Index dstStep) {
  Index r = 0;
  if (sizeof(T) == 4) {
    typedef float Four __attribute__((vector_size(16)));
    typedef float LooseFour __attribute__((vector_size(16), aligned(4), may_alias));
    for (; r + 4 <= rows; r += 4) {
      const T* s = src + r * srcStep;
      T* d = dst + r;
      Index c = 0;
      for (; c + 4 <= columns; c += 4) {
        const Four p = *(const LooseFour*)(s + c), q = *(const LooseFour*)(s + c + srcStep);
        const Four u = *(const LooseFour*)(s + c + 2 * srcStep), w = *(const LooseFour*)(s + c + 3 * srcStep);
        const Four pq = __builtin_shufflevector(p, q, 0, 4, 1, 5), uw = __builtin_shufflevector(u, w, 0, 4, 1, 5);
        const Four pqHigh = __builtin_shufflevector(p, q, 2, 6, 3, 7), uwHigh = __builtin_shufflevector(u, w, 2, 6, 3, 7);
        T* e = d + c * dstStep;
        *(LooseFour*)e = __builtin_shufflevector(pq, uw, 0, 1, 4, 5);
        *(LooseFour*)(e + dstStep) = __builtin_shufflevector(pq, uw, 2, 3, 6, 7);
        *(LooseFour*)(e + 2 * dstStep) = __builtin_shufflevector(pqHigh, uwHigh, 0, 1, 4, 5);
        *(LooseFour*)(e + 3 * dstStep) = __builtin_shufflevector(pqHigh, uwHigh, 2, 3, 6, 7);
      }
      for (; c < columns; c++)
        for (Index i = 0; i < 4; i++) d[c * dstStep + i] = s[i * srcStep + c];
    }
  }
  for (; r < rows; r++)
    for (Index c = 0; c < columns; c++) dst[c * dstStep + r] = src[r * srcStep + c];
}

template <typename T> inline void copyRun(const T* from, T* to, Index n) { // written out, since there is no memcpy in WASM
  constexpr int lanes = LanesOf<T>::count;
  Index i = 0;
  for (; i + lanes <= n; i += lanes) storeVector(to + i, loadVector(from + i));
  for (; i < n; i++) to[i] = from[i];
}
template <typename T> inline void fillRun(T* to, T value, Index n) {
  for (Index i = 0; i < n; i++) to[i] = value;
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

/** c [m, n] = a [m, k] · b, or c + a·b with `accumulate`, where b was packed by packRight. */
template <typename T> void packedProduct(Index m, Index n, Index k, const Matrix<T>& a, const T* packed, T* c, Index cm, bool accumulate) {
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
    runPanel(tile, m, left < w ? left : w, w, c + n0, cm, (const T*)nullptr, accumulate);
  }
}

/** Blocks of a product: how much of k and m is taken at once, so that a panel of b and a block of a stay in the caches. */
struct Blocks {
  Index k, m;
};
inline Blocks blocksFor(Index m, Index n, Index k) {
  const Index mc = FLAMBEAU_LANES == 16 ? 112 : 96;
  const Index kc = (m >= 512 || n >= 512) && k >= 512 ? 512 : 256;
  // Equal blocks of k, so that the last is not a sliver.
  const Index parts = (k + kc - 1) / kc;
  return {parts <= 1 ? k : ((k + parts - 1) / parts + 7) / 8 * 8, mc};
}

/** Whether rows of b can be read where they lie. Packing pays from a few tiles on. */
template <typename T> inline bool readsInPlace(const Matrix<T>& b, Index m) { return b.column == 1 && m <= 56; }
template <typename T> inline bool packsLeft(Index m, Index n, Index k) {
  return n > 128 && m * k * (Index)sizeof(T) > 32768 && m > 2 * rowsOfTile<T>;
}

/** Bytes of scratch that `product` needs. */
template <typename T> inline Index productScratch(Index m, Index n, Index k) {
  const Blocks blocks = blocksFor(m, n, k);
  const Index width = tileVectors * LanesOf<T>::count;
  const Index padded = (n + width - 1) / width * width;
  return (Index)sizeof(T) * (blocks.k * padded + blocks.m * (blocks.k + 16) + padded + 64);
}

/**
 * c [m, n] (rows cm apart) = bias + a [m, k] · b [k, n], or c + a·b with `accumulate`. `scratch` is aligned to 64 bytes. The blocks of k decide in
 * which order an element is summed: a part of a larger product takes those of the whole.
 */
template <typename T>
FLAMBEAU_NOINLINE void generalProduct(const Blocks& blocks, Index m, Index n, Index k, Matrix<T> a, Matrix<T> b, T* c, Index cm, const T* bias, bool accumulate, T* scratch) {
  constexpr int lanes = LanesOf<T>::count;
  const Index width = tileVectors * lanes, padded = (n + width - 1) / width * width;
  T* packedBias = scratch;
  T* packedB = packedBias + (padded + 15) / 16 * 16;
  T* packedA = packedB + blocks.k * padded;
  if (bias != nullptr) {
    copyRun(bias, packedBias, n);
    fillRun(packedBias + n, T(0), padded - n);
  }
  const bool inPlace = readsInPlace(b, m), packing = packsLeft<T>(m, n, k);
  const Index mStep = packing ? blocks.m : m;
  for (Index k0 = 0; k0 < k || k0 == 0; k0 += blocks.k) {
    const Index kc = k - k0 < blocks.k ? k - k0 : blocks.k;
    const bool adds = accumulate || k0 > 0;
    for (Index n0 = 0; n0 < n; n0 += width) {
      const Index left = n - n0, w = panelWidth<T>(left);
      if (!inPlace || left < w) packPanel(Matrix<T>{b.at + k0 * b.row + n0 * b.column, b.row, b.column}, kc, left < w ? left : w, w, packedB + n0 * kc);
    }
    for (Index m0 = 0; m0 < m; m0 += mStep) {
      const Index mc = m - m0 < mStep ? m - m0 : mStep;
      Matrix<T> block = {a.at + m0 * a.row + k0 * a.column, a.row, a.column};
      if (packing) {
        if (a.row == 1) {
          for (Index i = 0; i < kc; i++) copyRun(block.at + i * block.column, packedA + i * blocks.m, mc);
          block = {packedA, 1, blocks.m};
        } else {
          // Rows as they lie, but not a power of two apart, which would send them all to the same few lines of the cache.
          const Index step = blocks.k + 16;
          for (Index i = 0; i < mc; i++) {
            if (a.column == 1) copyRun(block.at + i * block.row, packedA + i * step, kc);
            else
              for (Index j = 0; j < kc; j++) packedA[i * step + j] = block.at[i * block.row + j * block.column];
          }
          block = {packedA, step, 1};
        }
      }
      for (Index n0 = 0; n0 < n; n0 += width) {
        const Index left = n - n0, w = panelWidth<T>(left);
        Tile<T> tile = {};
        tile.k1 = 1;
        tile.k2 = kc;
        tile.a = block.at;
        tile.am = block.row;
        tile.a2 = block.column;
        if (!inPlace || left < w) {
          tile.b = packedB + n0 * kc;
          tile.b2 = w;
        } else {
          tile.b = b.at + k0 * b.row + n0;
          tile.b2 = b.row;
        }
        runPanel(tile, mc, left < w ? left : w, w, c + m0 * cm + n0, cm, bias != nullptr && !adds ? packedBias + n0 : nullptr, adds);
      }
    }
    if (k == 0) break;
  }
}

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

/** One row times a matrix that is contiguous in n: eight vectors of the result at a time. */
template <typename T> FLAMBEAU_NOINLINE void rowProduct(Index n, Index k, const T* a, Index ak, const T* b, Index bk, T* c, const T* bias, bool accumulate) {
  constexpr int lanes = LanesOf<T>::count, wide = 8 * lanes;
  Index j = 0;
  Tile<T> tile = {};
  tile.k1 = 1;
  tile.k2 = k;
  tile.a = a;
  tile.a2 = ak;
  tile.b2 = bk;
  const T* zeros = (const T*)zeroBlock;
  for (; j + lanes <= n; ) {
    const bool full = j + wide <= n;
    tile.b = b + j;
    tile.c = c + j;
    tile.start = accumulate ? c + j : bias != nullptr ? bias + j : zeros;
    if (full) microTile<T, 1, 8>(tile), j += wide;
    else microTile<T, 1, 1>(tile), j += lanes;
  }
  for (; j < n; j++) {
    T total = accumulate ? c[j] : bias != nullptr ? bias[j] : T(0);
    for (Index i = 0; i < k; i++) total += a[i * ak] * b[i * bk + j];
    c[j] = total;
  }
}

/** Whether both sides are contiguous in k and no panel would be worth its packing. */
template <typename T> inline bool takesDots(Index m, Index n, Index k, const Matrix<T>& a, const Matrix<T>& b) {
  return a.column == 1 && b.row == 1 && (n <= 2 * W || m <= 4) && k >= 4 * LanesOf<T>::count;
}

/** c [m, n] (rows cm apart, columns together) = bias [n] + a [m, k] · b [k, n], or c + a·b with `accumulate`; `bias` may be null. */
template <typename T> FLAMBEAU_NOINLINE void product(Index m, Index n, Index k, Matrix<T> a, Matrix<T> b, T* c, Index cm, const T* bias, bool accumulate, T* scratch) {
  if (m == 0 || n == 0) return;
  if (n == 1 && cm == 1 && m > 1) {
    // A column is the row of the transposed product; its bias is one number.
    if (bias != nullptr && !accumulate) {
      fillRun(c, *bias, m);
      accumulate = true;
    }
    const Matrix<T> left = {b.at, b.column, b.row}, right = {a.at, a.column, a.row};
    product(Index(1), m, k, left, right, c, m, (const T*)nullptr, accumulate, scratch);
    return;
  }
  if (m == 1 && b.column == 1) {
    rowProduct(n, k, a.at, a.column, b.at, b.row, c, bias, accumulate);
    return;
  }
  if (takesDots(m, n, k, a, b)) {
    dotProduct(m, n, k, a, b, c, cm, bias, accumulate);
    return;
  }
  generalProduct(blocksFor(m, n, k), m, n, k, a, b, c, cm, bias, accumulate, scratch);
}

// Instantiated once, in kernels/product.cc.
extern template void runPanel<float>(Tile<float>, Index, Index, Index, float*, Index, const float*, bool);
extern template void product<float>(Index, Index, Index, Matrix<float>, Matrix<float>, float*, Index, const float*, bool, float*);

}  // namespace FLAMBEAU_NAMESPACE
