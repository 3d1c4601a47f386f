import type { OptionalKernel } from '@flambeau/core';
import type { Machine } from '../machine.ts';
import { activationKernels } from './activation.ts';
import { convolutionKernels } from './convolution.ts';
import { convolutionPoolKernels } from './convolutionPool.ts';
import { linearGradKernels } from './linearGrad.ts';
import { lossKernels } from './loss.ts';
import { normalizationKernels } from './normalization.ts';
import { optimizerKernels } from './optimizer.ts';
import { poolingKernels } from './pooling.ts';
import { productKernels } from './product.ts';
import { recurrentKernels } from './recurrent.ts';
import { sliceKernels } from './slices.ts';
import { softmaxKernels } from './softmax.ts';

/** Kernels of single ops, by op name. */
export function optionalKernels(machine: Machine): Record<string, OptionalKernel> {
  return {
    ...productKernels(machine),
    ...linearGradKernels(machine),
    ...convolutionKernels(machine),
    ...convolutionPoolKernels(machine),
    ...poolingKernels(machine),
    ...softmaxKernels(machine),
    ...lossKernels(machine),
    ...normalizationKernels(machine),
    ...activationKernels(machine),
    ...sliceKernels(machine),
    ...recurrentKernels(machine),
    ...optimizerKernels(machine),
  };
}
