import type { RegisterType } from '../wgsl.ts';

/** A place in an operand that moves by `step` with each k. */
export interface Walk {
  /** The name of the variable that holds the place. */
  readonly name: string;
  /** Where it is for k = 0. */
  readonly from: string;
  readonly step: string;
}

/** Terms up to which a sum is written out, with neither a loop nor its count. */
const written = 4;

/** What the code of a sum of so many terms depends on: part of the key of a program that uses it. */
export const sumClass = (terms: number): string => (terms <= written ? String(terms) : terms % 4 === 0 ? 'quads' : 'quads and rest');

/**
 * Code that declares `sum` and adds a term for each k up to the word `count`, which is `terms`: four at a time, whose loads the GPU has under way
 * together. `term` is written over the places of one k.
 */
export function sumOf(
  type: RegisterType,
  terms: number,
  count: string,
  walks: readonly Walk[],
  term: (...places: string[]) => string,
): string {
  const at = (k: number): string => term(...walks.map(({ name }) => (k === 0 ? name : `${name} + ${k} * ${name}Step`)));
  const added = (n: number): string => Array.from({ length: n }, (_, k) => at(k)).join(' + ');
  const begin = walks.map(({ name, from, step }) => `var ${name} = ${from}; let ${name}Step = ${step};`).join(' ');
  if (terms <= written) return `${begin}\n  let sum = ${terms === 0 ? `${type}(0)` : added(terms)};`;
  const move = (n: number): string => walks.map(({ name }) => `${name} += ${n === 1 ? '' : `${n} * `}${name}Step;`).join(' ');
  const rest = terms % 4 === 0 ? '' : `for (; k < count; k++) { sum += ${at(0)}; ${move(1)} }`;
  return `${begin}
  let count = ${count};
  var sum = ${type}(0);
  var k = 0;
  for (; k + 3 < count; k += 4) { sum += ${added(4)}; ${move(4)} }
  ${rest}`;
}
