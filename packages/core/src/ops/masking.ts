import { readCall, readOptions, type Call } from '../call.ts';
import { checkInput, checkInteger, checkTensor } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { ArgumentError, DTypeError, IndexError, ShapeError, describe } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { defineOp, type Op } from '../op.ts';
import { broadcastShapes, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { cast, resultType } from './cast.ts';
import { indexSelect } from './gather.ts';
import { cat } from './joining.ts';
import { expandTo, reshape } from './views.ts';

export const whereOp: Op = defineOp<unknown>({
  name: 'where',
  pointwise: true,
  moves: true,
  infer: ([, a]) => [a],
  kernel: (k, [condition, a, b], [out]) => k.where(condition, a, b, out),
  save: ([condition]) => [condition],
  vjp({ needs, cotangents: [g], saved: [condition] }) {
    if (g === undefined) return [undefined, undefined, undefined];
    const zero = g.mul(0);
    return [
      undefined,
      needs[1] ? dispatchOne(whereOp, [condition, g, zero]) : undefined,
      needs[2] ? dispatchOne(whereOp, [condition, zero, g]) : undefined,
    ];
  },
});

/** `condition ? a : b`, element by element, with broadcasting. The condition is bool. With the condition alone, as `nonzero` with `asTuple`. */
export function where(condition: Tensor): Tensor[];
export function where(condition: Tensor, a: TensorOrNumber, b: TensorOrNumber): Tensor;
export function where(condition: Tensor, a?: TensorOrNumber, b?: TensorOrNumber): Tensor | Tensor[] {
  if (a === undefined && b === undefined) return nonzero(condition, { asTuple: true });
  if (a === undefined || b === undefined) throw new ArgumentError({ op: 'where', expected: 'two values, or none', received: 'one' });
  return choose(condition, a, b);
}

/** `condition.where(a, b)`, or PyTorch's `x.where(condition, other)`, which is `where(condition, x, other)`. */
export function whereMethod(x: Tensor, a: TensorOrNumber, b: TensorOrNumber): Tensor {
  checkInput('whereMethod', x);
  return x.dtype !== 'bool' && a instanceof Tensor && a.dtype === 'bool' ? choose(a, x, b) : choose(x, a, b);
}

function choose(condition: Tensor, a: TensorOrNumber, b: TensorOrNumber): Tensor {
  checkTensor('where', 'the condition', condition);
  if (condition.dtype !== 'bool' && condition.dtype !== 'uint8') {
    throw new DTypeError({ op: 'where', expected: 'a bool condition', received: condition.dtype, hint: 'Compare first: x.gt(0).' });
  }
  const dtype = resultType(a, b);
  const { device } = condition;
  const side = (value: TensorOrNumber): Tensor =>
    value instanceof Tensor ? cast(value, dtype) : cast(condition.newFull([], Number(value), { dtype, device }), dtype);
  const [left, right] = [side(a), side(b)];
  const shape = broadcastShapes('where', condition.shape, broadcastShapes('where', left.shape, right.shape));
  return dispatchOne(whereOp, [expandTo(cast(condition, 'bool'), shape), expandTo(left, shape), expandTo(right, shape)]);
}

/** A copy of x with `value` where `mask` is true. */
export function maskedFill(x: Tensor, mask: Tensor, value: TensorOrNumber): Tensor {
  checkInput('maskedFill', x);
  const scalar = value instanceof Tensor ? cast(value, x.dtype) : x.newFull([], value);
  if (scalar.ndim > 0)
    throw new ShapeError({ op: 'maskedFill', expected: 'a number or a tensor without dimensions', received: showShape(scalar.shape) });
  const fraction = value instanceof Tensor ? isFloat(value.dtype) : !Number.isInteger(Number(value));
  if (fraction && !isFloat(x.dtype) && x.dtype !== 'bool')
    throw new ArgumentError({ op: 'maskedFill', expected: `an integer for a tensor of ${x.dtype}`, received: describe(value) });
  return choose(mask, scalar, x);
}

/**
 * A copy of x in which the elements where `mask` is true are those of `source`, in order. The mask broadcasts to x.
 * @throws IndexError when the source has fewer elements than are asked for
 */
export function maskedScatter(x: Tensor, mask: Tensor, source: Tensor): Tensor {
  const op = 'maskedScatter';
  checkTensor(op, 'the source', source);
  if (mask.dtype !== 'bool') throw new DTypeError({ op, expected: 'a bool mask', received: mask.dtype });
  if (source.dtype !== x.dtype) throw new DTypeError({ op, expected: `a source of the tensor's dtype ${x.dtype}`, received: source.dtype });
  const shape = broadcastShapes(op, x.shape, mask.shape);
  const flags = reshape(expandTo(mask, shape), -1);
  const target = expandTo(x, shape);
  if (target.count === 0) return target.clone();
  // The n-th true element takes source[n - 1]; the others look at the first element, which is not used.
  const place = flags.where(flags.cumsum(0).sub(1), 0).to('int32');
  const flat = reshape(source, -1);
  const padded = flat.count === 0 ? flat.newZeros([1]) : flat;
  if (flat.count === 0 && flags.device.synchronous && flags.any().itemSync<boolean>())
    throw new IndexError({ op, expected: 'as many source elements as the mask has true ones', received: 'none' });
  return choose(reshape(flags, shape), reshape(padded.gather(0, place), shape), target);
}

// Dynamic ops: the size of their output depends on values, so they read them.

function nonzeroFrom(x: Tensor, flags: ArrayLike<number>): Tensor {
  // Every index is written, and stays where its element is true: no branch, which half of the elements would mispredict.
  const hits = new Int32Array(flags.length);
  let count = 0;
  for (let i = 0; i < flags.length; i++) {
    hits[count] = i;
    count += (flags[i] | -flags[i]) >>> 31;
  }
  if (x.ndim === 1) return x.newInt32(hits.slice(0, count)).view(count, 1);
  const rows = new Int32Array(count * x.ndim);
  for (let row = 0; row < count; row++) {
    let rest = hits[row];
    for (let d = x.ndim - 1; d >= 0; d--) {
      rows[row * x.ndim + d] = rest % x.shape[d];
      rest = Math.floor(rest / x.shape[d]);
    }
  }
  return x.newInt32(rows).view(count, x.ndim);
}

/** The columns of the indices, or the indices themselves for a scalar, which has none. */
const columns = (rows: Tensor): Tensor[] => (rows.shape[1] === 0 ? [rows.newZeros([rows.shape[0]])] : rows.unbind(1));

/**
 * The indices of elements that are not zero, a row each: shape [count, x.ndim], int32. With `asTuple`, an array of their columns.
 * @throws AsyncOnlyError on a device that only reads asynchronously; use `nonzeroAsync`.
 */
export function nonzero(x: Tensor, options?: { asTuple?: false }): Tensor;
export function nonzero(x: Tensor, options: { asTuple: true }): Tensor[];
export function nonzero(x: Tensor, options?: { asTuple?: boolean }): Tensor | Tensor[] {
  checkInput('nonzero', x);
  const { asTuple = false } = readOptions<{ asTuple?: boolean }>('nonzero', options, ['asTuple']);
  const rows = nonzeroFrom(x, valuesNow('nonzero', cast(x, 'bool'), 'Use await x.nonzeroAsync().') as Uint8Array);
  return asTuple ? columns(rows) : rows;
}

/** As `nonzero`: the indices of elements that are not zero, a row each. */
export const argwhere = (x: Tensor): Tensor => nonzero(checkInput('argwhere', x));

/** The promise of `nonzero`, on every device. */
export async function nonzeroAsync(x: Tensor): Promise<Tensor> {
  checkInput('nonzeroAsync', x);
  return nonzeroFrom(x, (await cast(x, 'bool').contiguous().readData()) as Uint8Array);
}

/** The promise of `argwhere`, on every device. */
export const argwhereAsync = (x: Tensor): Promise<Tensor> => nonzeroAsync(checkInput('argwhereAsync', x));

/** Arguments of `nonzeroStatic`. */
export interface NonzeroStaticOptions {
  /** How many rows the result has. */
  size: number;
  /** What stands in rows that no element fills. */
  fillValue?: number;
}

/**
 * The indices of the first `size` elements that are not zero, a row each: a result whose shape does not depend on the values.
 * @returns int32, shape [size, x.ndim]
 */
export function nonzeroStatic(x: Tensor, ...args: Call<NonzeroStaticOptions, []>): Tensor {
  const op = 'nonzeroStatic';
  checkTensor(op, 'the input', x);
  const { size, fillValue = -1 } = readCall<NonzeroStaticOptions>(op, args, [], ['size', 'fillValue']);
  checkInteger(op, 'size', size, 0);
  const rows = nonzero(x).slice(0, 0, size);
  const missing = rows.newFull([size - rows.shape[0], x.ndim], checkInteger(op, 'fillValue', fillValue));
  return cat([rows, missing], 0);
}

/** x and a mask, broadcast and flattened. */
function flatten(op: string, x: Tensor, mask: Tensor): [Tensor, Tensor] {
  checkTensor(op, 'the mask', mask);
  if (mask.dtype !== 'bool') throw new DTypeError({ op, expected: 'a bool mask', received: mask.dtype });
  const shape = broadcastShapes(op, x.shape, mask.shape);
  return [reshape(expandTo(x, shape), -1), reshape(expandTo(mask, shape), -1)];
}

/** The elements where `mask` is true, as one dimension. @throws AsyncOnlyError where `maskedSelectAsync` is needed */
export function maskedSelect(x: Tensor, mask: Tensor | { mask: Tensor }): Tensor {
  checkInput('maskedSelect', x);
  const [values, flags] = flatten('maskedSelect', x, readCall<{ mask: Tensor }>('maskedSelect', [mask], ['mask']).mask);
  const rows = nonzeroFrom(flags, valuesNow('maskedSelect', cast(flags, 'bool'), 'Use await x.maskedSelectAsync(mask).') as Uint8Array);
  return indexSelect(values, 0, reshape(rows, -1));
}

/** The promise of `maskedSelect`, on every device. */
export async function maskedSelectAsync(x: Tensor, mask: Tensor): Promise<Tensor> {
  const [values, flags] = flatten('maskedSelect', x, mask);
  return indexSelect(values, 0, reshape(await nonzeroAsync(flags), -1));
}
