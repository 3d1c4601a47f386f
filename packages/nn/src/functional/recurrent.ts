import { defineOp, linear, stack, type Op, type Spec, type Tensor } from '@flambeau/core';
import { stepOrder, type RecurrentAttrs } from './recurrentAttrs.ts';
import { rnnReluStep, rnnTanhStep, type RecurrentStep } from './recurrentStep.ts';

export { gruGradOp, gruOp } from './gru.ts';
export { lstmGradOp, lstmOp } from './lstm.ts';
export type { RecurrentAttrs };

function outputs(x: Tensor, hidden: Tensor, states: number): Spec[] {
  const state = { shape: hidden.shape, dtype: x.dtype };
  return [{ shape: [x.shape[0], x.shape[1], hidden.shape[1]], dtype: x.dtype }, ...new Array<Spec>(states).fill(state)];
}

/** An op of one layer whose composition repeats a step: inputs x, h0, W_ih, W_hh and, maybe, b_ih and b_hh; outputs all hidden states and the last. */
const defineRecurrent = (name: string, step: RecurrentStep): Op<RecurrentAttrs> =>
  defineOp<RecurrentAttrs>({
    name,
    infer: ([x, h]) => outputs(x, h, 1),
    compose([x, h0, weightIh, weightHh, biasIh, biasHh], { reverse }) {
      const projected = linear(x, weightIh, biasIh ?? null); // for all steps at once
      const weights = { weightIh, weightHh, biasIh, biasHh };
      const hiddens = new Array<Tensor>(x.shape[0]);
      let h = h0;
      for (const t of stepOrder(x.shape[0], reverse)) [hiddens[t]] = [h] = step(projected.select(0, t), [h], weights);
      return [stack(hiddens), h];
    },
  });

/** A plain recurrent layer, h' = f(W_ih x + b_ih + W_hh h + b_hh): W_ih [H, I], W_hh [H, H], biases [H]. @see Elman 1990 */
export const rnnTanhOp: Op<RecurrentAttrs> = /* @__PURE__ */ defineRecurrent('rnnTanh', rnnTanhStep);
export const rnnReluOp: Op<RecurrentAttrs> = /* @__PURE__ */ defineRecurrent('rnnRelu', rnnReluStep);
