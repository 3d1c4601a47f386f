import { readData, Tensor, type DType } from '@flambeau/core';
import type { Encoded, Expected } from './cases.ts';
import { kindOf, type Pack } from './pack.ts';

/** Where PyTorch's rule leaves room: see cases/README.md. */
export interface Freedom {
  /** Floats and integers are compared by value alone. */
  readonly anyKind?: boolean;
  readonly relative?: number;
  readonly absolute?: number;
}

const show = (shape: readonly number[]): string => `[${shape.join(', ')}]`;

/** Flattens what a function returned into tensors and plain values, in order. */
export function flatten(value: unknown): unknown[] {
  if (value instanceof Tensor || value === null || value === undefined || typeof value !== 'object')
    return value === undefined ? [] : [value];
  if (value instanceof Map) return [...(value as Map<unknown, unknown>).values()].flatMap(flatten);
  if (Array.isArray(value)) return value.flatMap(flatten);
  return Object.values(value).flatMap(flatten);
}

/** The first difference between our numbers and the expected ones, or undefined. */
export function difference(
  ours: ArrayLike<number | bigint>,
  expected: ArrayLike<number | bigint>,
  float: boolean,
  slack: number,
  freedom: Freedom,
): string | undefined {
  const { relative = 1e-4, absolute = 1e-5 } = freedom;
  let worst = 0;
  let text: string | undefined;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [Number(ours[i]), Number(expected[i])];
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    if (!float) {
      return `element ${i} is ${a}, expected ${b}`;
    }
    const error = Math.abs(a - b);
    const excess = error / (absolute + relative * Math.abs(b) + 8 * slack);
    if (!(excess <= 1) && !(excess <= worst)) {
      worst = Number.isNaN(excess) ? Infinity : excess;
      text = `element ${i} is ${a}, expected ${b} (error ${error.toExponential(1)})`;
    }
  }
  return text;
}

/** Compares a tensor with an expected one: shape, kind of dtype, values. Undefined when it passes. */
export async function compareTensor(ours: unknown, expected: Expected, pack: Pack, freedom: Freedom = {}): Promise<string | undefined> {
  if (expected.tensor === undefined) return compareValue(ours, expected.value ?? null);
  const { dtype, shape } = pack.entry(expected.tensor);
  if (!(ours instanceof Tensor)) return `${String(ours)} is no tensor`;
  if (show(ours.shape) !== show(shape)) return `shape is ${show(ours.shape)}, expected ${show(shape)}`;
  const [kind, wanted] = [kindOf(ours.dtype), kindOf(dtype)];
  if (kind !== wanted && !(freedom.anyKind && kind !== 'bool' && wanted !== 'bool')) return `dtype is ${ours.dtype}, expected ${wanted}`;
  const values = (await readData(ours)) as ArrayLike<number | bigint>;
  return difference(values, pack.values(expected.tensor), wanted === 'float', expected.slack ?? 0, freedom);
}

function decodeValue(value: Encoded): unknown {
  if (typeof value === 'object' && value !== null && 'float' in value) {
    return { inf: Infinity, '-inf': -Infinity, nan: NaN }[(value as { float: string }).float];
  }
  if (typeof value === 'object' && value !== null && 'int' in value) return Number((value as { int: string }).int);
  if (typeof value === 'object' && value !== null && 'dtype' in value) return (value as { dtype: DType }).dtype;
  return value;
}

/** Compares a plain value; a tensor of one element stands for its value. */
export async function compareValue(ours: unknown, expected: Encoded): Promise<string | undefined> {
  const wanted = decodeValue(expected);
  let value = ours;
  if (ours instanceof Tensor) {
    if (ours.count !== 1) return `a tensor of shape ${show(ours.shape)}, expected ${String(wanted)}`;
    const [first] = (await readData(ours)) as ArrayLike<number | bigint> as readonly (number | bigint)[];
    value = typeof wanted === 'boolean' ? Number(first) !== 0 : Number(first);
  }
  if (value instanceof Promise) value = (await value) as unknown;
  if (typeof wanted === 'number' && typeof value === 'number') {
    if (Number.isInteger(wanted) && value === wanted) return undefined;
    return difference([value], [wanted], true, 0, {});
  }
  return Object.is(value, wanted) ? undefined : `${String(value)}, expected ${String(wanted)}`;
}

/** Compares a gradient; a missing one is zero. */
export async function compareGradient(ours: Tensor | undefined, expected: Expected | null, pack: Pack): Promise<string | undefined> {
  if (expected === null || expected.tensor === undefined) {
    if (ours === undefined) return undefined;
    const values = (await readData(ours)) as ArrayLike<number | bigint>;
    const at = Array.from(values).findIndex((v) => Number(v) !== 0);
    return at < 0 ? undefined : `element ${at} is ${Number(values[at])}, expected none`;
  }
  if (ours === undefined) {
    const values = pack.values(expected.tensor);
    const zeros = new Float64Array(values.length);
    const found = difference(zeros, values, true, expected.slack ?? 0, {});
    return found === undefined ? undefined : `no gradient, expected one: ${found}`;
  }
  return compareTensor(ours, expected, pack);
}
