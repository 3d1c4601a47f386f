import { cat, dispatch, linear, zeros, type Op, type Tensor } from '@flambeau/core';
import { firstOutputs } from '../functional/firstOutput.ts';
import { gruOp, lstmOp, rnnReluOp, rnnTanhOp, type RecurrentAttrs } from '../functional/recurrent.ts';
import { gruStep, lstmStep, rnnReluStep, rnnTanhStep, type RecurrentStep, type RecurrentWeights } from '../functional/recurrentStep.ts';

/** How one kind of recurrent network computes. */
export interface RecurrentKind {
  /** How many times the hidden size the gates take. */
  readonly gates: number;
  /** How many states it carries. */
  readonly states: number;
  readonly op: Op<RecurrentAttrs>;
  readonly step: RecurrentStep;
}

// Each on its own, so that a program with an LSTM holds no GRU.
export const lstmKind: RecurrentKind = { gates: 4, states: 2, op: lstmOp, step: lstmStep };
export const gruKind: RecurrentKind = { gates: 3, states: 1, op: gruOp, step: gruStep };
export const rnnTanhKind: RecurrentKind = { gates: 1, states: 1, op: rnnTanhOp, step: rnnTanhStep };
export const rnnReluKind: RecurrentKind = { gates: 1, states: 1, op: rnnReluOp, step: rnnReluStep };

/** What one layer in one direction gives: the hidden states of all steps, and the last states, which no derivative holds on to. */
export interface LayerResult {
  readonly output: Tensor;
  readonly states: readonly Tensor[];
}

/** Sequences of one length: x [T, N, I], states [N, H], zeros where there are none. */
export function runDense(
  kind: RecurrentKind,
  x: Tensor,
  states: readonly Tensor[] | undefined,
  weights: RecurrentWeights,
  reverse: boolean,
): LayerResult {
  if (weights.weightHr) {
    const [steps, batch] = x.shape;
    const sizes = new Array<number>(steps).fill(batch);
    const [rows, begin] = [x.reshape(steps * batch, x.shape[2]), states ?? zeroStates(kind, x, batch, weights)];
    const { output, states: last } = runPacked(kind, rows, sizes, begin, weights, reverse);
    return { output: output.reshape(steps, batch, weights.weightHr.shape[0]), states: last };
  }
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const inputs = [x, ...(states ?? []), weightIh, weightHh, biasIh, biasHh].filter((t) => t !== undefined && t !== null);
  // After the states may come what only the derivative needs.
  const attrs = { reverse, fromZeros: states === undefined };
  const [output, ...last] = firstOutputs(1 + kind.states, () => dispatch(kind.op, inputs, attrs));
  // The last state of a layer that is made of steps belongs to the derivative of the last of them.
  return { output, states: kind.op.vjp === undefined ? last.map((state) => state.clone()) : last };
}

/**
 * Sequences of unequal length, longest first: x [ΣbatchSizes, I] holds the inputs of step 0, of step 1, and so on, and step t has only
 * the first batchSizes[t] of the sequences.
 */
export function runPacked(
  kind: RecurrentKind,
  x: Tensor,
  batchSizes: readonly number[],
  states: readonly Tensor[],
  weights: RecurrentWeights,
  reverse: boolean,
): LayerResult {
  const projected = linear(x, weights.weightIh, weights.biasIh ?? null).split(batchSizes);
  const hiddens = new Array<Tensor>(batchSizes.length);
  const rows = (all: readonly Tensor[], from: number, to: number): Tensor[] => all.map((s) => s.narrow(0, from, to - from));
  if (reverse) {
    // The longest begin; where a step has more sequences than the one after it, the new ones start from their initial states.
    let current = rows(states, 0, batchSizes[batchSizes.length - 1]);
    for (let t = batchSizes.length - 1; t >= 0; t--) {
      const running = current[0].shape[0];
      if (batchSizes[t] > running) {
        const fresh = rows(states, running, batchSizes[t]);
        current = current.map((s, k) => cat([s, fresh[k]]));
      }
      current = kind.step(projected[t], current, weights);
      hiddens[t] = current[0];
    }
    return { output: cat(hiddens), states: current.map((state) => state.clone()) };
  }
  let current: readonly Tensor[] = states;
  // The states of sequences that have ended, shortest first.
  const ended: (readonly Tensor[])[] = [];
  batchSizes.forEach((size, t) => {
    const running = current[0].shape[0];
    if (size < running) {
      ended.push(rows(current, size, running));
      current = rows(current, 0, size);
    }
    current = kind.step(projected[t], current, weights);
    hiddens[t] = current[0];
  });
  const last = [...ended, current].reverse();
  return {
    output: cat(hiddens),
    states: states.map((_, k) => (last.length === 1 ? current[k].clone() : cat(last.map((part) => part[k])))),
  };
}

/** States [K, N, H] in another order of the sequences; as they are where it is null. */
export const permuteStates = (state: Tensor, order: Tensor | null): Tensor => (order === null ? state : state.indexSelect(1, order));

/** Zeros for a state that was not given. */
export const zeroState = (like: Tensor, shape: readonly number[]): Tensor => zeros([...shape], { dtype: like.dtype, device: like.device });

/** Zeros for states that were not given, h [N, R] and c [N, H]. */
export function zeroStates(kind: RecurrentKind, like: Tensor, batch: number, { weightHh }: RecurrentWeights): Tensor[] {
  const [rows, size] = weightHh.shape;
  return Array.from({ length: kind.states }, (_, k) => zeroState(like, [batch, k === 0 ? size : rows / kind.gates]));
}
