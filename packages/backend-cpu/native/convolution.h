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

/** Adds the sums of all parts, each of `size` floats (whole vectors), into the first. */
static FLAMBEAU_NOINLINE void sumParts(float* totals, Index parts, Index size) {
  if (parts == 0) memset(totals, 0, (size_t)size * 4);
  for (Index j = 0; parts > 1 && j < size; j += W) {
    Vf sum = load(totals + j);
    for (Index part = 1; part < parts; part++) sum += load(totals + part * size + j);
    store(totals + j, sum);
  }
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
  const Index width = tileVectors * W, taps = windows.kh * windows.kw;
  // The taps of a channel are one run, forwards or (as the input's gradient takes them) backwards: each channel is a transposition.
  const bool run = (weight.kx == 1 || weight.kx == -1) && weight.ky == windows.kw * weight.kx;
  for (Index n0 = 0; n0 < n; n0 += width) {
    const Index left = n - n0, w = panelWidth<float>(left), used = left < w ? left : w;
    const float* from = weight.at + n0 * weight.n;
    float* panel = to + n0 * taps * channels;
    if (used < w)
      for (Index i = 0; i < taps * channels; i++) fillRun(panel + i * w + used, 0.0f, w - used);
    for (Index c = 0; c < channels; c++, from += weight.c, panel += w) {
      if (run) {
        const Index step = channels * w, last = weight.kx < 0 ? taps - 1 : 0;
        transposeInto(from - last, weight.n, used, taps, panel + last * step, weight.kx * step);
        continue;
      }
      for (Index ky = 0; ky < windows.kh; ky++)
        for (Index kx = 0; kx < windows.kw; kx++)
          for (Index j = 0; j < used; j++) panel[(ky * windows.kw + kx) * channels * w + j] = from[j * weight.n + ky * weight.ky + kx * weight.kx];
    }
  }
}

/** From `from` to before `to`. */
struct Range {
  Index from, to;

  Index size() const { return to - from; }
};

FLAMBEAU_INLINE Index clamped(Index n, Index most) { return n < 0 ? 0 : n < most ? n : most; }
/** n / by, rounded up, for by > 0 and any n. */
FLAMBEAU_INLINE Index ratioUp(Index n, Index by) { return n > 0 ? (n + by - 1) / by : -(-n / by); }
/** The i below `count` for which start + i·step is in a range. */
FLAMBEAU_INLINE Range meeting(Index start, Index step, Index count, const Range& range) {
  const Index to = clamped(ratioUp(range.to - start, step), count);
  return {clamped(ratioUp(range.from - start, step), to), to};
}
FLAMBEAU_INLINE Range intersection(const Range& a, const Range& b) {
  const Index to = a.to < b.to ? a.to : b.to, from = a.from > b.from ? a.from : b.from;
  return {from < to ? from : to, to};
}

/** The rows (or columns) of a laid-out image that hold numbers: `count` of them, `spread` apart, from `first` on. All others are padding. */
FLAMBEAU_INLINE Range filledRange(Index first, Index count, Index spread, Index size) { return intersection({0, size}, {first, first + (count - 1) * spread + 1}); }

/** An image as `layOut` makes it, and where it is not padding. */
struct LaidOut {
  const float* at;
  Index width, channels;
  Range rows, columns;
};

/** A row, along x or along y, of places whose windows take the same taps. */
struct Run {
  const float* from;  // the first place's window
  Index places, step; // and the others'
  Range ky, kx;
  float* to;
  Index toStep;
};

/** One run for one panel of the weight: `w` columns, of which `used` are outputs. */
static void convolveRun(const Run& run, const LaidOut& image, const Windows& windows, const float* panel, Index used, Index w, const float* start) {
  const Index rowStep = windows.dy * image.width * image.channels, columnStep = windows.dx * image.channels;
  Tile<float> tile = {};
  tile.am = run.step;
  tile.a2 = 1;
  tile.b2 = w;
  const float* a = run.from + run.ky.from * rowStep + run.kx.from * columnStep;
  const float* b = panel + (run.ky.from * windows.kw + run.kx.from) * image.channels * w;
  const Index rows = run.kx.size() > 0 ? run.ky.size() : 0;
  if (windows.dx == 1 || run.kx.size() <= 1 || rows == 0) {
    tile.k1 = rows;
    tile.k2 = run.kx.size() * image.channels;
    tile.a = a, tile.a1 = rowStep;
    tile.b = b, tile.b1 = windows.kw * image.channels * w;
    runPanel(tile, run.places, used, w, run.to, run.toStep, start, false);
    return;
  }
  // Dilation tears a row of the window apart.
  tile.k1 = run.kx.size();
  tile.k2 = image.channels;
  tile.a1 = columnStep;
  tile.b1 = image.channels * w;
  for (Index ky = 0; ky < rows; ky++) {
    tile.a = a + ky * rowStep;
    tile.b = b + ky * windows.kw * image.channels * w;
    runPanel(tile, run.places, used, w, run.to, run.toStep, start, ky > 0);
  }
}

/** Whether windows are deep enough for the columns at the sides to be runs of their own: below some 48 numbers a column the tiles' beginnings and ends cost more. */
FLAMBEAU_INLINE bool runsPay(const Windows& windows, Index channels) { return windows.kh * channels >= 48; }

/**
 * out [rows][ow][n] = bias + the windows of an image times a packed weight, for a range of rows. Taps that meet padding are left out: a row at the
 * upper or lower edge takes fewer ky, and the columns at the left and right edge are runs of their own, along y, that take fewer kx.
 */
static void convolve(const LaidOut& image, const Windows& windows, const float* packed, const Range& rows, Index ow, Index n, const float* bias, float* out) {
  const Index panel = tileVectors * W, depth = windows.kh * windows.kw * image.channels, line = image.width * image.channels;
  const Index reachY = (windows.kh - 1) * windows.dy, reachX = (windows.kw - 1) * windows.dx;
  // Places whose window meets no padding above or below, and those with none to the left or right.
  Range middle = intersection(rows, meeting(0, windows.sy, rows.to, {image.rows.from, image.rows.to - reachY}));
  Range whole = meeting(0, windows.sx, ow, {image.columns.from, image.columns.to - reachX});
  const Index sides = ow - whole.size();
  if (sides == 0 || whole.size() < 4 || middle.size() < 4 || !runsPay(windows, image.channels)) whole = {0, ow}, middle = {rows.from, rows.from};
  const Range all[2] = {{0, windows.kh}, {0, windows.kw}};
  for (Index n0 = 0; n0 < n; n0 += panel) {
    const Index left = n - n0, w = panelWidth<float>(left), used = left < w ? left : w;
    const float* weight = packed + n0 * depth;
    const float* start = bias == nullptr ? nullptr : bias + n0;
    float* to = out + n0;
    for (Index y = rows.from; y < rows.to; y++) {
      const bool inner = y >= middle.from && y < middle.to;
      const Index x = inner ? whole.from : 0;
      const Range ky = meeting(y * windows.sy, windows.dy, windows.kh, image.rows);
      const Run run = {image.at + y * windows.sy * line + x * windows.sx * image.channels, inner ? whole.size() : ow, windows.sx * image.channels, ky, all[1], to + ((y - rows.from) * ow + x) * n, n};
      convolveRun(run, image, windows, weight, used, w, start);
    }
    if (middle.size() == 0) continue;
    for (Index i = 0; i < sides; i++) {
      const Index x = i < whole.from ? i : whole.size() + i;
      const Range kx = meeting(x * windows.sx, windows.dx, windows.kw, image.columns);
      const Run run = {image.at + middle.from * windows.sy * line + x * windows.sx * image.channels, middle.size(), windows.sy * line, all[0], kx, to + ((middle.from - rows.from) * ow + x) * n, ow * n};
      convolveRun(run, image, windows, weight, used, w, start);
    }
  }
}

}  // namespace FLAMBEAU_NAMESPACE
