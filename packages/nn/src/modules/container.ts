import { checkIterable, ArgumentError, describe, IndexError, internalScope, type Tensor } from '@flambeau/core';
import { checkEntries } from './entries.ts';
import { Module } from '../module.ts';
import { fuseModules } from './fusion.ts';
import { passesTensorsOn } from './passing.ts';

/** Numbered fields, in order: what Sequential and ModuleList are made of. */
abstract class NumberedModules<M extends Module> extends Module {
  /** The number of modules. */
  get length(): number {
    return [...this.ownModules()].length;
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.list()[Symbol.iterator]();
  }

  /** The modules as an array. */
  protected list(): M[] {
    // Not by the names and the iterator of ownModules, for Sequential asks at each call.
    return Object.values(this).filter((value) => value instanceof Module) as M[];
  }

  /** Takes all modules out and puts these in, numbered from 0. */
  protected renumber(modules: readonly M[]): void {
    for (const [name] of this.ownModules()) delete (this as Record<string, unknown>)[name];
    modules.forEach((module, i) => this.registerModule(String(i), module));
  }

  private position(op: string, index: number, end: number): number {
    const { length } = this;
    const at = index < 0 ? index + length : index;
    if (!Number.isInteger(index) || at < 0 || at >= end)
      throw new IndexError({ op: `${this.typeName}.${op}`, expected: `an index in [${-length}, ${end - 1}]`, received: describe(index) });
    return at;
  }

  /** The module at an index; negative ones count from the end. @throws IndexError when there is none. */
  at(index: number): M {
    return this.list()[this.position('at', index, this.length)];
  }

  /** Puts a module in the place of another. */
  set(index: number, module: M): this {
    const name = [...this.ownModules()][this.position('set', index, this.length)][0];
    this.registerModule(name, check(this, module));
    return this;
  }

  /** Adds a module at the end. @returns this */
  append(module: M): this {
    this.registerModule(String(this.length), check(this, module));
    return this;
  }

  /** Adds modules at the end. @returns this */
  extend(modules: Iterable<M>): this {
    for (const module of checkIterable(this.typeName, 'the modules', modules)) this.append(module);
    return this;
  }

  /** Puts a module before the one at `index`; the later ones move up and get new numbers. @returns this */
  insert(index: number, module: M): this {
    const at = this.position('insert', index, this.length + 1);
    this.renumber(this.list().toSpliced(at, 0, check(this, module)));
    return this;
  }

  /** Takes a module out, the last one by default; the later ones move down. */
  pop(index = -1): M {
    const at = this.position('pop', index, this.length);
    const modules = this.list();
    this.renumber(modules.toSpliced(at, 1));
    return modules[at];
  }

  /** Takes a module out; the later ones move down. */
  delete(index: number): void {
    this.pop(index);
  }
}

function check<M>(container: Module, module: M): M {
  if (module instanceof Module) return module;
  throw new ArgumentError({ op: container.typeName, expected: 'modules', received: describe(module) });
}

const noForward = (op: string, hint: string): never => {
  throw new ArgumentError({ op, expected: 'a forward of the module that holds it', received: 'a call', hint });
};

/** Modules in a row: each takes the output of the one before. `new Sequential(a, b)`, or an object or Map of named modules. */
export class Sequential extends NumberedModules<Module> {
  [index: number]: Module;

  constructor(...modules: Module[] | [Readonly<Record<string, Module>> | ReadonlyMap<string, Module>]) {
    super();
    const [first] = modules;
    const named = modules.length === 1 && first !== undefined && first !== null && !(first instanceof Module);
    const entries = named
      ? first instanceof Map
        ? [...(first as ReadonlyMap<string, Module>)]
        : Object.entries(first)
      : modules.map((m, i) => [String(i), m] as const);
    for (const [name, module] of entries) this.registerModule(name, check(this, module as Module));
  }

  /** Some of the modules in a Sequential of their own, which shares them; bounds as those of an array. */
  slice(start?: number, end?: number): Sequential {
    const out = new Sequential();
    for (const [name, module] of [...this.ownModules()].slice(start, end)) out.registerModule(name, module);
    return out;
  }

  /** The modules of this and then those of another, shared. */
  concat(other: Sequential): Sequential {
    return new Sequential(...this.list(), ...other.list());
  }

  forward(x: Tensor): Tensor {
    const modules = this.list();
    // Where somebody can hold what passes between the modules, each runs on its own.
    if (!modules.every(passesTensorsOn)) {
      let out: unknown = x;
      for (const module of modules) out = module.forward(out);
      return out as Tensor;
    }
    // Elsewhere it is released with the graph, and modules that a device has one kernel for run as one.
    let out: unknown = x;
    internalScope(() => {
      for (let i = 0; i < modules.length;) {
        const fused = fuseModules(modules, i, out);
        out = fused === undefined ? modules[i].forward(out) : fused.output;
        i += fused?.count ?? 1;
      }
      return (Array.isArray(out) ? out : [out]) as Tensor[]; // a pooling may give its indices too
    });
    return out as Tensor;
  }
}

/** Modules in an array, for a forward of your own. */
export class ModuleList<M extends Module = Module> extends NumberedModules<M> {
  [index: number]: M;

  constructor(modules: Iterable<M> = []) {
    super();
    this.extend(modules);
  }

  /** Some of the modules in a list of their own, which shares them; bounds as those of an array. */
  slice(start?: number, end?: number): ModuleList<M> {
    return new ModuleList(this.list().slice(start, end));
  }

  /** The modules of this and then others, shared. */
  concat(others: Iterable<M>): ModuleList<M> {
    return new ModuleList([...this.list(), ...others]);
  }

  forward(..._inputs: unknown[]): unknown {
    return noForward('ModuleList', 'Loop over it, or use Sequential.');
  }

  /** As PyTorch prints it: equal modules in a row stand in one line, `(0-2): 3 x Linear(...)`. */
  override toString(): string {
    const groups: { text: string; first: number; last: number }[] = [];
    this.list().forEach((module, i) => {
      const text = module.toString();
      const open = groups[groups.length - 1];
      if (open?.text === text) open.last = i;
      else groups.push({ text, first: i, last: i });
    });
    if (groups.length === 0) return `${this.typeName}()`;
    const lines = groups.map(({ text, first, last }) =>
      (first === last ? `(${first}): ${text}` : `(${first}-${last}): ${last - first + 1} x ${text}`).replaceAll('\n', '\n  '),
    );
    const extra = this.extraRepr();
    return `${this.typeName}(\n  ${[...(extra ? [extra] : []), ...lines].join('\n  ')}\n)`;
  }
}

/** Modules by name, for a forward of your own. */
export class ModuleDict<M extends Module = Module> extends Module {
  constructor(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]> = {}) {
    super();
    this.update(modules);
  }

  /** The number of modules. */
  get size(): number {
    return [...this.ownModules()].length;
  }

  /** The module of a name. @throws ArgumentError when there is none. */
  get(name: string): M {
    for (const [key, module] of this.ownModules()) if (key === name) return module as M;
    throw new ArgumentError({ op: 'ModuleDict', expected: `one of ${[...this.keys()].join(', ')}`, received: JSON.stringify(name) });
  }

  set(name: string, module: M): this {
    if (name in ModuleDict.prototype || name === 'training')
      throw new ArgumentError({ op: 'ModuleDict', expected: 'a name that ModuleDict does not use itself', received: JSON.stringify(name) });
    Object.defineProperty(this, name, { value: check(this, module), writable: true, configurable: true, enumerable: true });
    return this;
  }

  has(name: string): boolean {
    return [...this.keys()].includes(name);
  }

  /** Takes a module out. @returns it */
  pop(name: string): M {
    const module = this.get(name);
    delete (this as Record<string, unknown>)[name];
    return module;
  }

  delete(name: string): boolean {
    return this.has(name) && this.pop(name) !== undefined;
  }

  clear(): void {
    for (const name of this.keys()) this.pop(name);
  }

  /** Adds modules, in the place of those with their names. @returns this */
  update(modules: Readonly<Record<string, M>> | Iterable<readonly [string, M]>): this {
    checkEntries('ModuleDict', modules);
    const entries = modules instanceof ModuleDict ? modules.items() : Symbol.iterator in modules ? modules : Object.entries<M>(modules);
    for (const [name, module] of entries as Iterable<readonly [string, M]>) this.set(name, module);
    return this;
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.ownModules()) yield name;
  }

  *values(): IterableIterator<M> {
    for (const [, module] of this.ownModules()) yield module as M;
  }

  items(): IterableIterator<[string, M]> {
    return this.ownModules() as IterableIterator<[string, M]>;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.keys();
  }

  forward(..._inputs: unknown[]): unknown {
    return noForward('ModuleDict', 'Get a module by name and call that.');
  }
}
