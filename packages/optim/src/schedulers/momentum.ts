import { ArgumentError, describe } from '@flambeau/core';
import type { Schedulable, ScheduledGroup } from './scheduler.ts';

/** @throws ArgumentError unless the optimizer has a momentum, or betas of which the first is one. */
export function checkMomentum(op: string, optimizer: Schedulable): void {
  if (!Object.hasOwn(optimizer.defaults, 'momentum') && !Object.hasOwn(optimizer.defaults, 'betas')) {
    throw new ArgumentError({
      op,
      expected: 'an optimizer with momentum or betas',
      received: describe(optimizer),
      hint: 'Pass { cycleMomentum: false }.',
    });
  }
}

/** Sets the momentum of a group, or its first beta. */
export function setMomentum(group: ScheduledGroup, momentum: number): void {
  if (group.betas !== undefined) group.betas = [momentum, group.betas[1]];
  else group.momentum = momentum;
}
