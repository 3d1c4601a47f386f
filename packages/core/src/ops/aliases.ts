import { checkInput } from '../checks.ts';
import { div, mul, sub, atan2 } from './arithmetic.ts';
import { ge, gt, le, lt, ne } from './comparison.ts';
import { abs, acos, acosh, asin, asinh, atan, atanh, clamp, neg, trunc } from './elementwise.ts';
import { cat } from './joining.ts';
import { isPlainObject } from '../call.ts';
import type { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { chunk, split } from './splitting.ts';
import { movedim, transpose } from './views.ts';

// Second names that PyTorch has for the same functions.

export const absolute: typeof abs = abs;
export const negative: typeof neg = neg;
export const fix: typeof trunc = trunc;
export const clip: typeof clamp = clamp;
export const multiply: typeof mul = mul;
export const subtract: typeof sub = sub;
export const divide: typeof div = div;
export const arccos: typeof acos = acos;
export const arcsin: typeof asin = asin;
export const arctan: typeof atan = atan;
export const arctan2: typeof atan2 = atan2;
export const arccosh: typeof acosh = acosh;
export const arcsinh: typeof asinh = asinh;
export const arctanh: typeof atanh = atanh;
export const greater: typeof gt = gt;
export const greaterEqual: typeof ge = ge;
export const less: typeof lt = lt;
export const lessEqual: typeof le = le;
export const notEqual: typeof ne = ne;
export const concat: typeof cat = cat;
export const concatenate: typeof cat = cat;
export const moveaxis: typeof movedim = movedim;
export const swapaxes: typeof transpose = transpose;
export const swapdims: typeof transpose = transpose;
export const unsafeChunk: typeof chunk = chunk;
export const unsafeSplit: typeof split = split;

/** `a / b`; integers give float32. */
export const trueDivide = (a: TensorOrNumber, b: TensorOrNumber | { other: TensorOrNumber }): Tensor =>
  div(a, isPlainObject(b) ? (b as { other: TensorOrNumber }).other : (b as TensorOrNumber));

/** With the last two dimensions swapped. */
export const adjoint = (x: Tensor): Tensor => transpose(checkInput('adjoint', x), -2, -1);

/** x itself: there are no complex tensors. */
export const real = (x: Tensor): Tensor => x;
/** x itself: the conjugate of a real number. */
export const conj = (x: Tensor): Tensor => x;
/** As `conj`. */
export const conjPhysical: typeof conj = conj;
/** x itself: there is no conjugate that waits to be taken. */
export const resolveConj: typeof conj = conj;
/** x itself: there is no negation that waits to be done. */
export const resolveNeg: typeof conj = conj;
