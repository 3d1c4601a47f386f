import { Tensor, type Device, type DType, type Shape } from '@flambeau/core';
import { FileError, type FilePlace } from './errors.ts';
import type { ByteSource } from './files/source.ts';
import type { Work } from './files/work.ts';

/** What one call of load needs and keeps. */
export interface LoadContext {
  readonly source: ByteSource;
  readonly device: Device;
  readonly work: Work;
  /** Storages that were read already, so that tensors which share one in the file share one here. */
  readonly storages: Map<unknown, Promise<Tensor>>;
}

/** A tensor that still lies in the file. */
export class StoredTensor {
  readonly dtype: DType;
  readonly shape: Shape;
  /** How many bytes reading it takes, unpacked. */
  readonly byteLength: number;
  readonly read: (context: LoadContext) => Promise<Tensor>;
  /** What is read once for all tensors that name it: a storage, or this tensor itself. */
  readonly part: object;

  constructor(dtype: DType, shape: Shape, byteLength: number, read: (context: LoadContext) => Promise<Tensor>, part?: object) {
    this.dtype = dtype;
    this.shape = shape;
    this.byteLength = byteLength;
    this.read = read;
    this.part = part ?? this;
  }
}

/** A file whose structure is known and whose tensors are still in it. */
export interface StoredFile {
  readonly format: 'safetensors' | 'pt' | 'npy' | 'npz';
  /** Strings that the file carries beside its tensors. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Maps, Sets, plain objects, arrays, plain values, and StoredTensors in place of tensors. */
  readonly root: unknown;
  /** Where the text or pickle begins that says how they are nested. */
  readonly place: FilePlace;
}

/** Nesting deeper than this is refused. */
export const maxDepth = 200;

/** The values directly inside a container, by name; undefined for what is no container. */
export function entriesOf(value: unknown): [string, unknown][] | undefined {
  if (value instanceof Map) return [...value].map(([key, item]) => [String(key), item]);
  if (Array.isArray(value)) return value.map((item: unknown, i) => [String(i), item]);
  if (value instanceof Set) return [...value].map((item: unknown, i) => [String(i), item]);
  if (typeof value === 'object' && value !== null && isPlain(value)) return Object.entries(value);
  return undefined;
}

/** True for `{}` and objects without a prototype. */
export const isPlain = (value: object): boolean => {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** Sets a field as data, also one named `__proto__`. */
export function setField(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, configurable: true, enumerable: true });
}

/**
 * Checks that a structure from a file is a tree, or shares parts, but never holds itself, and is not too deep.
 * @throws FileError `FILE_FORMAT` for a cycle, `FILE_LIMIT` for the depth
 */
export function checkNesting({ root, place }: StoredFile): void {
  const heights = new Map<object, number>();
  const open = new Set<object>();
  const height = (value: unknown, depth: number): number => {
    if (typeof value !== 'object' || value === null || value instanceof StoredTensor) return 0;
    const known = heights.get(value);
    if (known !== undefined) {
      if (depth + known > maxDepth) throw tooDeep(place);
      return known;
    }
    if (open.has(value))
      throw new FileError('FILE_FORMAT', place, { expected: 'a structure that ends', received: 'a container that holds itself' });
    if (depth > maxDepth) throw tooDeep(place);
    const items =
      value instanceof Map
        ? value.values()
        : value instanceof Set || Array.isArray(value)
          ? value
          : isPlain(value)
            ? Object.values(value)
            : [];
    open.add(value);
    let most = 0;
    for (const item of items) most = Math.max(most, height(item, depth + 1));
    open.delete(value);
    heights.set(value, most + 1);
    return most + 1;
  };
  height(root, 0);
}

const tooDeep = (place: FilePlace): FileError =>
  new FileError('FILE_LIMIT', place, { expected: `at most ${maxDepth} levels of nesting`, received: 'more' });

/** Most names that a structure may spell out: parts that are shared many times over multiply them. */
export const maxNames = 1_000_000;
/** Most characters of a name, and of all names together: a long key stands in the names of all that lies under it. */
export const maxName = 10_000;
const maxNamesLength = 2 ** 25;

/** Every stored tensor by its dotted name, in the order of the file. */
export function namedTensors({ root, place }: StoredFile): Map<string, StoredTensor> {
  const found = new Map<string, StoredTensor>();
  let [visited, length] = [0, 0];
  const walk = (value: unknown, path: string): void => {
    if (++visited > maxNames) throw new FileError('FILE_LIMIT', place, { expected: `at most ${maxNames} values`, received: 'more' });
    if (value instanceof StoredTensor) {
      length += path.length;
      if (path.length > maxName || length > maxNamesLength)
        throw new FileError('FILE_LIMIT', place, {
          expected: `names of at most ${maxName} characters, and ${maxNamesLength} in all`,
          received: 'more',
        });
      found.set(path, value);
      return;
    }
    for (const [key, item] of entriesOf(value) ?? []) walk(item, path === '' ? key : `${path}.${key}`);
  };
  walk(root, '');
  return found;
}

/** Reads all tensors of a structure; what was shared in the file is shared in the result. */
export async function materialize(root: unknown, context: LoadContext): Promise<unknown> {
  const made = new Map<object, unknown>();
  const build = async (value: unknown): Promise<unknown> => {
    if (typeof value !== 'object' || value === null) return value;
    if (made.has(value)) return made.get(value);
    let result: unknown = value;
    if (value instanceof StoredTensor) result = await value.read(context);
    else if (value instanceof Map) {
      const map = new Map<unknown, unknown>();
      for (const [key, item] of value) map.set(key, await build(item));
      result = map;
    } else if (Array.isArray(value)) {
      const list: unknown[] = [];
      for (const item of value) list.push(await build(item));
      result = list;
    } else if (value instanceof Set) {
      const set = new Set<unknown>();
      for (const item of value) set.add(await build(item));
      result = set;
    } else if (isPlain(value)) {
      const object = {};
      for (const [key, item] of Object.entries(value)) setField(object, key, await build(item));
      result = object;
    }
    made.set(value, result);
    return result;
  };
  return build(root);
}
