import { polygamma as derivative, Tensor } from '@flambeau/core';

/** The n-th derivative of digamma; both `polygamma(n, x)` and `polygamma(x, n)` are understood. */
export const polygamma = (n: number | Tensor, x: Tensor | number): Tensor =>
  n instanceof Tensor ? derivative(x as number, n) : derivative(n, x as Tensor);
