import type { Op } from '../op.ts';
import { readCall, type Call } from '../call.ts';
import { checkInput, checkSameDType, checkTensor } from '../checks.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError } from '../errors.ts';
import { widestFloat } from './precision.ts';
import { Tensor } from '../tensor.ts';
import { binary, defineBinary, type BinaryAttrs, type TensorOrNumber } from './arithmetic.ts';

// Comparisons and logic give bool, bitwise ops keep integers; none has a gradient.

const comparing = (name: 'eq' | 'ne' | 'lt' | 'le' | 'gt' | 'ge' | 'logicalAnd' | 'logicalOr' | 'logicalXor'): Op<BinaryAttrs> =>
  defineBinary(name, { result: 'bool' });

/** Runs a comparison, whose first operand is a tensor. */
const compare = (op: Op<BinaryAttrs>, a: Tensor, b: TensorOrNumber): Tensor => binary(op, checkTensor(op.name, 'the first operand', a), b);

export const eqOp: Op<BinaryAttrs> = comparing('eq');
/** `a == b`, element by element. */
export const eq = (a: Tensor, b: TensorOrNumber): Tensor => compare(eqOp, a, b);
export const neOp: Op<BinaryAttrs> = comparing('ne');
/** `a != b`. */
export const ne = (a: Tensor, b: TensorOrNumber): Tensor => compare(neOp, a, b);
export const ltOp: Op<BinaryAttrs> = comparing('lt');
/** `a < b`. */
export const lt = (a: Tensor, b: TensorOrNumber): Tensor => compare(ltOp, a, b);
export const leOp: Op<BinaryAttrs> = comparing('le');
/** `a <= b`. */
export const le = (a: Tensor, b: TensorOrNumber): Tensor => compare(leOp, a, b);
export const gtOp: Op<BinaryAttrs> = comparing('gt');
/** `a > b`. */
export const gt = (a: Tensor, b: TensorOrNumber): Tensor => compare(gtOp, a, b);
export const geOp: Op<BinaryAttrs> = comparing('ge');
/** `a >= b`. */
export const ge = (a: Tensor, b: TensorOrNumber): Tensor => compare(geOp, a, b);

export const logicalAndOp: Op<BinaryAttrs> = comparing('logicalAnd');
/** True where both are not zero. */
export const logicalAnd = (a: Tensor, b: Tensor): Tensor => compare(logicalAndOp, a, checkTensor('logicalAnd', 'the second operand', b));
export const logicalOrOp: Op<BinaryAttrs> = comparing('logicalOr');
/** True where one is not zero. */
export const logicalOr = (a: Tensor, b: Tensor): Tensor => compare(logicalOrOp, a, checkTensor('logicalOr', 'the second operand', b));
export const logicalXorOp: Op<BinaryAttrs> = comparing('logicalXor');
/** True where exactly one is not zero. */
export const logicalXor = (a: Tensor, b: Tensor): Tensor => compare(logicalXorOp, a, checkTensor('logicalXor', 'the second operand', b));

/** Runs a bitwise op. @throws DTypeError for floats */
function bitwise(op: Op<BinaryAttrs>, a: TensorOrNumber, b: TensorOrNumber): Tensor {
  for (const x of [a, b]) {
    if (x instanceof Tensor ? isFloat(x.dtype) : !Number.isInteger(Number(x)))
      throw new DTypeError({ op: op.name, expected: 'integers or bools', received: x instanceof Tensor ? x.dtype : String(x) });
  }
  return binary(op, a, b);
}

export const bitwiseAndOp: Op<BinaryAttrs> = defineBinary('bitwiseAnd', {});
/** Bitwise and of integers, logical and of bools. */
export const bitwiseAnd = (a: TensorOrNumber, b: TensorOrNumber): Tensor => bitwise(bitwiseAndOp, a, b);
export const bitwiseOrOp: Op<BinaryAttrs> = defineBinary('bitwiseOr', {});
/** Bitwise or. */
export const bitwiseOr = (a: TensorOrNumber, b: TensorOrNumber): Tensor => bitwise(bitwiseOrOp, a, b);
export const bitwiseXorOp: Op<BinaryAttrs> = defineBinary('bitwiseXor', {});
/** Bitwise exclusive or. */
export const bitwiseXor = (a: TensorOrNumber, b: TensorOrNumber): Tensor => bitwise(bitwiseXorOp, a, b);
export const shiftLeftOp: Op<BinaryAttrs> = defineBinary('shiftLeft', {});
/** Bits moved to the left. */
export const bitwiseLeftShift = (a: TensorOrNumber, b: TensorOrNumber): Tensor => bitwise(shiftLeftOp, a, b);
export const shiftRightOp: Op<BinaryAttrs> = defineBinary('shiftRight', {});
/** Bits moved to the right, keeping the sign. */
export const bitwiseRightShift = (a: TensorOrNumber, b: TensorOrNumber): Tensor => bitwise(shiftRightOp, a, b);

/** How near is near enough. */
export interface CloseOptions {
  /** The difference allowed relative to the second operand, 1e-5 by default. */
  rtol?: number;
  /** The difference allowed in any case, 1e-8 by default. */
  atol?: number;
  /** Counts NaN as equal to NaN. */
  equalNan?: boolean;
}
export type CloseArguments = Call<CloseOptions, ['rtol', 'atol', 'equalNan']>;

/** True where |a - b| <= atol + rtol·|b|; `equalNan` counts NaN as equal to NaN. */
export function isclose(a: Tensor, b: Tensor, ...args: CloseArguments): Tensor {
  const { rtol = 1e-5, atol = 1e-8, equalNan = false } = readCall<CloseOptions>('isclose', args, ['rtol', 'atol', 'equalNan']);
  if (!(rtol >= 0 && atol >= 0))
    throw new ArgumentError({ op: 'isclose', expected: 'rtol and atol that are not negative', received: `${rtol} and ${atol}` });
  checkSameDType('isclose', a, checkTensor('isclose', 'the second operand', b));
  if (a.dtype === 'bool') return a.eq(b);
  const wide = (x: Tensor): Tensor => (isFloat(x.dtype) ? x : x.to(widestFloat(x)));
  const [p, q] = [wide(a), wide(b)];
  const near = p.sub(q).abs().le(q.abs().mul(rtol).add(atol)).logicalAnd(q.sub(q).eq(0)).logicalOr(p.eq(q));
  return equalNan ? near.logicalOr(p.isnan().logicalAnd(q.isnan())) : near;
}

/** True when every pair is close; reads the values. */
export const allclose = (a: Tensor, b: Tensor, ...args: CloseArguments): boolean =>
  isclose(a, b, ...args)
    .all()
    .itemSync<boolean>();

/** The promise of `allclose`, on every device. */
export const allcloseAsync = async (a: Tensor, b: Tensor, ...args: CloseArguments): Promise<boolean> =>
  await isclose(a, b, ...args)
    .all()
    .item<boolean>();

/** True when shapes and all values are equal; reads the values. */
export function equal(a: Tensor, b: Tensor): boolean {
  checkInput('equal', a);
  checkTensor('equal', 'the second operand', b);
  if (a.ndim !== b.ndim || a.shape.some((n, i) => n !== b.shape[i])) return false;
  return eq(a, b).all().itemSync<boolean>();
}

/** The promise of `equal`, on every device. */
export async function equalAsync(a: Tensor, b: Tensor): Promise<boolean> {
  checkInput('equalAsync', a);
  checkTensor('equalAsync', 'the second operand', b);
  if (a.ndim !== b.ndim || a.shape.some((n, i) => n !== b.shape[i])) return false;
  return eq(a, b).all().item<boolean>();
}
