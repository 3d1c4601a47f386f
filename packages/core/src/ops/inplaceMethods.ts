import type { Tensor } from '../tensor.ts';
import { add, addcdiv, addcmul, addOp, div, divOp, lerp, mul, mulOp, pow, powOp, sub, subOp, type TensorOrNumber } from './arithmetic.ts';
import { clamp, exp, expOp, neg, negOp, relu, reluOp, sigmoid, sigmoidOp, sqrt, sqrtOp, tanh, tanhOp } from './elementwise.ts';
import { maskedFill, scatter, scatterAdd } from './indexing.ts';
import { assign, inPlaceBinary, inPlaceUnary } from './inplace.ts';

// Every in-place method is its function followed by an assignment; pointwise ones write directly where no layer has to see the difference.

type BinaryInPlace = (x: Tensor, other: TensorOrNumber) => Tensor;
type UnaryInPlace = (x: Tensor) => Tensor;

const scaleBy = (other: TensorOrNumber, alpha = 1): TensorOrNumber =>
  alpha === 1 ? other : typeof other === 'number' ? other * alpha : other.mul(alpha);
const addInPlace: BinaryInPlace = inPlaceBinary('add_', addOp, (a, b) => add(a, b));
const subInPlace: BinaryInPlace = inPlaceBinary('sub_', subOp, (a, b) => sub(a, b));

/** `x += alpha·other`. */
export const add_ = (x: Tensor, other: TensorOrNumber, options?: { alpha?: number }): Tensor =>
  addInPlace(x, scaleBy(other, options?.alpha));
/** `x -= alpha·other`. */
export const sub_ = (x: Tensor, other: TensorOrNumber, options?: { alpha?: number }): Tensor =>
  subInPlace(x, scaleBy(other, options?.alpha));
/** `x *= other`. */
export const mul_: BinaryInPlace = inPlaceBinary('mul_', mulOp, mul);
/** `x /= other`. */
export const div_: BinaryInPlace = inPlaceBinary('div_', divOp, (a, b) => div(a, b));
/** `x = x ^ other`. */
export const pow_: BinaryInPlace = inPlaceBinary('pow_', powOp, pow);
export const neg_: UnaryInPlace = inPlaceUnary('neg_', negOp, neg);
export const exp_: UnaryInPlace = inPlaceUnary('exp_', expOp, exp);
export const sqrt_: UnaryInPlace = inPlaceUnary('sqrt_', sqrtOp, sqrt);
export const relu_: UnaryInPlace = inPlaceUnary('relu_', reluOp, relu);
export const sigmoid_: UnaryInPlace = inPlaceUnary('sigmoid_', sigmoidOp, sigmoid);
export const tanh_: UnaryInPlace = inPlaceUnary('tanh_', tanhOp, tanh);
/** Restricts to [min, max]. */
export const clamp_ = (x: Tensor, min?: TensorOrNumber | null, max?: TensorOrNumber | null): Tensor =>
  assign('clamp_', x, clamp(x, min, max));
/** `x += value·a·b`. */
export const addcmul_ = (x: Tensor, a: Tensor, b: Tensor, options?: { value?: number }): Tensor =>
  assign('addcmul_', x, addcmul(x, a, b, options));
/** `x += value·a/b`. */
export const addcdiv_ = (x: Tensor, a: Tensor, b: Tensor, options?: { value?: number }): Tensor =>
  assign('addcdiv_', x, addcdiv(x, a, b, options));
/** `x += weight·(end - x)`. */
export const lerp_ = (x: Tensor, end: Tensor, weight: TensorOrNumber): Tensor => assign('lerp_', x, lerp(x, end, weight));
/** `value` where the mask is true. */
export const maskedFill_ = (x: Tensor, mask: Tensor, value: TensorOrNumber): Tensor => assign('maskedFill_', x, maskedFill(x, mask, value));
/** As `scatter`, into x. */
export const scatter_ = (x: Tensor, dim: number, index: Tensor, src: TensorOrNumber, options?: { reduce?: 'add' | 'multiply' }): Tensor =>
  assign('scatter_', x, scatter(x, dim, index, src, options));
/** As `scatterAdd`, into x. */
export const scatterAdd_ = (x: Tensor, dim: number, index: Tensor, src: Tensor): Tensor =>
  assign('scatterAdd_', x, scatterAdd(x, dim, index, src));
