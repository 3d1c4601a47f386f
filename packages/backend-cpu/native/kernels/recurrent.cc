// Long short-term memory over a whole sequence and its gradient, in float32. What does not depend on the step before is one matrix product for
// all steps; what does is one product and one pass of fused gates a step.
#include "../command.h"
#include "../quickMath.h"
#include "../sequence.h"

namespace FLAMBEAU_NAMESPACE {

/** The gates of one sample, i, f, g, o, from sums to activations; the new cell and hidden state. */
static void openGates(float* gates, const float* before, float* cell, float* hidden, Index size) {
  overRow(size, [=](Index i, Index lanes) {
    const Vf input = quickSigmoid(some(gates + i, lanes)), forget = quickSigmoid(some(gates + size + i, lanes));
    const Vf fresh = quickTanh(some(gates + 2 * size + i, lanes)), output = quickSigmoid(some(gates + 3 * size + i, lanes));
    const Vf c = forget * some(before + i, lanes) + input * fresh;
    putSome(gates + i, input, lanes);
    putSome(gates + size + i, forget, lanes);
    putSome(gates + 2 * size + i, fresh, lanes);
    putSome(gates + 3 * size + i, output, lanes);
    putSome(cell + i, c, lanes);
    putSome(hidden + i, output * quickTanh(c), lanes);
  });
}

/**
 * steps, batch, features, size, flag reverse; x and its strides of step and sample; h0, c0, W_ih, W_hh, b_ih or 0, b_hh or 0;
 * output, last h, last c, gates [steps, batch, 4·size], cells [steps, batch, size]; scratch.
 */
int lstm(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Layer q(read);
  const Sequence x(read);
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
  const Index size = q.size, width = 4 * size, panels = wholePanels(width), states = q.batch * size;
  float* bias = aligned(read.pointer<float>());
  float* packedIh = aligned(bias + panels);
  float* packedHh = aligned(packedIh + q.features * panels);
  for (Index i = 0; i < panels; i++) bias[i] = i >= width ? 0 : (biasIh == nullptr ? 0 : biasIh[i]) + (biasHh == nullptr ? 0 : biasHh[i]);
  packRight(Matrix<float>{weightIh, 1, q.features}, q.features, width, packedIh);
  packRight(Matrix<float>{weightHh, 1, size}, size, width, packedHh);
  q.overSamples(slot, width, [&](Index first, Index samples) {
    const Index shift = first * size;
    const float* h = h0 + shift;
    const float* c = c0 + shift;
    for (Index s = 0; s < q.steps; s++) {
      const Index t = q.at(s);
      float* now = gates + (t * q.batch + first) * width;
      float* shown = output + t * states + shift;
      float* cell = cells + t * states + shift;
      packedProduct(samples, width, q.features, x.rows(t, first), packedIh, now, width, bias, false); // x [N, I] · W_ihᵀ [I, 4H]
      packedProduct(samples, width, size, Matrix<float>{h, size, 1}, packedHh, now, width, (const float*)nullptr, true); // h [N, H] · W_hhᵀ [H, 4H]
      for (Index n = 0; n < samples; n++) openGates(now + n * width, c + n * size, cell + n * size, shown + n * size, size);
      h = shown;
      c = cell;
    }
    copyRun(h, lastH + shift, samples * size);
    copyRun(c, lastC + shift, samples * size);
  });
  return ok;
}

/** From the gradients of one sample's hidden and cell state to those of its gates' sums, and of the cell state before. */
static void closeGates(const float* gates, const float* before, const float* cell, const float* dh, float* dc, float* out, Index size) {
  overRow(size, [=](Index i, Index lanes) {
    const Vf input = some(gates + i, lanes), forget = some(gates + size + i, lanes);
    const Vf fresh = some(gates + 2 * size + i, lanes), output = some(gates + 3 * size + i, lanes);
    const Vf shown = quickTanh(some(cell + i, lanes)), slope = some(dh + i, lanes);
    const Vf inner = some(dc + i, lanes) + slope * output * (1 - shown * shown);
    putSome(out + i, inner * fresh * input * (1 - input), lanes);
    putSome(out + size + i, inner * some(before + i, lanes) * forget * (1 - forget), lanes);
    putSome(out + 2 * size + i, inner * input * (1 - fresh * fresh), lanes);
    putSome(out + 3 * size + i, slope * shown * output * (1 - output), lanes);
    putSome(dc + i, inner * forget, lanes);
  });
}

/**
 * steps, batch, features, size, flag reverse; gradients of output (with its strides of step and sample, features together), last h, last c;
 * x with its strides; h0, c0, W_ih, W_hh; output, gates, cells of the forward pass; gradients of h0 and c0 or 0 for both, of W_ih, W_hh, of both biases or 0, of x or 0; floats of scratch for a
 * thread's product; scratch.
 */
int lstmGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Layer q(read);
  const Sequence g(read);
  const float* gH = read.pointer<const float>();
  const float* gC = read.pointer<const float>();
  const Sequence x(read);
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
  const Index each = read.integer();
  float* room = aligned(read.pointer<float>());
  const Index size = q.size, width = 4 * size, states = q.batch * size, all = q.steps * q.batch;
  float* packedHh = room;
  room = aligned(room + width * wholePanels(size));
  packRight(Matrix<float>{weightHh, size, 1}, width, size, packedHh);
  float* packedIh = room;
  if (dx != nullptr) {
    room = aligned(room + width * wholePanels(q.features));
    packRight(Matrix<float>{weightIh, q.features, 1}, width, q.features, packedIh);
  }
  float* sums = room; // gradients of the gates' sums, [T, N, 4H]
  room = aligned(room + all * width);
  const float* rows = rowsOf(x, q, room);
  const bool initial = dh != nullptr;
  if (!initial) {
    dh = room;
    dc = aligned(dh + states);
    room = aligned(dc + states);
  }
  q.overSamples(slot, width, [&](Index first, Index samples) {
    const Index shift = first * size;
    float* slopeH = dh + shift;
    float* slopeC = dc + shift;
    copyRun(gH + shift, slopeH, samples * size);
    copyRun(gC + shift, slopeC, samples * size);
    for (Index s = q.steps - 1; s >= 0; s--) {
      const Index t = q.at(s);
      const float* before = (s == 0 ? c0 : cells + q.at(s - 1) * states) + shift;
      float* now = sums + (t * q.batch + first) * width;
      const Matrix<float> slope = g.rows(t, first);
      for (Index n = 0; n < samples; n++) {
        float* total = slopeH + n * size;
        for (Index i = 0; i < size; i++) total[i] += slope.at[n * slope.row + i];
        closeGates(gates + (t * q.batch + first + n) * width, before + n * size, cells + t * states + shift + n * size, total, slopeC + n * size, now + n * width, size);
      }
      const Matrix<float> sum = {now, width, 1};
      if (s > 0 || initial) packedProduct(samples, size, width, sum, packedHh, slopeH, size, (const float*)nullptr, false); // [N, 4H] · W_hh [4H, H]
      if (dx != nullptr) packedProduct(samples, q.features, width, sum, packedIh, dx + (t * q.batch + first) * q.features, q.features, (const float*)nullptr, false);
    }
  });
  const WeightGrads grads = {slot, room, each};
  grads.ofInput(q, sums, width, width, rows, dWeightIh);
  grads.ofHidden(q, sums, width, width, h0, output, dWeightHh);
  if (dBias != nullptr) sumRows(sums, all, width, width, dBias);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
