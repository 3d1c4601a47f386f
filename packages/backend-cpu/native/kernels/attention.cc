// Scaled dot-product attention and its gradient in float32, a block of queries at a time: no more than a block of the weights exists at once,
// and the gradient computes them again from the logarithm of each row's sum.
#include "../command.h"
#include "../gemm.h"
#include "../parallel.h"
#include "../quickMath.h"

namespace FLAMBEAU_NAMESPACE {

namespace {

/** A tensor [...batch, rows, columns] whose rows are contiguous. */
struct Rows {
  const float* at;
  Index row;
  const double* steps;

  Rows(Reader& read, Index batchDims) {
    at = read.pointer<const float>();
    row = read.integer();
    steps = read.list(batchDims);
  }
  Matrix<float> matrix(Index shift) const { return {at + shift, row, 1}; }
  /** Rows and columns exchanged. */
  Matrix<float> turned(Index shift) const { return {at + shift, 1, row}; }
};

/** What may be seen: everything, what lies at and below the diagonal, where a byte is not 0, or floats added to the scores. */
enum Sight { everything, causal, bytes, floats_ };

struct Attention {
  Index queries, keys, width, valueWidth, blockRows;
  Sight sight;
  float scale;
  Index batchDims;
  const double* sizes;
  Index batches;
  const void* mask;
  Index maskRow, maskColumn;
  const double* maskSteps;

  explicit Attention(Reader& read) {
    queries = read.integer();
    keys = read.integer();
    width = read.integer();
    valueWidth = read.integer();
    blockRows = read.integer();
    sight = (Sight)read.integer();
    scale = (float)read.number();
    batchDims = read.integer();
    sizes = read.list(batchDims);
    batches = 1;
    for (Index d = 0; d < batchDims; d++) batches *= (Index)sizes[d];
    mask = read.pointer<const void>();
    maskRow = read.integer();
    maskColumn = read.integer();
    maskSteps = read.list(batchDims);
  }
  /** Where the matrix of a batch index begins. */
  Index shift(Index batch, const double* steps) const {
    Index total = 0;
    for (Index d = batchDims - 1; d >= 0; d--) {
      const Index size = (Index)sizes[d];
      total += batch % size * (Index)steps[d];
      batch /= size;
    }
    return total;
  }
  /** Keys that some query of the block [first, first + rows) sees. */
  Index seen(Index first, Index rows) const { return sight == causal && first + rows < keys ? first + rows : keys; }

  /** What `look` leaves to multiply the scores with: all of the scale where nothing is hidden or added, so that a pass is saved. */
  float left() const { return sight == everything && scale > 0 ? scale : 1; }
  /** Scales the scores of a query, but for what is left, and takes away what it may not see, as -∞. */
  void look(float* scores, Index query, Index n, Index maskShift) const {
    if (left() != 1) return;
    for (Index i = 0; i < n; i++) scores[i] *= scale;
    const float blind = -__builtin_inff();
    if (sight == causal)
      for (Index i = query + 1; i < n; i++) scores[i] = blind;
    const Index at = maskShift + query * maskRow;
    if (sight == bytes)
      for (Index i = 0; i < n; i++) scores[i] = ((const uint8_t*)mask)[at + i * maskColumn] != 0 ? scores[i] : blind;
    if (sight == floats_)
      for (Index i = 0; i < n; i++) scores[i] += ((const float*)mask)[at + i * maskColumn];
  }
};

/** Row vectors are taken whole: what lies beyond a row is scratch. `scores` has room for whole vectors. */
inline Index wholeVectors(Index n) { return (n + W - 1) / W * W; }

/** exp(scores·factor - shift) in place, 0 where there was -∞; returns the sum. */
FLAMBEAU_INLINE float expInPlace(float* scores, Index n, float factor, float shift) {
  const float blind = -__builtin_inff();
  for (Index i = n; i < wholeVectors(n); i++) scores[i] = blind;
  Vf total = Vf{};
  for (Index i = 0; i < n; i += W) {
    const Vf s = load(scores + i);
    const Vf e = select(s == blind, Vf{}, expBelowZero(s * factor - shift));
    store(scores + i, e);
    total += e;
  }
  return sumLanes(total);
}

FLAMBEAU_INLINE float largestOfRow(const float* x, Index n) {
  float best = -__builtin_inff();
  Index i = 0;
  if (n >= W) {
    Vf p = load(x);
    for (i = W; i + W <= n; i += W) p = largerOrNaN(p, load(x + i));
    // p - p is 0, but for NaN and the infinities.
    if (sumLanes(p - p) == 0) best = maxLanes(p);
    else
      for (int lane = 0; lane < W; lane++) best = p[lane] > best || p[lane] != p[lane] ? p[lane] : best;
  }
  for (; i < n; i++) best = x[i] > best || x[i] != x[i] ? x[i] : best;
  return best;
}

inline float* alignedRoom(float* p) { return (float*)(((uintptr_t)p + 63) & ~(uintptr_t)63); }

}  // namespace

/**
 * queries L, keys S, width E, width of values Ev, rows of a block, sight, scale; batch dimensions and their sizes; mask or 0 with its strides of
 * row, column and batch; q, k, v, each with its strides of row and batch; out [...batch, L, Ev], logSums [...batch, L]; floats of scratch for a
 * thread, scratch.
 */
int attention(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Attention a(read);
  const Rows q(read, a.batchDims), k(read, a.batchDims), v(read, a.batchDims);
  float* out = read.pointer<float>();
  float* logSums = read.pointer<float>();
  const Index roomEach = read.integer();
  float* rooms = read.pointer<float>();
  const Index step = wholeVectors(a.keys);
  const double work = 2.0 * (double)a.batches * (double)a.queries * (double)a.keys * (double)(a.width + a.valueWidth);
  share(slot, a.batches, work, [&](int64_t batch, int worker) {
    float scales[128];  // of a block's rows
    float* scores = alignedRoom(rooms + worker * roomEach);
    float* room = alignedRoom(scores + a.blockRows * step);
    const Index qShift = a.shift((Index)batch, q.steps), kShift = a.shift((Index)batch, k.steps), vShift = a.shift((Index)batch, v.steps);
    const Index maskShift = a.mask == nullptr ? 0 : a.shift((Index)batch, a.maskSteps);
    for (Index first = 0; first < a.queries; first += a.blockRows) {
      const Index rows = a.queries - first < a.blockRows ? a.queries - first : a.blockRows, n = a.seen(first, rows);
      float* to = out + ((Index)batch * a.queries + first) * a.valueWidth;
      float* sums = logSums + (Index)batch * a.queries + first;
      // q [L, E] · kᵀ [E, S]
      product(rows, n, a.width, q.matrix(qShift + first * q.row), k.turned(kShift), scores, step, (const float*)nullptr, false, room);
      for (Index r = 0; r < rows; r++) {
        float* row = scores + r * step;
        a.look(row, first + r, n, maskShift);
        const float peak = largestOfRow(row, n) * a.left();
        if (peak == -__builtin_inff()) {
          // It sees nothing: zeros, and a logarithm that makes zeros of its weights in the gradient.
          for (Index i = 0; i < n; i++) row[i] = 0;
          sums[r] = 0;
          scales[r] = 0;
          continue;
        }
        const float total = expInPlace(row, n, a.left(), peak);
        sums[r] = peak + (float)log((double)total);
        scales[r] = 1 / total;
      }
      product(rows, a.valueWidth, n, Matrix<float>{scores, step, 1}, v.matrix(vShift), to, a.valueWidth, (const float*)nullptr, false, room);
      // The sums divide the results, which are fewer than the weights.
      for (Index r = 0; r < rows; r++)
        for (Index i = 0; i < a.valueWidth; i++) to[r * a.valueWidth + i] *= scales[r];
    }
  });
  return ok;
}

/**
 * The same head as attention; then g, q, k, v, out, each with its strides of row and batch; logSums; dq, dk, dv, all contiguous; floats of
 * scratch for a thread, scratch. With the weights P = exp(scores - logSum): dv = Pᵀ·g, dP = g·vᵀ, dS = P∘(dP - Σ g∘out)·scale,
 * dq = dS·k, dk = dSᵀ·q.
 */
int attentionGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Attention a(read);
  const Rows g(read, a.batchDims), q(read, a.batchDims), k(read, a.batchDims), v(read, a.batchDims), out(read, a.batchDims);
  const float* logSums = read.pointer<const float>();
  float* dq = read.pointer<float>();
  float* dk = read.pointer<float>();
  float* dv = read.pointer<float>();
  const Index roomEach = read.integer();
  float* rooms = read.pointer<float>();
  const Index step = wholeVectors(a.keys);
  const double work = 4.0 * (double)a.batches * (double)a.queries * (double)a.keys * (double)(a.width + a.valueWidth);
  share(slot, a.batches, work, [&](int64_t batch, int worker) {
    float* weights = alignedRoom(rooms + worker * roomEach);
    float* slopes = alignedRoom(weights + a.blockRows * step);
    float* room = alignedRoom(slopes + a.blockRows * step);
    const Index at = (Index)batch;
    const Index gShift = a.shift(at, g.steps), qShift = a.shift(at, q.steps), kShift = a.shift(at, k.steps), vShift = a.shift(at, v.steps);
    const Index outShift = a.shift(at, out.steps), maskShift = a.mask == nullptr ? 0 : a.shift(at, a.maskSteps);
    float* dKeys = dk + at * a.keys * a.width;
    float* dValues = dv + at * a.keys * a.valueWidth;
    memset(dKeys, 0, (size_t)(a.keys * a.width) * 4);
    memset(dValues, 0, (size_t)(a.keys * a.valueWidth) * 4);
    for (Index first = 0; first < a.queries; first += a.blockRows) {
      const Index rows = a.queries - first < a.blockRows ? a.queries - first : a.blockRows, n = a.seen(first, rows);
      const Matrix<float> queries = q.matrix(qShift + first * q.row), slope = g.matrix(gShift + first * g.row);
      product(rows, n, a.width, queries, k.turned(kShift), weights, step, (const float*)nullptr, false, room);
      product(rows, n, a.valueWidth, slope, v.turned(vShift), slopes, step, (const float*)nullptr, false, room); // g [L, Ev] · vᵀ [Ev, S]
      for (Index r = 0; r < rows; r++) {
        float* weight = weights + r * step;
        float* down = slopes + r * step;
        a.look(weight, first + r, n, maskShift);
        expInPlace(weight, n, a.left(), logSums[at * a.queries + first + r]);
        const float* gRow = slope.at + r * g.row;
        const float* outRow = out.at + outShift + (first + r) * out.row;
        Vf sum = Vf{};
        Index i = 0;
        for (; i + W <= a.valueWidth; i += W) sum += load(gRow + i) * load(outRow + i);
        float along = sumLanes(sum);
        for (; i < a.valueWidth; i++) along += gRow[i] * outRow[i];
        for (i = 0; i < n; i++) down[i] = weight[i] * (down[i] - along) * a.scale;
      }
      const Matrix<float> weightsTurned = {weights, 1, step}, slopesTurned = {slopes, 1, step};
      product(n, a.valueWidth, rows, weightsTurned, slope, dValues, a.valueWidth, (const float*)nullptr, true, room);
      product(n, a.width, rows, slopesTurned, queries, dKeys, a.width, (const float*)nullptr, true, room);
      product(rows, a.width, n, Matrix<float>{slopes, step, 1}, k.matrix(kShift), dq + (at * a.queries + first) * a.width, a.width, (const float*)nullptr, false, room);
    }
  });
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
