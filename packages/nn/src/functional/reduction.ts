import { checkChoice, type Tensor } from '@flambeau/core';

/** How a loss over elements becomes one number. */
export type Reduction = 'mean' | 'sum' | 'none';

/** Applies a reduction. @throws ArgumentError for an unknown one. */
export function reduce(op: string, loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  checkReduction(op, reduction);
  return reduction === 'none' ? loss : reduction === 'mean' ? loss.mean() : loss.sum();
}

/** @throws ArgumentError unless it is one of mean, sum and none. */
export const checkReduction = (op: string, reduction: unknown): Reduction =>
  checkChoice(op, 'reduction', reduction, ['mean', 'sum', 'none']);
