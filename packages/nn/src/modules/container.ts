import { ArgumentError, describe, type Tensor } from '@flambeau/core';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

/** Modules in a row: each takes the output of the one before. `new Sequential(a, b)`, or an object of named modules. */
export class Sequential extends Module {
  [index: number]: Module;

  constructor(...modules: Module[] | [Readonly<Record<string, Module>>]) {
    super();
    const [first] = modules;
    const entries =
      modules.length === 1 && first !== undefined && !(first instanceof Module)
        ? Object.entries(first)
        : modules.map((m, i) => [String(i), m] as const);
    for (const [name, module] of entries) {
      if (!(module instanceof Module)) throw new ArgumentError({ op: 'Sequential', expected: 'modules', received: describe(module) });
      Object.assign(this, { [name]: module });
    }
  }

  get length(): number {
    return [...this.children()].length;
  }

  /** Adds a module at the end. @returns this */
  append(module: Module): this {
    Object.assign(this, { [String(this.length)]: module });
    return this;
  }

  [Symbol.iterator](): IterableIterator<Module> {
    return this.children();
  }

  forward(x: Tensor): Tensor {
    let out: unknown = x;
    for (const module of this.children()) out = module.forward(out);
    return out as Tensor;
  }
}

/** Modules in an array, for a forward of your own. */
export class ModuleList<M extends Module = Module> extends Module {
  [index: number]: M;

  constructor(modules: Iterable<M> = []) {
    super();
    for (const module of modules) this.append(module);
  }

  get length(): number {
    return [...this.children()].length;
  }

  /** Adds a module at the end. @returns this */
  append(module: M): this {
    this[this.length] = module;
    return this;
  }

  [Symbol.iterator](): IterableIterator<M> {
    return this.children() as IterableIterator<M>;
  }

  forward(): never {
    throw new ArgumentError({
      op: 'ModuleList',
      expected: 'a forward of the module that holds it',
      received: 'a call',
      hint: 'Loop over it, or use Sequential.',
    });
  }
}

/** Modules by name, for a forward of your own. */
export class ModuleDict<M extends Module = Module> extends Module {
  constructor(modules: Readonly<Record<string, M>> = {}) {
    super();
    for (const [name, module] of Object.entries(modules)) this.set(name, module);
  }

  get(name: string): M {
    for (const [key, module] of this.namedChildren()) if (key === name) return module as M;
    throw new ArgumentError({ op: 'ModuleDict', expected: `one of ${[...this.keys()].join(', ')}`, received: JSON.stringify(name) });
  }

  set(name: string, module: M): this {
    Object.defineProperty(this, name, { value: module, writable: true, configurable: true, enumerable: true });
    return this;
  }

  has(name: string): boolean {
    return [...this.keys()].includes(name);
  }

  *keys(): IterableIterator<string> {
    for (const [name] of this.namedChildren()) yield name;
  }

  forward(): never {
    throw new ArgumentError({
      op: 'ModuleDict',
      expected: 'a forward of the module that holds it',
      received: 'a call',
      hint: 'Get a module by name and call that.',
    });
  }
}

/** Parameters in an array. */
export class ParameterList extends Module {
  [index: number]: Parameter;

  constructor(parameters: Iterable<Tensor> = []) {
    super();
    for (const parameter of parameters) this.append(parameter);
  }

  get length(): number {
    return [...this.parameters(false)].length;
  }

  append(parameter: Tensor): this {
    this[this.length] = parameter instanceof Parameter ? parameter : new Parameter(parameter);
    return this;
  }

  [Symbol.iterator](): IterableIterator<Parameter> {
    return this.parameters(false);
  }

  forward(): never {
    throw new ArgumentError({ op: 'ParameterList', expected: 'a forward of the module that holds it', received: 'a call' });
  }
}
