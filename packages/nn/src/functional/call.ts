import { ArgumentError, describe, Tensor } from '@flambeau/core';

export { readCall, type Call } from '@flambeau/core';

/** @throws ArgumentError unless `value` is a tensor. */
export function checkTensor(op: string, name: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) {
    throw new ArgumentError({ op, expected: `${name} as a tensor`, received: describe(value), hint: 'Make one with tensor(values).' });
  }
}

/** @throws ArgumentError unless `value` is a number (an infinity is one, NaN is not). */
export function checkNumber(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new ArgumentError({ op, expected: `${name} as a number`, received: describe(value) });
}

/** @throws ArgumentError unless `value` is one of `choices`. */
export function checkChoice<T extends string>(op: string, name: string, value: unknown, choices: readonly T[]): asserts value is T {
  if (!(choices as readonly unknown[]).includes(value)) {
    throw new ArgumentError({ op, expected: `${name} as one of ${choices.join(', ')}`, received: describe(value) });
  }
}
