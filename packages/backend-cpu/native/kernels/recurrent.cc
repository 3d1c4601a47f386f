// Long short-term memory over a whole sequence and its gradient, in float32: one matrix product and one pass of fused gates a step.
#include "../command.h"
#include "../quickMath.h"
#include "../sequence.h"

namespace FLAMBEAU_NAMESPACE {

/** The gates of one sample, i, f, g, o, from sums to activations; the new cell and hidden state, the latter also for the next step. */
static void openGates(float* gates, const float* before, float* cell, float* hidden, float* next, Index size) {
  overRow(size, [=](Index i, Index lanes) FLAMBEAU_STEP {
    const Vf input = quickSigmoid(some(gates + i, lanes)), forget = quickSigmoid(some(gates + size + i, lanes));
    const Vf fresh = quickTanh(some(gates + 2 * size + i, lanes)), output = quickSigmoid(some(gates + 3 * size + i, lanes));
    const Vf c = forget * some(before + i, lanes) + input * fresh;
    putSome(gates + i, input, lanes);
    putSome(gates + size + i, forget, lanes);
    putSome(gates + 2 * size + i, fresh, lanes);
    putSome(gates + 3 * size + i, output, lanes);
    putSome(cell + i, c, lanes);
    const Vf h = output * quickTanh(c);
    putSome(hidden + i, h, lanes);
    putSome(next + i, h, lanes);
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
  const Index size = q.size, width = 4 * size, depth = q.features + size, panels = wholePanels(width), states = q.batch * size;
  float* bias = aligned(read.pointer<float>());
  float* packed = aligned(bias + panels);
  float* joined = aligned(packed + depth * panels); // [x, h] of each sample, [N, I + H]
  for (Index i = 0; i < panels; i++) bias[i] = i >= width ? 0 : (biasIh == nullptr ? 0 : biasIh[i]) + (biasHh == nullptr ? 0 : biasHh[i]);
  packStacked(Matrix<float>{weightIh, 1, q.features}, q.features, Matrix<float>{weightHh, 1, size}, size, width, packed);
  q.overSamples(slot, width, 0, q.steps, [&](Index first, Index samples) {
    const Index shift = first * size;
    const float* c = c0 + shift;
    float* inputs = joined + first * depth;
    for (Index n = 0; n < samples; n++) copyRun(h0 + shift + n * size, inputs + n * depth + q.features, size);
    for (Index s = 0; s < q.steps; s++) {
      const Index t = q.at(s);
      const Matrix<float> row = x.rows(t, first);
      float* now = gates + (t * q.batch + first) * width;
      float* shown = output + t * states + shift;
      float* cell = cells + t * states + shift;
      for (Index n = 0; n < samples; n++) copyRun(row.at + n * row.row, inputs + n * depth, q.features);
      packedProduct(samples, width, depth, Matrix<float>{inputs, depth, 1}, packed, now, width, bias, false); // [x, h] [N, I + H] · [W_ih, W_hh]ᵀ [I + H, 4H]
      for (Index n = 0; n < samples; n++)
        openGates(now + n * width, c + n * size, cell + n * size, shown + n * size, inputs + n * depth + q.features, size);
      c = cell;
    }
    for (Index n = 0; n < samples; n++) copyRun(inputs + n * depth + q.features, lastH + shift + n * size, size);
    copyRun(c, lastC + shift, samples * size);
  });
  return ok;
}

/** From the gradients of one sample's hidden state (of the next step, and of the output), and cell state to those of its gates' sums, and of the cell state before. */
static void closeGates(const float* gates, const float* before, const float* cell, const float* dh, const float* dShown, float* dc, float* out, Index size) {
  overRow(size, [=](Index i, Index lanes) FLAMBEAU_STEP {
    const Vf input = some(gates + i, lanes), forget = some(gates + size + i, lanes);
    const Vf fresh = some(gates + 2 * size + i, lanes), output = some(gates + 3 * size + i, lanes);
    const Vf shown = quickTanh(some(cell + i, lanes)), slope = some(dh + i, lanes) + some(dShown + i, lanes);
    const Vf inner = some(dc + i, lanes) + slope * output * (1 - shown * shown);
    putSome(out + i, inner * fresh * input * (1 - input), lanes);
    putSome(out + size + i, inner * some(before + i, lanes) * forget * (1 - forget), lanes);
    putSome(out + 2 * size + i, inner * input * (1 - fresh * fresh), lanes);
    putSome(out + 3 * size + i, slope * shown * output * (1 - output), lanes);
    putSome(dc + i, inner * forget, lanes);
  });
}

/**
 * steps, batch, features, size, flag reverse; steps to run at once; gradients of output (with its strides of step and sample, features together), last h, last c;
 * x with its strides; h0, c0, W_ih, W_hh; output, gates, cells of the forward pass; gradients of h0 and c0 or 0 for both, of W_ih, W_hh, of both biases or 0, of x or 0; floats of scratch for a
 * thread's product; scratch.
 */
int lstmGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Layer q(read);
  const Index stretch = read.integer();
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
  const Index size = q.size, width = 4 * size, states = q.batch * size;
  float* packedHh = room;
  room = aligned(room + width * wholePanels(size));
  packRight(Matrix<float>{weightHh, size, 1}, width, size, packedHh);
  float* packedIh = room;
  if (dx != nullptr) {
    room = aligned(room + width * wholePanels(q.features));
    packRight(Matrix<float>{weightIh, q.features, 1}, width, q.features, packedIh);
  }
  // The gradients of the gates' sums, [steps of a stretch, N, 4H]: stretches are so short that the second cache keeps them for the weights' gradients.
  float* sums = room;
  room = aligned(room + stretch * q.batch * width);
  const float* rows = rowsOf(x, q, room);
  const bool initial = dh != nullptr;
  if (!initial) {
    dh = room;
    dc = aligned(dh + states);
    room = aligned(dc + states);
  }
  copyRun(gH, dh, states);
  copyRun(gC, dc, states);
  const WeightGrads grads = {slot, room, each};
  for (Index end = q.steps; end > 0; end -= stretch) {
    const Index begin = end > stretch ? end - stretch : 0, lowest = q.reverse ? q.at(end - 1) : begin;
    q.overSamples(slot, width, begin, end, [&](Index first, Index samples) {
      const Index shift = first * size;
      float* slopeH = dh + shift;
      float* slopeC = dc + shift;
      for (Index s = end - 1; s >= begin; s--) {
        const Index t = q.at(s);
        const float* before = (s == 0 ? c0 : cells + q.at(s - 1) * states) + shift;
        float* now = sums + ((t - lowest) * q.batch + first) * width;
        const Matrix<float> slope = g.rows(t, first);
        for (Index n = 0; n < samples; n++) {
          const float* opened = gates + (t * q.batch + first + n) * width;
          closeGates(opened, before + n * size, cells + t * states + shift + n * size, slopeH + n * size, slope.at + n * slope.row, slopeC + n * size, now + n * width, size);
        }
        const Matrix<float> sum = {now, width, 1};
        if (s > 0 || initial) packedProduct(samples, size, width, sum, packedHh, slopeH, size, (const float*)nullptr, false); // [N, 4H] · W_hh [4H, H]
        if (dx != nullptr) packedProduct(samples, q.features, width, sum, packedIh, dx + (t * q.batch + first) * q.features, q.features, (const float*)nullptr, false);
      }
    });
    const bool more = end < q.steps;
    grads.ofInput(q, begin, end, sums, width, width, rows, dWeightIh, more);
    grads.ofHidden(q, begin, end, sums, width, width, h0, output, dWeightHh, more);
    if (dBias != nullptr) sumRows(sums, (end - begin) * q.batch, width, width, dBias, more);
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
