// Long short-term memory over a whole sequence and its gradient, in float32: one matrix product and one pass of fused gates a step.
#include "../command.h"
#include "../quickMath.h"
#include "../sequence.h"

namespace FLAMBEAU_NAMESPACE {

/** The gates i, f, g, o of W hidden units are summed together: so many numbers for each sample. */
constexpr Index unitSums = 4 * W;

/**
 * W_ih and W_hh, one below the other, as panels: for each group of W units its gates side by side, or the first two and the last two for themselves
 * where whole tiles are made of them.
 */
struct GatePanels {
  float* at;
  Index depth, width;

  /** Where row `from` of gate `gate` of the units from `unit` on stands. */
  float* row(Index unit, Index gate, Index from) const { return at + unit * 4 * depth + (gate * W / width * depth + from) * width + gate * W % width; }

  /** Packs weights [4H, k] into the rows from `from` on. */
  void pack(const float* weights, Index k, Index size, Index from) const {
    for (Index unit = 0; unit < size; unit += W) {
      const Index units = size - unit < W ? size - unit : Index(W);
      for (Index gate = 0; gate < 4; gate++) {
        float* to = row(unit, gate, from);
        transposeInto(weights + (gate * size + unit) * k, k, units, k, to, width);
        for (Index i = 0; i < k && units < W; i++) fillRun(to + i * width + units, 0.0f, W - units);
      }
    }
  }

  /** The sums c [m, 4·W] of the units from `unit` on: bias + a·b with the k rows of weights from `from` on, or c + a·b where bias is null. */
  void multiply(Index unit, Index m, Index k, const float* a, Index am, Index from, const float* bias, float* c, Index cm) const {
    Tile<float> tile = {};
    tile.k1 = 1;
    tile.k2 = k;
    tile.a = a;
    tile.am = am;
    tile.a2 = 1;
    tile.b2 = width;
    if (m == 1 && width == unitSums) {
      tile.b = row(unit, 0, from);
      tile.c = c;
      tile.start = bias == nullptr ? c : bias;
      microTile<float, 1, 4>(tile);
      return;
    }
    for (Index gate = 0; gate < 4; gate += 2) {
      tile.b = row(unit, gate, from);
      runPanel(tile, m, 2 * W, 2 * W, c + gate * W, cm, bias == nullptr ? nullptr : bias + gate * W, bias == nullptr);
    }
  }
};

/** Where `openGates` reads and writes: pointers to what belongs to the first sample and the group of units, and how far samples are apart. */
struct Opening {
  const float* sums;
  const float* before;
  float* gates;
  float* cell;
  float* hidden;
  float* next;
  Index sumStep, beforeStep, nextStep, size;
};

/** The gates i, f, g, o of W units, or of the `lanes` first of them, from sums to activations; the new cell and hidden state, the latter also for the next step. */
FLAMBEAU_INLINE void openGates(const Opening& to, Index samples, Index lanes) {
  const Index size = to.size;
  for (Index n = 0; n < samples; n++) {
    const float* sums = to.sums + n * to.sumStep;
    float* gates = to.gates + n * 4 * size;
    const Vf input = quickSigmoid(load(sums)), forget = quickSigmoid(load(sums + W));
    const Vf fresh = quickTanh(load(sums + 2 * W)), output = quickSigmoid(load(sums + 3 * W));
    const Vf c = forget * some(to.before + n * to.beforeStep, lanes) + input * fresh;
    putSome(gates, input, lanes);
    putSome(gates + size, forget, lanes);
    putSome(gates + 2 * size, fresh, lanes);
    putSome(gates + 3 * size, output, lanes);
    putSome(to.cell + n * size, c, lanes);
  }
  for (Index n = 0; n < samples; n++) {
    const Vf h = some(to.gates + (n * 4 + 3) * size, lanes) * quickTanh(some(to.cell + n * size, lanes));
    putSome(to.hidden + n * size, h, lanes);
    putSome(to.next + n * to.nextStep, h, lanes);
  }
}

/**
 * steps, batch, features, size, flag reverse; x and its strides of step and sample; h0 and c0, or 0 for both; W_ih, W_hh, b_ih or 0, b_hh or 0;
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
  const Index size = q.size, width = 4 * size, depth = q.features + size, wide = wholeVectors(size) * 4, states = q.batch * size;
  float* bias = aligned(read.pointer<float>());
  float* packed = aligned(bias + wide);
  float* joined = aligned(packed + depth * wide); // [x, h] of each sample, [N, I + H], of this step and of the next
  float* sums = aligned(joined + 2 * q.batch * depth);
  for (Index i = 0; i < wide; i++) {
    const Index gate = i / W % 4, unit = i / unitSums * W + i % W, at = gate * size + unit;
    bias[i] = unit >= size ? 0 : (biasIh == nullptr ? 0 : biasIh[at]) + (biasHh == nullptr ? 0 : biasHh[at]);
  }
  // Of a single sample, for which reading the weights is all the work, the part of x is multiplied for all steps at once: x [T, I] · W_ihᵀ.
  const bool single = q.batch == 1;
  const GatePanels weights = {packed, depth, single ? unitSums : 2 * W};
  weights.pack(weightIh, q.features, size, 0);
  weights.pack(weightHh, size, size, q.features);
  for (Index i = 0; single && i < size; i += W) weights.multiply(i, q.steps, q.features, x.at, x.step, 0, bias + 4 * i, sums + 4 * i, wide);
  q.overSamples(slot, width, q.steps, 0, q.groups(), [&](Index first, Index samples, Index) {
    const Index shift = first * size, skipped = single ? q.features : 0;
    const float* c = c0 == nullptr ? zeroBlock : c0 + shift;
    float* inputs = joined + 2 * first * depth;
    float* next = inputs + samples * depth;
    for (Index n = 0; n < samples && h0 != nullptr; n++) copyRun(h0 + shift + n * size, inputs + n * depth + q.features, size);
    for (Index s = 0; s < q.steps; s++) {
      const Index t = q.at(s), inner = s == 0 && h0 == nullptr ? q.features : depth; // nothing comes from states of zeros
      const Matrix<float> row = x.rows(t, first);
      for (Index n = 0; n < samples && !single; n++) copyRun(row.at + n * row.row, inputs + n * depth, q.features);
      Opening to = {};
      to.sumStep = unitSums;
      to.beforeStep = s == 0 && c0 == nullptr ? 0 : size;
      to.nextStep = depth;
      to.size = size;
      for (Index v = 0; v < wide / 4; v += W) {
        // Every second step goes back from where the one before ended: those weights are in the nearest cache.
        const Index i = s % 2 == 0 ? v : wide / 4 - W - v, lanes = size - i < W ? size - i : Index(W);
        float* sum = sums + (single ? t * wide + 4 * i : first * unitSums);
        // The output is new each time, and far: its lines come while the product is made. The gates lie where those of the call before lay.
        for (Index n = 0; n < samples; n++) fetchRun(output + t * states + shift + n * size + i, 1);
        // [x, h] [N, I + H] · [W_ih, W_hh]ᵀ [I + H, 4·W]
        weights.multiply(i, samples, inner - skipped, inputs + skipped, depth, skipped, single ? nullptr : bias + 4 * i, sum, unitSums);
        to.sums = sum;
        to.before = to.beforeStep == 0 ? c : c + i;
        to.gates = gates + (t * q.batch + first) * width + i;
        to.cell = cells + t * states + shift + i;
        to.hidden = output + t * states + shift + i;
        to.next = next + q.features + i;
        if (wholeApart && lanes == W) openGates(to, samples, W);
        else openGates(to, samples, lanes);
      }
      c = cells + t * states + shift;
      float* const swap = inputs;
      inputs = next;
      next = swap;
    }
    for (Index n = 0; n < samples; n++) copyRun(inputs + n * depth + q.features, lastH + shift + n * size, size);
    copyRun(c, lastC + shift, samples * size);
  });
  return ok;
}

/** What `closeGates` reads and writes: pointers to what belongs to the first sample and the group of units, and how far samples are apart. */
struct Closing {
  const float* gates;
  const float* before;
  const float* hidden;
  const float* shown;
  const float* dh;
  float* dc;
  float* sums;
  float* bias;
  Index beforeStep, shownStep, sumStep, size;
};

/**
 * From the gradients of the hidden state of W units, or of the `lanes` first of them (those of the next step, and of the output), and of the cell
 * state to those of the gates' sums, of the bias, and of the cell state before. tanh(c) is what the output gate made the hidden state of: h / o.
 */
FLAMBEAU_INLINE void closeGates(const Closing& to, Index samples, Index lanes) {
  const Index size = to.size;
  Vf bias[4] = {};
  for (Index n = 0; n < samples; n++) {
    const float* gates = to.gates + n * 4 * size;
    float* sums = to.sums + n * to.sumStep;
    const Vf input = some(gates, lanes), forget = some(gates + size, lanes);
    const Vf fresh = some(gates + 2 * size, lanes), output = some(gates + 3 * size, lanes);
    const Vf h = some(to.hidden + n * size, lanes), slope = some(to.dh + n * size, lanes) + some(to.shown + n * to.shownStep, lanes);
    const Vf inner = some(to.dc + n * size, lanes) + slope * (output - h * (h * quickReciprocal(output))); // o·(1 - tanh²(c))
    const Vf dInput = inner * fresh * input * (1 - input);
    const Vf dForget = inner * some(to.before + n * to.beforeStep, lanes) * forget * (1 - forget);
    const Vf dFresh = inner * input * (1 - fresh * fresh);
    const Vf dOutput = slope * h * (1 - output);
    putSome(sums, dInput, lanes);
    putSome(sums + size, dForget, lanes);
    putSome(sums + 2 * size, dFresh, lanes);
    putSome(sums + 3 * size, dOutput, lanes);
    putSome(to.dc + n * size, inner * forget, lanes);
    bias[0] += dInput;
    bias[1] += dForget;
    bias[2] += dFresh;
    bias[3] += dOutput;
  }
  for (Index gate = 0; gate < 4; gate++) putSome(to.bias + gate * size, some(to.bias + gate * size, lanes) + bias[gate], lanes);
}

/**
 * steps, batch, features, size, flag reverse; parts of the batch that have gradients of their own, and steps to run at once; gradients of output
 * (with its strides of step and sample, features together, its first step and how many), of last h or 0, of last c or 0; x with its strides; h0 and
 * c0, or 0 for both; W_ih, W_hh; output, gates, cells of the forward pass; gradients of h0 and c0 or 0 for both, of W_ih, W_hh, of b_ih and b_hh or
 * 0 for both, of x or 0; scratch.
 */
int lstmGrad(const double* command, ErrorSlot& slot) {
  Reader read(command);
  const Layer q(read);
  const Index parts = read.integer(), stretch = read.integer();
  const OutputSlope g(read);
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
  float* dBiasIh = read.pointer<float>();
  float* dBiasHh = read.pointer<float>();
  float* dx = read.pointer<float>();
  float* room = aligned(read.pointer<float>());
  const bool initial = dh != nullptr;
  const Index size = q.size, width = 4 * size, states = q.batch * size, depth = q.features + size;
  const auto take = [&](Index floats) {
    float* taken = room;
    room = aligned(room + floats);
    return taken;
  };
  float* packedHh = take(width * wholePanels(size));
  packRight(Matrix<float>{weightHh, size, 1}, width, size, packedHh);
  float* packedIh = nullptr;
  if (dx != nullptr) {
    packedIh = take(width * wholePanels(q.features));
    packRight(Matrix<float>{weightIh, q.features, 1}, width, q.features, packedIh);
  }
  // Of a stretch, which is so short that the second cache keeps it for the weights' gradients, the gradients of the gates' sums: [steps of it, N, 4H].
  const Index sumStep = spread(width), weights = depth * width;
  float* sums = take(stretch * q.batch * sumStep);
  float* dWeights = take(parts * weights); // of each part, the gradients of W_ih and W_hh, transposed
  float* dBiases = take(q.groups() * width); // of each group of samples
  if (!initial) {
    dh = take(states);
    dc = take(states);
  }
  copyOrZero(gH, dh, states);
  copyOrZero(gC, dc, states);
  fillRun(dBiases, 0.0f, q.groups() * width);

  const auto closeStep = [&](Index s, Index first, Index samples, float* now, float* bias) {
    const Index t = q.at(s), shift = first * size;
    const Matrix<float> slope = g.at(t, first, zeroBlock);
    const float* before = s > 0 ? cells + q.at(s - 1) * states + shift : c0 == nullptr ? zeroBlock : c0 + shift;
    Closing to = {};
    to.beforeStep = before == zeroBlock ? 0 : size;
    to.shownStep = slope.row;
    to.sumStep = sumStep;
    to.size = size;
    for (Index i = 0; i < size; i += W) {
      const Index lanes = size - i < W ? size - i : Index(W);
      to.gates = gates + (t * q.batch + first) * width + i;
      to.before = to.beforeStep == 0 ? before : before + i;
      to.hidden = output + t * states + shift + i;
      to.shown = to.shownStep == 0 ? slope.at : slope.at + i;
      to.dh = dh + shift + i;
      to.dc = dc + shift + i;
      to.sums = now + i;
      to.bias = bias + i;
      if (wholeApart && lanes == W) closeGates(to, samples, W);
      else closeGates(to, samples, lanes);
    }
  };
  const ErrorSlot alone = {};
  const auto runPart = [&](Index from, Index to, const ErrorSlot& slot, float* own) {
    const Index shift = q.firstOf(from), count = q.firstOf(to) - shift;
    float* rows = sums + stretch * shift * sumStep;
    for (Index end = q.steps; end > 0; end -= stretch) {
      const Index begin = end > stretch ? end - stretch : 0;
      q.overSamples(slot, width, end - begin, from, to, [&](Index first, Index samples, Index group) {
        for (Index s = end - 1; s >= begin; s--) {
          float* now = rows + ((s - begin) * count + first - shift) * sumStep;
          closeStep(s, first, samples, now, dBiases + group * width);
          const Matrix<float> sum = {now, sumStep, 1};
          if (s > 0 || initial) packedProduct(samples, size, width, sum, packedHh, dh + first * size, size, (const float*)nullptr, false); // [N, 4H] · W_hh [4H, H]
          if (dx != nullptr) packedProduct(samples, q.features, width, sum, packedIh, dx + (q.at(s) * q.batch + first) * q.features, q.features, (const float*)nullptr, false);
        }
      });
      const Index steps = end - begin, back = q.reverse ? -1 : 1;
      const Rows slopes = {rows, count * sumStep, sumStep};
      addRowProducts(slot, q.features, width, steps, count, {x.rows(q.at(begin), shift).at, back * x.step, x.sample}, slopes, own, end < q.steps);
      // The first step of all began with h0, each other one with the output of the step before.
      float* hidden = own + q.features * width;
      const Index skipped = begin == 0 ? 1 : 0;
      if (steps > skipped) {
        const Rows before = {output + q.at(begin + skipped - 1) * states + shift * size, back * states, size};
        addRowProducts(slot, size, width, steps - skipped, count, before, {rows + skipped * count * sumStep, count * sumStep, sumStep}, hidden, end < q.steps);
      }
      if (begin > 0) continue;
      if (h0 != nullptr) addRowProducts(slot, size, width, 1, count, {h0 + shift * size, 0, size}, slopes, hidden, q.steps > 1);
      else if (q.steps == 1) fillRun(hidden, 0.0f, size * width);
    }
  };
  share(slot, parts, 6.0 * (double)(q.steps * q.batch) * (double)weights, [&](int64_t part, int) {
    const Index groups = q.groups();
    runPart(groups * (Index)part / parts, groups * ((Index)part + 1) / parts, parts == 1 ? slot : alone, dWeights + part * weights);
  });
  for (Index part = 1; part < parts; part++) addRun(dWeights + part * weights, dWeights, weights);
  turn(dWeights, width, q.features, width, dWeightIh);
  turn(dWeights + q.features * width, width, size, width, dWeightHh);
  if (dBiasIh != nullptr) {
    for (Index group = 1; group < q.groups(); group++) addRun(dBiases + group * width, dBiases, width);
    copyRun(dBiases, dBiasIh, width);
    copyRun(dBiases, dBiasHh, width);
  }
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
