import { ArgumentError, describe, Tensor } from '@flambeau/core';
import { Buffer, Module, Parameter } from '@flambeau/nn';
import { isPlain, maxDepth } from '../stored.ts';

// A module is its class and its fields: the constructor's options (a layer keeps them in fields), parameters, buffers and modules below.
// A field's value is written as in safetensors/structure.ts, and two kinds more:
//   ["module", index]                                   a module, by its place in the list
//   ["tensor", name, kind, requiresGrad or persistent]  a tensor, by its name in the state

/** A value of a field in the description. */
export type FieldNode = string | number | boolean | null | readonly [string, ...unknown[]];

/** A module in the description. */
export interface ModuleNode {
  readonly class: string;
  readonly fields: readonly (readonly [string, FieldNode])[];
}

/** What a file says of a network: its modules, the first of which is the network. */
export interface NetworkDescription {
  readonly format: 'flambeau.network';
  readonly version: 1;
  readonly modules: readonly ModuleNode[];
}

/** A network taken apart. */
export interface TakenApart {
  readonly description: NetworkDescription;
  readonly tensors: Map<string, Tensor>;
}

/**
 * Takes a network apart into a description of its modules and its tensors by name. What is shared in it is named once.
 * @throws ArgumentError for a field that cannot be described, such as a function
 */
export function takeApart(network: Module): TakenApart {
  const modules: ModuleNode[] = [];
  const indices = new Map<Module, number>();
  const names = new Map<Tensor, string>();
  const tensors = new Map<string, Tensor>();
  // Parameters and buffers keep the names of the state dict, so that the file is a state dict too.
  for (const [path, module] of allPaths(network)) {
    for (const [name, tensor] of module.ownTensors(Tensor as abstract new (...args: never[]) => Tensor)) {
      const full = path === '' ? name : `${path}.${name}`;
      if (!names.has(tensor) && !tensors.has(full)) {
        names.set(tensor, full);
        tensors.set(full, tensor);
      }
    }
  }
  const add = (module: Module, path: string, depth: number): number => {
    const known = indices.get(module);
    if (known !== undefined) return known;
    const index = modules.length;
    indices.set(module, index);
    const fields: [string, FieldNode][] = [];
    // The place in the list comes before what lies below, so that the network is the first.
    modules.push({ class: module.constructor.name, fields });
    for (const [field, value] of Object.entries(module))
      fields.push([field, encode(value, path === '' ? field : `${path}.${field}`, depth + 1)]);
    return index;
  };
  const encode = (value: unknown, path: string, depth: number): FieldNode => {
    if (depth > maxDepth)
      throw new ArgumentError({
        op: 'saveModel',
        expected: `at most ${maxDepth} levels of nesting`,
        received: `more, at ${path.slice(0, 80)}`,
      });
    if (value instanceof Module) return ['module', add(value, path, depth)];
    if (value instanceof Tensor) {
      let name = names.get(value) ?? path;
      if (!names.has(value)) while (tensors.has(name)) name += '~';
      names.set(value, name);
      tensors.set(name, value);
      if (value instanceof Parameter) return ['tensor', name, 'parameter', value.requiresGrad];
      if (value instanceof Buffer) return ['tensor', name, 'buffer', value.persistent];
      return ['tensor', name, 'tensor', false];
    }
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value;
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0) ? value : ['n', Object.is(value, -0) ? '-0' : String(value)];
      case 'undefined':
        return ['u'];
      case 'bigint':
        return ['i', String(value)];
      default:
    }
    if (value === null) return null;
    if (Array.isArray(value)) return ['l', ...value.map((item: unknown, i) => encode(item, `${path}.${i}`, depth + 1))];
    if (value instanceof Map) return ['m', ...[...value].flatMap(([key, item]) => [encode(key, path, depth + 1), encode(item, `${path}.${String(key)}`, depth + 1)])]; // prettier-ignore
    if (typeof value === 'object' && isPlain(value)) return ['o', ...Object.entries(value).flatMap(([key, item]) => [key, encode(item, `${path}.${key}`, depth + 1)])]; // prettier-ignore
    throw new ArgumentError({
      op: 'saveModel',
      expected: 'modules whose fields are numbers, strings, tensors, modules, or Maps, plain objects and arrays of them',
      received: `${describe(value)} in ${path}`,
      hint: 'Keep it outside the module or in a #private field that the class can do without, make it a method, or save only the stateDict().',
    });
  };
  add(network, '', 0);
  return { description: { format: 'flambeau.network', version: 1, modules }, tensors };
}

function* allPaths(module: Module, prefix = '', open: ReadonlySet<Module> = new Set()): IterableIterator<[string, Module]> {
  if (open.has(module)) return;
  yield [prefix, module];
  const inside = new Set(open).add(module);
  for (const [name, child] of module.namedChildren()) yield* allPaths(child, prefix === '' ? name : `${prefix}.${name}`, inside);
}
