import { ArgumentError, describe, dispatchOne, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import { checkBias, checkConvolutionTensors, convolutions, type ConvAttrs } from './convolution.ts';
import { spread, type Size } from './size.ts';

/** Options of transposed convolutions. */
export interface ConvTransposeOptions {
  /** Shape [inChannels, outChannels/groups, ...K]. */
  weight: Tensor;
  /** What is added to each channel of the result, shape [outChannels]; nothing when missing. */
  bias?: Tensor | null;
  /** How far the places of neighboring inputs lie apart in the result; 1 by default. */
  stride?: Size;
  /** How much is cut off each side of the result; 0 by default. */
  padding?: Size;
  /** Added to one side of the result, since with a stride several sizes of it belong to one size of the input. */
  outputPadding?: Size;
  /** Groups of channels that see only each other; both numbers of channels are multiples of it. 1 by default. */
  groups?: number;
  /** The distance of neighboring taps of the kernel; 1 by default. */
  dilation?: Size;
}
const names = ['weight', 'bias', 'stride', 'padding', 'outputPadding', 'groups', 'dilation'] as const;
export type ConvTransposeCall = Call<ConvTransposeOptions, ['weight', 'bias', 'stride', 'padding', 'outputPadding', 'groups', 'dilation']>;

function convolveTransposed(dims: 1 | 2 | 3, x: Tensor, args: readonly unknown[]): Tensor {
  const op = `convTranspose${dims}d`;
  const options = readCall<ConvTransposeOptions>(op, args, names);
  const { weight, bias, groups = 1 } = options;
  checkConvolutionTensors(op, dims, x, weight, bias, groups);
  const attrs: ConvAttrs = {
    stride: spread(op, 'stride', options.stride ?? 1, dims, 1),
    padding: spread(op, 'padding', options.padding ?? 0, dims),
    dilation: spread(op, 'dilation', options.dilation ?? 1, dims, 1),
    groups,
  };
  const extra = spread(op, 'outputPadding', options.outputPadding ?? 0, dims);
  if (extra.some((n, i) => n >= Math.max(attrs.stride[i], attrs.dilation[i])))
    throw new ArgumentError({ op, expected: 'outputPadding below the stride or the dilation', received: describe(options.outputPadding) });
  const input = x.ndim === dims + 1 ? x.unsqueeze(0) : x;
  if (input.shape[1] !== weight.shape[0] || weight.shape[0] % groups !== 0) {
    throw new ShapeError({
      op,
      expected: `an input of ${weight.shape[0]} channels for a weight ${showShape(weight.shape)} in ${groups} groups`,
      received: showShape(x.shape),
    });
  }
  const channels = weight.shape[1] * groups;
  checkBias(op, bias, channels);
  const { stride, padding, dilation } = attrs;
  // The size whose convolution gives the input's.
  const spatial = weight.shape
    .slice(2)
    .map((k, i) => (input.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + dilation[i] * (k - 1) + extra[i] + 1);
  if (spatial.some((n) => n < 1) || input.shape.slice(2).includes(0) || weight.shape.slice(2).includes(0))
    throw new ShapeError({
      op,
      expected: 'a result of positive sizes',
      received: `${showShape(spatial)} for an input ${showShape(x.shape)}`,
    });
  const y = dispatchOne(convolutions[dims].toInput, [input, weight], { ...attrs, shape: [input.shape[0], channels, ...spatial] });
  const shifted = bias ? y.add(bias.reshape([-1, ...spatial.map(() => 1)])) : y;
  return x.ndim === dims + 1 ? shifted.squeeze(0) : shifted;
}

/** Transposed convolution over one dimension: x [N, Cin, L], weight [Cin, Cout/groups, K], bias [Cout]. */
export const convTranspose1d = (x: Tensor, ...args: ConvTransposeCall): Tensor => convolveTransposed(1, x, args);
/**
 * Transposed convolution over two dimensions: the map that is the gradient of `conv2d` with respect to its input.
 * @param x - shape [N, Cin, H, W], or without N
 * @param args - weight of shape [Cin, Cout/groups, kH, kW], bias of shape [Cout], stride, padding, outputPadding, groups, dilation, in this order or by name
 * @returns shape [N, Cout, (H - 1)·stride - 2·padding + dilation·(kH - 1) + outputPadding + 1, ...]
 * @throws ShapeError when channels or sizes do not fit, ArgumentError when outputPadding reaches stride and dilation
 */
export const convTranspose2d = (x: Tensor, ...args: ConvTransposeCall): Tensor => convolveTransposed(2, x, args);
/** Transposed convolution over three dimensions: x [N, Cin, D, H, W]. */
export const convTranspose3d = (x: Tensor, ...args: ConvTransposeCall): Tensor => convolveTransposed(3, x, args);
