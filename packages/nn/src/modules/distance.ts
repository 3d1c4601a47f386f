import { readCall, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { Module } from '../module.ts';

/** `x1·x2 / (|x1|·|x2|)` along `dim`. */
export class CosineSimilarity extends Module {
  readonly dim: number;
  readonly eps: number;

  constructor(...args: Call<{ dim?: number; eps?: number }, ['dim', 'eps']>) {
    super();
    const { dim = 1, eps = 1e-8 } = readCall<{ dim?: number; eps?: number }>('CosineSimilarity', args, ['dim', 'eps']);
    this.dim = dim;
    this.eps = eps;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.cosineSimilarity(x1, x2, this.dim, this.eps);
  }
}

interface PairwiseOptions {
  /** The norm of the difference; 2 by default. */
  p?: number;
  /** Added to each difference; 1e-6 by default. */
  eps?: number;
  /** Keeps the last dimension with size 1; false by default. */
  keepdim?: boolean;
}

/** The p-norm of `x1 - x2 + eps` along the last dimension. */
export class PairwiseDistance extends Module {
  readonly p: number;
  readonly eps: number;
  readonly keepdim: boolean;

  constructor(...args: Call<PairwiseOptions, ['p', 'eps', 'keepdim']>) {
    super();
    const { p = 2, eps = 1e-6, keepdim = false } = readCall<PairwiseOptions>('PairwiseDistance', args, ['p', 'eps', 'keepdim']);
    this.p = p;
    this.eps = eps;
    this.keepdim = keepdim;
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.pairwiseDistance(x1, x2, this.p, this.eps, this.keepdim);
  }
}
