import { ArgumentError, describe } from '@flambeau/core';

/** A number for every spatial dimension, or one for each. */
export type Size = number | readonly number[];

/** Spreads a number over `dims` dimensions. @throws ArgumentError when an array has another length or a value is too small. */
export function spread(op: string, name: string, value: unknown, dims: number, least = 0): number[] {
  const given: readonly unknown[] = Array.isArray(value) ? value : [value];
  const list = new Array<number>(dims);
  let fits = given.length === 1 || given.length === dims;
  for (let i = 0; fits && i < dims; i++) {
    const n = given[given.length === 1 ? 0 : i] as number;
    fits = Number.isInteger(n) && n >= least;
    list[i] = n;
  }
  if (!fits) {
    throw new ArgumentError({ op, expected: `${name} as an integer of at least ${least}, or ${dims} of them`, received: describe(value) });
  }
  return list;
}

export const product = (values: readonly number[]): number => values.reduce((n, m) => n * m, 1);
