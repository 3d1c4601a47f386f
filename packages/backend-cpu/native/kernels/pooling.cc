// Max and average pooling over the last two dimensions, and max pooling's gradient, in float32.
#include "../command.h"
#include "../parallel.h"
#include "../simd.h"

namespace FLAMBEAU_NAMESPACE {

// Fixed at four lanes: an output row is often shorter than a wide vector.
typedef float Quad __attribute__((vector_size(16)));
typedef int32_t QuadInt __attribute__((vector_size(16)));
typedef float QuadAny __attribute__((vector_size(16), aligned(4), may_alias));
typedef int32_t QuadIntAny __attribute__((vector_size(16), aligned(4), may_alias));

/** The better of two columns of candidates; the first of equals, and the first NaN. */
static inline void takeLarger(Quad& best, QuadInt& at, Quad value, QuadInt place) {
  const QuadInt wins = ((QuadInt)(value > best)) | ((QuadInt)(value != value) & (QuadInt)(best == best));
  best = (Quad)((wins & (QuadInt)value) | (~wins & (QuadInt)best));
  at = (wins & place) | (~wins & at);
}

/** One row of 2x2 windows at stride 2: four windows at a time, the last four overlapping those before. */
static inline void pairRow(const float* above, const float* below, int32_t place, int32_t width, int64_t ow, float* out, int32_t* indices) {
  const QuadInt steps = {0, 2, 4, 6};
  for (int64_t x = 0; x < ow;) {
    if (x + 4 > ow) x = ow - 4;
    const Quad p = *(const QuadAny*)(above + 2 * x), q = *(const QuadAny*)(above + 2 * x + 4);
    const Quad r = *(const QuadAny*)(below + 2 * x), s = *(const QuadAny*)(below + 2 * x + 4);
    QuadInt at = steps + (place + 2 * (int32_t)x);
    const QuadInt first = at;
    Quad best = __builtin_shufflevector(p, q, 0, 2, 4, 6);
    takeLarger(best, at, __builtin_shufflevector(p, q, 1, 3, 5, 7), first + 1);
    takeLarger(best, at, __builtin_shufflevector(r, s, 0, 2, 4, 6), first + width);
    takeLarger(best, at, __builtin_shufflevector(r, s, 1, 3, 5, 7), first + width + 1);
    *(QuadAny*)(out + x) = best;
    *(QuadIntAny*)(indices + x) = at;
    x += 4;
  }
}

/** x [planes, h, w] to the largest of each window and its place in the plane, [planes, oh, ow]. */
int maxPool2d(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t planes = read.integer(), h = read.integer(), w = read.integer(), kh = read.integer(), kw = read.integer();
  const int64_t sy = read.integer(), sx = read.integer(), py = read.integer(), px = read.integer(), dy = read.integer(), dx = read.integer();
  const int64_t oh = read.integer(), ow = read.integer();
  const float* xs = read.pointer<const float>();
  float* outs = read.pointer<float>();
  int32_t* allIndices = read.pointer<int32_t>();
  const bool pairs = kh == 2 && kw == 2 && sy == 2 && sx == 2 && py == 0 && px == 0 && dy == 1 && dx == 1 && 2 * oh <= h && 2 * ow <= w && ow >= 4;
  share(slot, planes, 16.0 * planes * oh * ow * kh * kw, [&](int64_t plane, int) {
    const float* x = xs + plane * h * w;
    float* out = outs + plane * oh * ow;
    int32_t* indices = allIndices + plane * oh * ow;
    for (int64_t y = 0; y < oh; y++, out += ow, indices += ow) {
      if (pairs) {
        pairRow(x + 2 * y * w, x + (2 * y + 1) * w, (int32_t)(2 * y * w), (int32_t)w, ow, out, indices);
        continue;
      }
      for (int64_t j = 0; j < ow; j++) {
        float best = 0;
        int64_t at = -1;
        for (int64_t ky = 0; ky < kh; ky++) {
          const int64_t iy = y * sy - py + ky * dy;
          if (iy < 0 || iy >= h) continue;
          for (int64_t kx = 0; kx < kw; kx++) {
            const int64_t ix = j * sx - px + kx * dx;
            if (ix < 0 || ix >= w) continue;
            const float value = x[iy * w + ix];
            if (at < 0 || value > best || (value != value && best == best)) {
              best = value;
              at = iy * w + ix;
            }
          }
        }
        out[j] = best;
        indices[j] = (int32_t)at;
      }
    }
  });
  return ok;
}

/** One row of the means of 2x2 windows at stride 2, as pairRow goes. */
static inline void pairMeans(const float* above, const float* below, float divisor, int64_t ow, float* out) {
  for (int64_t x = 0; x < ow; x += 4) {
    if (x + 4 > ow) x = ow - 4;
    const Quad p = *(const QuadAny*)(above + 2 * x), q = *(const QuadAny*)(above + 2 * x + 4);
    const Quad r = *(const QuadAny*)(below + 2 * x), s = *(const QuadAny*)(below + 2 * x + 4);
    const Quad even = __builtin_shufflevector(p, q, 0, 2, 4, 6) + __builtin_shufflevector(r, s, 0, 2, 4, 6);
    const Quad odd = __builtin_shufflevector(p, q, 1, 3, 5, 7) + __builtin_shufflevector(r, s, 1, 3, 5, 7);
    *(QuadAny*)(out + x) = (even + odd) / divisor;
  }
}

/** The part of a window over one dimension that lies inside, and how much of it counts in the mean. */
struct Extent {
  int64_t from, to, count;

  Extent(int64_t place, int64_t stride, int64_t kernel, int64_t padding, int64_t size, bool countsPadding) {
    const int64_t start = place * stride - padding, end = start + kernel < size + padding ? start + kernel : size + padding;
    from = start < 0 ? 0 : start, to = end < size ? end : size;
    count = countsPadding ? end - start : to - from;
  }
};

/** x [planes, h, w] to the mean of each window, [planes, oh, ow]; sums are divided by `divisor` where it is not 0. */
int avgPool2d(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t planes = read.integer(), h = read.integer(), w = read.integer(), kh = read.integer(), kw = read.integer();
  const int64_t sy = read.integer(), sx = read.integer(), py = read.integer(), px = read.integer(), oh = read.integer(), ow = read.integer();
  const bool countsPadding = read.flag();
  const float divisor = (float)read.number();
  const float* xs = read.pointer<const float>();
  float* outs = read.pointer<float>();
  const bool pairs = kh == 2 && kw == 2 && sy == 2 && sx == 2 && py == 0 && px == 0 && 2 * oh <= h && 2 * ow <= w && ow >= 4;
  share(slot, planes, 16.0 * planes * oh * ow * kh * kw, [&](int64_t plane, int) {
    const float* x = xs + plane * h * w;
    float* out = outs + plane * oh * ow;
    for (int64_t y = 0; y < oh; y++, out += ow) {
      if (pairs) {
        pairMeans(x + 2 * y * w, x + (2 * y + 1) * w, divisor != 0 ? divisor : 4.0f, ow, out);
        continue;
      }
      const Extent rows(y, sy, kh, py, h, countsPadding);
      for (int64_t j = 0; j < ow; j++) {
        const Extent columns(j, sx, kw, px, w, countsPadding);
        float sum = 0;
        for (int64_t iy = rows.from; iy < rows.to; iy++)
          for (int64_t ix = columns.from; ix < columns.to; ix++) sum += x[iy * w + ix];
        out[j] = sum / (divisor != 0 ? divisor : (float)(rows.count * columns.count));
      }
    }
  });
  return ok;
}

/** out [planes, places] = g [planes, windows] added where `indices` say; g may repeat with strides. */
int maxPool2dGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const int64_t planes = read.integer(), places = read.integer(), count = read.integer();
  const float* g = read.pointer<const float>();
  const int32_t* indices = read.pointer<const int32_t>();
  float* out = read.pointer<float>();
  share(slot, planes, 16.0 * planes * (places + count), [&](int64_t plane, int) {
    float* to = out + plane * places;
    memset(to, 0, (size_t)places * 4);
    for (int64_t i = plane * count; i < (plane + 1) * count; i++) to[indices[i]] += g[i];
  });
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
