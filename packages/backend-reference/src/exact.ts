import { ValueError, bytesOf, isInteger, type BinaryName, type Operand, type ReduceName, type UnaryName } from '@flambeau/core';
import { elementsOf, lanes, positions } from './elements.ts';
import { exactBinary } from './scalar.ts';

// Integers of 32 and 64 bits whose products leave the 53 bits of a float64: computed with BigInt, wrapping around.

/** The elements of an integer or bool operand. */
export function loadIntegers(x: Operand): BigInt64Array {
  const source = elementsOf(x);
  return BigInt64Array.from(positions(x), (at) => BigInt(source[at]));
}

/** Stores integers into any dtype: integers wrap around, bool is `value != 0`. */
export function storeIntegers(out: Operand, values: ArrayLike<bigint>): void {
  const target = elementsOf(out);
  const bits = 8 * bytesOf(out.dtype);
  positions(out).forEach((at, i) => {
    if (out.dtype === 'int64') target[at] = values[i];
    else if (out.dtype === 'bool') target[at] = values[i] === 0n ? 0 : 1;
    else target[at] = Number(isInteger(out.dtype) ? BigInt.asIntN(bits, values[i]) : values[i]);
  });
}

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);
const flag = (condition: boolean): bigint => (condition ? 1n : 0n);

/** Unary functions that keep integers integers. */
export const exactUnary: Partial<Record<UnaryName, (x: bigint) => bigint>> = {
  neg: (x) => wrap(-x),
  abs: (x) => (x < 0n ? wrap(-x) : x),
  sign: (x) => (x > 0n ? 1n : x < 0n ? -1n : 0n),
  square: (x) => wrap(x * x),
  relu: (x) => (x > 0n ? x : 0n),
  bitwiseNot: (x) => ~x,
};

function divisor(op: string, b: bigint): bigint {
  if (b !== 0n) return b;
  throw new ValueError({ op, expected: 'a divisor that is not zero for integers', received: '0', hint: 'Cast to float32 for infinities.' });
}

function floorDivide(a: bigint, b: bigint): bigint {
  const quotient = a / divisor('floorDivide', b);
  return a % b !== 0n && a < 0n !== b < 0n ? quotient - 1n : quotient;
}

function remainder(a: bigint, b: bigint): bigint {
  const rest = a % divisor('remainder', b);
  return rest !== 0n && rest < 0n !== b < 0n ? rest + b : rest;
}

/** By squaring, so that no number grows past 128 bits. A negative exponent leaves 1 and -1, and 0 of all others. */
function power(a: bigint, b: bigint): bigint {
  if (b < 0n) return a === 1n ? 1n : a === -1n ? (b % 2n === 0n ? 1n : -1n) : 0n;
  let [result, base] = [1n, a];
  for (let rest = b; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = wrap(result * base);
    base = wrap(base * base);
  }
  return result;
}

/** Binary functions of integers; the comparing ones give 0 or 1. */
export const exactPairs: Partial<Record<BinaryName, (a: bigint, b: bigint) => bigint>> = {
  ...exactBinary,
  floorDivide,
  truncDivide: (a, b) => a / divisor('div', b),
  remainder,
  fmod: (a, b) => a % divisor('fmod', b),
  pow: power,
  eq: (a, b) => flag(a === b),
  ne: (a, b) => flag(a !== b),
  lt: (a, b) => flag(a < b),
  le: (a, b) => flag(a <= b),
  gt: (a, b) => flag(a > b),
  ge: (a, b) => flag(a >= b),
};

const lane: Partial<Record<ReduceName, (a: bigint, b: bigint) => bigint>> = {
  sum: (a, b) => wrap(a + b),
  prod: (a, b) => wrap(a * b),
  max: (a, b) => (a > b ? a : b),
  min: (a, b) => (a < b ? a : b),
};
const start: Partial<Record<ReduceName, bigint>> = { sum: 0n, prod: 1n, max: -(2n ** 63n), min: 2n ** 63n - 1n };

/** True where a kernel on this dtype needs BigInt: always for int64 and uint32, whose bits are not JavaScript's, for int32 where products are made. */
export const needsExact = (x: Operand, multiplies = false): boolean =>
  x.dtype === 'int64' || x.dtype === 'uint32' || (multiplies && x.dtype === 'int32');

/** `reduce` for integers; false when the reduction has no exact form. `at` says which total each element belongs to. */
export function reduceExactly(name: ReduceName, x: Operand, out: Operand, at: Int32Array): boolean {
  const [combine, first] = [lane[name], start[name]];
  if (combine === undefined || first === undefined) return false;
  const totals = new BigInt64Array(out.count).fill(first);
  loadIntegers(x).forEach((value, i) => (totals[at[i]] = combine(totals[at[i]], value)));
  storeIntegers(out, totals);
  return true;
}

/** `scan` for integers. */
export function scanExactly(
  name: 'sum' | 'prod' | 'max' | 'min',
  x: Operand,
  out: Operand,
  indices: Operand | undefined,
  dim: number,
): void {
  const values = loadIntegers(x);
  const where = new BigInt64Array(values.length);
  const combine = lane[name] as (a: bigint, b: bigint) => bigint;
  const { starts, step, length } = lanes(x.shape, dim);
  for (const begin of starts) {
    let record = 0;
    for (let i = 1; i < length; i++) {
      const [here, before] = [begin + i * step, begin + (i - 1) * step];
      if (name === 'max' ? values[here] >= values[before] : values[here] <= values[before]) record = i;
      values[here] = combine(values[before], values[here]);
      where[here] = BigInt(record);
    }
  }
  storeIntegers(out, values);
  if (indices !== undefined) storeIntegers(indices, where);
}

/** `matmul` for integers. */
export function matmulExactly(a: Operand, b: Operand, out: Operand): void {
  const [p, q, r] = [loadIntegers(a), loadIntegers(b), new BigInt64Array(out.count)];
  const [m, n] = [out.shape[out.shape.length - 2], out.shape[out.shape.length - 1]];
  const inner = a.shape[a.shape.length - 1];
  for (let i = 0; i < out.count; i++) {
    const [batch, row, column] = [Math.floor(i / (m * n)), Math.floor((i % (m * n)) / n), i % n];
    let sum = 0n;
    for (let k = 0; k < inner; k++) sum += p[(batch * m + row) * inner + k] * q[(batch * inner + k) * n + column];
    r[i] = sum;
  }
  storeIntegers(out, r);
}

/** `scatter` that combines, for integers: `at` are places in the storage of the target. */
export function scatterExactly(name: 'add' | 'prod' | 'max' | 'min', target: Operand, at: Int32Array, src: Operand): void {
  const into = elementsOf(target);
  const bits = 8 * bytesOf(target.dtype);
  const combine = lane[name === 'add' ? 'sum' : name] as (a: bigint, b: bigint) => bigint;
  loadIntegers(src).forEach((value, i) => {
    const total = combine(BigInt(into[at[i]]), value);
    into[at[i]] = target.dtype === 'int64' ? total : Number(BigInt.asIntN(bits, total));
  });
}

/** `sort` for integers. */
export function sortExactly(x: Operand, dim: number, descending: boolean, values: Operand, indices: Operand): void {
  const numbers = loadIntegers(x);
  const [sorted, order] = [new BigInt64Array(numbers.length), new BigInt64Array(numbers.length)];
  const { starts, step, length } = lanes(x.shape, dim);
  for (const begin of starts) {
    const value = (i: number): bigint => numbers[begin + i * step];
    const before = (i: number, j: number): number => (value(i) < value(j) ? -1 : value(i) > value(j) ? 1 : 0);
    const ranks = Array.from({ length }, (_, i) => i).sort((i, j) => (descending ? before(j, i) : before(i, j)) || i - j);
    ranks.forEach((rank, i) => {
      sorted[begin + i * step] = value(rank);
      order[begin + i * step] = BigInt(rank);
    });
  }
  storeIntegers(values, sorted);
  storeIntegers(indices, order);
}
