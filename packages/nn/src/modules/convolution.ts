import { ArgumentError, checkChoice, describe, empty, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { spread, type Size } from '../functional/size.ts';
import { fanInAndOut, kaimingUniform_, uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import type { FactoryOptions } from './linear.ts';
import { tuple } from './repr.ts';

/** What surrounds the input of a convolution: zeros, or what `functional.pad` finds there. */
export type ConvPaddingMode = 'zeros' | 'reflect' | 'replicate' | 'circular';

/** Options of convolution layers. Everything that may be given positionally may be given here. */
export interface ConvLayerOptions extends F.ConvOptions, FactoryOptions {
  /** Whether a learned bias is added to each output channel; true by default. */
  bias?: boolean;
  /** What the padding holds: `zeros` by default, or values of the input. */
  paddingMode?: ConvPaddingMode;
}
interface ConvLayerArguments extends ConvLayerOptions {
  inChannels: number;
  outChannels: number;
  kernelSize: Size;
}
/** Options of transposed convolution layers. */
export interface ConvTransposeLayerOptions extends Omit<ConvLayerOptions, 'padding'> {
  /** How much is cut off each side of the result; 0 by default. */
  padding?: Size;
  /** Places added to one side of the result, to choose among its sizes; 0 by default. */
  outputPadding?: Size;
}
interface ConvTransposeLayerArguments extends ConvTransposeLayerOptions {
  inChannels: number;
  outChannels: number;
  kernelSize: Size;
}

/** What convolutions and transposed ones share: sizes, weight and bias. */
abstract class ConvolutionLayer extends Module {
  readonly inChannels: number;
  readonly outChannels: number;
  readonly kernelSize: readonly number[];
  readonly stride: readonly number[];
  readonly padding: readonly number[] | 'same' | 'valid';
  readonly dilation: readonly number[];
  readonly outputPadding: readonly number[];
  readonly groups: number;
  readonly paddingMode: ConvPaddingMode;
  weight: Parameter;
  bias: Parameter | null;

  constructor(name: string, dims: number, transposed: boolean, options: ConvLayerArguments & { outputPadding?: Size }) {
    super();
    const {
      inChannels,
      outChannels,
      kernelSize,
      groups = 1,
      bias = true,
      stride = 1,
      padding = 0,
      dilation = 1,
      outputPadding = 0,
    } = options;
    const { paddingMode = 'zeros', device, dtype } = options;
    spread(name, 'inChannels', inChannels, 1);
    spread(name, 'outChannels', outChannels, 1);
    spread(name, 'groups', groups, 1, 1);
    checkChoice(name, 'paddingMode', paddingMode, transposed ? ['zeros'] : ['zeros', 'reflect', 'replicate', 'circular']);
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ArgumentError({
        op: name,
        expected: 'channels that groups divides',
        received: `${inChannels} and ${outChannels} channels in ${groups} groups`,
      });
    }
    this.inChannels = inChannels;
    this.outChannels = outChannels;
    this.kernelSize = spread(name, 'kernelSize', kernelSize, dims, 1);
    this.stride = spread(name, 'stride', stride, dims, 1);
    this.padding = padding === 'same' || padding === 'valid' ? padding : spread(name, 'padding', padding, dims);
    this.dilation = spread(name, 'dilation', dilation, dims, 1);
    this.outputPadding = spread(name, 'outputPadding', outputPadding, dims);
    this.groups = groups;
    this.paddingMode = paddingMode;
    if (padding === 'same' && this.stride.some((s) => s !== 1))
      throw new ArgumentError({ op: name, expected: "stride 1 with padding 'same'", received: describe(stride) });
    const channels = transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = new Parameter(empty([...channels, ...this.kernelSize], { device, dtype }));
    this.bias = bias ? new Parameter(empty([outChannels], { device, dtype })) : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew, uniformly in ±1/√(inputs of one unit). */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const { fanIn } = fanInAndOut(this.weight);
    if (this.bias === null || fanIn === 0) return;
    uniform_(this.bias, -1 / Math.sqrt(fanIn), 1 / Math.sqrt(fanIn));
  }

  override extraRepr(): string {
    const { kernelSize, stride, padding, dilation, outputPadding, groups } = this;
    const parts = [String(this.inChannels), String(this.outChannels), `kernel_size=${tuple(kernelSize)}`, `stride=${tuple(stride)}`];
    if (typeof padding === 'string') parts.push(`padding=${padding}`);
    else if (padding.some((p) => p !== 0)) parts.push(`padding=${tuple(padding)}`);
    if (dilation.some((d) => d !== 1)) parts.push(`dilation=${tuple(dilation)}`);
    if (outputPadding.some((p) => p !== 0)) parts.push(`output_padding=${tuple(outputPadding)}`);
    if (groups !== 1) parts.push(`groups=${groups}`);
    if (this.bias === null) parts.push('bias=False');
    if (this.paddingMode !== 'zeros') parts.push(`padding_mode=${this.paddingMode}`);
    return parts.join(', ');
  }
}

type ConvArguments = Call<
  ConvLayerArguments,
  ['inChannels', 'outChannels', 'kernelSize', 'stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode']
>;
const convNames = ['inChannels', 'outChannels', 'kernelSize', 'stride', 'padding', 'dilation', 'groups', 'bias', 'paddingMode'];
const factoryNames = ['device', 'dtype'];

abstract class ConvNd extends ConvolutionLayer {
  static readonly familyKeepsNoTensor = true;
  constructor(dims: 1 | 2 | 3, args: ConvArguments) {
    const name = `Conv${dims}d`;
    super(name, dims, false, readCall<ConvLayerArguments>(name, args, convNames, factoryNames));
  }

  /** The input, padded where the mode is not zeros, and the options for the convolution of what it then is. */
  protected prepare(x: Tensor): [Tensor, F.ConvOptions] {
    const { stride, padding, dilation, groups, paddingMode } = this;
    if (paddingMode === 'zeros' || padding === 'valid') return [x, { stride, padding, dilation, groups }];
    // Of an odd total the extra element lies behind, as with zeros.
    const sides = this.kernelSize.map((k, i) => {
      if (padding !== 'same') return [padding[i], padding[i]];
      const total = dilation[i] * (k - 1);
      return [Math.floor(total / 2), total - Math.floor(total / 2)];
    });
    return [F.pad(x, sides.reverse().flat(), paddingMode), { stride, dilation, groups }];
  }
}

/** Convolution over one dimension: x [N, Cin, L] → [N, Cout, L']. */
export class Conv1d extends ConvNd {
  constructor(...args: ConvArguments) {
    super(1, args);
  }

  forward(x: Tensor): Tensor {
    const [input, options] = this.prepare(x);
    return F.conv1d(input, this.weight, this.bias, options);
  }
}

/**
 * Convolution over two dimensions: x [N, Cin, H, W] → [N, Cout, H', W']. Weight [Cout, Cin/groups, kH, kW], bias [Cout].
 * `new Conv2d(1, 16, 5, { stride: 1, padding: 2 })`, or with stride, padding, dilation, groups, bias and paddingMode in their order.
 */
export class Conv2d extends ConvNd {
  constructor(...args: ConvArguments) {
    super(2, args);
  }

  forward(x: Tensor): Tensor {
    const [input, options] = this.prepare(x);
    return F.conv2d(input, this.weight, this.bias, options);
  }
}

/** Convolution over three dimensions: x [N, Cin, D, H, W] → [N, Cout, D', H', W']. */
export class Conv3d extends ConvNd {
  constructor(...args: ConvArguments) {
    super(3, args);
  }

  forward(x: Tensor): Tensor {
    const [input, options] = this.prepare(x);
    return F.conv3d(input, this.weight, this.bias, options);
  }
}

type ConvTransposeArguments = Call<
  ConvTransposeLayerArguments,
  ['inChannels', 'outChannels', 'kernelSize', 'stride', 'padding', 'outputPadding', 'groups', 'bias', 'dilation', 'paddingMode']
>;
const transposeNames = [
  'inChannels', 'outChannels', 'kernelSize', 'stride', 'padding', 'outputPadding', 'groups', 'bias', 'dilation', 'paddingMode',
]; // prettier-ignore

abstract class ConvTransposeNd extends ConvolutionLayer {
  static readonly familyKeepsNoTensor = true;
  constructor(dims: 1 | 2 | 3, args: ConvTransposeArguments) {
    const name = `ConvTranspose${dims}d`;
    const options = readCall<ConvTransposeLayerArguments>(name, args, transposeNames, factoryNames);
    if (typeof options.padding === 'string') spread(name, 'padding', options.padding, dims);
    super(name, dims, true, options);
  }

  /** The options of the function; a given size of the result decides the output padding. */
  protected options(x: Tensor, outputSize: readonly number[] | null | undefined): Omit<F.ConvTransposeOptions, 'weight' | 'bias'> {
    const { stride, dilation, groups, kernelSize } = this;
    const padding = this.padding as readonly number[];
    const rest = { stride, padding, dilation, groups };
    if (outputSize === undefined || outputSize === null) return { ...rest, outputPadding: this.outputPadding };
    const dims = kernelSize.length;
    const wanted = outputSize.length > dims ? outputSize.slice(outputSize.length - dims) : outputSize;
    const least = kernelSize.map((k, i) => (x.shape[x.ndim - dims + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (k - 1) + 1);
    if (wanted.length !== dims || wanted.some((n, i) => n < least[i] || n > least[i] + stride[i] - 1)) {
      throw new ShapeError({
        op: this.constructor.name,
        expected: `an outputSize between ${showShape(least)} and ${showShape(least.map((n, i) => n + stride[i] - 1))}`,
        received: describe(outputSize),
      });
    }
    return { ...rest, outputPadding: wanted.map((n, i) => n - least[i]) };
  }
}

/** Transposed convolution over one dimension: x [N, Cin, L] → [N, Cout, L']. */
export class ConvTranspose1d extends ConvTransposeNd {
  constructor(...args: ConvTransposeArguments) {
    super(1, args);
  }

  forward(x: Tensor, outputSize?: readonly number[] | null): Tensor {
    return F.convTranspose1d(x, this.weight, this.bias, this.options(x, outputSize));
  }
}
/** Transposed convolution over two dimensions. Weight [Cin, Cout/groups, kH, kW], bias [Cout]. */
export class ConvTranspose2d extends ConvTransposeNd {
  constructor(...args: ConvTransposeArguments) {
    super(2, args);
  }

  forward(x: Tensor, outputSize?: readonly number[] | null): Tensor {
    return F.convTranspose2d(x, this.weight, this.bias, this.options(x, outputSize));
  }
}
/** Transposed convolution over three dimensions. */
export class ConvTranspose3d extends ConvTransposeNd {
  constructor(...args: ConvTransposeArguments) {
    super(3, args);
  }

  forward(x: Tensor, outputSize?: readonly number[] | null): Tensor {
    return F.convTranspose3d(x, this.weight, this.bias, this.options(x, outputSize));
  }
}
