import type { Tensor } from '@flambeau/core';

/** What activations that can write over their input take. */
export interface InPlaceOption {
  /** Writes the result over the input, which is returned. */
  inplace?: boolean;
}

/** Runs `f` on x, and writes the result over x where that is asked; what `f` saves for its derivative is then a copy. */
export function apply(x: Tensor, inplace: boolean | undefined, f: (x: Tensor) => Tensor): Tensor {
  return inplace ? x.copy_(f(x.requiresGrad ? x.clone() : x)) : f(x);
}
