import { ArgumentError, empty, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { fanInAndOut, kaimingUniform_, uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import type { FactoryOptions } from './linear.ts';
import { tuple } from './repr.ts';

/** Options of convolution layers. Everything that may be given positionally may be given here. */
export interface ConvLayerOptions extends F.ConvOptions, FactoryOptions {
  bias?: boolean;
}

abstract class ConvNd extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly groups: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(dims: number, inChannels: number, outChannels: number, kernelSize: F.Size, options: ConvLayerOptions) {
    super();
    const { groups = 1, bias = true, stride = 1, padding = 0, dilation = 1, ...factory } = options;
    const name = `Conv${dims}d`;
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ArgumentError({
        op: name,
        expected: 'channels that groups divides',
        received: `${inChannels} and ${outChannels} channels in ${groups} groups`,
      });
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = F.spread(name, 'kernelSize', kernelSize, dims, 1);
    this.stride = F.spread(name, 'stride', stride, dims, 1);
    this.padding = padding === 'same' || padding === 'valid' ? padding : F.spread(name, 'padding', padding, dims);
    this.dilation = F.spread(name, 'dilation', dilation, dims, 1);
    this.groups = groups;
    this.weight = new Parameter(empty([outChannels, inChannels / groups, ...this.kernelSize], factory));
    this.bias = bias ? new Parameter(empty([outChannels], factory)) : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew, uniformly in ±1/√(inputs of one unit). */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) {
      const bound = 1 / Math.sqrt(fanInAndOut(this.weight).fanIn);
      uniform_(this.bias, -bound, bound);
    }
  }

  protected get convOptions(): F.ConvOptions {
    return { stride: this.stride, padding: this.padding, dilation: this.dilation, groups: this.groups };
  }

  override extraRepr(): string {
    const parts = [
      String(this.inChannels),
      String(this.outChannels),
      `kernel_size=${tuple(this.kernelSize)}`,
      `stride=${tuple(this.stride)}`,
    ];
    if (typeof this.padding === 'string') parts.push(`padding=${this.padding}`);
    else if (this.padding.some((p) => p !== 0)) parts.push(`padding=${tuple(this.padding)}`);
    if (this.dilation.some((d) => d !== 1)) parts.push(`dilation=${tuple(this.dilation)}`);
    if (this.groups !== 1) parts.push(`groups=${this.groups}`);
    if (this.bias === null) parts.push('bias=False');
    return parts.join(', ');
  }
}

const optionsOf = (
  strideOrOptions: F.Size | ConvLayerOptions | undefined,
  padding: F.Size | undefined,
  options: ConvLayerOptions | undefined,
): ConvLayerOptions => {
  if (typeof strideOrOptions === 'object' && !Array.isArray(strideOrOptions)) return strideOrOptions as ConvLayerOptions;
  return {
    ...options,
    ...(strideOrOptions !== undefined && { stride: strideOrOptions as F.Size }),
    ...(padding !== undefined && { padding }),
  };
};

/** Convolution over one dimension: x [N, Cin, L] → [N, Cout, L']. */
export class Conv1d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: F.Size,
    stride?: F.Size | ConvLayerOptions,
    padding?: F.Size,
    options?: ConvLayerOptions,
  ) {
    super(1, inChannels, outChannels, kernelSize, optionsOf(stride, padding, options));
  }

  forward(x: Tensor): Tensor {
    return F.conv1d(x, this.weight, this.bias, this.convOptions);
  }
}

/**
 * Convolution over two dimensions: x [N, Cin, H, W] → [N, Cout, H', W']. Weight [Cout, Cin/groups, kH, kW], bias [Cout].
 * `new Conv2d(1, 16, 5, { stride: 1, padding: 2 })`, or with stride and padding in PyTorch's positions.
 */
export class Conv2d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: F.Size,
    stride?: F.Size | ConvLayerOptions,
    padding?: F.Size,
    options?: ConvLayerOptions,
  ) {
    super(2, inChannels, outChannels, kernelSize, optionsOf(stride, padding, options));
  }

  forward(x: Tensor): Tensor {
    return F.conv2d(x, this.weight, this.bias, this.convOptions);
  }
}

/** Convolution over three dimensions: x [N, Cin, D, H, W] → [N, Cout, D', H', W']. */
export class Conv3d extends ConvNd {
  constructor(
    inChannels: number,
    outChannels: number,
    kernelSize: F.Size,
    stride?: F.Size | ConvLayerOptions,
    padding?: F.Size,
    options?: ConvLayerOptions,
  ) {
    super(3, inChannels, outChannels, kernelSize, optionsOf(stride, padding, options));
  }

  forward(x: Tensor): Tensor {
    return F.conv3d(x, this.weight, this.bias, this.convOptions);
  }
}
