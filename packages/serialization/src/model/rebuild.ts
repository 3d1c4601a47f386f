import { ArgumentError, describe, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { FileError, type FilePlace } from '../errors.ts';
import { maxDepth, setField } from '../stored.ts';
import type { ModuleNode, NetworkDescription } from './describe.ts';

/** A class of modules, as a registry holds it. */
// oxlint-disable-next-line no-explicit-any -- every class of modules has constructor arguments of its own
export type ModuleClass = abstract new (...args: any[]) => nn.Module;

const registered = new Map<string, ModuleClass>();

/** Lets `loadModel` bring back modules of these classes. Two classes of one name cannot be told apart: give one of them under another name with `classes`. */
export function registerModules(...classes: readonly ModuleClass[]): void {
  for (const one of classes) {
    if (typeof one !== 'function')
      throw new ArgumentError({ op: 'registerModules', expected: 'classes of modules', received: describe(one) });
    registered.set(one.name, one);
  }
}

/** The layers of `@flambeau/nn`, by name. */
function builtIn(name: string): ModuleClass | undefined {
  const found = Object.hasOwn(nn, name) ? (nn as Readonly<Record<string, unknown>>)[name] : undefined;
  return typeof found === 'function' && found.prototype instanceof nn.Module ? (found as ModuleClass) : undefined;
}

/** Reads the text that says what a network is made of. @throws FileError unless saveModel wrote it */
export function parseDescription(text: unknown, place: FilePlace): NetworkDescription {
  let value: unknown;
  try {
    value = typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch (cause) {
    throw new FileError('FILE_FORMAT', place, {
      expected: 'a description of a network in JSON',
      received: (cause as Error).message,
      cause,
    });
  }
  const { format, version, modules } = (value ?? {}) as Partial<NetworkDescription>;
  if (format !== 'flambeau.network')
    throw new FileError('FILE_FORMAT', place, {
      expected: 'a whole network, as saveModel writes it',
      received: 'a file of tensors',
      hint: 'Build the network yourself, and give it the tensors: net.loadStateDict(await load(file)).',
    }); // prettier-ignore
  if (version !== 1)
    throw new FileError('FILE_NOT_SUPPORTED', place, { expected: 'version 1 of the description', received: describe(version) });
  if (!Array.isArray(modules) || modules.length === 0)
    throw new FileError('FILE_FORMAT', place, { expected: 'a list of modules', received: describe(modules) });
  for (const module of modules as unknown[]) {
    const { class: name, fields } = (module ?? {}) as Partial<ModuleNode>;
    if (
      typeof name !== 'string' ||
      !Array.isArray(fields) ||
      !fields.every((pair) => Array.isArray(pair) && pair.length === 2 && typeof pair[0] === 'string')
    )
      throw new FileError('FILE_FORMAT', place, { expected: 'modules of a class and fields', received: describe(module) });
  }
  return value as NetworkDescription;
}

/** Every class that the description needs. @throws FileError that names those that nobody knows */
export function findClasses(
  { modules }: NetworkDescription,
  own: Readonly<Record<string, ModuleClass>>,
  place: FilePlace,
): ReadonlyMap<string, ModuleClass> {
  const found = new Map<string, ModuleClass>();
  const unknown = new Set<string>();
  for (const { class: name } of modules) {
    const one = (Object.hasOwn(own, name) ? own[name] : undefined) ?? registered.get(name) ?? builtIn(name);
    if (one === undefined || !(one.prototype instanceof nn.Module)) unknown.add(name);
    else found.set(name, one);
  }
  if (unknown.size > 0) {
    const names = [...unknown].join(', ');
    throw new FileError('FILE_NOT_ALLOWED', place, {
      expected: 'classes that are registered',
      received: `${names}, which no one registered`,
      hint: `Pass { classes: { ${names} } } to loadModel, or call registerModules(${names}).`,
    }); // prettier-ignore
  }
  return found;
}

/** Puts a network together: modules of known classes with the fields of the file. No constructor and no other code runs. */
export function putTogether(
  { modules }: NetworkDescription,
  classes: ReadonlyMap<string, ModuleClass>,
  tensors: ReadonlyMap<string, Tensor>,
  place: FilePlace,
): nn.Module {
  const wrong = (received: string): FileError =>
    new FileError('FILE_FORMAT', place, { expected: 'a description of a network as saveModel writes it', received });
  const made = modules.map((node) => Object.create((classes.get(node.class)?.prototype ?? null) as object | null) as nn.Module);
  const wrapped = new Map<string, Tensor>();

  const tensorOf = (name: unknown, kind: unknown, flag: unknown): Tensor => {
    const found = typeof name === 'string' ? tensors.get(name) : undefined;
    if (found === undefined) throw wrong(`a tensor ${describe(name)} that is not there`);
    const key = `${String(kind)} ${String(name)}`;
    const known = wrapped.get(key);
    if (known !== undefined) return known;
    let one: Tensor;
    try {
      one = kind === 'parameter' ? new nn.Parameter(found, flag === true) : kind === 'buffer' ? new nn.Buffer(found, flag === true) : found;
    } catch (cause) {
      // Such as integers that are said to have a gradient.
      throw new FileError('FILE_FORMAT', place, { expected: `a ${String(kind)} of the tensor ${String(name)}`, received: (cause as Error).message, cause }); // prettier-ignore
    }
    wrapped.set(key, one);
    return one;
  };
  const decode = (node: unknown, depth: number): unknown => {
    if (depth > maxDepth) throw new FileError('FILE_LIMIT', place, { expected: `at most ${maxDepth} levels of nesting`, received: 'more' });
    if (typeof node !== 'object' || node === null) return node;
    if (!Array.isArray(node)) throw wrong('an object');
    const [kind, ...rest] = node as unknown[];
    switch (kind) {
      case 'module': {
        const module = typeof rest[0] === 'number' ? made[rest[0]] : undefined;
        if (module === undefined) throw wrong(`a module ${describe(rest[0])} that is not there`);
        return module;
      }
      case 'tensor':
        return tensorOf(rest[0], rest[1], rest[2]);
      case 'l':
        return rest.map((item) => decode(item, depth + 1));
      case 'o': {
        const object = {};
        for (let i = 0; i + 1 < rest.length; i += 2) setField(object, String(rest[i]), decode(rest[i + 1], depth + 1));
        return object;
      }
      case 'm': {
        const map = new Map<unknown, unknown>();
        for (let i = 0; i + 1 < rest.length; i += 2) map.set(decode(rest[i], depth + 1), decode(rest[i + 1], depth + 1));
        return map;
      }
      case 'n':
        return Number(rest[0]);
      case 'i':
        if (typeof rest[0] !== 'string' || !/^-?\d{1,4000}$/.test(rest[0])) throw wrong('an integer that is none');
        return BigInt(rest[0]);
      case 'u':
        return undefined;
      default:
        throw wrong(`a value of kind ${describe(kind)}`);
    }
  };
  modules.forEach(({ class: name, fields }, i) => {
    for (const [field, value] of fields) {
      // A field may not stand in the way of a method: `forward` is the class's own.
      if (field in made[i]) throw wrong(`a field ${field} in place of a method of ${name}`);
      setField(made[i], field, decode(value, 0));
    }
  });
  checkTree(made[0], place);
  return made[0];
}

/** A module may be shared, but may not hold itself. */
function checkTree(root: nn.Module, place: FilePlace): void {
  const open = new Set<nn.Module>();
  const closed = new Set<nn.Module>();
  const visit = (module: nn.Module, depth: number): void => {
    if (closed.has(module)) return;
    if (open.has(module)) throw new FileError('FILE_FORMAT', place, { expected: 'modules in a tree', received: 'one that holds itself' });
    if (depth > maxDepth) throw new FileError('FILE_LIMIT', place, { expected: `at most ${maxDepth} levels of modules`, received: 'more' });
    open.add(module);
    for (const value of Object.values(module) as unknown[]) if (value instanceof nn.Module) visit(value, depth + 1);
    open.delete(module);
    closed.add(module);
  };
  visit(root, 0);
}
