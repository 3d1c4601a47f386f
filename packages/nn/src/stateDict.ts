import { ArgumentError, describe, FlambeauError, showShape, Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import type { Module } from './module.ts';
import { Buffer, Parameter, UninitializedBuffer, UninitializedParameter } from './parameter.ts';

/** Tensors by PyTorch's names, in the order of registration. */
export type StateDict = Map<string, Tensor>;

/** The keys that a state dict lacked, and those that nothing in the module has. */
export interface LoadReport {
  missingKeys: string[];
  unexpectedKeys: string[];
}

/** Options of `loadStateDict`. */
export interface LoadOptions {
  /** Throws for missing and unexpected keys; true by default. */
  strict?: boolean;
  /** Gives the module the storage of the given tensors, with their dtype and device, instead of copying their values. */
  assign?: boolean;
}

/** A state dict that does not fit a module. Code `STATE_DICT`; `missingKeys`, `unexpectedKeys` and `mismatched` tell what. */
export class StateDictError extends FlambeauError {
  readonly missingKeys: readonly string[];
  readonly unexpectedKeys: readonly string[];
  readonly mismatched: readonly string[];

  constructor(module: string, missingKeys: readonly string[], unexpectedKeys: readonly string[], mismatched: readonly string[]) {
    const parts = [
      missingKeys.length > 0 ? `missing keys: ${missingKeys.join(', ')}` : '',
      unexpectedKeys.length > 0 ? `unexpected keys: ${unexpectedKeys.join(', ')}` : '',
      mismatched.length > 0 ? `size mismatches: ${mismatched.join('; ')}` : '',
    ];
    super('STATE_DICT', {
      op: `${module}.loadStateDict`,
      expected: 'a state dict with the keys and shapes of the module',
      received: parts.filter(Boolean).join('; '),
      hint:
        missingKeys.length + unexpectedKeys.length > 0
          ? 'Pass { strict: false } to load what fits.'
          : 'Build the module with the sizes that it was saved with.',
    });
    this.missingKeys = missingKeys;
    this.unexpectedKeys = unexpectedKeys;
    this.mismatched = mismatched;
  }
}

/** Every module by every path that leads to it: shared modules come once for each, as in a state dict of PyTorch. */
function* allPaths(module: Module, prefix: string): IterableIterator<[string, Module]> {
  yield [prefix, module];
  for (const [name, child] of module.ownModules()) yield* allPaths(child, prefix + name + '.');
}

/** The registered tensors themselves by their keys: parameters of a module, then its persistent buffers, then its children's. */
function* stateTensors(module: Module, prefix = ''): IterableIterator<[string, Parameter | Buffer]> {
  for (const [path, part] of allPaths(module, prefix)) {
    for (const [name, parameter] of part.ownTensors(Parameter)) yield [path + name, parameter];
    for (const [name, buffer] of part.ownTensors(Buffer)) if (buffer.persistent) yield [path + name, buffer];
  }
}

/** Parameters and persistent buffers by PyTorch's names; detached unless `keepVars`. The prefix comes before each key as it is. */
export function stateDictOf(module: Module, prefix: string, keepVars: boolean): StateDict {
  const state: StateDict = new Map();
  for (const [key, tensor] of stateTensors(module, prefix)) state.set(key, keepVars || isUninitialized(tensor) ? tensor : tensor.detach());
  return state;
}

const isUninitialized = (x: Tensor): x is UninitializedParameter | UninitializedBuffer =>
  x instanceof UninitializedParameter || x instanceof UninitializedBuffer;

/** Puts the tensors of a state dict into a module. */
export function loadInto(module: Module, state: StateDict | Readonly<Record<string, Tensor>>, options: LoadOptions): LoadReport {
  const { strict = true, assign = false } = options;
  if (typeof state !== 'object' || state === null)
    throw new ArgumentError({ op: 'loadStateDict', expected: 'a Map or an object of tensors', received: describe(state) });
  const given = state instanceof Map ? state : new Map(Object.entries(state));
  const own = new Map(stateTensors(module));
  const missingKeys = [...own.keys()].filter((key) => !given.has(key));
  const unexpectedKeys = [...given.keys()].filter((key) => !own.has(key));
  const mismatched: string[] = [];
  for (const [key, target] of own) {
    const source = given.get(key);
    if (source === undefined) continue;
    if (!(source instanceof Tensor))
      throw new ArgumentError({ op: 'loadStateDict', expected: `a tensor at ${key}`, received: describe(source) });
    if (!isUninitialized(target) && showShape(source.shape) !== showShape(target.shape))
      mismatched.push(`${key} is ${showShape(source.shape)} and should be ${showShape(target.shape)}`);
  }
  if (mismatched.length > 0 || (strict && missingKeys.length + unexpectedKeys.length > 0)) {
    throw new StateDictError(module.typeName, strict ? missingKeys : [], strict ? unexpectedKeys : [], mismatched);
  }
  noGrad(() => {
    for (const [key, target] of own) {
      const source = given.get(key);
      if (source === undefined || isUninitialized(source)) continue;
      if (isUninitialized(target)) target.materialize(source.shape);
      if (assign) target.data = source.detach();
      else target.copy_(source.detach());
    }
  });
  return { missingKeys, unexpectedKeys };
}
