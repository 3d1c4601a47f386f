import type { Op } from '../op.ts';
import { definedOps } from '../op.ts';
import type { Tensor } from '../tensor.ts';
import { add, addOp, div, divOp, mul, mulOp, pow, powOp, sub, subOp, type TensorOrNumber } from './arithmetic.ts';
import { checkInput, checkInteger } from '../checks.ts';
import { ShapeError } from '../errors.ts';
import { showShape } from '../shape.ts';
import { assignComputed, inPlaceBinary, inPlaceUnary } from './inplace.ts';
import { asStrided } from './strided.ts';

// Every in-place method is its function followed by an assignment; pointwise ones write directly where no layer has to see the difference.

type BinaryInPlace = (x: Tensor, other: TensorOrNumber) => Tensor;

const scaleBy = (other: TensorOrNumber, alpha = 1): TensorOrNumber =>
  alpha === 1 ? other : typeof other === 'number' ? other * alpha : mul(other, alpha);
const addInPlace: BinaryInPlace = inPlaceBinary('add_', addOp, (a, b) => add(a, b));
const subInPlace: BinaryInPlace = inPlaceBinary('sub_', subOp, (a, b) => sub(a, b));
const divInPlace: BinaryInPlace = inPlaceBinary('div_', divOp, (a, b) => div(a, b));

/** `x += alpha·other`. */
export const add_ = (x: Tensor, other: TensorOrNumber, options?: { alpha?: number }): Tensor =>
  addInPlace(checkInput('add_', x), scaleBy(other, options?.alpha));
/** `x -= alpha·other`. */
export const sub_ = (x: Tensor, other: TensorOrNumber, options?: { alpha?: number }): Tensor =>
  subInPlace(checkInput('sub_', x), scaleBy(other, options?.alpha));
/** `x *= other`. */
export const mul_: BinaryInPlace = inPlaceBinary('mul_', mulOp, mul);
/** `x /= other`, rounded by `roundingMode` where that is given. */
export const div_ = (x: Tensor, other: TensorOrNumber, options?: { roundingMode?: 'trunc' | 'floor' | null }): Tensor =>
  options?.roundingMode ? assignComputed('div_', checkInput('div_', x), () => div(x, other, options)) : divInPlace(x, other);
/** `x = x ^ other`. */
export const pow_: BinaryInPlace = inPlaceBinary('pow_', powOp, pow);

/** Sets the main diagonal of a matrix, or of a cube whose sides are equal; `wrap` starts anew below a tall matrix. */
export function fillDiagonal_(x: Tensor, value: number, options?: { wrap?: boolean }): Tensor {
  const op = 'fillDiagonal_';
  checkInput(op, x);
  if (x.ndim < 2 || (x.ndim > 2 && x.shape.some((n) => n !== x.shape[0])) || !x.isContiguous())
    throw new ShapeError({ op, expected: 'a matrix, or equal sizes, contiguous', received: showShape(x.shape) });
  const step = x.strides.reduce((sum, s) => sum + s, 0);
  const least = Math.min(...x.shape);
  const wraps = options?.wrap === true && x.ndim === 2 && x.shape[0] > x.shape[1];
  const length = checkInteger(op, 'the length', wraps ? Math.ceil(x.count / step) : least);
  asStrided(x, [length], [step]).fill_(value);
  return x;
}

/** A function of a tensor and more, as the table of methods has it. */
type TensorFunction = (x: Tensor, ...rest: never[]) => Tensor;

/** Makes `x.f_(...)` of `f(x, ...)`: directly where f is a pointwise op of one float tensor, else by assigning its result. */
export function inPlaceOf(name: string, f: TensorFunction): (x: Tensor, ...rest: unknown[]) => Tensor {
  const method = `${name}_`;
  const call = f as (x: Tensor, ...rest: unknown[]) => Tensor;
  const op = definedOps().get(name) as Op<never> | undefined;
  const direct = op?.pointwise === true && call.length === 1 ? inPlaceUnary(method, op, (x) => call(x)) : undefined;
  return (x, ...rest) => (direct !== undefined && rest.length === 0 ? direct(x) : assignComputed(method, x, () => call(x, ...rest)));
}

/** Functions that have an in-place form with the same arguments. */
export const inPlaceNames = [
  'abs', 'absolute', 'negative', 'fix', 'clip', 'multiply', 'subtract', 'divide', 'arccos', 'arcsin', 'arctan', 'arctan2', 'arccosh', 'arcsinh', 'arctanh',
  'greater', 'greaterEqual', 'less', 'lessEqual', 'notEqual', 'trueDivide',
  'neg', 'sign', 'ceil', 'floor', 'round', 'trunc', 'sqrt', 'rsqrt', 'reciprocal', 'square', 'exp', 'exp2', 'expm1', 'log', 'log2',
  'log10', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh', 'sigmoid', 'relu', 'erf', 'erfc',
  'erfinv', 'logicalNot', 'bitwiseNot', 'clamp', 'clampMin', 'clampMax', 'frac', 'deg2rad', 'rad2deg', 'sgn', 'nanToNum', 'sinc', 'logit', 'i0',
  'lgamma', 'digamma', 'mvlgamma',
  'floorDivide', 'remainder', 'fmod', 'atan2', 'copysign', 'nextafter', 'lerp', 'addcmul', 'addcdiv', 'xlogy', 'hypot', 'heaviside', 'floatPower',
  'ldexp', 'gcd', 'lcm', 'igamma', 'igammac', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr', 'logicalXor', 'bitwiseAnd', 'bitwiseOr',
  'bitwiseXor', 'bitwiseLeftShift', 'bitwiseRightShift',
  'cumsum', 'cumprod', 'addmm', 'addmv', 'addr', 'addbmm', 'baddbmm', 'renorm', 'tril', 'triu', 'softmax',
  'maskedFill', 'maskedScatter', 'scatter', 'scatterAdd', 'scatterReduce', 'indexAdd', 'indexCopy', 'indexFill', 'indexPut', 'indexReduce', 'put',
] as const; // prettier-ignore
