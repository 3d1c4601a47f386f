import type { OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { arePlain } from './operands.ts';

/** Layer normalization and its gradient, in float32. */
export function normalizationKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [forwardId, gradId] = [engine.kernelId('layerNorm'), engine.kernelId('layerNormGrad')];

  const layerNorm: OptionalKernel = {
    accepts: arePlain,
    run([x, weight, bias], [y, mean, rstd], attrs) {
      const { eps } = attrs as { readonly eps: number };
      command.begin(forwardId);
      command.number(mean.count);
      command.number(mean.count === 0 ? 0 : x.count / mean.count);
      command.number(eps);
      command.address(x);
      if (weight === undefined) command.number(0);
      else command.address(weight);
      if (bias === undefined) command.number(0);
      else command.address(bias);
      command.address(y);
      command.address(mean);
      command.address(rstd);
      engine.run('layerNorm');
    },
  };

  const layerNormGrad: OptionalKernel = {
    accepts: arePlain,
    run([g, x, mean, rstd, weight], [dx, dWeight, dBias]) {
      command.begin(gradId);
      command.number(mean.count);
      command.number(mean.count === 0 ? 0 : x.count / mean.count);
      for (const input of [g, x, mean, rstd]) command.address(input);
      if (weight === undefined) command.number(0);
      else command.address(weight);
      command.address(dx);
      if (dWeight === undefined) command.number(0);
      else command.address(dWeight);
      if (dBias === undefined) command.number(0);
      else command.address(dBias);
      engine.run('layerNorm');
    },
  };

  return { layerNorm, layerNormGrad };
}
