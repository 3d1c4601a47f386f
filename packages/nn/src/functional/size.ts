import { ArgumentError, describe } from '@flambeau/core';

/** A number for every spatial dimension, or one for each. */
export type Size = number | readonly number[];

/** Spreads a number over `dims` dimensions. @throws ArgumentError when an array has another length or a value is too small. */
export function spread(op: string, name: string, value: unknown, dims: number, least = 0): number[] {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const list = given.length === 1 ? new Array<unknown>(dims).fill(given[0]) : [...given];
  if (list.length !== dims || list.some((n) => !Number.isInteger(n) || (n as number) < least)) {
    throw new ArgumentError({ op, expected: `${name} as an integer of at least ${least}, or ${dims} of them`, received: describe(value) });
  }
  return list as number[];
}

export const product = (values: readonly number[]): number => values.reduce((n, m) => n * m, 1);
