import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { arePlain } from './operands.ts';

interface LossAttrs {
  readonly reduction: 'mean' | 'sum';
}

/** The mean squared error and its gradient, in float32. */
export function lossKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [id, gradId] = [engine.kernelId('mseLoss'), engine.kernelId('mseLossGrad')];
  const accepts = (inputs: readonly Operand[]): boolean => arePlain(inputs) && inputs[inputs.length - 1].count > 0;
  const scale = (attrs: unknown, { count }: Operand): number => ((attrs as LossAttrs).reduction === 'mean' ? 1 / count : 1);

  return {
    mseLoss: {
      accepts,
      run([x, y], [out], attrs) {
        command.begin(id);
        command.number(x.count);
        command.address(x);
        command.address(y);
        command.address(out);
        command.number(scale(attrs, x));
        engine.run('mseLoss');
      },
    },
    mseLossGrad: {
      accepts,
      run([g, x, y], [out], attrs) {
        command.begin(gradId);
        command.number(x.count);
        command.address(g);
        command.address(x);
        command.address(y);
        command.address(out);
        command.number(scale(attrs, x));
        engine.run('mseLoss');
      },
    },
  };
}
