// Gated recurrent units over a whole sequence and their gradient, in float32: one matrix product for what does not depend on the step before, one
// product and one pass of fused gates a step for what does.
#include "../command.h"
#include "../quickMath.h"
#include "../sequence.h"

namespace FLAMBEAU_NAMESPACE {

/** The gates r, z, n of one sample from their sums (those of the input in place, those of the hidden state in `hidden`), and the new state. */
static void openGru(float* gates, const float* hidden, const float* biasHidden, const float* before, float* after, Index size) {
  overRow(size, [=](Index i, Index lanes) FLAMBEAU_STEP {
    const Vf reset = quickSigmoid(some(gates + i, lanes) + some(hidden + i, lanes));
    const Vf update = quickSigmoid(some(gates + size + i, lanes) + some(hidden + size + i, lanes));
    const Vf inner = some(hidden + 2 * size + i, lanes) + some(biasHidden + i, lanes);
    const Vf fresh = quickTanh(some(gates + 2 * size + i, lanes) + reset * inner);
    putSome(gates + i, reset, lanes);
    putSome(gates + size + i, update, lanes);
    putSome(gates + 2 * size + i, fresh, lanes);
    putSome(gates + 3 * size + i, inner, lanes);
    putSome(after + i, fresh + update * (some(before + i, lanes) - fresh), lanes);
  });
}

/**
 * steps, batch, features, size, flag reverse; x and its strides of step and sample; h0 or 0, W_ih, W_hh, b_ih or 0, b_hh or 0;
 * output, last h, gates [steps, batch, 4·size]: r, z, n and the hidden state's part of n; scratch.
 */
int gru(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Layer q(read);
  const Sequence x(read);
  const float* h0 = read.pointer<const float>();
  const float* weightIh = read.pointer<const float>();
  const float* weightHh = read.pointer<const float>();
  const float* biasIh = read.pointer<const float>();
  const float* biasHh = read.pointer<const float>();
  float* output = read.pointer<float>();
  float* lastH = read.pointer<float>();
  float* gates = read.pointer<float>();
  const Index size = q.size, width = 3 * size, row = 4 * size, panels = wholePanels(width), states = q.batch * size;
  // Of the sums of the input: both biases for r and z, that of the input for n; then that of the hidden state for n.
  float* bias = aligned(read.pointer<float>());
  float* biasHidden = aligned(bias + panels);
  float* packedIh = aligned(biasHidden + size + W);
  float* packedHh = aligned(packedIh + q.features * panels);
  float* hiddens = aligned(packedHh + size * panels); // h · W_hhᵀ of a step
  float* zeros = aligned(hiddens + q.batch * width);
  fillRun(zeros, 0.0f, h0 == nullptr ? states : 0);
  for (Index i = 0; i < panels; i++)
    bias[i] = i >= width ? 0 : (biasIh == nullptr ? 0 : biasIh[i]) + (biasHh == nullptr || i >= 2 * size ? 0 : biasHh[i]);
  for (Index i = 0; i < size; i++) biasHidden[i] = biasHh == nullptr ? 0 : biasHh[2 * size + i];
  packRight(Matrix<float>{weightIh, 1, q.features}, q.features, width, packedIh);
  packRight(Matrix<float>{weightHh, 1, size}, size, width, packedHh);
  q.overSamples(slot, width, q.steps, 0, q.groups(), [&](Index first, Index samples, Index) {
    const Index shift = first * size;
    float* hidden = hiddens + first * width;
    const float* h = (h0 == nullptr ? zeros : h0) + shift;
    for (Index s = 0; s < q.steps; s++) {
      const Index t = q.at(s), inner = s == 0 && h0 == nullptr ? 0 : size; // nothing comes from a state of zeros
      float* now = gates + (t * q.batch + first) * row;
      float* shown = output + t * states + shift;
      packedProduct(samples, width, q.features, x.rows(t, first), packedIh, now, row, bias, false); // x [N, I] · W_ihᵀ [I, 3H]
      packedProduct(samples, width, inner, Matrix<float>{h, size, 1}, packedHh, hidden, width, (const float*)nullptr, false); // h [N, H] · W_hhᵀ [H, 3H]
      for (Index n = 0; n < samples; n++) openGru(now + n * row, hidden + n * width, biasHidden, h + n * size, shown + n * size, size);
      h = shown;
    }
    copyRun(h, lastH + shift, samples * size);
  });
  return ok;
}

/**
 * From the gradients of one sample's state (of the next step, and of the output) to those of the sums n, r, z and of the hidden state's part of n, in
 * this order; dh becomes its direct part.
 */
static void closeGru(const float* gates, const float* before, float* dh, const float* dShown, float* out, Index size) {
  overRow(size, [=](Index i, Index lanes) FLAMBEAU_STEP {
    const Vf reset = some(gates + i, lanes), update = some(gates + size + i, lanes), fresh = some(gates + 2 * size + i, lanes);
    const Vf slope = some(dh + i, lanes) + some(dShown + i, lanes), freshSlope = slope * (1 - update) * (1 - fresh * fresh);
    putSome(out + i, freshSlope, lanes);
    putSome(out + size + i, freshSlope * some(gates + 3 * size + i, lanes) * reset * (1 - reset), lanes);
    putSome(out + 2 * size + i, slope * (some(before + i, lanes) - fresh) * update * (1 - update), lanes);
    putSome(out + 3 * size + i, freshSlope * reset, lanes);
    putSome(dh + i, slope * update, lanes);
  });
}

/**
 * steps, batch, features, size, flag reverse; gradients of output (with its strides of step and sample, features together, its first step and how
 * many) and of last h or 0; x with its strides; h0 or 0, W_ih, W_hh; output and gates of the forward pass; gradients of h0 or 0, W_ih, W_hh, b_ih or
 * 0, b_hh or 0, x or 0; scratch.
 */
int gruGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Layer q(read);
  const OutputSlope g(read);
  const float* gH = read.pointer<const float>();
  const Sequence x(read);
  const float* h0 = read.pointer<const float>();
  const float* weightIh = read.pointer<const float>();
  const float* weightHh = read.pointer<const float>();
  const float* output = read.pointer<const float>();
  const float* gates = read.pointer<const float>();
  float* dh = read.pointer<float>();
  float* dWeightIh = read.pointer<float>();
  float* dWeightHh = read.pointer<float>();
  float* dBiasIh = read.pointer<float>();
  float* dBiasHh = read.pointer<float>();
  float* dx = read.pointer<float>();
  float* room = aligned(read.pointer<float>());
  const Index size = q.size, width = 3 * size, row = 4 * size, states = q.batch * size, all = q.steps * q.batch, panels = wholePanels(q.features);
  float* packedHh = room;
  room = aligned(room + width * wholePanels(size));
  packRight(Matrix<float>{weightHh, size, 1}, width, size, packedHh);
  // The weights of r and z, and those of n, whose sums stand apart.
  float* packedGates = room;
  float* packedFresh = aligned(packedGates + 2 * size * panels);
  if (dx != nullptr) {
    room = aligned(packedFresh + size * panels);
    packRight(Matrix<float>{weightIh, q.features, 1}, 2 * size, q.features, packedGates);
    packRight(Matrix<float>{weightIh + 2 * size * q.features, q.features, 1}, size, q.features, packedFresh);
  }
  const Index sumStep = spread(row), depth = q.features + size + 2, inputStep = spread(depth);
  float* sums = room; // gradients of the sums n, r, z and of the hidden part of n: [T, N, 4H]
  float* inputs = aligned(sums + all * sumStep); // what was multiplied to make the sums: x, 1 for the bias, the hidden state before, 1: [T, N, I + H + 2]
  float* zeros = aligned(inputs + all * inputStep);
  fillRun(zeros, 0.0f, states);
  if (h0 == nullptr) h0 = zeros;
  if (dh == nullptr) dh = aligned(zeros + states);
  float* dWeights = aligned(zeros + 2 * states + 16); // the gradients of W_ih and b_ih, gates n, r, z, then of W_hh and b_hh, gates r, z, n, transposed
  q.overSamples(slot, width, q.steps, 0, q.groups(), [&](Index first, Index samples, Index) {
    const Index shift = first * size;
    float* slopeH = dh + shift;
    copyOrZero(gH == nullptr ? gH : gH + shift, slopeH, samples * size);
    for (Index s = q.steps - 1; s >= 0; s--) {
      const Index t = q.at(s);
      const float* before = (s == 0 ? h0 : output + q.at(s - 1) * states) + shift;
      float* now = sums + (s * q.batch + first) * sumStep;
      const Matrix<float> slope = g.at(t, first, zeros), given = x.rows(t, first);
      for (Index n = 0; n < samples; n++) {
        closeGru(gates + (t * q.batch + first + n) * row, before + n * size, slopeH + n * size, slope.at + n * slope.row, now + n * sumStep, size);
        float* joined = inputs + (s * q.batch + first + n) * inputStep;
        copyRun(given.at + n * given.row, joined, q.features);
        joined[q.features] = 1;
        copyRun(before + n * size, joined + q.features + 1, size);
        joined[depth - 1] = 1;
      }
      packedProduct(samples, size, width, Matrix<float>{now + size, sumStep, 1}, packedHh, slopeH, size, (const float*)nullptr, true); // [N, 3H] · W_hh [3H, H]
      if (dx == nullptr) continue;
      float* to = dx + (t * q.batch + first) * q.features;
      packedProduct(samples, q.features, 2 * size, Matrix<float>{now + size, sumStep, 1}, packedGates, to, q.features, (const float*)nullptr, false);
      packedProduct(samples, q.features, size, Matrix<float>{now, sumStep, 1}, packedFresh, to, q.features, (const float*)nullptr, true);
    }
  });
  const Index ofInput = q.features + (dBiasIh == nullptr ? 0 : 1), ofHidden = size + (dBiasHh == nullptr ? 0 : 1);
  float* dHidden = dWeights + (q.features + 1) * width;
  addRowProducts(slot, ofInput, width, 1, all, {inputs, 0, inputStep}, {sums, 0, sumStep}, dWeights, false);
  addRowProducts(slot, ofHidden, width, 1, all, {inputs + q.features + 1, 0, inputStep}, {sums + size, 0, sumStep}, dHidden, false);
  // b_ih and b_hh as the last rows; PyTorch's order of the gates is r, z, n.
  turn(dWeights + size, width, q.features, 2 * size, dWeightIh);
  turn(dWeights, width, q.features, size, dWeightIh + 2 * size * q.features);
  turn(dHidden, width, size, width, dWeightHh);
  if (dBiasIh != nullptr) {
    copyRun(dWeights + q.features * width + size, dBiasIh, 2 * size);
    copyRun(dWeights + q.features * width, dBiasIh + 2 * size, size);
    copyRun(dHidden + size * width, dBiasHh, width);
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
