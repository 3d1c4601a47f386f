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

/** What a forward pass leaves behind at each step: the gates r, z, n after their functions, the hidden state's part of n, and the new state. */
interface Trace {
  readonly gates: Tensor[][];
  readonly hiddens: Tensor[];
}

/** r, z ← σ(x + h parts), n ← tanh(xₙ + r·hₙ), h ← n + z·(h - n), step by step. */
function unroll(x: Tensor, h0: Tensor, weights: readonly (Tensor | undefined)[], reverse: boolean): Trace {
  const [weightIh, weightHh, biasIh, biasHh] = weights as [Tensor, Tensor, Tensor | undefined, Tensor | undefined];
  const projected = linear(x, weightIh, biasIh ?? null); // for all steps at once
  const trace: Trace = { gates: [], hiddens: [] };
  let h = h0;
  for (const t of stepOrder(x.shape[0], reverse)) {
    const [xr, xz, xn] = projected.select(0, t).chunk(3, 1);
    const [hr, hz, hn] = linear(h, weightHh, biasHh ?? null).chunk(3, 1);
    const [r, z] = [xr.add(hr).sigmoid(), xz.add(hz).sigmoid()];
    const n = xn.add(r.mul(hn)).tanh();
    h = n.add(z.mul(h.sub(n)));
    trace.gates[t] = [r, z, n, hn];
    trace.hiddens[t] = h;
  }
  return trace;
}

/**
 * A gated recurrent layer: inputs x, h0 (but for `fromZeros`), W_ih [3H, I], W_hh [3H, H] and, maybe, b_ih and b_hh [3H]; gates in the order r, z, n. Outputs: all hidden
 * states [T, N, H] and the last one; then, for the derivative, the gates and the hidden state's part of n [T, N, 4H].
 * @see Cho et al. 2014; n applies r after the product with W_hh, as cuDNN and PyTorch do
 */
export const gruOp: Op<RecurrentAttrs> = /* @__PURE__ */ defineOp<RecurrentAttrs>({
  name: 'gru',
  infer(inputs, { fromZeros }) {
    const [{ shape, dtype }] = inputs;
    const state = { shape: stateShape(inputs, 1, fromZeros), dtype };
    const [steps, [batch, size]] = [shape[0], state.shape];
    return [{ shape: [steps, batch, size], dtype }, state, { shape: [steps, batch, 4 * size], dtype }];
  },
  compose(inputs, attrs) {
    const [x, h0, ...weights] = withStates(inputs, 1, attrs);
    const { reverse } = attrs;
    const { gates, hiddens } = unroll(x, h0, weights, reverse);
    const width = 4 * h0.shape[1];
    return [stack(hiddens), hiddens[reverse ? 0 : x.shape[0] - 1], stack(gates.map((g) => stack(g, 1).reshape(h0.shape[0], width)))];
  },
  save: (inputs, [output, , gates]) => [output, gates, ...inputs],
  sliceable: 0,
  vjp({ needs, cotangents: [gOutput, gH, gGates], saved: [output, gates, ...inputs], attrs, sliceStart: from = 0 }) {
    const slopes = [outputGrad(gOutput, output), stateGrad(gH, output)];
    if (gGates !== undefined) slopes.push(gGates);
    const asked = { ...attrs, input: needs[0], inner: gGates !== undefined, from };
    const grads = dispatch(gruGradOp, [...slopes, output.detach(), gates.detach(), ...inputs], asked);
    const dx = needs[0] ? grads.pop() : undefined;
    return [dx, ...grads];
  },
});

/**
 * Gradients of a GRU layer: inputs the gradients of its output (of some steps) and last h, each without rows where nothing depends on it (and of its
 * gates); its output and gates, from which a kernel need not compute them again (the composition does, so that it has a derivative); then its
 * inputs. Outputs: the gradients of h0 where it is an input, of W_ih, W_hh, of the biases where there are any, and of x where it is wanted.
 */
export const gruGradOp: Op<RecurrentGradAttrs> = /* @__PURE__ */ defineOp<RecurrentGradAttrs>({
  name: 'gruGrad',
  infer(inputs, { input, inner }) {
    const [x, ...others] = inputs.slice(inner ? 5 : 4);
    return input ? [...others, x] : others;
  },
  compose(inputs, attrs) {
    const { reverse, input, inner, fromZeros = false } = attrs;
    const [gOutput, gH, gGates] = inputs;
    const [x, h0, ...weights] = withStates(inputs.slice(inner ? 5 : 4), 1, attrs);
    const [weightIh, weightHh, biasIh] = weights;
    const { gates, hiddens } = unroll(x, h0, weights, reverse);
    const forward = stepOrder(x.shape[0], reverse);
    const [inputSums, hiddenSums] = [new Array<Tensor>(x.shape[0]), new Array<Tensor>(x.shape[0])];
    let dh = wholeGrad(gH, h0.shape);
    for (let s = forward.length - 1; s >= 0; s--) {
      const t = forward[s];
      const [r, z, n, hn] = gates[t];
      const before = s === 0 ? h0 : hiddens[forward[s - 1]];
      dh = addStep(dh, gOutput, t, attrs);
      const more = inner ? gGates.select(0, t).chunk(4, 1) : undefined;
      const plus = (slope: Tensor, k: number): Tensor => (more === undefined ? slope : slope.add(more[k]));
      const fresh = plus(dh.mul(z.neg().add(1)), 2).mul(n.square().neg().add(1));
      const reset = plus(fresh.mul(hn), 0).mul(r).mul(r.neg().add(1));
      const update = plus(dh.mul(before.sub(n)), 1)
        .mul(z)
        .mul(z.neg().add(1));
      const toHidden = plus(fresh.mul(r), 3);
      const rows = [h0.shape[0], 3 * h0.shape[1]] as const;
      inputSums[t] = stack([reset, update, fresh], 1).reshape(...rows);
      hiddenSums[t] = stack([reset, update, toHidden], 1).reshape(...rows);
      dh = dh.mul(z).add(hiddenSums[t].matmul(weightHh)); // [N, 3H] · W_hh [3H, H]
    }
    const [all, allHidden] = [stack(inputSums), stack(hiddenSums)]; // [T, N, 3H]
    const [count, width] = [x.shape[0] * x.shape[1], 3 * h0.shape[1]];
    const [rows, hiddenRows] = [all.reshape(count, width), allHidden.reshape(count, width)];
    const previous = stack(forward.map((_, t) => (t === forward[0] ? h0 : hiddens[reverse ? t + 1 : t - 1]))); // prettier-ignore
    const results = [
      ...(fromZeros ? [] : [dh]),
      rows.t().matmul(x.reshape(count, x.shape[2])),
      hiddenRows.t().matmul(previous.reshape(count, h0.shape[1])),
    ];
    if (biasIh !== undefined) results.push(rows.sum(0), hiddenRows.sum(0));
    if (input) results.push(all.matmul(weightIh));
    return results;
  },
});
