// conv2d + bias, relu and max pooling over windows side by side as one op, and its gradient, in float32. What passes between the three stays in the
// first-level cache, and of the convolution's gradient only the elements that a window chose are ever looked at: one in four for windows of 2x2.
#include "../convolution.h"
#include "../parallel.h"

#if defined(__wasm__)
#define FLAMBEAU_HIDDEN(pointer)
#else
#define FLAMBEAU_HIDDEN(pointer) asm("" : "+r"(pointer))
#endif

namespace FLAMBEAU_NAMESPACE {

namespace {

FLAMBEAU_INLINE Index roundUp(Index n, Index to) { return (n + to - 1) / to * to; }

/** A convolution and the pooling windows on it: ph x pw of size kh x kw. */
struct Block {
  Geometry q;
  Index poolH, poolW, ph, pw;
  Index height, width;  // of an image laid out with its padding

  explicit Block(Reader& read) : q(read) {
    poolH = read.integer(), poolW = read.integer(), ph = read.integer(), pw = read.integer();
    const Index reachY = (q.oh - 1) * q.sy + (q.kh - 1) * q.dy + 1, reachX = (q.ow - 1) * q.sx + (q.kw - 1) * q.dx + 1;
    height = reachY > q.h + q.py ? reachY : q.h + q.py, width = reachX > q.w + q.px ? reachX : q.w + q.px;
  }
  Index imageSize() const { return roundUp(height * width * q.channels + W, 16); }
};

/** Of rows [poolH][ow][n] of a convolution the largest of each window after relu, and its place in the plane of oh x ow. */
FLAMBEAU_NOINLINE void poolRows(const float* rows, const Block& block, Index y, Index n, Index step, float* values, int32_t* places) {
  const Index ow = block.q.ow;
  for (Index x = 0; x < block.pw; x++) {
    const int32_t corner = (int32_t)(y * block.poolH * ow + x * block.poolW);
    for (Index c = 0; c < n; c += W) {
      const float* from = rows + x * block.poolW * n + c;
      Vf best = {};
      Vi at = splat(corner);
      for (Index ky = 0; ky < block.poolH; ky++) {
        for (Index kx = 0; kx < block.poolW; kx++) {
          const Vf value = load(from + (ky * ow + kx) * n);
          // After relu nothing is below the 0 that it begins with. A NaN is not below anything either, and the first one stays.
          const Vi loses = (value <= best) | (best != best);
          const Vi here = splat((int32_t)(corner + ky * ow + kx));
          best = loses ? best : value;
          at = loses ? at : here;
        }
      }
      store(values + x * step + c, best);
      store(places + x * step + c, at);
    }
  }
}

/** A number, and where the run of numbers begins that it is multiplied with. */
struct Term {
  float value;
  int32_t offset;
};

#if FLAMBEAU_LANES == 16
constexpr int mostRows = 5, mostVectors = 5;
#elif FLAMBEAU_LANES == 8
constexpr int mostRows = 3, mostVectors = 4;
#else
constexpr int mostRows = 1, mostVectors = 10;
#endif

/** target[r][v] += sum over the terms of value · source[offset + r·sourceRow + v]: all sums stay in registers. */
template <int rows, int vectors>
void gatherTile(const Term* terms, Index count, const float* source, Index sourceRow, float* target, Index targetRow) {
  Vf sum[rows][vectors];
  float* to = target;
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) sum[r][v] = load(to + v * W);
    to += targetRow;
  }
  for (Index i = 0; i < count; i++) {
    const float* from = source + terms[i].offset;
    const Vf value = splat(terms[i].value);
    UNROLL for (int r = 0; r < rows; r++) {
      UNROLL for (int v = 0; v < vectors; v++) sum[r][v] += value * load(from + v * W);
      from += sourceRow;
    }
  }
  to = target;
  // The addresses are to be computed anew, not kept.
  FLAMBEAU_HIDDEN(to);
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) store(to + v * W, sum[r][v]);
    to += targetRow;
  }
}
typedef void (*GatherTile)(const Term*, Index, const float*, Index, float*, Index);
#define TILES(rows) {gatherTile<rows, 1>, gatherTile<rows, 2>, gatherTile<rows, 3>, gatherTile<rows, 4>
const GatherTile gatherTiles[mostRows][mostVectors] = {
#if FLAMBEAU_LANES == 16
    TILES(1), gatherTile<1, 5>}, TILES(2), gatherTile<2, 5>}, TILES(3), gatherTile<3, 5>}, TILES(4), gatherTile<4, 5>}, TILES(5), gatherTile<5, 5>}
#elif FLAMBEAU_LANES == 8
    TILES(1)}, TILES(2)}, TILES(3)}
#else
    TILES(1), gatherTile<1, 5>, gatherTile<1, 6>, gatherTile<1, 7>, gatherTile<1, 8>, gatherTile<1, 9>, gatherTile<1, 10>}
#endif
};

/** The same for any number of rows and vectors, in parts of nearly equal size. */
void gather(const Term* terms, Index count, const float* source, Index sourceRow, float* target, Index targetRow, Index rows, Index vectors) {
  if (rows > 0 && rows <= mostRows && vectors <= mostVectors) {
    gatherTiles[rows - 1][vectors - 1](terms, count, source, sourceRow, target, targetRow);
    return;
  }
  const Index rowParts = (rows + mostRows - 1) / mostRows, vectorParts = (vectors + mostVectors - 1) / mostVectors;
  for (Index i = 0, r = 0; i < rowParts; i++) {
    const Index height = rows / rowParts + (i < rows % rowParts);
    for (Index j = 0, v = 0; j < vectorParts; j++) {
      const Index width = vectors / vectorParts + (j < vectors % vectorParts);
      gatherTiles[height - 1][width - 1](terms, count, source + r * sourceRow + v * W, sourceRow, target + r * targetRow + v * W, targetRow);
      v += width;
    }
    r += height;
  }
}

/** The terms of one output channel, with the offsets of their places; returns how many are not zero. */
FLAMBEAU_NOINLINE Index listTerms(const float* values, const int32_t* places, Index windows, const int32_t* offsets, Term* list) {
  Index count = 0;
  for (Index k = 0; k < windows; k++) {
    list[count] = {values[k], offsets[places[k]]};
    count += values[k] != 0;
  }
  return count;
}

/** Appends the terms of one output channel to the buckets of their places, which hold `size` each and `counts` already. */
FLAMBEAU_NOINLINE void sortTerms(const float* values, const int32_t* places, Index windows, const int32_t* buckets, int32_t offset, Term* gathered, int32_t size, int32_t* counts) {
  for (Index k = 0; k < windows; k++) {
    const int32_t bucket = buckets[places[k]], count = counts[bucket];
    gathered[bucket * size + count] = {values[k], offset};
    counts[bucket] = count + (values[k] != 0);
  }
}

/** masked = g where y is positive, else 0. */
FLAMBEAU_NOINLINE void maskImage(const float* g, const float* y, float* masked, Index count) {
  Index i = 0;
  for (; i + W <= count; i += W) store(masked + i, load(y + i) > 0 ? load(g + i) : Vf{});
  for (; i < count; i++) masked[i] = y[i] > 0 ? g[i] : 0;
}

FLAMBEAU_NOINLINE float sumRow(const float* x, Index count) {
  Vf total = {};
  Index i = 0;
  for (; i + W <= count; i += W) total += load(x + i);
  float sum = sumLanes(total);
  for (; i < count; i++) sum += x[i];
  return sum;
}

}  // namespace

/** values and places [N, Cout, ph, pw] of maxPool2d(relu(bias + x * weight)). */
int convReluMaxPool2d(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Block block(read);
  const Geometry& q = block.q;
  const Four x(read), weight(read);
  const float* bias = read.pointer<const float>();
  float* values = read.pointer<float>();
  int32_t* places = read.pointer<int32_t>();
  float* scratch = read.pointer<float>();
  const Index n = q.outChannels, depth = q.kh * q.kw * q.channels, panels = roundUp(n, tileVectors * W), step = roundUp(n, W), windows = block.ph * block.pw;
  const Windows w = {q.kh, q.kw, q.sy, q.sx, q.dy, q.dx};
  float* packed = aligned(scratch);
  float* packedBias = packed + depth * panels;
  float* images = packedBias + roundUp(panels, 16);
  // Columns at the sides are runs along y, which want several rows; more than these no longer stay near.
  const Index rowSize = block.poolH * q.ow * n, most = rowSize > 0 && runsPay(w, q.channels) ? 16384 / rowSize : 1, atOnce = most < 1 ? 1 : most < block.ph ? most : block.ph;
  const Index rowsSize = roundUp(atOnce * rowSize + W, 16), each = block.imageSize() + rowsSize + 2 * roundUp(windows * step, 16);
  packWeight({weight.at, weight.s0, weight.s1, weight.s2, weight.s3}, n, q.channels, w, packed);
  if (bias != nullptr) {
    copyRun(bias, packedBias, n);
    fillRun(packedBias + n, 0.0f, panels - n);
  }
  share(slot, q.batch, 2.0 * q.batch * n * q.oh * q.ow * depth, [&](Index i, int worker) {
    float* image = images + worker * each;
    float* rows = image + block.imageSize();
    float* best = rows + rowsSize;
    float* at = best + roundUp(windows * step, 16);
    layOut({x.at + i * x.s0, x.s1, x.s2, x.s3}, q.channels, q.h, q.w, image, block.height, block.width, q.channels, q.py, q.px, 1, 1);
    const LaidOut laidOut = {image, block.width, q.channels, filledRange(q.py, q.h, 1, block.height), filledRange(q.px, q.w, 1, block.width)};
    for (Index y = 0; y < block.ph; y += atOnce) {
      const Index end = y + atOnce < block.ph ? y + atOnce : block.ph;
      convolve(laidOut, w, packed, {y * block.poolH, end * block.poolH}, q.ow, n, bias == nullptr ? nullptr : packedBias, rows);
      for (Index j = y; j < end; j++) poolRows(rows + (j - y) * rowSize, block, j, n, step, best + j * block.pw * step, (int32_t*)at + j * block.pw * step);
    }
    transposeInto(best, step, windows, n, values + i * n * windows, windows);
    transposeInto(at, step, windows, n, (float*)places + i * n * windows, windows);
  });
  return ok;
}

/**
 * The gradients of x [N, C, h, w], weight [Cout, C, kh, kw] and bias [Cout], each where its address is given, from g [N, Cout, ph, pw] with the values
 * and places that the forward gave. A window's gradient belongs to one place of the convolution; so
 *   weightGrad[o] = sum of g · (the input's patch at the place), inputGrad's patch at a place = sum over o of g · weight[o],
 * where a patch is kh runs of kw·C numbers.
 */
int convReluMaxPool2dGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Block block(read);
  const Geometry& q = block.q;
  const float* g = read.pointer<const float>();
  const float* values = read.pointer<const float>();
  const int32_t* places = read.pointer<const int32_t>();
  const Four x(read), weight(read);
  float* inputGrad = read.pointer<float>();
  float* weightGrad = read.pointer<float>();
  float* biasGrad = read.pointer<float>();
  float* scratch = read.pointer<float>();
  const Index n = q.outChannels, run = q.kw * q.channels, vectors = (run + W - 1) / W, step = vectors * W, patch = q.kh * step;
  const Index windows = block.ph * block.pw, area = block.poolH * block.poolW, rowStep = q.dy * block.width * q.channels;
  const Index totalSize = roundUp(n * patch + n, 16), chunks = partsOf(q.batch, totalSize);
  float* packed = aligned(scratch);
  float* totals = packed + roundUp(n * patch, 16);
  int32_t* offsets = (int32_t*)(totals + chunks * totalSize);  // where the patch of a place begins
  int32_t* buckets = offsets + q.oh * q.ow;                    // where the terms of a place are gathered
  float* buffers = aligned((float*)(buckets + q.oh * q.ow));
  const Index listSize = roundUp(2 * windows, 16), bucketSize = roundUp(2 * windows * area * n, 16), countSize = roundUp(windows * area, 16);
  const Index each = 2 * block.imageSize() + roundUp(windows * n, 16) + listSize + bucketSize + countSize;
  for (Index y = 0; y < block.ph * block.poolH; y++)
    for (Index j = 0; j < block.pw * block.poolW; j++) {
      offsets[y * q.ow + j] = (int32_t)((y * q.sy * block.width + j * q.sx) * q.channels);
      const Index window = y / block.poolH * block.pw + j / block.poolW, within = y % block.poolH * block.poolW + j % block.poolW;
      buckets[y * q.ow + j] = (int32_t)(window * area + within);
    }
  if (inputGrad != nullptr) {
    memset(packed, 0, (size_t)(n * patch) * 4);
    for (Index o = 0; o < n; o++)
      for (Index c = 0; c < q.channels; c++)
        for (Index ky = 0; ky < q.kh; ky++)
          for (Index kx = 0; kx < q.kw; kx++)
            packed[o * patch + ky * step + kx * q.channels + c] = weight.at[o * weight.s0 + c * weight.s1 + ky * weight.s2 + kx * weight.s3];
  }
  const double terms = (double)q.batch * n * windows * q.kh * run;
  share(slot, chunks, terms * 4, [&](Index chunk, int worker) {
    float* total = totals + chunk * totalSize;
    float* biasTotal = total + n * patch;
    memset(total, 0, (size_t)totalSize * 4);
    float* image = buffers + worker * each;
    float* gradImage = image + block.imageSize();
    float* masked = gradImage + block.imageSize();
    Term* list = (Term*)(masked + roundUp(windows * n, 16));
    Term* gathered = (Term*)((float*)list + listSize);
    int32_t* counts = (int32_t*)((float*)gathered + bucketSize);
    for (Index i = q.batch * chunk / chunks; i < q.batch * (chunk + 1) / chunks; i++) {
      if (weightGrad != nullptr)
        layOut({x.at + i * x.s0, x.s1, x.s2, x.s3}, q.channels, q.h, q.w, image, block.height, block.width, q.channels, q.py, q.px, 1, 1);
      if (inputGrad != nullptr) memset(counts, 0, (size_t)(windows * area) * 4);
      maskImage(g + i * n * windows, values + i * n * windows, masked, n * windows);
      for (Index o = 0; o < n; o++) {
        const float* row = masked + o * windows;
        const int32_t* at = places + (i * n + o) * windows;
        if (biasGrad != nullptr) biasTotal[o] += sumRow(row, windows);
        if (weightGrad != nullptr) {
          const Index count = listTerms(row, at, windows, offsets, list);
          gather(list, count, image, rowStep, total + o * patch, step, q.kh, vectors);
        }
        if (inputGrad != nullptr) sortTerms(row, at, windows, buckets, (int32_t)(o * patch), gathered, (int32_t)n, counts);
      }
      if (inputGrad == nullptr) continue;
      memset(gradImage, 0, (size_t)block.imageSize() * 4);
      for (Index y = 0; y < block.ph * block.poolH; y++) {
        const Range ky = meeting(y * q.sy, q.dy, q.kh, {q.py, q.py + q.h});
        for (Index j = 0; j < block.pw * block.poolW; j++) {
          const int32_t bucket = buckets[y * q.ow + j];
          if (counts[bucket] == 0) continue;
          gather(gathered + bucket * n, counts[bucket], packed + ky.from * step, step, gradImage + offsets[y * q.ow + j] + ky.from * rowStep, rowStep, ky.size(), vectors);
        }
      }
      float* to = inputGrad + i * q.channels * q.h * q.w;
      for (Index y = 0; y < q.h; y++)
        transposeInto(gradImage + ((y + q.py) * block.width + q.px) * q.channels, q.channels, q.w, q.channels, to + y * q.w, q.h * q.w);
    }
  });
  sumParts(totals, chunks, totalSize);
  if (biasGrad != nullptr) copyRun(totals + n * patch, biasGrad, n);
  if (weightGrad == nullptr) return ok;
  for (Index o = 0; o < n; o++)
    for (Index ky = 0; ky < q.kh; ky++)
      transposeInto(totals + o * patch + ky * step, q.channels, q.kw, q.channels, weightGrad + (o * q.channels * q.kh + ky) * q.kw, q.kh * q.kw);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
