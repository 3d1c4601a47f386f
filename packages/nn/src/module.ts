import { ArgumentError, describe, isFloat, Tensor, type Device, type DType } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { Buffer, Parameter } from './parameter.ts';
import { wrapForward, type BackwardHook, type BackwardPreHook, type ForwardHook, type ForwardPreHook, type HookOptions } from './hooks.ts';
import { loadInto, stateDictOf, type LoadOptions, type LoadReport, type StateDict } from './stateDict.ts';

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

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

  /** The name of the class, as it is printed and stands in messages. */
  get typeName(): string {
    return this.constructor.name;
  }

  /** What stands between the parentheses of a printed layer: `1, 16, kernel_size=(5, 5)`. */
  extraRepr(): string {
    return '';
  }

  /** The fields that hold modules, by state-dict name; one that two fields share comes twice. */
  *ownModules(): IterableIterator<[string, Module]> {
    for (const [field, value] of Object.entries(this)) if (value instanceof Module) yield [this.stateKey(field), value];
  }

  /** The tensors in fields of this module alone, by state-dict name. */
  *ownTensors<T extends Tensor>(kind: abstract new (...args: never[]) => T): IterableIterator<[string, T]> {
    for (const [field, value] of Object.entries(this)) if (value instanceof kind) yield [this.stateKey(field), value];
  }

  /** The modules in fields by state-dict name, each once. */
  *namedChildren(): IterableIterator<[string, Module]> {
    const seen = new Set<Module>();
    for (const [name, child] of this.ownModules()) {
      if (!seen.has(child)) yield [name, child];
      seen.add(child);
    }
  }

  /** The modules in fields, each once. */
  *children(): IterableIterator<Module> {
    for (const [, child] of this.namedChildren()) yield child;
  }

  /** This module and all below it with their paths, parents first; each once, unless `removeDuplicate` is false. */
  namedModules(prefix = '', removeDuplicate = true): IterableIterator<[string, Module]> {
    return walk(this, prefix, removeDuplicate ? new Set() : undefined);
  }

  *modules(): IterableIterator<Module> {
    for (const [, module] of this.namedModules()) yield module;
  }

  private *namedTensors<T extends Tensor>(
    kind: abstract new (...args: never[]) => T,
    prefix: string,
    recurse: boolean,
    removeDuplicate: boolean,
  ): IterableIterator<[string, T]> {
    const seen = new Set<T>();
    const modules: Iterable<[string, Module]> = recurse ? this.namedModules(prefix, removeDuplicate) : [[prefix, this]];
    for (const [path, module] of modules) {
      for (const [name, tensor] of module.ownTensors(kind)) {
        if (removeDuplicate && seen.has(tensor)) continue;
        seen.add(tensor);
        yield [join(path, name), tensor];
      }
    }
  }

  /** Parameters with their names; each once, unless `removeDuplicate` is false. */
  namedParameters(prefix = '', recurse = true, removeDuplicate = true): IterableIterator<[string, Parameter]> {
    return this.namedTensors(Parameter, prefix, recurse, removeDuplicate);
  }

  *parameters(recurse = true): IterableIterator<Parameter> {
    for (const [, parameter] of this.namedParameters('', recurse)) yield parameter;
  }

  /** Buffers with their names; each once, unless `removeDuplicate` is false. */
  namedBuffers(prefix = '', recurse = true, removeDuplicate = true): IterableIterator<[string, Buffer]> {
    return this.namedTensors(Buffer, prefix, recurse, removeDuplicate);
  }

  *buffers(recurse = true): IterableIterator<Buffer> {
    for (const [, buffer] of this.namedBuffers('', recurse)) yield buffer;
  }

  /** The module at a dotted path; this one at ''. @throws ArgumentError when there is none. */
  getSubmodule(path: string): Module {
    for (const [name, module] of this.namedModules('', false)) if (name === path) return module;
    throw new ArgumentError({ op: 'getSubmodule', expected: `a module at ${JSON.stringify(path)}`, received: 'none' });
  }

  /** Puts another module in the place of the one at a dotted path. @throws ArgumentError when its parent does not exist. */
  setSubmodule(path: string, module: Module): void {
    const parent = this.getSubmodule(path.split('.').slice(0, -1).join('.'));
    parent.registerModule(path.slice(path.lastIndexOf('.') + 1), module);
  }

  private getTensor<T extends Tensor>(op: string, kind: abstract new (...args: never[]) => T, path: string): T {
    const module = this.getSubmodule(path.split('.').slice(0, -1).join('.'));
    for (const [name, tensor] of module.ownTensors(kind)) if (name === path.slice(path.lastIndexOf('.') + 1)) return tensor;
    throw new ArgumentError({ op, expected: `a ${kind.name.toLowerCase()} at ${JSON.stringify(path)}`, received: 'none' });
  }

  /** The parameter at a dotted path. @throws ArgumentError when there is none. */
  getParameter(path: string): Parameter {
    return this.getTensor('getParameter', Parameter, path);
  }

  /** The buffer at a dotted path. @throws ArgumentError when there is none. */
  getBuffer(path: string): Buffer {
    return this.getTensor('getBuffer', Buffer, path);
  }

  /** The field that a state-dict name stands for: an existing one, or the name itself. */
  private fieldOf(name: string): string {
    return Object.keys(this).find((field) => this.stateKey(field) === name) ?? name;
  }

  private register(op: string, name: string, value: unknown): void {
    if (typeof name !== 'string' || name === '' || name.includes('.'))
      throw new ArgumentError({ op, expected: 'a name that is not empty and has no dot', received: describe(name) });
    const field = this.fieldOf(name);
    const held: unknown = (this as Record<string, unknown>)[field];
    if (held !== undefined && held !== null && !(held instanceof Module) && !(held instanceof Tensor))
      throw new ArgumentError({ op, expected: 'a name that is free', received: `${name}, which ${this.typeName} has already` });
    Object.defineProperty(this, field, { value, writable: true, configurable: true, enumerable: true });
  }

  /** Gives this module a child by a name that is made at run time. Assigning a field does the same. `addModule` is the same. */
  registerModule(name: string, module: Module | null): void {
    if (module !== null && !(module instanceof Module))
      throw new ArgumentError({ op: 'registerModule', expected: 'a module', received: describe(module) });
    this.register('registerModule', name, module);
  }

  addModule(name: string, module: Module | null): void {
    this.registerModule(name, module);
  }

  /** Gives this module a parameter by a name that is made at run time; null keeps the name without one. */
  registerParameter(name: string, parameter: Parameter | null): void {
    if (parameter !== null && !(parameter instanceof Parameter))
      throw new ArgumentError({
        op: 'registerParameter',
        expected: 'a Parameter',
        received: describe(parameter),
        hint: 'Wrap it: new nn.Parameter(x).',
      });
    this.register('registerParameter', name, parameter);
  }

  /** Gives this module a tensor that belongs to its state; with `persistent: false` the state dict leaves it out. */
  registerBuffer(name: string, tensor: Tensor | null, options: { persistent?: boolean } | boolean = {}): void {
    if (tensor !== null && !(tensor instanceof Tensor))
      throw new ArgumentError({ op: 'registerBuffer', expected: 'a tensor', received: describe(tensor) });
    const persistent = typeof options === 'boolean' ? options : (options.persistent ?? true);
    const kept = tensor === null || (tensor instanceof Buffer && tensor.persistent === persistent);
    this.register('registerBuffer', name, kept ? tensor : new Buffer(tensor, persistent));
  }

  /** Parameters and persistent buffers by PyTorch's names, sharing storage; detached unless `keepVars`. */
  stateDict(options: { prefix?: string; keepVars?: boolean } | string = {}): StateDict {
    const { prefix = '', keepVars = false } = typeof options === 'string' ? { prefix: options } : options;
    return stateDictOf(this, prefix, keepVars);
  }

  /**
   * Copies the tensors of a state dict into this module, which may be on another device or of another dtype.
   * @returns the keys that were missing and those that nothing here has
   * @throws StateDictError when a shape differs or, unless `strict` is false, a key is missing or unexpected; nothing has been written then
   */
  loadStateDict(state: StateDict | Readonly<Record<string, Tensor>>, options: LoadOptions = {}): LoadReport {
    return loadInto(this, state, options);
  }

  /** Switches this module and all below it to training (or not). @returns this */
  train(mode = true): this {
    if (typeof mode !== 'boolean') throw new ArgumentError({ op: 'train', expected: 'true or false', received: describe(mode) });
    this.training = mode;
    for (const child of this.children()) child.train(mode);
    return this;
  }

  /** Switches to evaluation: dropout passes through, batch norm uses its running statistics. @returns this */
  eval(): this {
    return this.train(false);
  }

  /** Moves parameters and buffers to a device, or casts the floats among them. The tensors stay the same objects. @returns this */
  to(...targets: (Device | DType | { device?: Device; dtype?: DType })[]): this {
    const flat = targets.flatMap((target) => (isTargets(target) ? [target.device, target.dtype].filter((t) => t !== undefined) : [target]));
    noGrad(() => {
      for (const [, tensor] of [...this.namedParameters(), ...this.namedBuffers()]) {
        const applicable = flat.filter((target) => typeof target !== 'string' || (isFloat(tensor.dtype) && isFloat(target)));
        const moved = tensor.detach().to(...applicable);
        if (moved.storage === tensor.storage) continue;
        const gradient = tensor.grad;
        tensor.data = moved;
        if (gradient !== undefined) tensor.grad = gradient.to(...applicable);
      }
    });
    return this;
  }

  /** As `to`, also from a device that can only be read asynchronously. */
  async toAsync(device: Device): Promise<this> {
    for (const [, tensor] of [...this.namedParameters(), ...this.namedBuffers()]) {
      if (tensor.device === device) continue;
      const gradient = tensor.grad;
      tensor.data = await tensor.detach().toAsync(device);
      if (gradient !== undefined) tensor.grad = await gradient.toAsync(device);
    }
    return this;
  }

  /** Casts parameters and buffers of floats to another dtype of floats. */
  type(dtype: DType): this {
    return this.to(dtype);
  }

  /** Casts parameters and buffers of floats to float32. */
  float(): this {
    return this.to('float32');
  }

  /** Casts parameters and buffers of floats to float64. */
  double(): this {
    return this.to('float64');
  }

  /** Casts parameters and buffers of floats to float16. */
  half(): this {
    return this.to('float16');
  }

  /** Casts parameters and buffers of floats to bfloat16. */
  bfloat16(): this {
    return this.to('bfloat16');
  }

  /** Forgets all gradients; with `setToNone: false` they become zeros instead. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    for (const parameter of this.parameters()) {
      const { grad } = parameter;
      parameter.grad = options.setToNone === false && grad !== undefined ? grad.newZeros(grad.shape) : undefined;
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

  /** Calls `hook(module, inputs)` before each forward of this instance; what it returns replaces the inputs. @returns a function that removes it */
  registerForwardPreHook(hook: ForwardPreHook, options?: HookOptions): () => void {
    return wrapForward(this).pre.add(hook, options);
  }

  /** Calls `hook(module, inputs, output)` after each forward of this instance; what it returns replaces the output. @returns a function that removes it */
  registerForwardHook(hook: ForwardHook, options?: HookOptions): () => void {
    return wrapForward(this).post.add(hook, options);
  }

  /** Calls `hook(module, gradInputs, gradOutputs)` when the gradients of this instance's inputs are known. @returns a function that removes it */
  registerFullBackwardHook(hook: BackwardHook, options?: HookOptions): () => void {
    return wrapForward(this).back.add(hook, options);
  }

  /** Calls `hook(module, gradOutputs)` when the gradients of this instance's outputs are known; what it returns replaces them. @returns a function that removes it */
  registerFullBackwardPreHook(hook: BackwardPreHook, options?: HookOptions): () => void {
    return wrapForward(this).backPre.add(hook, options);
  }

  /** The module as PyTorch prints it. */
  toString(): string {
    const children = [...this.ownModules()].map(([key, child]) => `(${key}): ${indent(child.toString())}`);
    const extra = this.extraRepr() === '' ? [] : this.extraRepr().split('\n');
    const lines = [...extra, ...children];
    if (children.length === 0 && extra.length <= 1) return `${this.typeName}(${lines.join('')})`;
    return `${this.typeName}(\n  ${lines.join('\n  ')}\n)`;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}

const indent = (text: string): string => text.replaceAll('\n', '\n  ');

const isTargets = (target: Device | DType | { device?: Device; dtype?: DType }): target is { device?: Device; dtype?: DType } =>
  typeof target === 'object' && !('allocate' in target);

function* walk(module: Module, path: string, seen: Set<Module> | undefined): IterableIterator<[string, Module]> {
  if (seen?.has(module)) return;
  seen?.add(module);
  yield [path, module];
  for (const [name, child] of module.ownModules()) yield* walk(child, join(path, name), seen);
}
