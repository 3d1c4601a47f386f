import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setDefaultDevice, Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { afterAll, expect } from 'vitest';

setDefaultDevice(reference);

/** The path of a file that PyTorch or NumPy wrote. */
export const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}`, import.meta.url));

/** A folder of this test file, removed at its end. */
export const scratch: string = mkdtempSync(join(tmpdir(), 'flambeau-serialization-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
export const scratchFile = (name: string): string => join(scratch, name);

/** Values as plain numbers. */
export const numbersOf = (x: Tensor): number[] => Array.from(x.dataSync(), Number);

/** Values as they are, bigints among them. */
export const valuesOf = (x: Tensor): (number | bigint)[] => Array.from<number | bigint>(x.dataSync() as ArrayLike<number | bigint>);

/** Expects dtype, shape and every value to be the same. */
export function expectSame(actual: unknown, expected: Tensor): void {
  expect(actual).toBeInstanceOf(Tensor);
  const x = actual as Tensor;
  expect([x.dtype, x.shape]).toEqual([expected.dtype, [...expected.shape]]);
  const [values, wanted] = [x.dataSync() as ArrayLike<number | bigint>, expected.dataSync() as ArrayLike<number | bigint>];
  // Large tensors are compared one by one, and spelled out only where they differ.
  for (let i = 0; i < wanted.length; i++) if (!Object.is(values[i], wanted[i])) return expect(valuesOf(x)).toEqual(valuesOf(expected));
  expect(values.length).toBe(wanted.length);
}

/** The largest difference between two tensors of one shape. */
export function largestDifference(a: Tensor, b: Tensor): number {
  expect(a.shape).toEqual([...b.shape]);
  const [p, q] = [numbersOf(a), numbersOf(b)];
  return p.reduce((most, value, i) => Math.max(most, Math.abs(value - q[i])), 0);
}

/** The code of the error that a promise is rejected with. */
export async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return String((error as { code?: unknown }).code);
  }
  return 'no error';
}
