import { FlambeauError, type ErrorDetails } from '@flambeau/core';

/** A graph that cannot be walked: freed, changed in place, not differentiable. Code `AUTOGRAD`. */
export class AutogradError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('AUTOGRAD', details);
  }
}
