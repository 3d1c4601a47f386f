import type { Operand, OptionalKernel, Shape } from '@flambeau/core';
import type { CommandWriter } from '../command.ts';
import type { Engine } from '../engine.ts';
import { isFloat32 } from './operands.ts';

export interface ConvAttrs {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
  /** The shape of the gradient, for the two gradient ops. */
  readonly shape?: Shape;
}

/** Numbers of a convolution over two dimensions; one dimension is a single row. */
export interface Geometry {
  readonly batch: number;
  readonly channels: number;
  readonly size: readonly [number, number];
  readonly outChannels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly groups: number;
  readonly places: readonly [number, number];
}

const pair = (values: readonly number[], first: number): readonly [number, number] =>
  values.length === 2 ? [values[0], values[1]] : [first, values[0]];
const spatial = (shape: Shape): readonly [number, number] => (shape.length === 4 ? [shape[2], shape[3]] : [1, shape[2]]);

/** The geometry of a convolution of x [N, C, ...S] with a weight [Cout, C/groups, ...K]. */
export function geometryOf(x: Shape, weight: Shape, y: Shape, { stride, padding, dilation, groups }: ConvAttrs): Geometry {
  return {
    batch: x[0],
    channels: x[1],
    size: spatial(x),
    outChannels: weight[0],
    kernel: spatial(weight),
    stride: pair(stride, 1),
    padding: pair(padding, 0),
    dilation: pair(dilation, 1),
    groups,
    places: spatial(y),
  };
}

/** Writes a geometry as native/convolution.h reads it. */
export function writeGeometry(command: CommandWriter, q: Geometry): void {
  command.number(q.batch);
  command.number(q.channels);
  command.list(q.size);
  command.number(q.outChannels);
  command.list(q.kernel);
  command.list(q.stride);
  command.list(q.padding);
  command.list(q.dilation);
  command.number(q.groups);
  command.list(q.places);
}

/** Writes the address and the four strides of an operand; one dimension is a single row. */
export function writePlanes(command: CommandWriter, x: Operand): void {
  command.address(x);
  command.number(x.strides[0]);
  command.number(x.strides[1]);
  command.number(x.strides.length === 4 ? x.strides[2] : 0);
  command.number(x.strides[x.strides.length - 1]);
}

// Widths are rounded up as for the widest vectors; the slack is what native code loses to alignment.
const slack = 256;
const padded = (n: number): number => Math.ceil(n / 32) * 32;
/** Extent of an image laid out for windows. */
const reach = (places: number, stride: number, kernel: number, dilation: number): number =>
  (places - 1) * stride + (kernel - 1) * dilation + 1;

/** Floats of scratch of native/kernels/convolution.cc: a packed weight and its bias, and for each thread an image and the rows of one result. */
function passScratch(threads: number, image: number, depth: number, outChannels: number, places: number): number {
  return depth * padded(outChannels) + padded(outChannels) + threads * (padded(image) + padded(places * outChannels)) + slack;
}
/** Parts of a batch that have weight gradients of their own at most, which take `size` floats with the narrowest vectors: native/convolution.h. */
export const partsOf = (batch: number, size: number): number => Math.max(1, Math.min(batch, 8, Math.floor(2 ** 20 / size)));

/** conv1d and conv2d with their gradients, in float32. */
export function convolutionKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const ids = {
    forward: engine.kernelId('conv2d'),
    input: engine.kernelId('conv2dInputGrad'),
    weight: engine.kernelId('conv2dWeightGrad'),
  };

  const writeOperand = (x: Operand): void => writePlanes(command, x);

  // A group of one or two channels leaves vectors almost empty: then the composition is no slower.
  const fits = (inputs: readonly Operand[], weight: Shape, groups: number): boolean =>
    inputs.every(isFloat32) && (groups === 1 || weight[1] >= 4 || weight[0] / groups >= 4);
  const accepts = (inputs: readonly Operand[], attrs: unknown): boolean => {
    const bias = inputs.at(2);
    // The bias is read as one run of numbers.
    if (bias !== undefined && bias.count > 1 && bias.strides[0] !== 1) return false;
    return fits(inputs, inputs[1].shape, (attrs as ConvAttrs).groups);
  };

  const forward = (op: string): OptionalKernel => ({
    accepts,
    run([x, weight, bias], [out], attrs) {
      const q = geometryOf(x.shape, weight.shape, out.shape, attrs as ConvAttrs);
      const image =
        reach(q.places[0], q.stride[0], q.kernel[0], q.dilation[0]) * reach(q.places[1], q.stride[1], q.kernel[1], q.dilation[1]);
      const [ins, outs] = [q.channels / q.groups, q.outChannels / q.groups];
      command.begin(ids.forward);
      writeGeometry(command, q);
      writeOperand(x);
      writeOperand(weight);
      if (bias === undefined) command.number(0);
      else command.address(bias);
      command.address(out);
      command.scratch(4 * passScratch(engine.threads, image * ins, q.kernel[0] * q.kernel[1] * ins, outs, q.places[0] * q.places[1]));
      engine.run(op);
    },
  });

  const inputGrad = (op: string): OptionalKernel => ({
    accepts,
    run([g, weight], [out], attrs) {
      const q = geometryOf(out.shape, weight.shape, g.shape, attrs as ConvAttrs);
      const image = reach(q.size[0], 1, q.kernel[0], q.dilation[0]) * reach(q.size[1], 1, q.kernel[1], q.dilation[1]);
      const [ins, outs] = [q.channels / q.groups, q.outChannels / q.groups];
      command.begin(ids.input);
      writeGeometry(command, q);
      writeOperand(g);
      writeOperand(weight);
      command.address(out);
      command.scratch(4 * passScratch(engine.threads, image * outs, q.kernel[0] * q.kernel[1] * outs, ins, q.size[0] * q.size[1]));
      engine.run(op);
    },
  });

  const weightGrad = (op: string): OptionalKernel => ({
    accepts: (inputs, attrs) => fits(inputs, (attrs as ConvAttrs).shape ?? [], (attrs as ConvAttrs).groups),
    run([g, x], [out], attrs) {
      const q = geometryOf(x.shape, out.shape, g.shape, attrs as ConvAttrs);
      const image =
        reach(q.places[0], q.stride[0], q.kernel[0], q.dilation[0]) * reach(q.places[1], q.stride[1], q.kernel[1], q.dilation[1]);
      const [ins, outs] = [q.channels / q.groups, padded(q.outChannels / q.groups)];
      command.begin(ids.weight);
      writeGeometry(command, q);
      writeOperand(g);
      writeOperand(x);
      command.address(out);
      const rows = q.kernel[0] * q.kernel[1] * ins;
      const totals = partsOf(q.batch, rows * (q.outChannels / q.groups)) * rows * outs;
      command.scratch(4 * (totals + engine.threads * (padded(image * ins) + q.places[0] * q.places[1] * outs) + slack));
      engine.run(op);
    },
  });

  return {
    conv1d: forward('conv1d'),
    conv1dInputGrad: inputGrad('conv1dInputGrad'),
    conv1dWeightGrad: weightGrad('conv1dWeightGrad'),
    conv2d: forward('conv2d'),
    conv2dInputGrad: inputGrad('conv2dInputGrad'),
    conv2dWeightGrad: weightGrad('conv2dWeightGrad'),
  };
}
