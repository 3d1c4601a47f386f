import type { Tensor } from '@flambeau/core';

/** One layer in one direction. The sequence is [T, N, I]; states are [N, H]. */
export interface RecurrentAttrs {
  /** Runs from the last step to the first. */
  readonly reverse: boolean;
  /** Begins with states of zeros, which then are no inputs: the first step needs no product with them. */
  readonly fromZeros?: boolean;
}

/** What the gradients of one layer depend on. */
export interface RecurrentGradAttrs extends RecurrentAttrs {
  /** Whether the gradient of x is wanted. */
  readonly input: boolean;
  /** Whether there are gradients of what the layer keeps for its derivative too; only a derivative of the derivative has some. */
  readonly inner: boolean;
  /** The step to which the first of the gradient of the output belongs; before it and behind the last the gradient is zero. */
  readonly from?: number;
}

/** The steps of a sequence in the order in which a layer takes them. */
export const stepOrder = (length: number, reverse: boolean): number[] => Array.from({ length }, (_, i) => (reverse ? length - 1 - i : i));

/** A layer's inputs x, states, W_ih, W_hh and so on, with zeros for so many states where it begins with them. */
export function withStates(inputs: readonly Tensor[], states: number, { fromZeros = false }: RecurrentAttrs): readonly Tensor[] {
  if (!fromZeros) return inputs;
  const [x, ...weights] = inputs;
  return [x, ...Array.from({ length: states }, () => x.newZeros(stateShape(inputs, states, true))), ...weights];
}

/** The shape [N, H] of a layer's states. */
export const stateShape = (inputs: readonly Tensor[], states: number, fromZeros = false): number[] => [
  inputs[0].shape[1],
  inputs[fromZeros ? 2 : states + 2].shape[1], // of W_hh
];

/** A gradient of a state, whose first dimension is empty where nothing depends on the state. */
export const stateGrad = (gradient: Tensor | undefined, like: Tensor): Tensor => gradient ?? like.newZeros([0, like.shape[like.ndim - 1]]);

/** The gradient of a state as `stateGrad` hands it over, with its zeros. */
export const wholeGrad = (gradient: Tensor, shape: readonly number[]): Tensor =>
  gradient.shape[0] === 0 ? gradient.newZeros([...shape]) : gradient;

/** The gradient of a layer's output, as far as there is one: that of some steps, none where nothing depends on it. */
export const outputGrad = (gradient: Tensor | undefined, output: Tensor): Tensor =>
  gradient ?? output.newZeros([0, output.shape[1], output.shape[2]]);

/** dh + the gradient of a step's output, where it has one. */
export function addStep(dh: Tensor, gOutput: Tensor, t: number, { from = 0 }: RecurrentGradAttrs): Tensor {
  const i = t - from;
  return i < 0 || i >= gOutput.shape[0] ? dh : dh.add(gOutput.select(0, i));
}
