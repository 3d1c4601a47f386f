import { checkFunction, ArgumentError } from '@flambeau/core';

let recording = true;

/** True when ops are recorded for `backward`. */
export const isGradEnabled = (): boolean => recording;

/** Switches recording and returns what it was before: for the hot path, which restores it in a `finally` without making a closure. */
export function setRecording(enabled: boolean): boolean {
  const before = recording;
  recording = enabled;
  return before;
}

/** Runs `body` with recording on or off. For library code: it trusts `body` to be synchronous. */
export function withRecording<T>(enabled: boolean, body: () => T): T {
  const outer = recording;
  recording = enabled;
  try {
    return body();
  } finally {
    recording = outer;
  }
}

function checked<T>(op: string, enabled: boolean, body: () => T): T {
  if (typeof body !== 'function') checkFunction(op, 'body', body);
  const result = withRecording(enabled, body);
  if (result instanceof Promise) {
    // The promise is not this function's to handle, but it must not be lost as an unhandled rejection either.
    result.catch(() => undefined);
    throw new ArgumentError({
      op,
      expected: 'a synchronous function',
      received: 'a function that returns a promise',
      hint: 'The mode would end before the promise does: wrap the synchronous parts, and await between them.',
    });
  }
  return result;
}

/** Runs `body` without recording: nothing that it computes has a gradient. @throws ArgumentError when `body` returns a promise. */
export const noGrad = <T>(body: () => T): T => checked('noGrad', false, body);

/** Runs `body` with recording, inside a `noGrad`. @throws ArgumentError when `body` returns a promise. */
export const enableGrad = <T>(body: () => T): T => checked('enableGrad', true, body);

/** Runs `body` with recording on or off. */
export const setGradEnabled = <T>(enabled: boolean, body: () => T): T => checked('setGradEnabled', enabled, body);
