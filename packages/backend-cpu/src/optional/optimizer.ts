import type { OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { arePlain } from './operands.ts';

interface AdamAttrs {
  readonly maximize: boolean;
  readonly decoupled: boolean;
}
interface SGDAttrs {
  readonly nesterov: boolean;
  readonly maximize: boolean;
  readonly first: boolean;
}

/** One step of Adam, AdamW or SGD for one parameter, in float32. */
export function optimizerKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [adamId, sgdId] = [engine.kernelId('adamStep'), engine.kernelId('sgdStep')];

  const adamStep: OptionalKernel = {
    accepts: arePlain,
    run(inputs, _outputs, attrs, [lr, beta1, beta2, eps, weightDecay, step]) {
      const { maximize, decoupled } = attrs as AdamAttrs;
      command.begin(adamId);
      command.number(inputs[0].count);
      for (let i = 0; i < 4; i++) command.address(inputs[i]);
      if (inputs.length > 4) command.address(inputs[4]);
      else command.number(0);
      command.number(maximize ? -1 : 1);
      command.number(decoupled ? 0 : weightDecay);
      command.number(decoupled ? 1 - lr * weightDecay : 1);
      command.number(beta1);
      command.number(1 - beta1);
      command.number(beta2);
      command.number(1 - beta2);
      command.number(lr / (1 - beta1 ** step));
      command.number(1 / Math.sqrt(1 - beta2 ** step));
      command.number(eps);
      engine.run('adamStep');
    },
  };

  const sgdStep: OptionalKernel = {
    accepts: arePlain,
    run(inputs, _outputs, attrs, [lr, momentum, dampening, weightDecay]) {
      const { nesterov, maximize, first } = attrs as SGDAttrs;
      command.begin(sgdId);
      command.number(inputs[0].count);
      command.address(inputs[0]);
      command.address(inputs[1]);
      if (inputs.length > 2) command.address(inputs[2]);
      else command.number(0);
      command.flag(first);
      command.flag(nesterov);
      command.number(maximize ? -1 : 1);
      command.number(weightDecay);
      command.number(momentum);
      command.number(1 - dampening);
      command.number(lr);
      engine.run('sgdStep');
    },
  };

  return { adamStep, sgdStep };
}
