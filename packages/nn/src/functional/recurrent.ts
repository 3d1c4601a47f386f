import { defineOp, linear, stack, type Op, type Tensor } from '@flambeau/core';
import { stateShape, stepOrder, withStates, type RecurrentAttrs } from './recurrentAttrs.ts';
import { rnnReluStep, rnnTanhStep, type RecurrentStep } from './recurrentStep.ts';

export { gruGradOp, gruOp } from './gru.ts';
export { lstmGradOp, lstmOp } from './lstm.ts';
export type { RecurrentAttrs };

/** An op of one layer whose composition repeats a step: inputs x, h0 (but for `fromZeros`), W_ih, W_hh and, maybe, b_ih and b_hh; outputs all hidden states and the last. */
const defineRecurrent = (name: string, step: RecurrentStep): Op<RecurrentAttrs> =>
  defineOp<RecurrentAttrs>({
    name,
    infer(inputs, { fromZeros }) {
      const [{ shape, dtype }] = inputs;
      const state = stateShape(inputs, 1, fromZeros);
      return [
        { shape: [shape[0], ...state], dtype },
        { shape: state, dtype },
      ];
    },
    compose(inputs, attrs) {
      const [x, h0, weightIh, weightHh, biasIh, biasHh] = withStates(inputs, 1, attrs);
      const projected = linear(x, weightIh, biasIh ?? null); // for all steps at once
      const weights = { weightIh, weightHh, biasIh, biasHh };
      const hiddens = new Array<Tensor>(x.shape[0]);
      let h = h0;
      for (const t of stepOrder(x.shape[0], attrs.reverse)) [hiddens[t]] = [h] = step(projected.select(0, t), [h], weights);
      return [stack(hiddens), h];
    },
  });

/** A plain recurrent layer, h' = f(W_ih x + b_ih + W_hh h + b_hh): W_ih [H, I], W_hh [H, H], biases [H]. @see Elman 1990 */
export const rnnTanhOp: Op<RecurrentAttrs> = /* @__PURE__ */ defineRecurrent('rnnTanh', rnnTanhStep);
export const rnnReluOp: Op<RecurrentAttrs> = /* @__PURE__ */ defineRecurrent('rnnRelu', rnnReluStep);
