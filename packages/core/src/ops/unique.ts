import { checkInput } from '../checks.ts';
import { readCall, type Call } from '../call.ts';
import type { TypedArray } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { normalizeDim, showShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { newInt32 } from './data.ts';
import { indexSelect } from './gather.ts';

// How many elements remain depends on the values, so these read them.

/** Options of `uniqueConsecutive`. */
export interface UniqueConsecutiveOptions {
  /** Also gives, for each element of the input, where it went. */
  returnInverse?: boolean;
  /** Also gives how often each remaining element came. */
  returnCounts?: boolean;
  /** Compares whole slices of this dimension instead of elements. */
  dim?: number | null;
}

/** Options of `unique`. */
export interface UniqueOptions extends UniqueConsecutiveOptions {
  /** The result is sorted in any case. */
  sorted?: boolean;
}

/** The values, then the inverse and the counts where they were asked for. */
export type UniqueResult = [values: Tensor, ...more: Tensor[]];
type ValuesOnly = { returnInverse?: false; returnCounts?: false };

/** The slices of x to compare as rows of a matrix: shape [slices, elements of one]. */
function rowsOf(op: string, x: Tensor, dim: number | null | undefined): { rows: Tensor; dim: number | undefined } {
  if (dim === undefined || dim === null) return { rows: x.reshape(-1, 1), dim: undefined };
  const d = normalizeDim(op, dim, x.ndim);
  if (x.ndim === 0) return { rows: x.reshape(1, 1), dim: undefined };
  const others = x.count / Math.max(1, x.shape[d]);
  if (x.count === 0 && x.shape[d] !== 0)
    throw new ShapeError({ op, expected: 'no other empty dimension beside dim', received: showShape(x.shape) });
  return { rows: x.movedim(d, 0).reshape(x.shape[d], others), dim: d };
}

/** Orders two rows of a matrix; NaN after everything, and never equal to another. */
function compareRows(data: TypedArray, width: number, i: number, j: number): number {
  for (let k = 0; k < width; k++) {
    const [a, b] = [data[i * width + k], data[j * width + k]];
    if (a === b) continue;
    if (a < b || Number.isNaN(b)) return Number.isNaN(a) ? 1 : -1;
    return 1;
  }
  return 0;
}

/** Groups equal neighbours of an order: the first of each group, the group of each row, and the sizes. */
function group(data: TypedArray, width: number, order: Int32Array): { firsts: Int32Array; inverse: Int32Array; counts: Int32Array } {
  const [firsts, counts] = [[] as number[], [] as number[]];
  const inverse = new Int32Array(order.length);
  order.forEach((row, place) => {
    if (place === 0 || compareRows(data, width, order[place - 1], row) !== 0) {
      firsts.push(row);
      counts.push(0);
    }
    counts[counts.length - 1]++;
    inverse[row] = firsts.length - 1;
  });
  return { firsts: Int32Array.from(firsts), inverse, counts: Int32Array.from(counts) };
}

function uniqueFrom(op: string, x: Tensor, all: UniqueOptions, data: TypedArray, sort: boolean): Tensor | UniqueResult {
  const { rows, dim } = rowsOf(op, x, all.dim);
  const [count, width] = rows.shape;
  const order = Int32Array.from({ length: count }, (_, i) => i);
  if (sort) order.sort((i, j) => compareRows(data, width, i, j) || i - j);
  const { firsts, inverse, counts } = group(data, width, order);
  const picked = newInt32(x, firsts);
  const values = dim === undefined ? indexSelect(x.reshape(-1), 0, picked) : indexSelect(x, dim, picked);
  if (!all.returnInverse && !all.returnCounts) return values;
  const result: UniqueResult = [values];
  if (all.returnInverse) result.push(dim === undefined ? newInt32(x, inverse).reshape(x.shape) : newInt32(x, inverse));
  if (all.returnCounts) result.push(newInt32(x, counts));
  return result;
}

const uniqueNames = ['sorted', 'returnInverse', 'returnCounts', 'dim'];
const consecutiveNames = uniqueNames.slice(1);

/**
 * The different elements of x, or slices along `dim`, sorted; with `returnInverse` and `returnCounts` an array of values, inverse and counts.
 * @throws AsyncOnlyError on a device that only reads asynchronously; use `uniqueAsync`
 */
export function unique(x: Tensor, options?: UniqueOptions & ValuesOnly): Tensor;
export function unique(x: Tensor, ...args: Call<UniqueOptions, ['sorted', 'returnInverse', 'returnCounts', 'dim']>): UniqueResult;
export function unique(x: Tensor, ...args: unknown[]): Tensor | UniqueResult {
  checkInput('unique', x);
  const all = readCall<UniqueOptions>('unique', args, uniqueNames);
  return uniqueFrom('unique', x, all, valuesNow('unique', rowsOf('unique', x, all.dim).rows, 'Use await x.uniqueAsync().'), true);
}

/** The promise of `unique`, on every device. */
export async function uniqueAsync(x: Tensor, options: UniqueOptions = {}): Promise<Tensor | UniqueResult> {
  checkInput('uniqueAsync', x);
  const all = readCall<UniqueOptions>('uniqueAsync', [options], [], uniqueNames);
  return uniqueFrom('unique', x, all, await rowsOf('unique', x, all.dim).rows.readData(), true);
}

/**
 * x without elements (or slices along `dim`) that equal the one before.
 * @throws AsyncOnlyError on a device that only reads asynchronously; use `uniqueConsecutiveAsync`
 */
export function uniqueConsecutive(x: Tensor, options?: UniqueConsecutiveOptions & ValuesOnly): Tensor;
export function uniqueConsecutive(
  x: Tensor,
  ...args: Call<UniqueConsecutiveOptions, ['returnInverse', 'returnCounts', 'dim']>
): UniqueResult;
export function uniqueConsecutive(x: Tensor, ...args: unknown[]): Tensor | UniqueResult {
  checkInput('uniqueConsecutive', x);
  const all = readCall<UniqueConsecutiveOptions>('uniqueConsecutive', args, consecutiveNames);
  return uniqueFrom(
    'uniqueConsecutive',
    x,
    all,
    valuesNow('uniqueConsecutive', rowsOf('uniqueConsecutive', x, all.dim).rows, 'Use await x.uniqueConsecutiveAsync().'),
    false,
  );
}

/** The promise of `uniqueConsecutive`, on every device. */
export async function uniqueConsecutiveAsync(x: Tensor, options: UniqueConsecutiveOptions = {}): Promise<Tensor | UniqueResult> {
  checkInput('uniqueConsecutiveAsync', x);
  const all = readCall<UniqueConsecutiveOptions>('uniqueConsecutiveAsync', [options], [], consecutiveNames);
  return uniqueFrom('uniqueConsecutive', x, all, await rowsOf('uniqueConsecutive', x, all.dim).rows.readData(), false);
}
