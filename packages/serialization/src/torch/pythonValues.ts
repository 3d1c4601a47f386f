import { describeValue, FileError, type FilePlace } from '../errors.ts';
import { setField } from '../stored.ts';

/** A global that a pickle named and that is allowed. */
export class PickleGlobal<T> {
  readonly name: string;
  readonly value: T;

  constructor(name: string, value: T) {
    this.name = name;
    this.value = value;
  }
}

/** A Python tuple, which becomes an array when the reading ends. */
export class Tuple {
  readonly items: readonly unknown[];

  constructor(items: readonly unknown[]) {
    this.items = items;
  }
}

/** A Python dict while it is being filled. */
export class Dict {
  /** Made with the first entry: a pickle may name very many dicts in as many bytes. */
  private filled: Map<unknown, unknown> | undefined;
  /** An OrderedDict becomes a Map, a dict a plain object where its keys allow it. */
  readonly ordered: boolean;

  constructor(ordered: boolean) {
    this.ordered = ordered;
    this.filled = undefined;
  }

  get entries(): ReadonlyMap<unknown, unknown> {
    return this.filled ?? none;
  }

  set(key: unknown, value: unknown): void {
    this.filled ??= new Map();
    this.filled.set(key, value);
  }
}
const none: ReadonlyMap<unknown, unknown> = new Map();

/** A Python set while it is being filled. */
export class PySet {
  readonly items: unknown[];

  constructor(items: readonly unknown[]) {
    this.items = [...items];
  }
}

/**
 * Tuples become arrays, dicts Maps or plain objects, and a global that was named but not called stands for its name.
 * Shared containers stay shared; `leaf` tells what any other object becomes. It does not descend by recursion, so depth costs no stack; cycles are found later.
 */
export function finish(root: unknown, place: FilePlace, leaf: (value: object) => unknown): unknown {
  const made = new Map<object, unknown>();
  const pending: (() => void)[] = [];
  const convert = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    const known = made.get(value);
    if (known !== undefined) return known;
    if (value instanceof PickleGlobal) return value.name;
    let result: unknown = value;
    if (value instanceof Tuple || Array.isArray(value)) {
      const list: unknown[] = [];
      result = list;
      const items: readonly unknown[] = value instanceof Tuple ? value.items : (value as unknown[]);
      pending.push(() => {
        for (const item of items) list.push(convert(item));
      });
    } else if (value instanceof Dict) {
      const { entries, ordered } = value;
      const target: Map<unknown, unknown> | object = ordered || !objectKeys(entries) ? new Map<unknown, unknown>() : {};
      result = target;
      pending.push(() => {
        for (const [key, item] of entries) {
          if (target instanceof Map) target.set(keyOf(key, place), convert(item));
          else setField(target, String(key), convert(item));
        }
      });
    } else if (value instanceof PySet) {
      const set = new Set<unknown>();
      result = set;
      const { items } = value;
      pending.push(() => {
        for (const item of items) set.add(convert(item));
      });
    } else result = leaf(value);
    made.set(value, result);
    return result;
  };
  const result = convert(root);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) next();
  return result;
}

/** True when all keys can be the keys of a plain object: strings and non-negative integers that do not meet. */
function objectKeys(entries: ReadonlyMap<unknown, unknown>): boolean {
  const names = new Set<string>();
  for (const key of entries.keys()) {
    if (typeof key !== 'string' && !(typeof key === 'number' && Number.isInteger(key) && key >= 0)) return false;
    names.add(String(key));
  }
  return names.size === entries.size;
}

/** A key as JavaScript can compare it: a tuple of numbers or strings becomes its text. */
function keyOf(key: unknown, place: FilePlace): unknown {
  if (
    key instanceof Tuple &&
    key.items.length <= 64 &&
    key.items.every((item) => (typeof item === 'string' && item.length <= 1000) || typeof item === 'number')
  )
    return `(${key.items.join(', ')})`;
  if (typeof key === 'object' && key !== null)
    throw new FileError('FILE_NOT_SUPPORTED', place, {
      expected: 'keys that are strings, numbers, booleans, None or short tuples of them',
      received: describeValue(key),
    });
  return key;
}
