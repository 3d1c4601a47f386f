import { checkFunction, checkInput, checkTensor } from '../checks.ts';
import { bytesOf, checkDType, isFloat, type DType, type TypedArray } from '../dtype.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { broadcastShapes, normalizeDim, sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { cast, to } from './cast.ts';
import { fromNumbers } from './data.ts';
import { dataSync, itemSync, toArraySync, type NestedValues } from './reading.ts';
import { expandTo } from './views.ts';

// Questions about a tensor that its fields answer, and reads, by PyTorch's names.

/** Whether a value is a tensor. */
export const isTensor = (value: unknown): value is Tensor => value instanceof Tensor;
/** Whether the elements are floats. */
export const isFloatingPoint = (x: Tensor): boolean => isFloat(checkInput('isFloatingPoint', x).dtype);
/** Whether the elements are complex numbers: never, there are none. */
export const isComplex = (x: Tensor): boolean => checkInput('isComplex', x) === undefined;
/** Whether the elements can be negative: all but those of bool and uint8. */
export const isSigned = (x: Tensor): boolean => checkInput('isSigned', x).dtype !== 'bool' && x.dtype !== 'uint8' && x.dtype !== 'uint32';
/** Whether the one element is not zero; reads it. @throws ShapeError for any other count of elements */
export const isNonzero = (x: Tensor): boolean => Number(itemSync(checkInput('isNonzero', x))) !== 0;
/** Whether two tensors have one shape. */
export const isSameSize = (x: Tensor, other: Tensor): boolean => sameShape(checkInput('isSameSize', x).shape, checkTensor('isSameSize', 'the other', other).shape); // prettier-ignore
/** The number of elements, as `numel()`. */
export const nelement = (x: Tensor): number => checkInput('nelement', x).count;
/** The number of dimensions, as `dim()`. */
export const ndimension = (x: Tensor): number => checkInput('ndimension', x).ndim;
/** Where the first element lies in the storage, in elements: `x.offset`. */
export const storageOffset = (x: Tensor): number => checkInput('storageOffset', x).offset;
/** Bytes of one element. */
export const elementSize = (x: Tensor): number => bytesOf(checkInput('elementSize', x).dtype);

/** Elements from one index to the next, of all dimensions (`x.strides`) or of one. @throws IndexError when `dim` is out of range */
export function stride(x: Tensor): readonly number[];
export function stride(x: Tensor, dim: number): number;
export function stride(x: Tensor, dim?: number): readonly number[] | number {
  checkInput('stride', x);
  return dim === undefined ? x.strides : x.strides[normalizeDim('stride', dim, x.ndim)];
}

/** The name of the dtype; with a dtype, x as that. @throws DTypeError for an unknown one */
export function type(x: Tensor): DType;
export function type(x: Tensor, dtype: DType): Tensor;
export function type(x: Tensor, dtype?: DType): DType | Tensor {
  checkInput('type', x);
  return dtype === undefined ? x.dtype : cast(x, checkDType('type', dtype));
}

/** x with the dtype of another tensor, and on its device. */
export const typeAs = (x: Tensor, other: Tensor): Tensor => to(checkInput('typeAs', x), checkTensor('typeAs', 'the other', other));

/** Nested arrays of the values, as `toArraySync`; only where the device can be read without waiting. @throws AsyncOnlyError */
export const tolist = (x: Tensor): NestedValues => toArraySync(checkInput('tolist', x));

/** A copy of the values as the typed array of the dtype, in row-major order, as `dataSync`. @throws AsyncOnlyError */
export const numpy = (x: Tensor): TypedArray => dataSync(checkInput('numpy', x));

/** The elements in row-major order as JavaScript has them. */
function elements(x: Tensor): (number | boolean)[] {
  return Array.from<number | bigint, number | boolean>(dataSync(x) as ArrayLike<number>, (v) => (x.dtype === 'bool' ? v !== 0 : Number(v)));
}

function rewrite(op: string, x: Tensor, values: readonly unknown[]): Tensor {
  const wrong = values.findIndex((v) => typeof v !== 'number' && typeof v !== 'boolean');
  if (wrong >= 0) throw new ArgumentError({ op, expected: 'a function that gives numbers', received: describe(values[wrong]) });
  return x.copy_(fromNumbers(values.map(Number), x.shape, x.dtype, x.device));
}

/** Replaces each element by what `f` makes of it, one by one in JavaScript: slow, and nothing is recorded of it. @throws AsyncOnlyError */
export function apply_(x: Tensor, f: (value: number) => number): Tensor {
  checkInput('apply_', x);
  checkFunction('apply_', 'f', f);
  return rewrite('apply_', x, elements(x).map((v) => f(v as number))); // prettier-ignore
}

/**
 * Replaces each element by what `f` makes of it and of the element of another tensor, which broadcasts; one by one in JavaScript.
 * @throws ShapeError when the other does not broadcast to x, AsyncOnlyError
 */
export function map_(x: Tensor, other: Tensor, f: (value: number, other: number) => number): Tensor {
  checkInput('map_', x);
  checkTensor('map_', 'the other', other);
  checkFunction('map_', 'f', f);
  if (!sameShape(broadcastShapes('map_', x.shape, other.shape), x.shape))
    throw new ShapeError({ op: 'map_', expected: `a tensor that broadcasts to ${showShape(x.shape)}`, received: showShape(other.shape) });
  const others = elements(expandTo(other, x.shape));
  return rewrite('map_', x, elements(x).map((v, i) => f(v as number, others[i] as number))); // prettier-ignore
}
