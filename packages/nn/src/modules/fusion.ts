import { Tensor } from '@flambeau/core';
import { convReluMaxPool2d } from '../functional/convolutionPool.ts';
import { linearActivation, type FusedActivation } from '../functional/linearActivation.ts';
import type { Module } from '../module.ts';
import { ReLU, Sigmoid, Tanh } from './activation.ts';
import { Conv2d } from './convolution.ts';
import { Linear } from './linear.ts';
import { MaxPool2d } from './pooling.ts';

/** What several modules in a row gave as one op, and how many they were. */
interface Fused {
  readonly output: Tensor;
  readonly count: number;
}

/** The activation that a module is, where it can follow a product in one kernel. */
function activationOf(module: Module | undefined): FusedActivation | undefined {
  if (module instanceof ReLU) return 'relu';
  if (module instanceof Sigmoid) return 'sigmoid';
  return module instanceof Tanh ? 'tanh' : undefined;
}

function fuseLinear({ weight, bias }: Linear, next: Module | undefined, x: Tensor): Fused | undefined {
  const activation = activationOf(next);
  const output = activation === undefined ? undefined : linearActivation(x, weight, bias, activation);
  return output === undefined ? undefined : { output, count: 2 };
}

/**
 * Runs the modules from `at` on as one op where the device has a kernel for them: a Conv2d, a ReLU and a MaxPool2d, or a Linear and the
 * activation after it. Only for modules that pass tensors on (passing.ts): nobody could see what lies between. `explain` shows the op that
 * ran. @returns undefined where nothing fits
 */
export function fuseModules(modules: readonly Module[], at: number, x: unknown): Fused | undefined {
  const conv = modules[at];
  const relu = modules[at + 1];
  if (conv instanceof Linear && x instanceof Tensor) return fuseLinear(conv, relu, x);
  const pool = modules[at + 2];
  if (!(conv instanceof Conv2d) || !(relu instanceof ReLU) || !(pool instanceof MaxPool2d)) return undefined;
  if (pool.returnIndices || conv.paddingMode !== 'zeros') return undefined;
  const { weight, bias, stride, padding, dilation, groups } = conv;
  const { kernelSize, stride: poolStride, padding: poolPadding, dilation: poolDilation, ceilMode } = pool;
  const output = convReluMaxPool2d(
    x as Tensor,
    { weight, bias, stride, padding, dilation, groups },
    { kernelSize, stride: poolStride, padding: poolPadding, dilation: poolDilation, ceilMode },
  );
  return output === undefined ? undefined : { output, count: 3 };
}
