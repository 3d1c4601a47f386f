import { readCall, type Call, type Tensor } from '@flambeau/core';
import type { Size } from '../functional/size.ts';
import {
  Conv1d,
  Conv2d,
  Conv3d,
  ConvTranspose1d,
  ConvTranspose2d,
  ConvTranspose3d,
  type ConvLayerOptions,
  type ConvTransposeLayerOptions,
} from './convolution.ts';
import { channelsOf, firstForward, postpone, randomState } from './lazy.ts';

interface LazyConvOptions extends ConvLayerOptions {
  /** Channels of the output; those of the input are found at the first call. */
  outChannels: number;
  /** The size of the kernel: one number, or one for each spatial dimension. */
  kernelSize: Size;
}
interface LazyConvTransposeOptions extends ConvTransposeLayerOptions {
  /** Channels of the output; those of the input are found at the first call. */
  outChannels: number;
  /** The size of the kernel: one number, or one for each spatial dimension. */
  kernelSize: Size;
}
const convNames = ['outChannels', 'kernelSize', 'stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode'] as const;
const transposedNames = ['outChannels', 'kernelSize', 'stride', 'padding', 'outputPadding', 'groups', 'bias', 'dilation', 'paddingMode'] as const; // prettier-ignore
const factory = ['device', 'dtype'] as const;

/** Conv1d that learns the number of its input channels from the first input, and is a Conv1d from then on. */
export class LazyConv1d extends Conv1d {
  constructor(...args: Call<LazyConvOptions, typeof convNames>) {
    const { outChannels, kernelSize, ...options } = readCall<LazyConvOptions>('LazyConv1d', args, convNames, factory);
    const state = randomState();
    super(options.groups ?? 1, outChannels, kernelSize, options);
    const build = (size: number): Conv1d => new Conv1d(size, outChannels, kernelSize, options);
    postpone(this, state, { sizeField: 'inChannels', build, sizeOf: channelsOf('LazyConv1d', [1], true) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** Conv2d that learns the number of its input channels from the first input, and is a Conv2d from then on. */
export class LazyConv2d extends Conv2d {
  constructor(...args: Call<LazyConvOptions, typeof convNames>) {
    const { outChannels, kernelSize, ...options } = readCall<LazyConvOptions>('LazyConv2d', args, convNames, factory);
    const state = randomState();
    super(options.groups ?? 1, outChannels, kernelSize, options);
    const build = (size: number): Conv2d => new Conv2d(size, outChannels, kernelSize, options);
    postpone(this, state, { sizeField: 'inChannels', build, sizeOf: channelsOf('LazyConv2d', [2], true) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** Conv3d that learns the number of its input channels from the first input, and is a Conv3d from then on. */
export class LazyConv3d extends Conv3d {
  constructor(...args: Call<LazyConvOptions, typeof convNames>) {
    const { outChannels, kernelSize, ...options } = readCall<LazyConvOptions>('LazyConv3d', args, convNames, factory);
    const state = randomState();
    super(options.groups ?? 1, outChannels, kernelSize, options);
    const build = (size: number): Conv3d => new Conv3d(size, outChannels, kernelSize, options);
    postpone(this, state, { sizeField: 'inChannels', build, sizeOf: channelsOf('LazyConv3d', [3], true) });
  }

  override forward(x: Tensor): Tensor {
    return firstForward(this, x);
  }
}

/** ConvTranspose1d that learns the number of its input channels from the first input, and is a ConvTranspose1d from then on. */
export class LazyConvTranspose1d extends ConvTranspose1d {
  constructor(...args: Call<LazyConvTransposeOptions, typeof transposedNames>) {
    const { outChannels, kernelSize, ...options } = readCall<LazyConvTransposeOptions>(
      'LazyConvTranspose1d',
      args,
      transposedNames,
      factory,
    );
    const state = randomState();
    super(options.groups ?? 1, outChannels, kernelSize, options);
    const build = (size: number): ConvTranspose1d => new ConvTranspose1d(size, outChannels, kernelSize, options);
    postpone(this, state, { sizeField: 'inChannels', build, sizeOf: channelsOf('LazyConvTranspose1d', [1], true) });
  }

  override forward(x: Tensor, outputSize?: readonly number[] | null): Tensor {
    return firstForward(this, x, outputSize);
  }
}

/** ConvTranspose2d that learns the number of its input channels from the first input, and is a ConvTranspose2d from then on. */
export class LazyConvTranspose2d extends ConvTranspose2d {
  constructor(...args: Call<LazyConvTransposeOptions, typeof transposedNames>) {
    const { outChannels, kernelSize, ...options } = readCall<LazyConvTransposeOptions>(
      'LazyConvTranspose2d',
      args,
      transposedNames,
      factory,
    );
    const state = randomState();
    super(options.groups ?? 1, outChannels, kernelSize, options);
    const build = (size: number): ConvTranspose2d => new ConvTranspose2d(size, outChannels, kernelSize, options);
    postpone(this, state, { sizeField: 'inChannels', build, sizeOf: channelsOf('LazyConvTranspose2d', [2], true) });
  }

  override forward(x: Tensor, outputSize?: readonly number[] | null): Tensor {
    return firstForward(this, x, outputSize);
  }
}

/** ConvTranspose3d that learns the number of its input channels from the first input, and is a ConvTranspose3d from then on. */
export class LazyConvTranspose3d extends ConvTranspose3d {
  constructor(...args: Call<LazyConvTransposeOptions, typeof transposedNames>) {
    const { outChannels, kernelSize, ...options } = readCall<LazyConvTransposeOptions>(
      'LazyConvTranspose3d',
      args,
      transposedNames,
      factory,
    );
    const state = randomState();
    super(options.groups ?? 1, outChannels, kernelSize, options);
    const build = (size: number): ConvTranspose3d => new ConvTranspose3d(size, outChannels, kernelSize, options);
    postpone(this, state, { sizeField: 'inChannels', build, sizeOf: channelsOf('LazyConvTranspose3d', [3], true) });
  }

  override forward(x: Tensor, outputSize?: readonly number[] | null): Tensor {
    return firstForward(this, x, outputSize);
  }
}
