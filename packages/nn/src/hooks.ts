import { Tensor } from '@flambeau/core';
import type { Module } from './module.ts';

/** Called with the inputs; an array that it returns replaces them all, anything else but undefined the only one. */
export type ForwardPreHook = (module: Module, inputs: readonly unknown[]) => unknown;
export type ForwardHook = (module: Module, inputs: readonly unknown[], output: unknown) => unknown;
type Gradients = readonly (Tensor | undefined)[];
export type BackwardPreHook = (module: Module, gradOutputs: Gradients) => Gradients | undefined | void;
export type BackwardHook = (module: Module, gradInputs: Gradients, gradOutputs: Gradients) => Gradients | undefined | void;

/** Options of registering a hook. */
export interface HookOptions {
  /** Runs it before the hooks that are there already. */
  prepend?: boolean;
}

class Registry<T> {
  hooks: { readonly run: T }[] = [];

  add(run: T, { prepend = false }: HookOptions = {}): () => void {
    const entry = { run };
    // A new array, so that a hook may remove itself while the hooks run.
    this.hooks = prepend ? [entry, ...this.hooks] : [...this.hooks, entry];
    return () => {
      this.hooks = this.hooks.filter((other) => other !== entry);
    };
  }
}

interface Hooks {
  readonly pre: Registry<ForwardPreHook>;
  readonly post: Registry<ForwardHook>;
  readonly back: Registry<BackwardHook>;
  readonly backPre: Registry<BackwardPreHook>;
}

const wrapped = new WeakMap<Module, Hooks>();

/** Puts the hooks of one instance around its forward, once. */
export function wrapForward(module: Module): Hooks {
  const known = wrapped.get(module);
  if (known !== undefined) return known;
  const hooks: Hooks = { pre: new Registry(), post: new Registry(), back: new Registry(), backPre: new Registry() };
  const ownForward = Object.hasOwn(module, 'forward') ? (module.forward.bind(module) as Forward) : undefined;
  const forward: Forward = (...inputs) => {
    let given: readonly unknown[] = inputs;
    for (const { run } of hooks.pre.hooks) {
      const changed = run(module, given) ?? given;
      given = Array.isArray(changed) ? changed : [changed];
    }
    const watched = hooks.back.hooks.length + hooks.backPre.hooks.length > 0;
    // An alias has a gradient of its own: that of this call alone.
    if (watched) given = given.map((input) => mapTensors(input, (x) => (x.requiresGrad ? x.alias() : x)));
    // Looked up on each call, for a lazy module changes its class.
    const run = ownForward ?? (Object.getPrototypeOf(module) as Module).forward.bind(module);
    let output: unknown = run(...given);
    for (const { run: hook } of hooks.post.hooks) output = hook(module, given, output) ?? output;
    return watched ? observeGradients(module, given, output, hooks) : output;
  };
  Object.defineProperty(module, 'forward', { value: forward, writable: true, configurable: true, enumerable: false });
  wrapped.set(module, hooks);
  return hooks;
}
type Forward = (...inputs: unknown[]) => unknown;

/** Gives a copy of a module the hooks of the original. */
export function copyHooks(from: Module, to: Module): void {
  const hooks = wrapped.get(from);
  if (hooks === undefined) return;
  const target = wrapForward(to);
  target.pre.hooks = hooks.pre.hooks;
  target.post.hooks = hooks.post.hooks;
  target.back.hooks = hooks.back.hooks;
  target.backPre.hooks = hooks.backPre.hooks;
}

/** True where hooks have replaced the `forward` of an instance. */
export const hasHooks = (module: Module): boolean => wrapped.has(module);

const tensorsIn = (value: unknown): Tensor[] => (value instanceof Tensor ? [value] : Array.isArray(value) ? value.flatMap(tensorsIn) : []);

const mapTensors = (value: unknown, f: (x: Tensor) => Tensor): unknown =>
  value instanceof Tensor
    ? f(value)
    : Array.isArray(value) && value.some((v) => tensorsIn(v).length > 0)
      ? value.map((v) => mapTensors(v, f))
      : value;

/**
 * Calls the hooks when the gradients arrive: those before the walk through the module with the gradients of its outputs, those after with
 * the gradients of its inputs too. @returns the output, through which the gradients pass
 */
function observeGradients(module: Module, inputs: readonly unknown[], output: unknown, hooks: Hooks): unknown {
  const wanted = tensorsIn(inputs).filter((x) => x.requiresGrad);
  const passed = mapTensors(output, (y) => (y.requiresGrad ? y.alias() : y));
  const outputs = tensorsIn(passed).filter((y) => y.requiresGrad);
  let gradOutputs: (Tensor | undefined)[] = outputs.map(() => undefined);
  const gradInputs: (Tensor | undefined)[] = wanted.map(() => undefined);
  let missing = wanted.length;
  outputs.forEach((y, i) =>
    y.registerHook((g) => {
      gradOutputs[i] = g;
      for (const { run } of hooks.backPre.hooks) gradOutputs = [...(run(module, gradOutputs) ?? gradOutputs)];
      if (wanted.length === 0 && !gradOutputs.includes(undefined)) for (const { run } of hooks.back.hooks) run(module, [], gradOutputs);
      return gradOutputs[i];
    }),
  );
  wanted.forEach((x, i) =>
    x.registerHook((g) => {
      gradInputs[i] = g;
      if (--missing > 0) return undefined;
      missing = wanted.length;
      let replaced: Gradients = gradInputs;
      for (const { run } of hooks.back.hooks) replaced = run(module, replaced, gradOutputs) ?? replaced;
      return replaced[i];
    }),
  );
  return passed;
}
