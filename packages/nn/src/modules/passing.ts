import type { Module } from '../module.ts';

/** What a class says of forwards that keep no tensor: what passes between two such modules in a Sequential is seen by nobody else. */
interface Passing {
  /** Its own forward keeps none; a subclass may. */
  readonly keepsNoTensor?: true;
  /** Nor does that of a class made directly of this base. */
  readonly familyKeepsNoTensor?: true;
}

const says = (one: object, what: keyof Passing): boolean => Object.hasOwn(one, what);

/** True for an instance of exactly a class that keeps no tensor, whose forward no hook watches. Said by classes themselves, so that bundlers drop those that nobody uses. */
export function passesTensorsOn(module: Module): boolean {
  const own = module.constructor;
  if (Object.hasOwn(module, 'forward')) return false;
  return says(own, 'keepsNoTensor') || says(Object.getPrototypeOf(own) as object, 'familyKeepsNoTensor');
}
