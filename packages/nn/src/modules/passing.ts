import type { Module } from '../module.ts';

const known = new WeakSet<object>();

/** Says of classes that their forward keeps no tensor: what passes between two of their modules in a Sequential is seen by nobody else. */
export function passTensorsOn(...classes: readonly object[]): void {
  for (const one of classes) known.add(one);
}

/** True for an instance of exactly such a class whose forward no hook watches. */
export const passesTensorsOn = (module: Module): boolean => known.has(module.constructor) && !Object.hasOwn(module, 'forward');
