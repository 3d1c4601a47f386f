import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { arePlain } from './operands.ts';

interface GeluAttrs {
  readonly approximate: 'none' | 'tanh';
}

/** The gradient of relu; gelu and its gradient; in float32. */
export function activationKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [id, reluId] = [engine.kernelId('gelu'), engine.kernelId('reluGrad')];

  const run = (g: Operand | undefined, x: Operand, out: Operand, attrs: unknown): void => {
    command.begin(id);
    command.flag((attrs as GeluAttrs).approximate === 'tanh');
    command.number(x.count);
    if (g === undefined) command.number(0);
    else command.address(g);
    command.address(x);
    command.address(out);
    engine.run('gelu');
  };

  const reluGrad: OptionalKernel = {
    accepts: arePlain,
    run([g, y], [out]) {
      command.begin(reluId);
      command.number(g.count);
      command.address(g);
      command.address(y);
      command.address(out);
      engine.run('relu');
    },
  };

  return {
    reluGrad,
    gelu: { accepts: arePlain, run: ([x], [out], attrs) => run(undefined, x, out, attrs) },
    geluGrad: { accepts: arePlain, run: ([g, x], [out], attrs) => run(g, x, out, attrs) },
  };
}
