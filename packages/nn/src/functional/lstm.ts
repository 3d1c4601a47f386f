import { defineOp, dispatch, linear, stack, type Op, type Tensor } from '@flambeau/core';
import {
  addStep,
  outputGrad,
  stateGrad,
  stateShape,
  stepOrder,
  wholeGrad,
  withStates,
  type RecurrentAttrs,
  type RecurrentGradAttrs,
} from './recurrentAttrs.ts';

/** What a forward pass leaves behind at each step: the gates after their functions, the cell and the hidden state. */
interface Trace {
  readonly gates: Tensor[][];
  readonly cells: Tensor[];
  readonly hiddens: Tensor[];
}

/** c ← σ(f)·c + σ(i)·tanh(g), h ← σ(o)·tanh(c), step by step. */
function unroll(x: Tensor, h0: Tensor, c0: Tensor, weights: readonly (Tensor | undefined)[], reverse: boolean): Trace {
  const [weightIh, weightHh, biasIh, biasHh] = weights as [Tensor, Tensor, Tensor | undefined, Tensor | undefined];
  const projected = linear(x, weightIh, biasIh ?? null);
  const trace: Trace = { gates: [], cells: [], hiddens: [] };
  let [h, c] = [h0, c0];
  for (const t of stepOrder(x.shape[0], reverse)) {
    const sums = projected.select(0, t).add(linear(h, weightHh, biasHh ?? null)).chunk(4, 1); // prettier-ignore
    const [input, forget, fresh, output] = [sums[0].sigmoid(), sums[1].sigmoid(), sums[2].tanh(), sums[3].sigmoid()];
    c = forget.mul(c).add(input.mul(fresh));
    h = output.mul(c.tanh());
    trace.gates[t] = [input, forget, fresh, output];
    trace.cells[t] = c;
    trace.hiddens[t] = h;
  }
  return trace;
}

/**
 * A long short-term memory layer: inputs x, h0, c0 (but for `fromZeros`), W_ih [4H, I], W_hh [4H, H] and, maybe, b_ih and b_hh [4H]; gates in the
 * order i, f, g, o.
 * Outputs: all hidden states [T, N, H], the last hidden state and the last cell state; then, for the derivative, the gates [T, N, 4H] and all
 * cell states [T, N, H].
 * @see Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000
 */
export const lstmOp: Op<RecurrentAttrs> = /* @__PURE__ */ defineOp<RecurrentAttrs>({
  name: 'lstm',
  infer(inputs, { fromZeros }) {
    const [{ shape, dtype }] = inputs;
    const state = { shape: stateShape(inputs, 2, fromZeros), dtype };
    const [steps, [batch, size]] = [shape[0], state.shape];
    const all = { shape: [steps, batch, size], dtype };
    return [all, state, state, { shape: [steps, batch, 4 * size], dtype }, all];
  },
  compose(inputs, attrs) {
    const [x, h0, c0, ...weights] = withStates(inputs, 2, attrs);
    const { reverse } = attrs;
    const { gates, cells, hiddens } = unroll(x, h0, c0, weights, reverse);
    const last = reverse ? 0 : x.shape[0] - 1;
    const width = 4 * h0.shape[1];
    return [stack(hiddens), hiddens[last], cells[last], stack(gates.map((g) => stack(g, 1).reshape(h0.shape[0], width))), stack(cells)];
  },
  save: (inputs, [output, , , gates, cells]) => [output, gates, cells, ...inputs],
  sliceable: 0,
  vjp({ needs, cotangents: [gOutput, gH, gC, gGates, gCells], saved: [output, gates, cells, ...inputs], attrs, sliceStart: from = 0 }) {
    const slopes = [outputGrad(gOutput, output), stateGrad(gH, cells), stateGrad(gC, cells)];
    const inner = gGates !== undefined || gCells !== undefined;
    if (inner) slopes.push(gGates ?? gates.newZeros(gates.shape), gCells ?? cells.newZeros(cells.shape));
    const initial = attrs.fromZeros !== true && (needs[1] || needs[2]);
    const trace = [output.detach(), gates.detach(), cells.detach()];
    const rest = dispatch(lstmGradOp, [...slopes, ...trace, ...inputs], { ...attrs, input: needs[0], initial, inner, from });
    const dx = needs[0] ? rest.pop() : undefined;
    if (initial) return [dx, ...rest];
    return attrs.fromZeros === true ? [dx, ...rest] : [dx, undefined, undefined, ...rest];
  },
});

interface LstmGradAttrs extends RecurrentGradAttrs {
  /** Whether the gradients of h0 and c0 are wanted. */
  readonly initial: boolean;
}

/**
 * Gradients of an LSTM layer: inputs the gradients of its output (of some steps), last h and last c, each without rows where nothing depends on it
 * (and of its gates and cells); its output, gates and cells, from which a kernel need not compute them again (the composition does, so that it has
 * a derivative); then its inputs. Outputs: the gradients of h0 and c0 where they are wanted, of W_ih, W_hh, of b_ih and b_hh where there are biases
 * (two tensors, since each may be added to in place), and of x where it is wanted.
 */
export const lstmGradOp: Op<LstmGradAttrs> = /* @__PURE__ */ defineOp<LstmGradAttrs>({
  name: 'lstmGrad',
  infer(inputs, { fromZeros, input, initial, inner }) {
    const [x, ...others] = inputs.slice(inner ? 8 : 6);
    return [...(initial || fromZeros === true ? others : others.slice(2)), ...(input ? [x] : [])];
  },
  compose(inputs, attrs) {
    const { reverse, input, initial, inner } = attrs;
    const [gOutput, gH, gC, gGates, gCells] = inputs;
    const [x, h0, c0, ...weights] = withStates(inputs.slice(inner ? 8 : 6), 2, attrs);
    const [weightIh, weightHh, bias] = weights;
    const { gates, cells, hiddens } = unroll(x, h0, c0, weights, reverse);
    const sums = new Array<Tensor>(x.shape[0]);
    const forward = stepOrder(x.shape[0], reverse);
    let [dh, dc] = [wholeGrad(gH, h0.shape), wholeGrad(gC, c0.shape)];
    for (let s = forward.length - 1; s >= 0; s--) {
      const t = forward[s];
      const [i, f, g, o] = gates[t];
      const shown = cells[t].tanh();
      dh = addStep(dh, gOutput, t, attrs);
      dc = dc.add(dh.mul(o).mul(shown.square().neg().add(1)));
      if (inner) dc = dc.add(gCells.select(0, t));
      const before = s === 0 ? c0 : cells[forward[s - 1]];
      let slopes = [dc.mul(g), dc.mul(before), dc.mul(i), dh.mul(shown)];
      if (inner) slopes = gGates.select(0, t).chunk(4, 1).map((more, k) => slopes[k].add(more)); // prettier-ignore
      // σ' = σ·(1 - σ) for i, f and o, tanh' = 1 - tanh² for g
      const steep = [i, f, g, o].map((gate, k) => (k === 2 ? gate.square().neg().add(1) : gate.mul(gate.neg().add(1))));
      sums[t] = stack(slopes.map((slope, k) => slope.mul(steep[k])), 1).reshape(h0.shape[0], 4 * h0.shape[1]); // prettier-ignore
      dh = sums[t].matmul(weightHh); // [N, 4H] · W_hh [4H, H]
      dc = dc.mul(f);
    }
    const all = stack(sums); // [T, N, 4H]
    const rows = all.reshape(x.shape[0] * x.shape[1], all.shape[2]);
    const previous = stack(forward.map((_, t) => (t === forward[0] ? h0 : hiddens[reverse ? t + 1 : t - 1]))); // prettier-ignore
    const results = [
      ...(initial ? [dh, dc] : []),
      rows.t().matmul(x.reshape(rows.shape[0], x.shape[2])),
      rows.t().matmul(previous.reshape(rows.shape[0], h0.shape[1])),
    ];
    // Both biases are added to the same sums.
    if (bias !== undefined) results.push(rows.sum(0), rows.sum(0));
    if (input) results.push(all.matmul(weightIh));
    return results;
  },
});
