import { readElement, typedArray, writeElement, bytesOf, type Operand } from '@flambeau/core';

/** The bytes of an operand's storage. */
export const bytesOfOperand = (x: Operand): Uint8Array<ArrayBuffer> => x.storage.handle as Uint8Array<ArrayBuffer>;

/** The whole storage of an operand as elements of its dtype. */
export function elementsOf(x: Operand): ReturnType<typeof typedArray> {
  const bytes = bytesOfOperand(x);
  return typedArray(x.dtype, bytes.buffer, bytes.byteOffset, Math.floor(bytes.byteLength / bytesOf(x.dtype)));
}

/** Where each element lies in its storage, in row-major order of the indices. */
export function positions(x: Pick<Operand, 'shape' | 'strides' | 'offset' | 'count'>): Int32Array {
  const out = new Int32Array(x.count);
  if (x.count === 0) return out;
  out[0] = x.offset;
  let filled = 1;
  // Grow dimension by dimension, innermost first: the block so far is repeated at multiples of the stride.
  for (let d = x.shape.length - 1; d >= 0; d--) {
    for (let i = 1; i < x.shape[d]; i++) {
      const shift = i * x.strides[d];
      for (let j = 0; j < filled; j++) out[i * filled + j] = out[j] + shift;
    }
    filled *= x.shape[d];
  }
  return out;
}

/** All elements as float64, in row-major order. */
export function load(x: Operand): Float64Array {
  const source = elementsOf(x);
  const at = positions(x);
  const out = new Float64Array(x.count);
  if (source instanceof Float32Array || source instanceof Float64Array || source instanceof Int32Array)
    for (let i = 0; i < out.length; i++) out[i] = source[at[i]];
  else for (let i = 0; i < out.length; i++) out[i] = readElement(x.dtype, source, at[i]);
  return out;
}

/** Stores float64 values in row-major order, converting each once. */
export function store(out: Operand, values: ArrayLike<number>): void {
  const target = elementsOf(out);
  const at = positions(out);
  if (target instanceof Float32Array || target instanceof Float64Array) for (let i = 0; i < at.length; i++) target[at[i]] = values[i];
  else for (let i = 0; i < at.length; i++) writeElement(out.dtype, target, at[i], values[i]);
}

/** The int64 elements, exactly. */
export function loadExact(x: Operand): BigInt64Array {
  const source = elementsOf(x) as BigInt64Array;
  return BigInt64Array.from(positions(x), (at) => source[at]);
}

/** Stores int64 elements, exactly. */
export function storeExact(out: Operand, values: ArrayLike<bigint>): void {
  const target = elementsOf(out) as BigInt64Array;
  positions(out).forEach((at, i) => (target[at] = values[i]));
}

/** Where the slices along `dim` begin, for a contiguous block of `shape`, and the step along it. */
export function lanes(shape: readonly number[], dim: number): { starts: Int32Array; step: number; length: number } {
  const step = shape.slice(dim + 1).reduce((n, m) => n * m, 1);
  const length = shape[dim] ?? 1;
  const outer = shape.slice(0, dim).reduce((n, m) => n * m, 1);
  const starts = new Int32Array(outer * step);
  for (let i = 0; i < outer; i++) for (let j = 0; j < step; j++) starts[i * step + j] = i * length * step + j;
  return { starts, step, length };
}
