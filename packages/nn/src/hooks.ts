import { Tensor } from '@flambeau/core';
import type { Module } from './module.ts';

export type ForwardPreHook = (module: Module, inputs: readonly unknown[]) => unknown[] | undefined | void;
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown;
export type BackwardHook = (
  module: Module,
  gradInputs: readonly (Tensor | undefined)[],
  gradOutputs: readonly (Tensor | undefined)[],
) => readonly (Tensor | undefined)[] | undefined | void;

interface Hooks {
  addPre(hook: ForwardPreHook): () => void;
  add(hook: ForwardHook): () => void;
  addBackward(hook: BackwardHook): () => void;
}

const wrapped = new WeakMap<Module, Hooks>();

function registry<T>(): { hooks: Set<T>; add: (hook: T) => () => void } {
  const hooks = new Set<T>();
  return {
    hooks,
    add(hook) {
      hooks.add(hook);
      return () => hooks.delete(hook);
    },
  };
}

const tensorsIn = (value: unknown): Tensor[] => (value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(tensorsIn) : []);

/** Puts the hooks of one instance around its forward, once. */
export function wrapForward(module: Module): Hooks {
  const known = wrapped.get(module);
  if (known !== undefined) return known;
  const pre = registry<ForwardPreHook>();
  const post = registry<ForwardHook>();
  const back = registry<BackwardHook>();
  const original = module.forward.bind(module) as (...inputs: unknown[]) => unknown;
  const forward = (...inputs: unknown[]): unknown => {
    let given = inputs;
    for (const hook of pre.hooks) given = hook(module, given) ?? given;
    if (back.hooks.size > 0) given = given.map((input) => (input instanceof Tensor && input.requiresGrad ? input.alias() : input));
    let output = original(...given);
    for (const hook of post.hooks) output = hook(module, given, output) ?? output;
    if (back.hooks.size > 0) observeGradients(module, given, output, back.hooks);
    return output;
  };
  Object.defineProperty(module, 'forward', { value: forward, writable: true, configurable: true, enumerable: false });
  const hooks: Hooks = { addPre: pre.add, add: post.add, addBackward: back.add };
  wrapped.set(module, hooks);
  return hooks;
}

/** Calls the hooks once the gradients of all inputs that want one have arrived. */
function observeGradients(module: Module, inputs: readonly unknown[], output: unknown, hooks: ReadonlySet<BackwardHook>): void {
  const outputs = tensorsIn(output).filter((y) => y.requiresGrad);
  const wanted = inputs.filter((x): x is Tensor => x instanceof Tensor && x.requiresGrad);
  const gradOutputs = new Array<Tensor | undefined>(outputs.length).fill(undefined);
  const gradInputs = new Array<Tensor | undefined>(wanted.length).fill(undefined);
  let missing = wanted.length;
  outputs.forEach((y, i) =>
    y.registerHook((g) => {
      gradOutputs[i] = g;
      if (wanted.length === 0 && !gradOutputs.includes(undefined)) for (const hook of hooks) hook(module, [], gradOutputs);
    }),
  );
  wanted.forEach((x, i) =>
    x.registerHook((g) => {
      gradInputs[i] = g;
      if (--missing > 0) return undefined;
      let replaced: readonly (Tensor | undefined)[] = gradInputs;
      for (const hook of hooks) replaced = hook(module, replaced, gradOutputs) ?? replaced;
      return replaced[i];
    }),
  );
}
