import type { Operand, OptionalKernel } from '@flambeau/core';
import type { Engine } from '../engine.ts';
import { arePlain } from './operands.ts';

interface AdamAttrs {
  readonly amsgrad: boolean;
  readonly maximize: boolean;
  readonly decoupled: boolean;
}
interface SGDAttrs {
  readonly momentum: boolean;
  readonly nesterov: boolean;
  readonly maximize: boolean;
  readonly first: boolean;
}

/** One step of Adam, AdamW or SGD for one parameter or several, in float32. */
export function optimizerKernels(engine: Engine): Record<string, OptionalKernel> {
  const { command } = engine;
  const [adamId, sgdId] = [engine.kernelId('adamSteps'), engine.kernelId('sgdSteps')];

  /** Each parameter takes `places` inputs, of which the fifth counts only where `amsgrad` says so; its step is the scalar 5 and on. */
  const adam = (inputs: readonly Operand[], attrs: unknown, scalars: readonly number[], places: number, amsgrad: boolean): void => {
    const { maximize, decoupled } = attrs as AdamAttrs;
    const [lr, beta1, beta2, eps, weightDecay] = scalars;
    command.begin(adamId);
    command.number(inputs.length / places);
    command.number(maximize ? -1 : 1);
    command.number(decoupled ? 0 : weightDecay);
    command.number(decoupled ? 1 - lr * weightDecay : 1);
    command.number(beta1);
    command.number(1 - beta1);
    command.number(beta2);
    command.number(1 - beta2);
    command.number(eps);
    let [known, rate, rootScale] = [0, 0, 0];
    for (let i = 0, k = 5; i < inputs.length; i += places, k++) {
      command.number(inputs[i].count);
      for (let j = 0; j < 4; j++) command.address(inputs[i + j]);
      if (amsgrad) command.address(inputs[i + 4]);
      else command.number(0);
      // Most often all parameters have made the same number of steps.
      if (scalars[k] !== known) {
        known = scalars[k];
        rate = lr / (1 - beta1 ** known);
        rootScale = 1 / Math.sqrt(1 - beta2 ** known);
      }
      command.number(rate);
      command.number(rootScale);
    }
    engine.run('adamStep');
  };

  const sgd = (inputs: readonly Operand[], attrs: unknown, scalars: readonly number[], places: number, buffered: boolean): void => {
    const { nesterov, maximize, first } = attrs as SGDAttrs;
    const [lr, momentum, dampening, weightDecay] = scalars;
    command.begin(sgdId);
    command.number(inputs.length / places);
    command.flag(first);
    command.flag(nesterov);
    command.number(maximize ? -1 : 1);
    command.number(weightDecay);
    command.number(momentum);
    command.number(1 - dampening);
    command.number(lr);
    for (let i = 0; i < inputs.length; i += places) {
      command.number(inputs[i].count);
      command.address(inputs[i]);
      command.address(inputs[i + 1]);
      if (buffered) command.address(inputs[i + 2]);
      else command.number(0);
    }
    engine.run('sgdStep');
  };

  return {
    adamStep: { accepts: arePlain, run: (inputs, _, attrs, scalars) => adam(inputs, attrs, scalars, inputs.length, inputs.length > 4) },
    adamSteps: { accepts: arePlain, run: (inputs, _, attrs, scalars) => adam(inputs, attrs, scalars, 5, (attrs as AdamAttrs).amsgrad) },
    sgdStep: { accepts: arePlain, run: (inputs, _, attrs, scalars) => sgd(inputs, attrs, scalars, inputs.length, inputs.length > 2) },
    sgdSteps: { accepts: arePlain, run: (inputs, _, attrs, scalars) => sgd(inputs, attrs, scalars, 3, (attrs as SGDAttrs).momentum) },
  };
}
