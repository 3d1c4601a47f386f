import { contiguousStrides, type Operand } from '@flambeau/core';

/** True when the elements lie one after the other in row-major order. */
export function isRowMajor({ shape, strides, count }: Operand): boolean {
  if (count === 0) return true;
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    if (shape[i] !== 1 && strides[i] !== step) return false;
    step *= shape[i];
  }
  return true;
}

/** True for float32 operands whose elements lie one after the other. */
export const isPlain = (x: Operand): boolean => x.dtype === 'float32' && isRowMajor(x);

/** True when every operand is float32 and lies one element after the other, and there are elements. */
export const arePlain = (inputs: readonly Operand[]): boolean => inputs.every((x) => isPlain(x) && x.count > 0);

/** The same elements in another shape; only for what lies row-major. */
export const reshaped = (x: Operand, shape: readonly number[]): Operand => ({
  storage: x.storage,
  dtype: x.dtype,
  count: x.count,
  offset: x.offset,
  shape,
  strides: contiguousStrides(shape),
});

/** The same elements with two dimensions swapped. */
export function transposed(x: Operand, p: number, q: number): Operand {
  const swap = (list: readonly number[]): number[] => list.map((v, i) => (i === p ? list[q] : i === q ? list[p] : v));
  return { storage: x.storage, dtype: x.dtype, count: x.count, offset: x.offset, shape: swap(x.shape), strides: swap(x.strides) };
}
