import { expect } from 'vitest';
import {
  Storage,
  bytesOf,
  contiguousStrides,
  fromBfloat16Bits,
  fromFloat16Bits,
  isFloat,
  numel,
  typedArray,
  writeElement,
  type Device,
  type DType,
  type Operand,
  type TypedArray,
} from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { createCpuDevice } from '@flambeau/backend-cpu';

// Operands made by hand, so that a kernel can be given any layout; each exists once on the reference backend and once on the CPU.

/** The engines that can run here. Without a compiler there is no native one, and its tests are skipped. */
export const engines = (['native', 'wasm'] as const).map((name) => {
  try {
    return { name, device: createCpuDevice(name).device, missing: false };
  } catch {
    return { name, device: reference, missing: true };
  }
});

type LayoutName = 'contiguous' | 'transposed' | 'expanded' | 'reversed' | 'sliced' | 'shifted';
export const layoutNames: readonly LayoutName[] = ['contiguous', 'transposed', 'expanded', 'reversed', 'sliced', 'shifted'];

interface MadeLayout {
  readonly strides: readonly number[];
  readonly offset: number;
  /** Elements that the storage needs. */
  readonly length: number;
}

function layoutOf(name: LayoutName, shape: readonly number[]): MadeLayout {
  const plain = contiguousStrides(shape);
  const count = numel(shape);
  switch (name) {
    case 'contiguous':
      return { strides: plain, offset: 0, length: count };
    case 'transposed':
      return { strides: contiguousStrides([...shape].reverse()).reverse(), offset: 0, length: count };
    case 'expanded':
      return { strides: plain.map((stride, i) => (i === 0 ? 0 : stride)), offset: 0, length: count };
    case 'reversed':
      return { strides: plain.map((stride) => -stride), offset: Math.max(0, count - 1), length: count };
    case 'sliced':
      return { strides: plain.map((stride) => 2 * stride), offset: 1, length: 2 * count + 1 };
    case 'shifted':
      return { strides: plain, offset: 3, length: count + 3 };
    default:
      return name satisfies never;
  }
}

/** The same tensor on both sides. */
export interface Pair {
  readonly reference: Operand;
  readonly cpu: Operand;
}

function operandOn(device: Device, dtype: DType, shape: readonly number[], layout: MadeLayout, bytes: Uint8Array): Operand {
  const storage = new Storage(device, bytes.byteLength, 'test');
  device.upload(storage, bytes, 0);
  return { storage, dtype, shape, strides: layout.strides, offset: layout.offset, count: numel(shape) };
}

/** Elements from `values`, which repeat to fill the storage. */
export function pair(
  device: Device,
  dtype: DType,
  shape: readonly number[],
  values: readonly number[],
  layoutName: LayoutName = 'contiguous',
): Pair {
  const layout = layoutOf(layoutName, shape);
  const bytes = new Uint8Array(layout.length * bytesOf(dtype));
  const elements = typedArray(dtype, bytes.buffer, 0, layout.length);
  for (let i = 0; i < layout.length; i++) writeElement(dtype, elements, i, values[i % values.length]);
  return { reference: operandOn(reference, dtype, shape, layout, bytes), cpu: operandOn(device, dtype, shape, layout, bytes) };
}

/** The whole storage of an operand, as its dtype. */
function stored(x: Operand): TypedArray {
  const { device, byteLength } = x.storage;
  const bytes = device.downloadSync?.(x.storage, 0, byteLength).slice() ?? new Uint8Array();
  return typedArray(x.dtype, bytes.buffer, 0, byteLength / bytesOf(x.dtype));
}

const asNumber = (dtype: DType, value: number | bigint): number =>
  dtype === 'float16' ? fromFloat16Bits(Number(value)) : dtype === 'bfloat16' ? fromBfloat16Bits(Number(value)) : Number(value);

const spacing: Partial<Record<DType, { digits: number; least: number }>> = {
  float16: { digits: 10, least: 2 ** -24 },
  bfloat16: { digits: 7, least: 2 ** -133 },
  float32: { digits: 23, least: 2 ** -149 },
  float64: { digits: 52, least: 2 ** -1074 },
};

/** The distance between neighbouring floats at a value. */
function ulp(dtype: DType, value: number): number {
  const { digits, least } = spacing[dtype] ?? { digits: 0, least: 1 };
  const magnitude = Math.abs(value);
  return magnitude === 0 ? least : Math.max(least, 2 ** (Math.floor(Math.log2(magnitude)) - digits));
}

/** Compares the storages of both sides, elements around a strided view included: bit for bit, floats within `ulps` or `absolute`. */
export function expectSame(label: string, made: Pair, ulps = 0, absolute = 0): void {
  const { dtype } = made.reference;
  const [wanted, got] = [stored(made.reference), stored(made.cpu)];
  const wrong: string[] = [];
  for (let i = 0; i < wanted.length; i++) {
    if (!isFloat(dtype)) {
      if (wanted[i] !== got[i]) wrong.push(`[${i}] ${wanted[i]} but ${got[i]}`);
      continue;
    }
    const [p, q] = [asNumber(dtype, wanted[i]), asNumber(dtype, got[i])];
    // Zeros have signs.
    const near =
      Object.is(p, q) ||
      (p !== q && Math.abs(p - q) <= ulps * ulp(dtype, p) + absolute) ||
      (p === q && p !== 0) ||
      (p === q && absolute > 0);
    // One side may overflow where the other just does not.
    const edge = ulps > 0 && Math.abs(p) === Infinity && Math.abs(q) >= 0.999999 * 3.4028234e38 && p > 0 === q > 0;
    if (!near && !edge) wrong.push(`[${i}] ${p} but ${q}`);
  }
  expect(wrong.slice(0, 5), `${label} (${dtype}, ${wrong.length} of ${wanted.length} differ)`).toEqual([]);
}

/** Values that each kind of dtype is tried with. */
export const values: Record<'float' | 'integer' | 'unsigned' | 'byte' | 'bool', readonly number[]> = {
  float: [
    0.5,
    -1.25,
    3,
    0,
    -0,
    2.5,
    -7.75,
    1e-3,
    -0.625,
    10,
    88,
    -88,
    0.1,
    NaN,
    1,
    -1,
    Infinity,
    -Infinity,
    1.5,
    -2.5,
    100,
    1e-30,
    0.9,
    20.25,
  ],
  integer: [3, -2, 7, 0, 1, -1, 100, -100, 5, 2, 12, -7, 31, 64, -128, 127],
  unsigned: [3, 2, 7, 0, 1, 2 ** 32 - 1, 100, 5, 12, 2 ** 31, 64, 3e9],
  byte: [3, 2, 7, 0, 1, 255, 100, 5, 12, 31, 64, 128],
  bool: [1, 0, 1, 1, 0],
};
export function valuesOf(dtype: DType): readonly number[] {
  if (isFloat(dtype)) return values.float;
  if (dtype === 'bool') return values.bool;
  return dtype === 'uint8' ? values.byte : dtype === 'uint32' ? values.unsigned : values.integer;
}

/** All layouts for float32, three for the others. */
export const layoutsOf = (dtype: DType): readonly LayoutName[] =>
  dtype === 'float32' ? layoutNames : ['contiguous', 'transposed', 'sliced'];

/** Shapes that matter: empty, scalar, short and long rows, rows shorter than a vector, more than a buffer holds. */
export const shapes: readonly (readonly number[])[] = [
  [],
  [1],
  [7],
  [0],
  [2, 0, 3],
  [3, 5],
  [4, 1, 3],
  [2, 3, 4],
  [40, 33],
  [1300],
  [3, 700],
];
const fewShapes: readonly (readonly number[])[] = [[], [0], [7], [2, 3, 4], [3, 700]];
/** All shapes for float32; the paths of the other dtypes differ by their elements only. */
export const shapesOf = (dtype: DType): readonly (readonly number[])[] => (dtype === 'float32' ? shapes : fewShapes);
