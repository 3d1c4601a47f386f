import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { geometryOf, partsOf, writeGeometry, writePlanes, type ConvAttrs, type Geometry } from './convolution.ts';
import { isFloat32, isPlain } from './operands.ts';

interface ConvPoolAttrs extends ConvAttrs {
  readonly pool: {
    readonly kernel: readonly number[];
    readonly stride: readonly number[];
    readonly padding: readonly number[];
    readonly dilation: readonly number[];
    readonly output: readonly number[];
  };
}
interface ConvPoolGradAttrs extends ConvPoolAttrs {
  readonly needs: readonly boolean[];
}

// Sizes as for the widest vectors, and as native/kernels/convolutionPool.cc rounds them.
const padded = (n: number, to: number): number => Math.ceil(n / to) * to;
const slack = 64;
/** Numbers of the convolution's rows that wait for their pooling, where that is more than one row of windows. */
const mostRows = 16384;
/** Places of a window, at most. */
const largestWindow = 16;

/** Floats of an image that is laid out with its padding. */
function imageSize({ channels, size, kernel, stride, padding, dilation, places }: Geometry): number {
  const reach = places.map((n, i) => Math.max((n - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1, size[i] + padding[i]));
  return padded(reach[0] * reach[1] * channels + 16, 16);
}

/** conv2d, relu and max pooling over windows that lie side by side, as one kernel, and their gradients, in float32. */
export function convolutionPoolKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [forwardId, gradId] = [engine.kernelId('convReluMaxPool2d'), engine.kernelId('convReluMaxPool2dGrad')];

  const accepts = ({ groups, dilation, pool }: ConvPoolAttrs): boolean =>
    groups === 1 &&
    dilation[1] === 1 &&
    pool.kernel.every((k, i) => k === pool.stride[i] && pool.padding[i] === 0 && pool.dilation[i] === 1) &&
    pool.kernel[0] * pool.kernel[1] <= largestWindow;

  /** Places of the convolution's windows along one dimension. */
  const placesOf = (x: Operand, weight: Operand, { stride, padding, dilation }: ConvPoolAttrs, i: number): number =>
    Math.floor((x.shape[2 + i] + 2 * padding[i] - dilation[i] * (weight.shape[2 + i] - 1) - 1) / stride[i]) + 1;

  /** The geometry of the convolution; with ceilMode a window could hang over its edge, and is then refused. */
  const geometry = (x: Operand, weight: Operand, attrs: ConvPoolAttrs): Geometry => {
    const out = [placesOf(x, weight, attrs, 0), placesOf(x, weight, attrs, 1)];
    return geometryOf(x.shape, weight.shape, [x.shape[0], weight.shape[0], out[0], out[1]], attrs);
  };
  const fits = (x: Operand, weight: Operand, attrs: ConvPoolAttrs): boolean =>
    attrs.pool.output.every((n, i) => n * attrs.pool.kernel[i] <= placesOf(x, weight, attrs, i));

  const write = (q: Geometry, pool: ConvPoolAttrs['pool']): void => {
    writeGeometry(command, q);
    command.list(pool.kernel);
    command.list(pool.output);
  };

  const forward: OptionalKernel = {
    accepts([x, weight, bias], given) {
      const attrs = given as ConvPoolAttrs;
      return (
        isFloat32(x) && isFloat32(weight) && accepts(attrs) &&
        (bias === undefined || bias.count <= 1 || bias.strides[0] === 1) && fits(x, weight, attrs)
      ); // prettier-ignore
    },
    run([x, weight, bias], [values, places], given) {
      const attrs = given as ConvPoolAttrs;
      const q = geometry(x, weight, attrs);
      const [ph, pw] = attrs.pool.output;
      const channels = padded(q.outChannels, 32);
      // Rows of the convolution that are pooled at once: as many as native code takes at most.
      const row = attrs.pool.kernel[0] * q.places[1] * q.outChannels;
      const rows = padded(Math.max(row, Math.min(ph * row, mostRows)) + 16, 16);
      const each = imageSize(q) + rows + 2 * padded(ph * pw * padded(q.outChannels, 16), 16);
      command.begin(forwardId);
      write(q, attrs.pool);
      writePlanes(command, x);
      writePlanes(command, weight);
      if (bias === undefined) command.number(0);
      else command.address(bias);
      command.address(values);
      command.address(places);
      command.scratch(4 * ((q.kernel[0] * q.kernel[1] * q.channels + 1) * channels + slack + engine.threads * each));
      engine.run('convReluMaxPool2d');
    },
  };

  const grad: OptionalKernel = {
    accepts([g, values, places, x, weight], given) {
      const attrs = given as ConvPoolGradAttrs;
      return (
        isPlain(g) && isPlain(values) && places.dtype === 'int32' && places.strides.every((s, i) => s === values.strides[i]) &&
        isFloat32(x) && isFloat32(weight) && accepts(attrs) && fits(x, weight, attrs)
      ); // prettier-ignore
    },
    run([g, values, places, x, weight], outputs, given) {
      const attrs = given as ConvPoolGradAttrs;
      const q = geometry(x, weight, attrs);
      const { kernel, output } = attrs.pool;
      const patch = q.kernel[0] * padded(q.kernel[1] * q.channels, 16);
      const totals = padded(q.outChannels * (patch + 1), 16);
      const windows = output[0] * output[1];
      const area = windows * kernel[0] * kernel[1];
      const each =
        2 * imageSize(q) +
        padded(windows * q.outChannels, 16) +
        padded(2 * windows, 16) +
        padded(2 * area * q.outChannels, 16) +
        padded(area, 16);
      const fixed =
        padded(q.outChannels * patch, 16) +
        partsOf(q.batch, q.outChannels * q.kernel[0] * q.kernel[1] * q.channels) * totals +
        2 * q.places[0] * q.places[1] +
        2 * slack;
      command.begin(gradId);
      write(q, attrs.pool);
      command.address(g);
      command.address(values);
      command.address(places);
      writePlanes(command, x);
      writePlanes(command, weight);
      let at = 0;
      for (const need of attrs.needs) {
        if (need) command.address(outputs[at++]);
        else command.number(0);
      }
      command.scratch(4 * (fixed + engine.threads * each));
      engine.run('convReluMaxPool2d');
    },
  };

  return { convReluMaxPool2d: forward, convReluMaxPool2dGrad: grad };
}
