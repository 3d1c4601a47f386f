import { readCall, type Call, type Tensor } from '@flambeau/core';
import { firstForward, postpone, randomState } from './lazy.ts';
import { Linear, type FactoryOptions } from './linear.ts';

interface LazyLinearOptions extends FactoryOptions {
  /** Features of the output; those of the input are found at the first call. */
  outFeatures: number;
  /** Whether a learned bias is added; true by default. */
  bias?: boolean;
}

/** A linear layer that learns the number of its inputs from the first of them, and is a Linear from then on. */
export class LazyLinear extends Linear {
  constructor(...args: Call<LazyLinearOptions, ['outFeatures', 'bias']>) {
    const { outFeatures, ...options } = readCall<LazyLinearOptions>('LazyLinear', args, ['outFeatures', 'bias'], ['device', 'dtype']);
    const state = randomState();
    super(1, outFeatures, options);
    const build = (size: number): Linear => new Linear(size, outFeatures, options);
    postpone(this, state, { sizeField: 'inFeatures', build, sizeOf: (x) => x.shape[x.ndim - 1] });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}
