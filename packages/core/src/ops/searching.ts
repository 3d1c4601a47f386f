import { readCall, type Call } from '../call.ts';
import { checkChoice, checkTensor } from '../checks.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from '../errors.ts';
import { sameShape, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import type { TensorOrNumber } from './arithmetic.ts';
import { cast, resultType } from './cast.ts';
import { sort } from './sorting.ts';

/** Options of `searchsorted`. */
export interface SearchOptions {
  /** Accepted for PyTorch's sake: indices are int32 in any case. */
  outInt32?: boolean;
  /** True for the place after equal values. */
  right?: boolean;
  /** 'left' or 'right', instead of `right`. */
  side?: 'left' | 'right' | null;
  /** Indices that sort the last dimension of the sequence. */
  sorter?: Tensor | null;
}

/** Halves the interval in which each value belongs until it is one place: sorted [..., n], values [..., m] → int32 [..., m]. */
function bisect(sorted: Tensor, values: Tensor, right: boolean): Tensor {
  const n = sorted.shape[sorted.ndim - 1];
  let low = values.newZeros(values.shape, { dtype: 'int32' });
  if (n === 0 || values.count === 0) return low;
  let high = low.add(n);
  for (let rest = n; rest > 0; rest = Math.floor(rest / 2)) {
    const middle = low.add(high).div(2, { roundingMode: 'floor' });
    const open = low.lt(high);
    const found = sorted.gather(-1, middle.clamp(0, n - 1));
    // Written with not, so that NaN goes to the end.
    const after = (right ? found.gt(values) : found.ge(values)).logicalNot().logicalAnd(open);
    low = after.where(middle.add(1), low);
    high = after.logicalNot().logicalAnd(open).where(middle, high);
  }
  return low;
}

/**
 * Where each value would be inserted into the sorted last dimension of a sequence, before equal values, or after them with `right`.
 * @param sequence - shape [n], or [..., n] with the leading sizes of `values`
 * @returns int32, the shape of `values`
 * @throws ShapeError when the leading sizes differ, DTypeError when the dtypes do
 */
export function searchsorted(sequence: Tensor, values: TensorOrNumber, ...args: Call<SearchOptions, []>): Tensor {
  const op = 'searchsorted';
  const { right, side, sorter } = readCall<SearchOptions>(op, args, [], ['outInt32', 'right', 'side', 'sorter']);
  checkTensor(op, 'the sequence', sequence);
  if (side !== undefined) checkChoice(op, 'side', side, ['left', 'right']);
  if (side === 'left' && right === true) throw new ArgumentError({ op, expected: 'side and right to agree', received: "'left' and true" });
  const sought = values instanceof Tensor ? values : sequence.newFull([], values);
  if (sought.dtype !== sequence.dtype)
    throw new DTypeError({ op, expected: `values of the sequence's dtype ${sequence.dtype}`, received: sought.dtype });
  if (sequence.ndim === 0) throw new ShapeError({ op, expected: 'a sequence of at least one dimension', received: '[]' });
  if (sequence.ndim > 1 && !sameShape(sequence.shape.slice(0, -1), sought.shape.slice(0, -1))) {
    throw new ShapeError({
      op,
      expected: 'a one-dimensional sequence, or values with its leading sizes',
      received: `${showShape(sequence.shape)} and ${showShape(sought.shape)}`,
    });
  }
  let ordered = sequence;
  if (sorter !== undefined && sorter !== null) {
    checkTensor(op, 'sorter', sorter);
    if (!sameShape(sorter.shape, sequence.shape))
      throw new ShapeError({ op, expected: `a sorter of shape ${showShape(sequence.shape)}`, received: showShape(sorter.shape) });
    ordered = sequence.gather(-1, sorter);
  }
  const found = bisect(ordered, sequence.ndim === 1 ? sought.reshape(-1) : sought, right ?? side === 'right');
  return found.reshape(sought.shape);
}

/**
 * The index of the bucket of each value between sorted boundaries: `boundaries[i-1] < value ≤ boundaries[i]`, or with `right` `≤` and `<`.
 * @throws ShapeError unless the boundaries have one dimension
 */
export function bucketize(
  values: TensorOrNumber,
  boundaries: Tensor,
  ...args: Call<Pick<SearchOptions, 'outInt32' | 'right'>, []>
): Tensor {
  const options = readCall<Pick<SearchOptions, 'outInt32' | 'right'>>('bucketize', args, [], ['outInt32', 'right']);
  checkTensor('bucketize', 'boundaries', boundaries);
  if (boundaries.ndim !== 1)
    throw new ShapeError({ op: 'bucketize', expected: 'boundaries of one dimension', received: showShape(boundaries.shape) });
  const dtype = values instanceof Tensor ? resultType(values, boundaries) : boundaries.dtype;
  return searchsorted(cast(boundaries, dtype), values instanceof Tensor ? cast(values, dtype) : values, options);
}

/** Options of `isin`. */
export interface IsinOptions {
  /** Accepted for PyTorch's sake. */
  assumeUnique?: boolean;
  /** True asks for what is not among the elements. */
  invert?: boolean;
}

/** True where an element is among the test elements. One of the two may be a number. */
export function isin(elements: TensorOrNumber, testElements: TensorOrNumber, ...args: Call<IsinOptions, []>): Tensor {
  const { invert = false } = readCall<IsinOptions>('isin', args, [], ['assumeUnique', 'invert']);
  const like = elements instanceof Tensor ? elements : testElements;
  if (!(like instanceof Tensor))
    throw new ArgumentError({ op: 'isin', expected: 'at least one tensor', received: describe([elements, testElements]) });
  const dtype = resultType(elements, testElements);
  const asTensor = (x: TensorOrNumber): Tensor => (x instanceof Tensor ? cast(x, dtype) : like.newFull([], x, { dtype }));
  const [x, tests] = [asTensor(elements), asTensor(testElements).reshape(-1)];
  if (tests.count === 0) return x.newFull(x.shape, invert ? 1 : 0, { dtype: 'bool' });
  const sorted = sort(tests).values;
  const place = searchsorted(sorted, x.reshape(-1)).clamp(0, tests.count - 1);
  const found = sorted.gather(0, place).eq(x.reshape(-1)).reshape(x.shape);
  return invert ? found.logicalNot() : found;
}
