import type { Tensor } from '@flambeau/core';

/** `log(1 + e⁻ˣ)` = max(-x, 0) + log(1 + e^-|x|), whose derivative at 0 is -1/2 from both sides. */
export const softplusOfNegative = (x: Tensor): Tensor => {
  const negative = x.lt(0);
  return negative.where(x.neg(), 0).add(negative.where(x, x.neg()).exp().log1p());
};
