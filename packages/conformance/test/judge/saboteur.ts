// Loaded into the judge's processes by judge.test.ts: operators that behave as badly as an operator can.
import { ArgumentError, AsyncOnlyError, NotSupportedError, Tensor } from '@flambeau/core';

const details = { op: 'saboteur', expected: 'nothing of the kind' };
const operators: Readonly<Record<string, () => unknown>> = {
  exitsAtOnce: () => process.exit(7),
  isKilled: () => process.kill(process.pid, 'SIGKILL') && undefined,
  // It blocks the thread, as an endless loop does, and burns nothing.
  neverReturns: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0),
  neverSettles: () => new Promise(() => undefined),
  throwsATypeError: () => (undefined as unknown as { x: number }).x,
  isNotSupported: () => {
    throw new NotSupportedError(details);
  },
  isAsynchronous: () => {
    throw new AsyncOnlyError(details);
  },
  isRefused: () => {
    throw new ArgumentError(details);
  },
};
for (const [name, value] of Object.entries(operators)) Object.defineProperty(Tensor.prototype, name, { value });
