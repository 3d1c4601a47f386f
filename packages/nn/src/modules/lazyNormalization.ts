import { readCall, type Call, type Tensor } from '@flambeau/core';
import { channelsOf, firstForward, postpone, randomState } from './lazy.ts';
import {
  BatchNorm1d,
  BatchNorm2d,
  BatchNorm3d,
  InstanceNorm1d,
  InstanceNorm2d,
  InstanceNorm3d,
  type BatchNormLayerOptions,
} from './normalization.ts';

const names = ['eps', 'momentum', 'affine', 'trackRunningStats'] as const;
// PyTorch's lazy instance norms learn and track by default, unlike the ordinary ones.
const lazyDefaults = { affine: true, trackRunningStats: true };
const keywords = ['bias', 'device', 'dtype'] as const;

/** BatchNorm1d that learns the number of its channels from the first input, and is a BatchNorm1d from then on. */
export class LazyBatchNorm1d extends BatchNorm1d {
  constructor(...args: Call<BatchNormLayerOptions, typeof names>) {
    const options = readCall<BatchNormLayerOptions>('LazyBatchNorm1d', args, names, keywords);
    const state = randomState();
    super(1, options);
    const build = (size: number): BatchNorm1d => new BatchNorm1d(size, options);
    postpone(this, state, { sizeField: 'numFeatures', build, sizeOf: channelsOf('LazyBatchNorm1d', [0, 1], false) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** BatchNorm2d that learns the number of its channels from the first input, and is a BatchNorm2d from then on. */
export class LazyBatchNorm2d extends BatchNorm2d {
  constructor(...args: Call<BatchNormLayerOptions, typeof names>) {
    const options = readCall<BatchNormLayerOptions>('LazyBatchNorm2d', args, names, keywords);
    const state = randomState();
    super(1, options);
    const build = (size: number): BatchNorm2d => new BatchNorm2d(size, options);
    postpone(this, state, { sizeField: 'numFeatures', build, sizeOf: channelsOf('LazyBatchNorm2d', [2], false) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** BatchNorm3d that learns the number of its channels from the first input, and is a BatchNorm3d from then on. */
export class LazyBatchNorm3d extends BatchNorm3d {
  constructor(...args: Call<BatchNormLayerOptions, typeof names>) {
    const options = readCall<BatchNormLayerOptions>('LazyBatchNorm3d', args, names, keywords);
    const state = randomState();
    super(1, options);
    const build = (size: number): BatchNorm3d => new BatchNorm3d(size, options);
    postpone(this, state, { sizeField: 'numFeatures', build, sizeOf: channelsOf('LazyBatchNorm3d', [3], false) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** InstanceNorm1d that learns the number of its channels from the first input, and is a InstanceNorm1d from then on. */
export class LazyInstanceNorm1d extends InstanceNorm1d {
  constructor(...args: Call<BatchNormLayerOptions, typeof names>) {
    const options = { ...lazyDefaults, ...readCall<BatchNormLayerOptions>('LazyInstanceNorm1d', args, names, keywords) };
    const state = randomState();
    super(1, options);
    const build = (size: number): InstanceNorm1d => new InstanceNorm1d(size, options);
    postpone(this, state, { sizeField: 'numFeatures', build, sizeOf: channelsOf('LazyInstanceNorm1d', [1], true) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** InstanceNorm2d that learns the number of its channels from the first input, and is a InstanceNorm2d from then on. */
export class LazyInstanceNorm2d extends InstanceNorm2d {
  constructor(...args: Call<BatchNormLayerOptions, typeof names>) {
    const options = { ...lazyDefaults, ...readCall<BatchNormLayerOptions>('LazyInstanceNorm2d', args, names, keywords) };
    const state = randomState();
    super(1, options);
    const build = (size: number): InstanceNorm2d => new InstanceNorm2d(size, options);
    postpone(this, state, { sizeField: 'numFeatures', build, sizeOf: channelsOf('LazyInstanceNorm2d', [2], true) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** InstanceNorm3d that learns the number of its channels from the first input, and is a InstanceNorm3d from then on. */
export class LazyInstanceNorm3d extends InstanceNorm3d {
  constructor(...args: Call<BatchNormLayerOptions, typeof names>) {
    const options = { ...lazyDefaults, ...readCall<BatchNormLayerOptions>('LazyInstanceNorm3d', args, names, keywords) };
    const state = randomState();
    super(1, options);
    const build = (size: number): InstanceNorm3d => new InstanceNorm3d(size, options);
    postpone(this, state, { sizeField: 'numFeatures', build, sizeOf: channelsOf('LazyInstanceNorm3d', [3], true) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}
