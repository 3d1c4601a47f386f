import { checkFunction, checkInput } from './checks.ts';
import { ArgumentError, OutOfMemoryError } from './errors.ts';
import type { Storage } from './storage.ts';
import { Tensor } from './tensor.ts';

/** What `make` gives, which needs so many bytes of the process. @throws OutOfMemoryError where JavaScript or the machine has no room for them */
export function inProcessMemory<T>(byteLength: number, make: () => T): T {
  try {
    return make();
  } catch (cause) {
    throw new OutOfMemoryError({
      op: 'allocate',
      expected: `room for ${byteLength} more bytes in the memory of the process`,
      received: 'none',
      hint: 'Release tensors with scope(() => ...), take smaller batches, or check the shape: it may be larger than was meant.',
      cause,
    });
  }
}

/** Storages made since the innermost open scope began; undefined outside any. */
let current: Storage[] | undefined;

/** Tells the innermost scope of a new storage. */
export function track(storage: Storage): void {
  if (current !== undefined) current.push(storage);
}

function close(made: Storage[], outer: Storage[] | undefined, handOver: boolean, isResult: (storage: Storage) => boolean): void {
  for (const storage of made) {
    if (storage.released || storage.kept) continue;
    if (isResult(storage)) {
      if (handOver) storage.internal = true;
      outer?.push(storage);
    } else {
      storage.internal = true;
      if (storage.pins === 0) storage.release();
    }
  }
}

/**
 * Runs library code whose tensors no caller sees, except those it returns; the rest is released at once. With `handOver`, what it returns
 * goes to other library code, and is released with its last pin.
 */
export function internalScope(run: () => (Tensor | undefined)[], handOver = false): (Tensor | undefined)[] {
  const outer = current;
  const made: Storage[] = [];
  current = made;
  let results: (Tensor | undefined)[] = [];
  try {
    results = run();
  } finally {
    current = outer;
    if (made.length > 0) {
      close(made, outer, handOver, (storage) => {
        for (const result of results) if (result !== undefined && result.storage === storage) return true;
        return false;
      });
    }
  }
  return results;
}

/** Runs `run` outside every scope: what it makes belongs to its caller until V8 collects it. */
export function outsideScopes<T>(run: () => T): T {
  checkFunction('outsideScopes', 'run', run);
  const outer = current;
  current = undefined;
  try {
    return run();
  } finally {
    current = outer;
  }
}

function collectStorages(value: unknown, into: Set<Storage>, seen: Set<object>): void {
  if (typeof value !== 'object' || value === null || seen.has(value)) return;
  seen.add(value);
  if (value instanceof Tensor) into.add(value.storage);
  else if (Array.isArray(value) || value instanceof Set) for (const item of value) collectStorages(item, into, seen);
  else if (value instanceof Map) for (const item of value.values()) collectStorages(item, into, seen);
  else if (Object.getPrototypeOf(value) === Object.prototype) for (const item of Object.values(value)) collectStorages(item, into, seen);
}

/**
 * Runs `body` and releases every tensor that it made, except those in its result (a tensor, or arrays, Maps, Sets and plain objects of them),
 * those passed to `keep`, gradients of leaves and state of optimizers.
 * @throws ArgumentError when `body` returns a promise: a scope is synchronous.
 */
export function scope<T>(body: () => T): T {
  checkFunction('scope', 'body', body);
  const outer = current;
  const made: Storage[] = [];
  current = made;
  const results = new Set<Storage>();
  try {
    const result = body();
    if (result instanceof Promise) {
      throw new ArgumentError({
        op: 'scope',
        expected: 'a synchronous function',
        received: 'a function that returns a promise',
        hint: 'Await outside, and put the synchronous part of the step into the scope.',
      });
    }
    collectStorages(result, results, new Set());
    return result;
  } finally {
    current = outer;
    close(made, outer, false, (storage) => results.has(storage));
  }
}

/** Keeps tensors beyond every open scope; returns its argument. */
export function keep<T extends Tensor>(tensor: T): T {
  checkInput('keep', tensor).storage.kept = true;
  return tensor;
}
