import { ArgumentError, describe, Tensor } from '@flambeau/core';
import { FileError, type FilePlace } from '../errors.ts';
import { isPlain, maxDepth, maxName, maxNames, setField, StoredTensor } from '../stored.ts';

// safetensors is a flat list of named tensors. What was nested, and every value that is no tensor, is told by a JSON text in the metadata:
// strings, booleans, null and finite numbers stand for themselves, everything else is an array whose first item says what it is.
//   ["t", name] tensor   ["l", ...items] array   ["o", key, value, ...] object   ["m", key, value, ...] Map
//   ["s", ...items] Set  ["n", "NaN"] number     ["i", "123"] bigint             ["b", base64] bytes             ["u"] undefined

/** A structure taken apart. */
export interface Flat {
  readonly tensors: Map<string, Tensor>;
  /** The JSON text; undefined for a plain state dict, which needs none. */
  readonly structure: string | undefined;
}

/** Takes a structure apart into named tensors and the text that puts them together again. */
export function flatten(value: unknown): Flat {
  if (
    value instanceof Map &&
    [...value].every(([key, item]) => typeof key === 'string' && item instanceof Tensor && key !== '__metadata__')
  )
    return { tensors: value as Map<string, Tensor>, structure: undefined };
  const tensors = new Map<string, Tensor>();
  const open = new Set<unknown>();
  let count = 0;
  const encode = (item: unknown, path: string): unknown => {
    if (++count > maxNames || path.length > maxName) throw tooMany(maxNames);
    if (item instanceof Tensor) {
      let name = path === '' || path === '__metadata__' ? 'tensor' : path;
      // {'a.b': x, a: {b: y}} would give one name to both.
      while (tensors.has(name)) name += '~';
      tensors.set(name, item);
      return ['t', name];
    }
    const inner = (key: unknown): string => (path === '' ? String(key) : `${path}.${String(key)}`);
    switch (typeof item) {
      case 'string':
      case 'boolean':
        return item;
      case 'number':
        return Number.isFinite(item) && !Object.is(item, -0) ? item : ['n', Object.is(item, -0) ? '-0' : String(item)];
      case 'bigint':
        return ['i', String(item)];
      case 'undefined':
        return ['u'];
      default:
    }
    if (item === null) return null;
    if (item instanceof Uint8Array) return ['b', toBase64(item)];
    enter(open, item, path);
    let encoded: unknown;
    if (Array.isArray(item)) encoded = ['l', ...item.map((x: unknown, i) => encode(x, inner(i)))];
    else if (item instanceof Set) encoded = ['s', ...[...item].map((x: unknown, i) => encode(x, inner(i)))];
    else if (item instanceof Map) encoded = ['m', ...[...item].flatMap(([key, x]) => [encode(key, inner(key)), encode(x, inner(key))])];
    else if (typeof item === 'object' && isPlain(item))
      encoded = ['o', ...Object.entries(item).flatMap(([key, x]) => [key, encode(x, inner(key))])]; // prettier-ignore
    else throw notSaveable(item, path);
    open.delete(item);
    return encoded;
  };
  return { tensors, structure: JSON.stringify(encode(value, '')) };
}

/** Notes that a container is being written. @throws ArgumentError when it holds itself or lies too deep. */
export function enter(open: Set<unknown>, item: unknown, path: string): void {
  if (open.has(item)) throw new ArgumentError({ op: 'save', expected: 'a structure that ends', received: `${path} that holds itself` });
  if (open.size >= maxDepth)
    throw new ArgumentError({
      op: 'save',
      expected: `at most ${maxDepth} levels of nesting`,
      received: `more, at ${path.slice(0, 60)}...`,
    });
  open.add(item);
}

/** The error for more values than a file may hold, which no reader of this library would take back. */
export const tooMany = (most: number): ArgumentError =>
  new ArgumentError({
    op: 'save',
    expected: `at most about ${most} tensors and values, with names of at most ${maxName} characters`,
    received: 'more',
    hint: 'Make a tensor of a long list of numbers: tensor(values).',
  });

/** The error for a value that no format holds. */
export function notSaveable(item: unknown, path: string): ArgumentError {
  return new ArgumentError({
    op: 'save',
    expected: 'tensors, numbers, strings, booleans, null, Uint8Arrays, and Maps, Sets, plain objects or arrays of them',
    received: `${describe(item)} at ${path === '' ? 'the top' : path}`,
    hint: ArrayBuffer.isView(item)
      ? 'Make a tensor of it first: tensor(values).'
      : typeof (item as { stateDict?: unknown } | null)?.stateDict === 'function'
        ? 'Save its stateDict(), or the whole network with saveModel.'
        : 'Save what it holds as plain values.',
  });
}

/** Puts a structure together again; tensors are taken by name. @throws FileError when the text is none that `flatten` wrote. */
export function unflatten(text: string, tensors: ReadonlyMap<string, StoredTensor>, place: FilePlace): unknown {
  const wrong = (received: string): FileError =>
    new FileError('FILE_FORMAT', place, { expected: 'a structure in the metadata as save writes it', received });
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new FileError('FILE_FORMAT', place, { expected: 'a structure in JSON in the metadata', received: String(cause), cause });
  }
  const decode = (node: unknown, depth: number): unknown => {
    if (depth > maxDepth) throw new FileError('FILE_LIMIT', place, { expected: `at most ${maxDepth} levels of nesting`, received: 'more' });
    if (!Array.isArray(node)) {
      if (typeof node === 'object' && node !== null) throw wrong('an object');
      return node;
    }
    const [kind, ...rest] = node as unknown[];
    const [first] = rest;
    const pairs = (): [unknown, unknown][] => {
      if (rest.length % 2 !== 0) throw wrong('a key without a value');
      return Array.from({ length: rest.length / 2 }, (_, i) => [rest[2 * i], decode(rest[2 * i + 1], depth + 1)]);
    };
    switch (kind) {
      case 't': {
        const found = typeof first === 'string' ? tensors.get(first) : undefined;
        if (found === undefined) throw wrong(`a tensor ${describe(first)} that is not there`);
        return found;
      }
      case 'l':
        return rest.map((item) => decode(item, depth + 1));
      case 's':
        return new Set(rest.map((item) => decode(item, depth + 1)));
      case 'o': {
        const object = {};
        for (const [key, item] of pairs()) {
          if (typeof key !== 'string') throw wrong('a key that is no string');
          setField(object, key, item);
        }
        return object;
      }
      case 'm':
        return new Map(pairs().map(([key, item]) => [decode(key, depth + 1), item]));
      case 'n':
        return Number(first);
      case 'i':
        if (typeof first !== 'string' || !/^-?\d{1,4000}$/.test(first)) throw wrong('an integer that is none');
        return BigInt(first);
      case 'b':
        if (typeof first !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(first) || first.length % 4 !== 0)
          throw wrong('bytes that are not base64');
        return fromBase64(first);
      case 'u':
        return undefined;
      default:
        throw wrong(`a value of kind ${describe(kind)}`);
    }
  };
  return decode(parsed, 0);
}

declare const btoa: (binary: string) => string;
declare const atob: (base64: string) => string;

function toBase64(bytes: Uint8Array): string {
  let binary = '';
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}
const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
