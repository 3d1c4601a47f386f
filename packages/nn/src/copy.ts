import { Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { copyHooks, hasHooks } from './hooks.ts';
import { Module } from './module.ts';
import { Buffer, Parameter } from './parameter.ts';

/**
 * A copy of a module that shares nothing with it: all modules below, parameters and buffers are copied, with what they share among
 * themselves still shared, and hooks and functions kept. What `copy.deepcopy(module)` is in Python.
 *
 * Modules with `#private` fields cannot be copied, for nobody else can read those: use TypeScript's `private`.
 */
export const deepCopy = <M extends Module>(module: M): M => noGrad(() => copyValue(module, new Map()) as M);

function copyValue(value: unknown, memo: Map<object, unknown>): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const known = memo.get(value);
  if (known !== undefined) return known;
  const remember = <T>(copy: T): T => {
    memo.set(value, copy);
    return copy;
  };
  if (value instanceof Tensor) return remember(copyTensor(value));
  if (value instanceof Module) return copyModule(value, memo);
  if (Array.isArray(value)) {
    const copy: unknown[] = remember([]);
    for (const item of value) copy.push(copyValue(item, memo));
    return copy;
  }
  if (value instanceof Map) {
    const copy = remember(new Map<unknown, unknown>());
    for (const [key, item] of value) copy.set(key, copyValue(item, memo));
    return copy;
  }
  if (value instanceof Set) {
    const copy = remember(new Set<unknown>());
    for (const item of value) copy.add(copyValue(item, memo));
    return copy;
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value; // a device, a generator: not the module's own
  const copy: Record<string, unknown> = remember({});
  for (const [key, item] of Object.entries(value)) copy[key] = copyValue(item, memo);
  return copy;
}

function copyTensor(x: Tensor): Tensor {
  const data = x.detach().clone();
  const copy = x instanceof Parameter ? new Parameter(data, x.requiresGrad) : x instanceof Buffer ? new Buffer(data, x.persistent) : data;
  // An uninitialized parameter stays one.
  Object.setPrototypeOf(copy, Object.getPrototypeOf(x) as object);
  if (!(x instanceof Parameter) && x.requiresGrad && x.isLeaf) copy.requiresGrad = true;
  return copy;
}

function copyModule(module: Module, memo: Map<object, unknown>): Module {
  const copy = Object.create(Object.getPrototypeOf(module) as object) as Module;
  memo.set(module, copy);
  for (const [name, descriptor] of Object.entries(Object.getOwnPropertyDescriptors(module))) {
    if (name === 'forward' && hasHooks(module)) continue;
    Object.defineProperty(copy, name, 'value' in descriptor ? { ...descriptor, value: copyValue(descriptor.value, memo) } : descriptor);
  }
  copyHooks(module, copy);
  return copy;
}
