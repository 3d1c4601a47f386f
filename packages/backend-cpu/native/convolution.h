// Convolution over two dimensions as an implicit matrix product. An image is laid out once with its channels last and its padding around it;
// then a row of neighbouring output places is a row of overlapping windows, each contiguous over (kx, channel), and no column matrix is made:
//   out[x, o] = sum over ky, (kx, c) of image[(y·sy + ky·dy), x·sx·C + (kx, c)] · weight[ky, (kx, c), o].
#pragma once
#include "command.h"
#include "gemm.h"

namespace FLAMBEAU_NAMESPACE {

/** The sizes of a convolution over two dimensions; one dimension is a single row. */
struct Geometry {
  Index batch, channels, h, w, outChannels, kh, kw, sy, sx, py, px, dy, dx, groups, oh, ow;

  explicit Geometry(Reader& read) {
    batch = read.integer(), channels = read.integer(), h = read.integer(), w = read.integer(), outChannels = read.integer();
    kh = read.integer(), kw = read.integer(), sy = read.integer(), sx = read.integer(), py = read.integer(), px = read.integer();
    dy = read.integer(), dx = read.integer(), groups = read.integer(), oh = read.integer(), ow = read.integer();
  }
};

/** A strided tensor of four dimensions. */
struct Four {
  const float* at;
  Index s0, s1, s2, s3;

  explicit Four(Reader& read) {
    at = read.pointer<const float>();
    s0 = read.integer(), s1 = read.integer(), s2 = read.integer(), s3 = read.integer();
  }
};

/** The next address that a cache line begins at. */
static inline float* aligned(float* p) { return (float*)(((uintptr_t)p + 63) & ~(uintptr_t)63); }

/**
 * Parts that a batch is cut into where each sums a weight gradient of its own, of `size` floats: up to eight, as long as they stay in the caches.
 * The same number for any number of threads, so that the sums are the same. src/optional/convolution.ts knows it too.
 */
FLAMBEAU_INLINE Index partsOf(Index batch, Index size) {
  const Index most = (1 << 20) / (size > 0 ? size : 1), wanted = most < 1 ? 1 : most < 8 ? most : 8;
  return batch < wanted ? batch : wanted;
}

/** A view [C, H, W] of one image in a tensor. */
struct Planes {
  const float* at;
  Index channel, row, column;
};

/** How the windows move. */
struct Windows {
  Index kh, kw, sy, sx, dy, dx;
};

/**
 * Lays an image out as [height][width][channels], with `step` channels from one place to the next. Element (y, x) goes to (top + y·sy, left + x·sx);
 * what falls outside is left out, and all else is zero.
 */
static FLAMBEAU_NOINLINE void layOut(const Planes& image, Index channels, Index h, Index w, float* to, Index height, Index width, Index step, Index top, Index left, Index sy, Index sx) {
  const bool full = top == 0 && left == 0 && sy == 1 && sx == 1 && h >= height && w >= width && step == channels;
  if (!full) memset(to, 0, (size_t)(height * width * step) * 4);
  if (full && h == height && w == width && image.column == 1 && image.row == w) {
    if (channels == 1) copyRun(image.at, to, h * w);
    else transposeInto(image.at, image.channel, channels, h * w, to, step);
    return;
  }
  // The columns that arrive inside: left + x·sx in [0, width).
  const Index x0 = left < 0 ? (-left + sx - 1) / sx : 0;
  const Index x1 = width - left <= 0 ? 0 : (width - left + sx - 1) / sx < w ? (width - left + sx - 1) / sx : w;
  if (x1 <= x0) return;
  for (Index y = 0; y < h; y++) {
    const Index at = top + y * sy;
    if (at < 0 || at >= height) continue;
    float* row = to + (at * width + left + x0 * sx) * step;
    const float* from = image.at + y * image.row + x0 * image.column;
    if (image.column == 1 && channels == 1 && sx * step == 1) copyRun(from, row, x1 - x0);
    else if (image.column == 1) transposeInto(from, image.channel, channels, x1 - x0, row, sx * step);
    else
      for (Index c = 0; c < channels; c++)
        for (Index x = 0; x < x1 - x0; x++) row[x * sx * step + c] = from[c * image.channel + x * image.column];
  }
}

/** A weight [n, c, ky, kx] with any strides, also negative ones. */
struct Weight {
  const float* at;
  Index n, c, ky, kx;
};

/** Packs a weight into panels [(ky, kx, c)][width] of n, as `convolve` reads them. */
static FLAMBEAU_NOINLINE void packWeight(const Weight& weight, Index n, Index channels, const Windows& windows, float* to) {
  const Index width = tileVectors * W;
  for (Index n0 = 0; n0 < n; n0 += width) {
    const Index left = n - n0, w = panelWidth<float>(left), used = left < w ? left : w;
    for (Index ky = 0; ky < windows.kh; ky++)
      for (Index kx = 0; kx < windows.kw; kx++)
        for (Index c = 0; c < channels; c++) {
          const float* from = weight.at + n0 * weight.n + c * weight.c + ky * weight.ky + kx * weight.kx;
          for (Index j = 0; j < used; j++) to[j] = from[j * weight.n];
          fillRun(to + used, 0.0f, w - used);
          to += w;
        }
  }
}

/** out [oh][ow][n] = bias + the windows of `image` [height][width][channels] times a packed weight. */
static void convolve(const float* image, Index width, Index channels, const Windows& windows, const float* packed, Index oh, Index ow, Index n, const float* bias, float* out) {
  const Index panel = tileVectors * W, depth = windows.kh * windows.kw * channels;
  const bool dense = windows.dx == 1 || windows.kw == 1;
  Tile<float> tile = {};
  tile.am = windows.sx * channels;
  tile.a2 = 1;
  for (Index y = 0; y < oh; y++) {
    const float* row = image + y * windows.sy * width * channels;
    for (Index n0 = 0; n0 < n; n0 += panel) {
      const Index left = n - n0, w = panelWidth<float>(left), used = left < w ? left : w;
      float* to = out + y * ow * n + n0;
      const float* start = bias == nullptr ? nullptr : bias + n0;
      tile.b2 = w;
      if (dense) {
        tile.k1 = windows.kh;
        tile.k2 = windows.kw * channels;
        tile.a = row;
        tile.a1 = windows.dy * width * channels;
        tile.b = packed + n0 * depth;
        tile.b1 = tile.k2 * w;
        runPanel(tile, ow, used, w, to, n, start, false);
      } else {
        tile.k1 = windows.kw;
        tile.k2 = channels;
        tile.a1 = windows.dx * channels;
        tile.b1 = channels * w;
        for (Index ky = 0; ky < windows.kh; ky++) {
          tile.a = row + ky * windows.dy * width * channels;
          tile.b = packed + n0 * depth + ky * windows.kw * channels * w;
          runPanel(tile, ow, used, w, to, n, start, ky > 0);
        }
      }
    }
  }
}

}  // namespace FLAMBEAU_NAMESPACE
