import type { OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { activationKernels } from './activation.ts';
import { attentionKernels } from './attention.ts';
import { convolutionKernels } from './convolution.ts';
import { convolutionPoolKernels } from './convolutionPool.ts';
import { lookUpKernels } from './lookUp.ts';
import { lossKernels } from './loss.ts';
import { normalizationKernels } from './normalization.ts';
import { optimizerKernels } from './optimizer.ts';
import { poolingKernels } from './pooling.ts';
import { productKernels } from './product.ts';
import { recurrentKernels } from './recurrent.ts';
import { sliceKernels } from './slices.ts';
import { softmaxKernels } from './softmax.ts';

/** Kernels of single ops, by op name. To add one: native/command.h says how the C++ side goes, and this table takes what a file here makes. */
export function optionalKernels(engine: Engine): Record<string, OptionalKernel> {
  return {
    ...productKernels(engine),
    ...convolutionKernels(engine),
    ...convolutionPoolKernels(engine),
    ...poolingKernels(engine),
    ...softmaxKernels(engine),
    ...lossKernels(engine),
    ...normalizationKernels(engine),
    ...activationKernels(engine),
    ...sliceKernels(engine),
    ...lookUpKernels(engine),
    ...recurrentKernels(engine),
    ...attentionKernels(engine),
    ...optimizerKernels(engine),
  };
}
