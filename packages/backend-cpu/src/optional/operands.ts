import type { Operand } from '@flambeau/core';

/** True when the elements lie one after the other in row-major order. */
export function isRowMajor({ shape, strides, count }: Operand): boolean {
  if (count === 0) return true;
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const n = shape[i];
    if (n !== 1 && strides[i] !== step) return false;
    step *= n;
  }
  return true;
}

/** True for float32 operands. */
export const isFloat32 = (x: Operand): boolean => x.dtype === 'float32';

/** True for float32 operands whose elements lie one after the other. */
export const isPlain = (x: Operand): boolean => x.dtype === 'float32' && isRowMajor(x);

/** True when every operand is float32 and lies one element after the other. */
export function arePlain(inputs: readonly Operand[]): boolean {
  for (let i = 0; i < inputs.length; i++) if (!isPlain(inputs[i])) return false;
  return true;
}
