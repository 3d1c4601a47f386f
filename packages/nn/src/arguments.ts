import { ArgumentError, describe } from '@flambeau/core';

/** @throws ArgumentError unless the value is a positive integer. */
export function positiveInteger(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value;
  throw new ArgumentError({ op, expected: `${name} as a positive integer`, received: describe(value) });
}

/** @throws ArgumentError unless the value lies between 0 and 1. */
export function probability(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value;
  throw new ArgumentError({ op, expected: `${name} between 0 and 1`, received: describe(value) });
}

/** @throws ArgumentError unless the value is true or false. */
export function boolean(op: string, name: string, value: unknown): boolean {
  if (typeof value === 'boolean') return value;
  throw new ArgumentError({ op, expected: `${name} as true or false`, received: describe(value) });
}
