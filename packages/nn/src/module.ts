import { ArgumentError, describe, FlambeauError, isFloat, showShape, Tensor, type Device, type DType } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { Buffer, Parameter } from './parameter.ts';
import { wrapForward, type BackwardHook, type ForwardHook, type ForwardPreHook } from './hooks.ts';

/** Tensors by PyTorch's names, in the order of registration. */
export type StateDict = Map<string, Tensor>;

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

/**
 * The base of every layer and network. Parameters, buffers and modules register by being fields, in the order of their assignment;
 * write `forward`, and call it.
 * @example
 * class Net extends nn.Module {
 *   hidden = new nn.Linear(1, 10)
 *   predict = new nn.Linear(10, 1)
 *   forward(x: Tensor): Tensor { return this.predict.forward(F.relu(this.hidden.forward(x))) }
 * }
 */
export abstract class Module {
  /** True while training; `eval()` makes it false, for dropout and batch norm. */
  training = true;

  // oxlint-disable-next-line no-explicit-any -- every network has a forward of its own shape
  abstract forward(...inputs: any[]): unknown;

  /** The name of a field in the state dict; layers of this package give PyTorch's. */
  protected stateKey(field: string): string {
    return field;
  }

  /** What stands between the parentheses of a printed layer: `1, 16, kernel_size=(5, 5)`. */
  extraRepr(): string {
    return '';
  }

  /** The fields that hold modules, by state-dict name. */
  *namedChildren(): IterableIterator<[string, Module]> {
    for (const [field, value] of Object.entries(this)) if (value instanceof Module) yield [this.stateKey(field), value];
  }

  /** The modules in fields. */
  *children(): IterableIterator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below it, each once. */
  *namedModules(prefix = '', seen: Set<Module> = new Set()): IterableIterator<[string, Module]> {
    if (seen.has(this)) return;
    seen.add(this);
    yield [prefix, this];
    for (const [name, child] of this.namedChildren()) yield* child.namedModules(prefix === '' ? name : `${prefix}.${name}`, seen);
  }

  *modules(): IterableIterator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  /** The tensors in fields of this module alone, by state-dict name. */
  *ownTensors<T extends Tensor>(kind: abstract new (...args: never[]) => T): IterableIterator<[string, T]> {
    for (const [field, value] of Object.entries(this)) if (value instanceof kind) yield [this.stateKey(field), value];
  }

  private *namedTensors<T extends Tensor>(
    kind: abstract new (...args: never[]) => T,
    prefix: string,
    recurse: boolean,
  ): IterableIterator<[string, T]> {
    const seen = new Set<T>();
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const]) {
      for (const [name, tensor] of (module as Module).ownTensors(kind)) {
        if (seen.has(tensor)) continue;
        seen.add(tensor);
        yield [path === '' ? name : `${path}.${name}`, tensor];
      }
    }
  }

  /** Parameters with their names, each once. */
  namedParameters(prefix = '', recurse = true): IterableIterator<[string, Parameter]> {
    return this.namedTensors(Parameter, prefix, recurse);
  }

  *parameters(recurse = true): IterableIterator<Parameter> {
    for (const [, parameter] of this.namedParameters('', recurse)) yield parameter;
  }

  /** Buffers with their names, each once. */
  namedBuffers(prefix = '', recurse = true): IterableIterator<[string, Buffer]> {
    return this.namedTensors(Buffer, prefix, recurse);
  }

  *buffers(recurse = true): IterableIterator<Buffer> {
    for (const [, buffer] of this.namedBuffers('', recurse)) yield buffer;
  }

  /** The module at a dotted path. @throws ArgumentError when there is none. */
  getSubmodule(path: string): Module {
    for (const [name, module] of this.namedModules()) if (name === path) return module;
    throw new ArgumentError({ op: 'getSubmodule', expected: `a module at ${JSON.stringify(path)}`, received: 'none' });
  }

  /** Parameters and persistent buffers by PyTorch's names, detached and sharing storage. */
  stateDict(prefix = ''): StateDict {
    const state: StateDict = new Map();
    for (const [path, module] of allPaths(this, prefix)) {
      for (const [name, tensor] of module.ownTensors(Tensor)) {
        if (tensor instanceof Parameter || (tensor instanceof Buffer && tensor.persistent))
          state.set(path === '' ? name : `${path}.${name}`, tensor.detach());
      }
    }
    return state;
  }

  /**
   * Copies the tensors of a state dict into this module.
   * @returns the keys that were missing and those that nothing here has
   * @throws StateDictError when a shape differs or, unless `strict` is false, a key is missing or unexpected
   */
  loadStateDict(
    state: StateDict | Readonly<Record<string, Tensor>>,
    options: { strict?: boolean } = {},
  ): { missingKeys: string[]; unexpectedKeys: string[] } {
    const { strict = true } = options;
    if (typeof state !== 'object' || state === null)
      throw new ArgumentError({ op: 'loadStateDict', expected: 'a Map or an object of tensors', received: describe(state) });
    const given = state instanceof Map ? state : new Map(Object.entries(state));
    const own = this.stateDict();
    const missingKeys = [...own.keys()].filter((key) => !given.has(key));
    const unexpectedKeys = [...given.keys()].filter((key) => !own.has(key));
    const mismatched: string[] = [];
    for (const [key, target] of own) {
      const source = given.get(key);
      if (source === undefined) continue;
      if (!(source instanceof Tensor))
        throw new ArgumentError({ op: 'loadStateDict', expected: `a tensor at ${key}`, received: describe(source) });
      if (showShape(source.shape) !== showShape(target.shape))
        mismatched.push(`${key} is ${showShape(source.shape)} and should be ${showShape(target.shape)}`);
    }
    if (mismatched.length > 0 || (strict && missingKeys.length + unexpectedKeys.length > 0)) {
      throw new StateDictError(this.constructor.name, strict ? missingKeys : [], strict ? unexpectedKeys : [], mismatched);
    }
    noGrad(() => {
      for (const [key, target] of own) {
        const source = given.get(key);
        if (source !== undefined) target.copy_(source.detach());
      }
    });
    return { missingKeys, unexpectedKeys };
  }

  /** Switches this module and all below it to training (or not). @returns this */
  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }

  /** Switches to evaluation: dropout passes through, batch norm uses its running statistics. @returns this */
  eval(): this {
    return this.train(false);
  }

  /** Moves parameters and buffers to a device, or casts the floats among them. The tensors stay the same objects. @returns this */
  to(...targets: (Device | DType)[]): this {
    noGrad(() => {
      for (const [, tensor] of [...this.namedParameters(), ...this.namedBuffers()]) {
        const applicable = targets.filter((target) => typeof target !== 'string' || (isFloat(tensor.dtype) && isFloat(target)));
        const moved = tensor.detach().to(...applicable);
        if (moved.storage === tensor.storage) continue;
        const gradient = tensor.grad;
        tensor.data = moved;
        if (gradient !== undefined) tensor.grad = gradient.to(...applicable);
      }
    });
    return this;
  }

  /** Casts parameters and buffers of floats to float32. */
  float(): this {
    return this.to('float32');
  }

  /** Casts parameters and buffers of floats to float64. */
  double(): this {
    return this.to('float64');
  }

  /** Forgets all gradients; with `setToNone: false` they become zeros instead. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    for (const parameter of this.parameters()) {
      if (options.setToNone === false) parameter.grad = parameter.grad?.mul(0).detach();
      else parameter.grad = undefined;
    }
  }

  /** Makes all parameters require a gradient, or none. @returns this */
  requiresGrad_(requiresGrad = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = requiresGrad;
    return this;
  }

  /** Calls `f` with every module below and with this one, children first. @returns this */
  apply(f: (module: Module) => void): this {
    for (const child of this.children()) child.apply(f);
    f(this);
    return this;
  }

  /** Calls `hook(module, inputs)` before each forward of this instance; an array that it returns replaces the inputs. @returns a function that removes it */
  registerForwardPreHook(hook: ForwardPreHook): () => void {
    return wrapForward(this).addPre(hook);
  }

  /** Calls `hook(module, inputs, output)` after each forward of this instance; what it returns replaces the output. @returns a function that removes it */
  registerForwardHook(hook: ForwardHook): () => void {
    return wrapForward(this).add(hook);
  }

  /** Calls `hook(module, gradInputs, gradOutputs)` when the gradients of this instance's inputs are known. @returns a function that removes it */
  registerFullBackwardHook(hook: BackwardHook): () => void {
    return wrapForward(this).addBackward(hook);
  }

  /** The module as PyTorch prints it. */
  toString(): string {
    const children = [...this.namedChildren()];
    const extra = this.extraRepr();
    const name = this.constructor.name;
    if (children.length === 0) return `${name}(${extra})`;
    const lines = children.map(([key, child]) => `(${key}): ${child.toString().replaceAll('\n', '\n  ')}`);
    return `${name}(\n  ${[...(extra ? [extra] : []), ...lines].join('\n  ')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

/** Every module by every path that leads to it: shared modules come once for each, as in a state dict of PyTorch. */
function* allPaths(module: Module, prefix: string): IterableIterator<[string, Module]> {
  yield [prefix, module];
  for (const [name, child] of module.namedChildren()) yield* allPaths(child, prefix === '' ? name : `${prefix}.${name}`);
}
