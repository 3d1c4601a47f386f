import { readCall, type Call, type Generator, type Tensor } from '@flambeau/core';
import { celu, elu, hardtanh, leakyRelu, relu, rrelu, selu, threshold } from './activation.ts';

// Activations that write over their input and return it: those of activation.ts with `inplace`.

/** `relu` written over x, which is returned. */
export const relu_ = (x: Tensor): Tensor => relu(x, { inplace: true });

/** `elu` written over x, which is returned. */
export const elu_ = (x: Tensor, ...args: Call<{ alpha?: number }, ['alpha']>): Tensor =>
  elu(x, { ...readCall<{ alpha?: number }>('elu_', args, ['alpha']), inplace: true });

/** `celu` written over x, which is returned. */
export const celu_ = (x: Tensor, ...args: Call<{ alpha?: number }, ['alpha']>): Tensor =>
  celu(x, { ...readCall<{ alpha?: number }>('celu_', args, ['alpha']), inplace: true });

/** `selu` written over x, which is returned. */
export const selu_ = (x: Tensor): Tensor => selu(x, { inplace: true });

/** `leakyRelu` written over x, which is returned. */
export const leakyRelu_ = (x: Tensor, ...args: Call<{ negativeSlope?: number }, ['negativeSlope']>): Tensor =>
  leakyRelu(x, { ...readCall<{ negativeSlope?: number }>('leakyRelu_', args, ['negativeSlope']), inplace: true });

/** `hardtanh` written over x, which is returned. */
export const hardtanh_ = (x: Tensor, ...args: Call<{ minVal?: number; maxVal?: number }, ['minVal', 'maxVal']>): Tensor =>
  hardtanh(x, { ...readCall<{ minVal?: number; maxVal?: number }>('hardtanh_', args, ['minVal', 'maxVal']), inplace: true });

/** `threshold` written over x, which is returned. */
export const threshold_ = (x: Tensor, ...args: Call<{ threshold: number; value: number }, ['threshold', 'value']>): Tensor =>
  threshold(x, { ...readCall<{ threshold: number; value: number }>('threshold_', args, ['threshold', 'value']), inplace: true });

/** Options of `rrelu_`. */
export interface InPlaceRReluOptions {
  /** The smallest slope below 0, 1/8 by default. */
  lower?: number;
  /** The largest slope below 0, 1/3 by default. */
  upper?: number;
  /** Draws a slope for each element; the mean of both bounds otherwise, which is the default. */
  training?: boolean;
  /** Where the random numbers come from; the default generator when missing. */
  generator?: Generator;
}

/** `rrelu` written over x, which is returned. */
export const rrelu_ = (x: Tensor, ...args: Call<InPlaceRReluOptions, ['lower', 'upper', 'training']>): Tensor =>
  rrelu(x, { ...readCall<InPlaceRReluOptions>('rrelu_', args, ['lower', 'upper', 'training'], ['generator']), inplace: true });
