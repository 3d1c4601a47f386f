import type { Op } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { binary, defineBinary, type BinaryAttrs, type TensorOrNumber } from './arithmetic.ts';

// Comparisons and logic give bool, bitwise ops keep integers; none has a gradient.

const comparing = (name: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'logicalAnd' | 'logicalOr' | 'logicalXor'): Op<BinaryAttrs> =>
  defineBinary(name, { result: 'bool' });

export const eqOp: Op<BinaryAttrs> = comparing('eq');
/** `a == b`, element by element. */
export const eq = (a: Tensor, b: TensorOrNumber): Tensor => binary(eqOp, a, b);
export const neOp: Op<BinaryAttrs> = comparing('ne');
/** `a != b`. */
export const ne = (a: Tensor, b: TensorOrNumber): Tensor => binary(neOp, a, b);
export const ltOp: Op<BinaryAttrs> = comparing('lt');
/** `a < b`. */
export const lt = (a: Tensor, b: TensorOrNumber): Tensor => binary(ltOp, a, b);
export const leOp: Op<BinaryAttrs> = comparing('le');
/** `a <= b`. */
export const le = (a: Tensor, b: TensorOrNumber): Tensor => binary(leOp, a, b);
export const gtOp: Op<BinaryAttrs> = comparing('gt');
/** `a > b`. */
export const gt = (a: Tensor, b: TensorOrNumber): Tensor => binary(gtOp, a, b);
export const geOp: Op<BinaryAttrs> = comparing('ge');
/** `a >= b`. */
export const ge = (a: Tensor, b: TensorOrNumber): Tensor => binary(geOp, a, b);

export const logicalAndOp: Op<BinaryAttrs> = comparing('logicalAnd');
/** True where both are not zero. */
export const logicalAnd = (a: Tensor, b: TensorOrNumber): Tensor => binary(logicalAndOp, a, b);
export const logicalOrOp: Op<BinaryAttrs> = comparing('logicalOr');
/** True where one is not zero. */
export const logicalOr = (a: Tensor, b: TensorOrNumber): Tensor => binary(logicalOrOp, a, b);
export const logicalXorOp: Op<BinaryAttrs> = comparing('logicalXor');
/** True where exactly one is not zero. */
export const logicalXor = (a: Tensor, b: TensorOrNumber): Tensor => binary(logicalXorOp, a, b);

export const bitwiseAndOp: Op<BinaryAttrs> = defineBinary('bitwiseAnd', {});
/** Bitwise and of integers, logical and of bools. */
export const bitwiseAnd = (a: Tensor, b: TensorOrNumber): Tensor => binary(bitwiseAndOp, a, b);
export const bitwiseOrOp: Op<BinaryAttrs> = defineBinary('bitwiseOr', {});
/** Bitwise or. */
export const bitwiseOr = (a: Tensor, b: TensorOrNumber): Tensor => binary(bitwiseOrOp, a, b);
export const bitwiseXorOp: Op<BinaryAttrs> = defineBinary('bitwiseXor', {});
/** Bitwise exclusive or. */
export const bitwiseXor = (a: Tensor, b: TensorOrNumber): Tensor => binary(bitwiseXorOp, a, b);
export const shiftLeftOp: Op<BinaryAttrs> = defineBinary('shiftLeft', {});
/** Bits moved to the left. */
export const bitwiseLeftShift = (a: Tensor, b: TensorOrNumber): Tensor => binary(shiftLeftOp, a, b);
export const shiftRightOp: Op<BinaryAttrs> = defineBinary('shiftRight', {});
/** Bits moved to the right, keeping the sign. */
export const bitwiseRightShift = (a: Tensor, b: TensorOrNumber): Tensor => binary(shiftRightOp, a, b);

/** True where |a - b| <= atol + rtol·|b|; `equalNan` counts NaN as equal to NaN. */
export function isclose(a: Tensor, b: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): Tensor {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = options ?? {};
  const near = a.sub(b).abs().le(b.abs().mul(rtol).add(atol)).logicalAnd(b.sub(b).eq(0)).logicalOr(a.eq(b));
  return equalNan ? near.logicalOr(a.isnan().logicalAnd(b.isnan())) : near;
}

/** True when every pair is close; reads the values. */
export const allclose = (a: Tensor, b: Tensor, options?: { rtol?: number; atol?: number; equalNan?: boolean }): boolean =>
  isclose(a, b, options).all().itemSync() !== 0;

/** True when shapes and all values are equal; reads the values. */
export function equal(a: Tensor, b: Tensor): boolean {
  if (a.ndim !== b.ndim || a.shape.some((n, i) => n !== b.shape[i])) return false;
  return eq(a, b).all().itemSync() !== 0;
}
