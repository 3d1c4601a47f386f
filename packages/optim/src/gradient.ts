import type { Tensor } from '@flambeau/core';

/** The direction to descend along: the gradient, turned round when maximizing, with `weightDecay·param` added. */
export function descentGradient(param: Tensor, grad: Tensor, maximize: boolean, weightDecay: number): Tensor {
  const g = maximize ? grad.neg() : grad;
  return weightDecay === 0 ? g : g.add(param, { alpha: weightDecay });
}

/** Updates `mean ← β·mean + (1 - β)·g` in place. */
export const updateMean = (mean: Tensor, g: Tensor, beta: number): Tensor => mean.mul_(beta).add_(g, { alpha: 1 - beta });

/** Updates `mean ← β·mean + (1 - β)·g²` in place. */
export const updateMeanSquare = (mean: Tensor, g: Tensor, beta: number): Tensor => mean.mul_(beta).add_(g.mul(g), { alpha: 1 - beta });
