import { bytesOf, type OptionalKernel } from '@flambeau/core';
import { temporary } from '../kernels/elementwise.ts';
import { usesTiles } from '../kernels/tiles.ts';
import type { Machine } from '../machine.ts';
import { takesConvolution } from './convolution.ts';
import { directForward } from './directConvolution.ts';
import { geometryOf, type ConvAttrs } from './geometry.ts';
import { maxPool, type Windows } from './pooling.ts';
import { tiledForward } from './tiledConvolution.ts';

interface ConvPoolAttrs extends ConvAttrs {
  readonly pool: Windows;
}

/** conv2d, relu and max pooling in float32: the convolution activates its sums, and what it gives goes back as soon as it is pooled. */
export function convolutionPoolKernels(machine: Machine): Record<string, OptionalKernel> {
  const { maxStorageBufferBindingSize } = machine.limits;
  const sizeOf = (x: readonly number[], weight: readonly number[], { stride, padding, dilation }: ConvAttrs): number[] => {
    // ⌊(size + 2·padding - dilation·(kernel - 1) - 1)/stride⌋ + 1
    const places = stride.map((s, i) => Math.floor((x[2 + i] + 2 * padding[i] - dilation[i] * (weight[2 + i] - 1) - 1) / s) + 1);
    return [x[0], weight[0], ...places];
  };
  return {
    convReluMaxPool2d: {
      accepts(inputs, attrs) {
        const [x, weight] = inputs;
        const between = sizeOf(x.shape, weight.shape, attrs as ConvPoolAttrs).reduce((product, n) => product * n, bytesOf('float32'));
        return takesConvolution(weight.shape)(inputs) && between + 256 <= maxStorageBufferBindingSize;
      },
      run([x, weight, bias], [values, indices], attrs) {
        const { pool, ...conv } = attrs as ConvPoolAttrs;
        const shape = sizeOf(x.shape, weight.shape, conv);
        temporary('float32', shape, x, (between) => {
          const forward = usesTiles(machine) ? tiledForward : directForward;
          forward(machine, geometryOf(x.shape, weight.shape, shape, conv), x, weight, bias, between, 'relu');
          maxPool(machine, 2, between, values, indices, pool);
        });
      },
    },
  };
}
