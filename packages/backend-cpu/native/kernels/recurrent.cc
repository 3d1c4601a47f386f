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
  Index sumStep, nextStep, size;
};

/** The gates i, f, g, o of W units, or of the `lanes` first of them, from sums to activations; the new cell and hidden state, the latter also for the next step. */
FLAMBEAU_INLINE void openGates(const Opening& to, Index samples, Index lanes) {
  const Index size = to.size;
  for (Index n = 0; n < samples; n++) {
    const float* sums = to.sums + n * to.sumStep;
    float* gates = to.gates + n * 4 * size;
    const Vf input = quickSigmoid(load(sums)), forget = quickSigmoid(load(sums + W));
    const Vf fresh = quickTanh(load(sums + 2 * W)), output = quickSigmoid(load(sums + 3 * W));
    const Vf c = forget * some(to.before + n * size, lanes) + input * fresh;
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
  q.overSamples(slot, width, 0, q.steps, [&](Index first, Index samples) {
    const Index shift = first * size, skipped = single ? q.features : 0;
    const float* c = c0 + shift;
    float* inputs = joined + 2 * first * depth;
    float* next = inputs + samples * depth;
    for (Index n = 0; n < samples; n++) copyRun(h0 + shift + n * size, inputs + n * depth + q.features, size);
    for (Index s = 0; s < q.steps; s++) {
      const Index t = q.at(s);
      const Matrix<float> row = x.rows(t, first);
      for (Index n = 0; n < samples && !single; n++) copyRun(row.at + n * row.row, inputs + n * depth, q.features);
      Opening to = {};
      to.sumStep = unitSums;
      to.nextStep = depth;
      to.size = size;
      for (Index v = 0; v < wide / 4; v += W) {
        // Every second step goes back from where the one before ended: those weights are in the nearest cache.
        const Index i = s % 2 == 0 ? v : wide / 4 - W - v, lanes = size - i < W ? size - i : Index(W);
        float* sum = sums + (single ? t * wide + 4 * i : first * unitSums);
        // [x, h] [N, I + H] · [W_ih, W_hh]ᵀ [I + H, 4·W]
        weights.multiply(i, samples, depth - skipped, inputs + skipped, depth, skipped, single ? nullptr : bias + 4 * i, sum, unitSums);
        to.sums = sum;
        to.before = c + i;
        to.gates = gates + (t * q.batch + first) * width + i;
        to.cell = cells + t * states + shift + i;
        to.hidden = output + t * states + shift + i;
        to.next = next + q.features + i;
        if (lanes == W) openGates(to, samples, W);
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

/**
 * From the gradients of one sample's hidden state (of the next step, and of the output), and cell state to those of its gates' sums, and of the
 * cell state before. tanh(c) is what the output gate made the hidden state of: h / o.
 */
static void closeGates(const float* gates, const float* before, const float* hidden, const float* dh, const float* dShown, float* dc, float* out, Index size) {
  overRow(size, [=](Index i, Index lanes) FLAMBEAU_STEP {
    const Vf input = some(gates + i, lanes), forget = some(gates + size + i, lanes);
    const Vf fresh = some(gates + 2 * size + i, lanes), output = some(gates + 3 * size + i, lanes);
    const Vf h = some(hidden + i, lanes), slope = some(dh + i, lanes) + some(dShown + i, lanes);
    const Vf inner = some(dc + i, lanes) + slope * (output - h * (h * quickReciprocal(output))); // o·(1 - tanh²(c))
    putSome(out + i, inner * fresh * input * (1 - input), lanes);
    putSome(out + size + i, inner * some(before + i, lanes) * forget * (1 - forget), lanes);
    putSome(out + 2 * size + i, inner * input * (1 - fresh * fresh), lanes);
    putSome(out + 3 * size + i, slope * h * (1 - output), lanes);
    putSome(dc + i, inner * forget, lanes);
  });
}

/**
 * steps, batch, features, size, flag reverse; steps to run at once; gradients of output (with its strides of step and sample, features together), last h, last c;
 * x with its strides; h0, c0, W_ih, W_hh; output, gates, cells of the forward pass; gradients of h0 and c0 or 0 for both, of W_ih, W_hh, of both biases or 0, of x or 0; scratch.
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
  // Of a stretch, which is so short that the second cache keeps it for the weights' gradients: those of the gates' sums, [steps of it, N, 4H], and
  // what was multiplied to make the sums, x, the hidden state before and 1 for the bias, [steps of it, N, I + H + 1].
  const Index sumStep = spread(width), inputStep = spread(depth + 1);
  float* sums = take(stretch * q.batch * sumStep);
  float* inputs = take(stretch * q.batch * inputStep);
  float* dWeights = take((depth + 1) * width); // the gradients of W_ih, W_hh and bias, transposed
  if (!initial) {
    dh = take(states);
    dc = take(states);
  }
  copyRun(gH, dh, states);
  copyRun(gC, dc, states);
  for (Index end = q.steps; end > 0; end -= stretch) {
    const Index begin = end > stretch ? end - stretch : 0;
    q.overSamples(slot, width, begin, end, [&](Index first, Index samples) {
      const Index shift = first * size;
      float* slopeH = dh + shift;
      float* slopeC = dc + shift;
      for (Index s = end - 1; s >= begin; s--) {
        const Index t = q.at(s), row = (s - begin) * q.batch + first;
        const float* cellBefore = (s == 0 ? c0 : cells + q.at(s - 1) * states) + shift;
        const float* before = (s == 0 ? h0 : output + q.at(s - 1) * states) + shift;
        float* now = sums + row * sumStep;
        const Matrix<float> slope = g.rows(t, first), given = x.rows(t, first);
        for (Index n = 0; n < samples; n++) {
          const Index one = n * size, sample = t * q.batch + first + n;
          closeGates(gates + sample * width, cellBefore + one, output + sample * size, slopeH + one, slope.at + n * slope.row, slopeC + one, now + n * sumStep, size);
          float* joined = inputs + (row + n) * inputStep;
          copyRun(given.at + n * given.row, joined, q.features);
          copyRun(before + one, joined + q.features, size);
          joined[depth] = 1;
        }
        const Matrix<float> sum = {now, sumStep, 1};
        if (s > 0 || initial) packedProduct(samples, size, width, sum, packedHh, slopeH, size, (const float*)nullptr, false); // [N, 4H] · W_hh [4H, H]
        if (dx != nullptr) packedProduct(samples, q.features, width, sum, packedIh, dx + (t * q.batch + first) * q.features, q.features, (const float*)nullptr, false);
      }
    });
    addRowProducts(slot, depth + (dBias == nullptr ? 0 : 1), width, (end - begin) * q.batch, inputs, inputStep, sums, sumStep, dWeights, end < q.steps);
  }
  turn(dWeights, width, q.features, width, dWeightIh);
  turn(dWeights + q.features * width, width, size, width, dWeightHh);
  if (dBias != nullptr) copyRun(dWeights + depth * width, dBias, width);
  return ok;
}

}  // namespace FLAMBEAU_NAMESPACE
