import { ArgumentError, describe, defaultGenerator } from '@flambeau/core';
import { Module } from '../module.ts';

/**
 * Builds a module whose parameters will be overwritten, by `loadStateDict` say: the random stream stays where it is, so that what is drawn
 * next does not depend on the module.
 * @example
 * const layer = nn.utils.skipInit(nn.Linear, 2, 3)
 */
export function skipInit<Arguments extends unknown[], M extends Module>(Type: new (...args: Arguments) => M, ...args: Arguments): M {
  if (typeof Type !== 'function' || !(Type.prototype instanceof Module))
    throw new ArgumentError({ op: 'skipInit', expected: 'a class of modules', received: describe(Type) });
  const state = defaultGenerator.getStateBytes();
  try {
    return new Type(...args);
  } finally {
    defaultGenerator.setStateBytes(state);
  }
}
