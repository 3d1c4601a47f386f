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
      const rows = mean.count;
      const columns = rows === 0 ? 0 : x.count / rows;
      command.begin(gradId);
      command.number(rows);
      command.number(columns);
      for (const input of [g, x, mean, rstd]) command.address(input);
      if (weight === undefined) command.number(0);
      else command.address(weight);
      command.address(dx);
      if (dWeight === undefined) command.number(0);
      else command.address(dWeight);
      if (dBias === undefined) command.number(0);
      else command.address(dBias);
      // Threads share parts of 32 rows and more.
      const parts = Math.min(16, Math.max(1, rows >> 5));
      command.number(parts);
      command.scratch(4 * parts * 2 * columns);
      engine.run('layerNorm');
    },
  };

  return { layerNorm, layerNormGrad };
}
