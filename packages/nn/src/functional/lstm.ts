import { defineOp, dispatch, linear, stack, type Op, type Tensor } from '@flambeau/core';
import type { RecurrentAttrs } from './recurrent.ts';

const order = (length: number, reverse: boolean): number[] => Array.from({ length }, (_, i) => (reverse ? length - 1 - i : i));

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
  for (const t of order(x.shape[0], reverse)) {
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
 * A long short-term memory layer: inputs x, h0, c0, W_ih [4H, I], W_hh [4H, H] and, maybe, b_ih and b_hh [4H]; gates in the order i, f, g, o.
 * Outputs: all hidden states [T, N, H], the last hidden state and the last cell state; then, for the derivative, the gates [T, N, 4H] and all
 * cell states [T, N, H].
 * @see Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000
 */
export const lstmOp: Op<RecurrentAttrs> = defineOp<RecurrentAttrs>({
  name: 'lstm',
  infer([x, h]) {
    const [steps, batch] = x.shape;
    const [size, { dtype }] = [h.shape[1], x];
    const all = { shape: [steps, batch, size], dtype };
    return [all, { shape: h.shape, dtype }, { shape: h.shape, dtype }, { shape: [steps, batch, 4 * size], dtype }, all];
  },
  compose([x, h0, c0, ...weights], { reverse }) {
    const { gates, cells, hiddens } = unroll(x, h0, c0, weights, reverse);
    const last = reverse ? 0 : x.shape[0] - 1;
    const width = 4 * h0.shape[1];
    return [stack(hiddens), hiddens[last], cells[last], stack(gates.map((g) => stack(g, 1).reshape(-1, width))), stack(cells)];
  },
  save: (inputs, [output, , , gates, cells]) => [output, gates, cells, ...inputs],
  vjp({ needs, cotangents: [gOutput, gH, gC, gGates, gCells], saved: [output, gates, cells, ...inputs], attrs: { reverse } }) {
    if (gGates !== undefined || gCells !== undefined) throw new Error('lstm: its gates and cells are for its own derivative');
    const [, h0, c0] = inputs;
    const slopes = [gOutput ?? output.newZeros(output.shape), gH ?? h0.newZeros(h0.shape), gC ?? c0.newZeros(c0.shape)];
    const grads = dispatch(lstmGradOp, [...slopes, output.detach(), gates.detach(), cells.detach(), ...inputs], {
      reverse,
      input: needs[0],
    });
    const [dh0, dc0, dWeightIh, dWeightHh, ...rest] = grads;
    const dx = needs[0] ? rest.pop() : undefined;
    // Both biases are added to the same sums. Two gradients are two tensors, since each may be added to in place.
    const biases = rest.length === 0 ? [] : [rest[0], rest[0].clone()];
    return [dx, dh0, dc0, dWeightIh, dWeightHh, ...biases].slice(0, needs.length);
  },
});

interface LstmGradAttrs extends RecurrentAttrs {
  /** Whether the gradient of x is wanted. */
  readonly input: boolean;
}

/**
 * Gradients of an LSTM layer: inputs the gradients of its output, last h and last c; its output, gates and cells, from which a kernel need not
 * compute them again (the composition does, so that it has a derivative); then its inputs. Outputs: the gradients of h0, c0, W_ih, W_hh, of a bias where
 * there are biases, and of x where it is wanted.
 */
export const lstmGradOp: Op<LstmGradAttrs> = defineOp<LstmGradAttrs>({
  name: 'lstmGrad',
  infer: ([, , , , , , x, h0, c0, weightIh, weightHh, bias], { input }) => [
    h0,
    c0,
    weightIh,
    weightHh,
    ...(bias === undefined ? [] : [bias]),
    ...(input ? [x] : []),
  ],
  compose([gOutput, gH, gC, , , , x, h0, c0, ...weights], { reverse, input }) {
    const [weightIh, weightHh, bias] = weights;
    const { gates, cells, hiddens } = unroll(x, h0, c0, weights, reverse);
    const sums = new Array<Tensor>(x.shape[0]);
    const forward = order(x.shape[0], reverse);
    let [dh, dc] = [gH, gC];
    for (let s = forward.length - 1; s >= 0; s--) {
      const t = forward[s];
      const [i, f, g, o] = gates[t];
      const shown = cells[t].tanh();
      dh = dh.add(gOutput.select(0, t));
      dc = dc.add(dh.mul(o).mul(shown.square().neg().add(1)));
      const before = s === 0 ? c0 : cells[forward[s - 1]];
      sums[t] = stack(
        [
          dc.mul(g).mul(i).mul(i.neg().add(1)),
          dc.mul(before).mul(f).mul(f.neg().add(1)),
          dc.mul(i).mul(g.square().neg().add(1)),
          dh.mul(shown).mul(o).mul(o.neg().add(1)),
        ],
        1,
      ).reshape(gates[t][0].shape[0], -1);
      dh = sums[t].matmul(weightHh); // [N, 4H] · W_hh [4H, H]
      dc = dc.mul(f);
    }
    const all = stack(sums); // [T, N, 4H]
    const rows = all.reshape(-1, all.shape[2]);
    const previous = stack(forward.map((_, t) => (t === forward[0] ? h0 : hiddens[reverse ? t + 1 : t - 1]))); // prettier-ignore
    const results = [dh, dc, rows.t().matmul(x.reshape(rows.shape[0], -1)), rows.t().matmul(previous.reshape(rows.shape[0], -1))];
    if (bias !== undefined) results.push(rows.sum(0));
    if (input) results.push(all.matmul(weightIh));
    return results;
  },
});
