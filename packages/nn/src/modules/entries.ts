import { ArgumentError, describe } from '@flambeau/core';

/** @throws ArgumentError unless `value` is a plain object of members, or an iterable of pairs [name, member] */
export function checkEntries(op: string, value: unknown): void {
  const fits =
    typeof value === 'object' &&
    value !== null &&
    (!(Symbol.iterator in value) || [...(value as Iterable<unknown>)].every((entry) => Array.isArray(entry) && entry.length === 2));
  if (!fits) throw new ArgumentError({ op, expected: 'an object, or pairs [name, member]', received: describe(value) });
}
