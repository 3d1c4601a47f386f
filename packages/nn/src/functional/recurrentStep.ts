import { linear, type Tensor } from '@flambeau/core';

// One step of each kind of recurrent cell: what the cells compute, and what sequences of unequal length are made of.

/** The weights of a cell or of one layer in one direction. G is 4 for LSTM, 3 for GRU and 1 for RNN; R is the size of the output. */
export interface RecurrentWeights {
  /** [G·H, I] */
  readonly weightIh: Tensor;
  /** [G·H, R] */
  readonly weightHh: Tensor;
  /** [G·H] */
  readonly biasIh?: Tensor | null;
  readonly biasHh?: Tensor | null;
  /** Projects the hidden state of an LSTM: [R, H]. */
  readonly weightHr?: Tensor | null;
}

/** The new states, the hidden one first, from the input's part of the gates (x·W_ihᵀ + b_ih) and the old states. */
export type RecurrentStep = (projected: Tensor, states: readonly Tensor[], weights: RecurrentWeights) => Tensor[];

export const lstmStep: RecurrentStep = (projected, [h, c], { weightHh, biasHh, weightHr }) => {
  const [input, forget, cell, output] = projected.add(linear(h, weightHh, biasHh ?? null)).chunk(4, -1);
  const nextCell = forget.sigmoid().mul(c).add(input.sigmoid().mul(cell.tanh()));
  const hidden = output.sigmoid().mul(nextCell.tanh());
  return [weightHr ? linear(hidden, weightHr) : hidden, nextCell];
};

export const gruStep: RecurrentStep = (projected, [h], { weightHh, biasHh }) => {
  const [xr, xz, xn] = projected.chunk(3, -1);
  const [hr, hz, hn] = linear(h, weightHh, biasHh ?? null).chunk(3, -1);
  const [r, z] = [xr.add(hr).sigmoid(), xz.add(hz).sigmoid()];
  const n = xn.add(r.mul(hn)).tanh();
  return [n.add(z.mul(h.sub(n)))];
};

const rnnStep =
  (nonlinearity: (x: Tensor) => Tensor): RecurrentStep =>
  (projected, [h], { weightHh, biasHh }) => [nonlinearity(projected.add(linear(h, weightHh, biasHh ?? null)))];
export const rnnTanhStep: RecurrentStep = /* @__PURE__ */ rnnStep((x) => x.tanh());
export const rnnReluStep: RecurrentStep = /* @__PURE__ */ rnnStep((x) => x.relu());
