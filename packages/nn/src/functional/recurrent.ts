import { defineOp, linear, stack, type Op, type Spec, type Tensor } from '@flambeau/core';

/** One layer in one direction. The sequence is [T, N, I]; states are [N, H]. */
export interface RecurrentAttrs {
  /** Runs from the last step to the first. */
  readonly reverse: boolean;
}

const steps = (length: number, reverse: boolean): number[] => Array.from({ length }, (_, i) => (reverse ? length - 1 - i : i));

function outputs(x: Tensor, hidden: Tensor, states: number): Spec[] {
  const state = { shape: hidden.shape, dtype: x.dtype };
  return [{ shape: [x.shape[0], x.shape[1], hidden.shape[1]], dtype: x.dtype }, ...new Array<Spec>(states).fill(state)];
}

/** x·W_ihᵀ + b_ih for all steps at once. */
const project = (x: Tensor, weight: Tensor, bias: Tensor | undefined): Tensor => linear(x, weight, bias ?? null);

/**
 * A long short-term memory layer: inputs x, h0, c0, W_ih [4H, I], W_hh [4H, H] and, maybe, b_ih and b_hh [4H]; gates in the order i, f, g, o.
 * Outputs: all hidden states [T, N, H], the last hidden state and the last cell state.
 * @see Hochreiter & Schmidhuber 1997, with the forget gate of Gers et al. 2000
 */
export const lstmOp: Op<RecurrentAttrs> = defineOp<RecurrentAttrs>({
  name: 'lstm',
  infer: ([x, h]) => outputs(x, h, 2),
  compose([x, h0, c0, weightIh, weightHh, biasIh, biasHh], { reverse }) {
    const projected = project(x, weightIh, biasIh);
    const hiddens = new Array<Tensor>(x.shape[0]);
    let [h, c] = [h0, c0];
    for (const t of steps(x.shape[0], reverse)) {
      const [input, forget, cell, output] = projected.select(0, t).add(linear(h, weightHh, biasHh ?? null)).chunk(4, 1); // prettier-ignore
      c = forget.sigmoid().mul(c).add(input.sigmoid().mul(cell.tanh()));
      h = output.sigmoid().mul(c.tanh());
      hiddens[t] = h;
    }
    return [stack(hiddens), h, c];
  },
});

/**
 * A gated recurrent layer: inputs x, h0, W_ih [3H, I], W_hh [3H, H] and, maybe, b_ih and b_hh [3H]; gates in the order r, z, n.
 * @see Cho et al. 2014
 */
export const gruOp: Op<RecurrentAttrs> = defineOp<RecurrentAttrs>({
  name: 'gru',
  infer: ([x, h]) => outputs(x, h, 1),
  compose([x, h0, weightIh, weightHh, biasIh, biasHh], { reverse }) {
    const projected = project(x, weightIh, biasIh);
    const hiddens = new Array<Tensor>(x.shape[0]);
    let h = h0;
    for (const t of steps(x.shape[0], reverse)) {
      const [xr, xz, xn] = projected.select(0, t).chunk(3, 1);
      const [hr, hz, hn] = linear(h, weightHh, biasHh ?? null).chunk(3, 1);
      const [r, z] = [xr.add(hr).sigmoid(), xz.add(hz).sigmoid()];
      const n = xn.add(r.mul(hn)).tanh();
      h = n.add(z.mul(h.sub(n)));
      hiddens[t] = h;
    }
    return [stack(hiddens), h];
  },
});

/** A plain recurrent layer, h' = f(W_ih x + b_ih + W_hh h + b_hh). @see Elman 1990 */
const defineRnn = (name: string, nonlinearity: (x: Tensor) => Tensor): Op<RecurrentAttrs> =>
  defineOp<RecurrentAttrs>({
    name,
    infer: ([x, h]) => outputs(x, h, 1),
    compose([x, h0, weightIh, weightHh, biasIh, biasHh], { reverse }) {
      const projected = project(x, weightIh, biasIh);
      const hiddens = new Array<Tensor>(x.shape[0]);
      let h = h0;
      for (const t of steps(x.shape[0], reverse)) {
        h = nonlinearity(projected.select(0, t).add(linear(h, weightHh, biasHh ?? null)));
        hiddens[t] = h;
      }
      return [stack(hiddens), h];
    },
  });
export const rnnTanhOp: Op<RecurrentAttrs> = defineRnn('rnnTanh', (x) => x.tanh());
export const rnnReluOp: Op<RecurrentAttrs> = defineRnn('rnnRelu', (x) => x.relu());
