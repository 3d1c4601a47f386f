// Matrix products in float32 and float64: which way a product is made, and the blocks of a large one.
#pragma once
#include "dot.h"

namespace FLAMBEAU_NAMESPACE {

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
/** Whether rows of a are taken in blocks that stay in the second cache while the panels of b go by. */
template <typename T> inline bool inBlocks(Index m, Index n, Index k) {
  return n > 128 && m * k * (Index)sizeof(T) > 32768 && m > 2 * rowsOfTile<T>;
}
/** Whether such a block is packed: not where its rows lie as a tile reads them, unless whole pages apart, which sends them all to the same few lines of the first cache. */
template <typename T> inline bool packsLeft(const Matrix<T>& a, Index m, Index n, Index k) {
  return inBlocks<T>(m, n, k) && (a.column != 1 || a.row * (Index)sizeof(T) % 4096 == 0);
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
  const bool inPlace = readsInPlace(b, m), packing = packsLeft(a, m, n, k);
  const Index mStep = inBlocks<T>(m, n, k) ? blocks.m : m;
  for (Index k0 = 0; k0 < k || k0 == 0; k0 += blocks.k) {
    const Index kc = k - k0 < blocks.k ? k - k0 : blocks.k;
    const bool adds = accumulate || k0 > 0;
    const Index packed = inPlace || b.column != 1 ? 0 : packRows(b.at + k0 * b.row, b.row, kc, n, packedB);
    for (Index n0 = packed; n0 < n; n0 += width) {
      const Index left = n - n0, w = panelWidth<T>(left);
      if (!inPlace || left < w) packPanel(Matrix<T>{b.at + k0 * b.row + n0 * b.column, b.row, b.column}, kc, left < w ? left : w, w, packedB + n0 * kc);
    }
    for (Index m0 = 0; m0 < m; m0 += mStep) {
      const Index mc = m - m0 < mStep ? m - m0 : mStep;
      Matrix<T> block = {a.at + m0 * a.row + k0 * a.column, a.row, a.column};
      if (packing) {
        if (a.row == 1) {
          for (Index i = 0; i < kc; i++) {
            if (i + 8 < kc) fetchRun(block.at + (i + 8) * block.column, mc);
            copyRun(block.at + i * block.column, packedA + i * blocks.m, mc);
          }
          block = {packedA, 1, blocks.m};
        } else {
          // Rows as they lie, but not a power of two apart, which would send them all to the same few lines of the cache.
          const Index step = blocks.k + 16;
          for (Index i = 0; i < mc; i++) {
            if (a.column == 1) {
              if (i + 2 < mc) fetchRun(block.at + (i + 2) * block.row, kc);
              copyRun(block.at + i * block.row, packedA + i * step, kc);
            } else
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
extern template void product<float>(Index, Index, Index, Matrix<float>, Matrix<float>, float*, Index, const float*, bool, float*);

}  // namespace FLAMBEAU_NAMESPACE
