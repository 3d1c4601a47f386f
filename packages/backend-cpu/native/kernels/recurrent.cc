// Long short-term memory over a whole sequence and its gradient, in float32. What does not depend on the step before is one matrix product for
// all steps; what does is one product and one pass of fused gates a step.
#include "../command.h"
#include "../gemm.h"
#include "../quickMath.h"

namespace FLAMBEAU_NAMESPACE {

static inline float* aligned(float* p) { return (float*)(((uintptr_t)p + 63) & ~(uintptr_t)63); }
static inline Index wholePanels(Index n) {
  const Index panel = tileVectors * W;
  return (n + panel - 1) / panel * panel;
}

/** A sequence [steps, batch, features] with any strides for step and sample, its features together. */
struct Sequence {
  const float* at;
  Index step, sample;
};

/** The sequence as rows [steps·batch, features], where it lies or copied into `room`, which moves on. */
static const float* rowsOf(const Sequence& x, Index steps, Index batch, Index features, float*& room) {
  if (x.sample == features && x.step == batch * features) return x.at;
  float* to = room;
  room = aligned(room + steps * batch * features);
  for (Index t = 0; t < steps; t++)
    for (Index n = 0; n < batch; n++) copyRun(x.at + t * x.step + n * x.sample, to + (t * batch + n) * features, features);
  return to;
}

/** The gates of one sample, i, f, g, o, from sums to activations; the new cell and hidden state. */
static void openGates(float* gates, const float* before, float* cell, float* hidden, Index size) {
  for (Index i = 0; i < size; i += W) {
    const Index n = size - i < W ? size - i : W;
    if (n == W) {
      const Vf input = quickSigmoid(load(gates + i)), forget = quickSigmoid(load(gates + size + i));
      const Vf fresh = quickTanh(load(gates + 2 * size + i)), output = quickSigmoid(load(gates + 3 * size + i));
      const Vf c = forget * load(before + i) + input * fresh;
      store(gates + i, input);
      store(gates + size + i, forget);
      store(gates + 2 * size + i, fresh);
      store(gates + 3 * size + i, output);
      store(cell + i, c);
      store(hidden + i, output * quickTanh(c));
      continue;
    }
    const Vf input = quickSigmoid(loadPart(gates + i, n)), forget = quickSigmoid(loadPart(gates + size + i, n));
    const Vf fresh = quickTanh(loadPart(gates + 2 * size + i, n)), output = quickSigmoid(loadPart(gates + 3 * size + i, n));
    const Vf c = forget * loadPart(before + i, n) + input * fresh;
    storePart(gates + i, input, n);
    storePart(gates + size + i, forget, n);
    storePart(gates + 2 * size + i, fresh, n);
    storePart(gates + 3 * size + i, output, n);
    storePart(cell + i, c, n);
    storePart(hidden + i, output * quickTanh(c), n);
  }
}

/**
 * steps, batch, features, size, flag reverse; x and its strides of step and sample; h0, c0, W_ih, W_hh, b_ih or 0, b_hh or 0;
 * output, last h, last c, gates [steps, batch, 4·size], cells [steps, batch, size]; scratch.
 */
int lstm(const double* command, ErrorSlot&) {
  Reader read(command);
  const Index steps = read.integer(), batch = read.integer(), features = read.integer(), size = read.integer();
  const bool reverse = read.flag();
  Sequence x;
  x.at = read.pointer<const float>();
  x.step = read.integer();
  x.sample = read.integer();
  const float* h0 = read.pointer<const float>();
  const float* c0 = read.pointer<const float>();
  const float* weightIh = read.pointer<const float>();
  const float* weightHh = read.pointer<const float>();
  const float* biasIh = read.pointer<const float>();
  const float* biasHh = read.pointer<const float>();
  float* output = read.pointer<float>();
  float* lastH = read.pointer<float>();
  float* lastC = read.pointer<float>();
  float* gates = read.pointer<float>();
  float* cells = read.pointer<float>();
  float* room = aligned(read.pointer<float>());
  const Index width = 4 * size, states = batch * size;
  float* bias = room;
  room = aligned(room + width);
  for (Index i = 0; i < width; i++) bias[i] = (biasIh == nullptr ? 0 : biasIh[i]) + (biasHh == nullptr ? 0 : biasHh[i]);
  float* packed = room;
  room = aligned(room + size * wholePanels(width));
  packRight(Matrix<float>{weightHh, 1, size}, size, width, packed);
  const float* rows = rowsOf(x, steps, batch, features, room);
  // [T·N, I] · W_ihᵀ [I, 4H]
  product(steps * batch, width, features, Matrix<float>{rows, features, 1}, Matrix<float>{weightIh, 1, features}, gates, width, bias, false, room);
  const float* h = h0;
  const float* c = c0;
  for (Index s = 0; s < steps; s++) {
    const Index t = reverse ? steps - 1 - s : s;
    float* now = gates + t * batch * width;
    packedProduct(batch, width, size, Matrix<float>{h, size, 1}, packed, now, width, true); // h [N, H] · W_hhᵀ [H, 4H]
    for (Index n = 0; n < batch; n++)
      openGates(now + n * width, c + n * size, cells + t * states + n * size, output + t * states + n * size, size);
    h = output + t * states;
    c = cells + t * states;
  }
  copyRun(h, lastH, states);
  copyRun(c, lastC, states);
  return ok;
}

/** From the gradients of one sample's hidden and cell state to those of its gates' sums, and of the cell state before. */
static void closeGates(const float* gates, const float* before, const float* cell, const float* dh, float* dc, float* out, Index size) {
  for (Index i = 0; i < size; i += W) {
    const Index n = size - i < W ? size - i : W;
    const bool whole = n == W;
    const auto get = [=](const float* p) { return whole ? load(p) : loadPart(p, n); };
    const auto put = [=](float* p, Vf v) {
      if (whole) store(p, v);
      else storePart(p, v, n);
    };
    const Vf input = get(gates + i), forget = get(gates + size + i), fresh = get(gates + 2 * size + i), output = get(gates + 3 * size + i);
    const Vf shown = quickTanh(get(cell + i)), slope = get(dh + i);
    const Vf inner = get(dc + i) + slope * output * (1 - shown * shown);
    put(out + i, inner * fresh * input * (1 - input));
    put(out + size + i, inner * get(before + i) * forget * (1 - forget));
    put(out + 2 * size + i, inner * input * (1 - fresh * fresh));
    put(out + 3 * size + i, slope * shown * output * (1 - output));
    put(dc + i, inner * forget);
  }
}

/**
 * steps, batch, features, size, flag reverse; gradients of output (with its strides of step and sample, features together), last h, last c;
 * x with its strides; h0, c0, W_ih, W_hh; output, gates, cells of the forward pass; gradients of h0, c0, W_ih, W_hh, of both biases or 0, of x or 0; scratch.
 */
int lstmGrad(const double* command, ErrorSlot&) {
  Reader read(command);
  const Index steps = read.integer(), batch = read.integer(), features = read.integer(), size = read.integer();
  const bool reverse = read.flag();
  Sequence g, x;
  g.at = read.pointer<const float>();
  g.step = read.integer();
  g.sample = read.integer();
  const float* gH = read.pointer<const float>();
  const float* gC = read.pointer<const float>();
  x.at = read.pointer<const float>();
  x.step = read.integer();
  x.sample = read.integer();
  const float* h0 = read.pointer<const float>();
  const float* c0 = read.pointer<const float>();
  const float* weightIh = read.pointer<const float>();
  const float* weightHh = read.pointer<const float>();
  const float* output = read.pointer<const float>();
  const float* gates = read.pointer<const float>();
  const float* cells = read.pointer<const float>();
  float* dh = read.pointer<float>();
  float* dc = read.pointer<float>();
  float* dWeightIh = read.pointer<float>();
  float* dWeightHh = read.pointer<float>();
  float* dBias = read.pointer<float>();
  float* dx = read.pointer<float>();
  float* room = aligned(read.pointer<float>());
  const Index width = 4 * size, states = batch * size, all = steps * batch;
  float* packed = room;
  room = aligned(room + width * wholePanels(size));
  packRight(Matrix<float>{weightHh, size, 1}, width, size, packed);
  float* sums = room; // gradients of the gates' sums, [T, N, 4H]
  room = aligned(room + all * width);
  const float* rows = rowsOf(x, steps, batch, features, room);
  copyRun(gH, dh, states);
  copyRun(gC, dc, states);
  for (Index s = steps - 1; s >= 0; s--) {
    const Index t = reverse ? steps - 1 - s : s;
    const Index earlier = reverse ? t + 1 : t - 1;
    const float* before = s == 0 ? c0 : cells + earlier * states;
    float* now = sums + t * batch * width;
    for (Index n = 0; n < batch; n++) {
      const float* slope = g.at + t * g.step + n * g.sample;
      float* total = dh + n * size;
      for (Index i = 0; i < size; i++) total[i] += slope[i];
      closeGates(gates + (t * batch + n) * width, before + n * size, cells + t * states + n * size, total, dc + n * size, now + n * width, size);
    }
    packedProduct(batch, size, width, Matrix<float>{now, width, 1}, packed, dh, size, false); // [N, 4H] · W_hh [4H, H]
  }
  // sumsᵀ [4H, T·N] · x [T·N, I]
  product(width, features, all, Matrix<float>{sums, 1, width}, Matrix<float>{rows, features, 1}, dWeightIh, features, (const float*)nullptr, false, room);
  // The hidden states before: h0 for the first step, and the outputs, one step on, for the others.
  const Index firstStep = reverse ? steps - 1 : 0;
  product(width, size, batch, Matrix<float>{sums + firstStep * batch * width, 1, width}, Matrix<float>{h0, size, 1}, dWeightHh, size, (const float*)nullptr, false, room);
  const float* later = sums + (reverse ? 0 : batch * width);
  const float* outputs = output + (reverse ? states : 0);
  if (steps > 1) product(width, size, all - batch, Matrix<float>{later, 1, width}, Matrix<float>{outputs, size, 1}, dWeightHh, size, (const float*)nullptr, true, room);
  if (dBias != nullptr) {
    memset(dBias, 0, (size_t)width * 4);
    for (Index r = 0; r < all; r++)
      for (Index i = 0; i < width; i++) dBias[i] += sums[r * width + i];
  }
  if (dx != nullptr)
    product(all, features, width, Matrix<float>{sums, width, 1}, Matrix<float>{weightIh, features, 1}, dx, features, (const float*)nullptr, false, room);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
