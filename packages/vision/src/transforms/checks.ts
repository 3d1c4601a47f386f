import { ArgumentError, checkArray, checkNumber, describe } from '@flambeau/core';
import type { Transform } from './transform.ts';

// What the constructors of transforms ask of their arguments, so that a mistake shows where it is made and not in the middle of an epoch.

/** A number for both sides, or height and width. */
export type ImageSize = number | readonly [height: number, width: number];

/** @throws ArgumentError unless `size` is a positive integer or a pair of them */
export function checkSize(op: string, size: ImageSize): ImageSize {
  const sides: readonly unknown[] = Array.isArray(size) ? size : [size, size];
  if (sides.length === 2 && sides.every((side) => Number.isInteger(side) && (side as number) > 0)) return size;
  throw new ArgumentError({ op, expected: 'a positive integer, or height and width', received: describe(size) });
}

/** @throws ArgumentError unless `p` is a number from 0 to 1 */
export function checkProbability(op: string, p: unknown): number {
  if (typeof p === 'number' && p >= 0 && p <= 1) return p;
  throw new ArgumentError({ op, expected: 'a probability from 0 to 1', received: describe(p) });
}

/** @throws ArgumentError unless `values` is an array of numbers, one at least */
export function checkNumbers(op: string, name: string, values: readonly number[]): readonly number[] {
  for (const value of checkArray(op, name, values)) checkNumber(op, `each of ${name}`, value);
  if (values.length === 0) throw new ArgumentError({ op, expected: `${name} to hold a number at least`, received: 'none' });
  return values;
}

/** @throws ArgumentError unless `range` holds two numbers from `least` on, the smaller one first */
export function checkRange(op: string, name: string, range: readonly [number, number], least: number): readonly [number, number] {
  const [low, high] = checkNumbers(op, name, range);
  if (range.length === 2 && low >= least && low <= high) return range;
  throw new ArgumentError({ op, expected: `${name} to be a range [low, high] from ${least} on`, received: describe(range) });
}

/** @throws ArgumentError unless `transforms` is an array of transforms */
export function checkTransforms(op: string, transforms: readonly Transform[]): readonly Transform[] {
  for (const [i, transform] of checkArray(op, 'the transforms', transforms).entries()) {
    if (typeof (transform as Partial<Transform> | null | undefined)?.apply !== 'function')
      throw new ArgumentError({ op, expected: `transform ${i} to have a method apply`, received: describe(transform) });
  }
  return transforms;
}
