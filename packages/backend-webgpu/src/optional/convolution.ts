import type { Operand, OptionalKernel, Shape } from '@flambeau/core';
import { usesTiles } from '../kernels/tiles.ts';
import type { Machine } from '../machine.ts';
import { directForward, directInputGrad, directWeightGrad } from './directConvolution.ts';
import { geometryOf, type ConvAttrs } from './geometry.ts';
import { tiledForward, tiledInputGrad, tiledWeightGrad } from './tiledConvolution.ts';

interface GradAttrs extends ConvAttrs {
  /** The shape of the gradient. */
  readonly shape: Shape;
}

// A wider kernel would make the direct shader too long to compile.
const widest = 16;
/** True for the operands that a convolution by a weight of this shape takes. */
export const takesConvolution = (weight: Shape) => (inputs: readonly Operand[]): boolean =>
  inputs.every(({ dtype, count }) => dtype === 'float32' && count > 0) && weight[weight.length - 1] <= widest; // prettier-ignore

/** conv1d and conv2d with their gradients, in float32: in tiles of workgroup memory, or in the registers of single threads. */
export function convolutionKernels(machine: Machine): Record<string, OptionalKernel> {
  const tiled = usesTiles(machine);
  const forward: OptionalKernel = {
    accepts: (inputs) => takesConvolution(inputs[1].shape)(inputs),
    run([x, weight, bias], [out], attrs) {
      const q = geometryOf(x.shape, weight.shape, out.shape, attrs as ConvAttrs);
      (tiled ? tiledForward : directForward)(machine, q, x, weight, bias, out);
    },
  };
  const inputGrad: OptionalKernel = {
    // With a stride, most of what single threads would read is zeros; the composition does without.
    accepts: (inputs, attrs) => takesConvolution(inputs[1].shape)(inputs) && (tiled || (attrs as ConvAttrs).stride.every((s) => s === 1)),
    run([g, weight], [out], attrs) {
      const q = geometryOf(out.shape, weight.shape, g.shape, attrs as ConvAttrs);
      (tiled ? tiledInputGrad : directInputGrad)(machine, q, g, weight, out);
    },
  };
  const weightGrad: OptionalKernel = {
    accepts: (inputs, attrs) => takesConvolution((attrs as GradAttrs).shape)(inputs),
    run([g, x], [out], attrs) {
      const q = geometryOf(x.shape, out.shape, g.shape, attrs as ConvAttrs);
      (tiled ? tiledWeightGrad : directWeightGrad)(machine, q, g, x, out);
    },
  };
  return {
    conv1d: forward,
    conv1dInputGrad: inputGrad,
    conv1dWeightGrad: weightGrad,
    conv2d: forward,
    conv2dInputGrad: inputGrad,
    conv2dWeightGrad: weightGrad,
  };
}
