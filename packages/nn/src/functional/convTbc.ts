import { checkDimensions, checkTensor, readCall, type Call, type Tensor } from '@flambeau/core';
import { conv1d } from './convolution.ts';

/** Arguments of `convTbc`. */
export interface ConvTbcOptions {
  /** Shape [K, C, O]: K places, C channels in, O channels out. */
  weight: Tensor;
  /** Shape [O]. */
  bias: Tensor;
  /** Zeros before and after the steps, 0 by default. */
  pad?: number;
}

/**
 * Convolution of sequences with time first and channels last.
 * @param x - shape [T, N, C]
 * @returns shape [T + 2·pad - K + 1, N, O]
 * @throws ShapeError when the shapes do not fit
 */
export function convTbc(x: Tensor, ...args: Call<ConvTbcOptions, ['weight', 'bias', 'pad']>): Tensor {
  const op = 'convTbc';
  const { weight, bias, pad = 0 } = readCall<ConvTbcOptions>(op, args, ['weight', 'bias', 'pad']);
  checkDimensions(op, x, 3, 3);
  checkDimensions(op, checkTensor(op, 'the weight', weight), 3, 3);
  checkTensor(op, 'the bias', bias);
  // [T, N, C] → [N, C, T], and [K, C, O] → [O, C, K]
  return conv1d(x.permute([1, 2, 0]), weight.permute([2, 1, 0]), { bias, padding: pad }).permute([2, 0, 1]);
}
