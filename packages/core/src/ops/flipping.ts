import { isPlainObject, readCall, type Call } from '../call.ts';
import { checkArray, checkInput, checkDimensions, checkInteger } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { ArgumentError, IndexError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cat } from './joining.ts';
import { narrow } from './slicing.ts';
import { reshape, transpose } from './views.ts';

/** A copy with the order of `dims` reversed. */
export function flip(x: Tensor, ...args: (number | readonly number[] | { dims: number | readonly number[] })[]): Tensor {
  checkInput('flip', x);
  const dims = args.map((arg) => (isPlainObject(arg) ? (arg as { dims: number | readonly number[] }).dims : arg)) as (
    | number
    | readonly number[]
  )[];
  const list = (dims.length === 1 && Array.isArray(dims[0]) ? [...(dims[0] as number[])] : (dims as number[])).map((d) =>
    normalizeDim('flip', d, x.ndim),
  );
  if (new Set(list).size !== list.length) throw new ArgumentError({ op: 'flip', expected: 'each dim once', received: describe(dims) });
  if (x.ndim === 0) return x.clone();
  return dispatchOne(flipOp, [x], { dims: list });
}

/** Reads the listed dimensions from the end: a copy through negative strides. */
export const flipOp: Op<{ dims: readonly number[] }> = defineOp({
  name: 'flip',
  moves: true,
  infer: ([x]) => [x],
  kernel(k, [x], [out], { dims }) {
    const offset = x.count === 0 ? x.offset : dims.reduce((sum, d) => sum + (x.shape[d] - 1) * x.strides[d], x.offset);
    k.copy(
      {
        storage: x.storage,
        dtype: x.dtype,
        count: x.count,
        shape: x.shape,
        strides: x.strides.map((s, i) => (dims.includes(i) ? -s : s)),
        offset,
      },
      out,
    );
  },
  vjp: ({ cotangents: [g], attrs }) => [g && dispatchOne(flipOp, [g], attrs)],
});

/** A copy with the first dimension reversed. @throws ShapeError for a scalar */
export const flipud = (x: Tensor): Tensor => flip(checkDimensions('flipud', x, 1), 0);
/** A copy with the second dimension reversed. @throws ShapeError for fewer than two dimensions */
export const fliplr = (x: Tensor): Tensor => flip(checkDimensions('fliplr', x, 2), 1);

/** Arguments of `rot90`. */
export interface Rot90Options {
  /** Quarter turns, from the first of `dims` towards the second. */
  k?: number;
  /** The two dimensions of the plane that turns; [0, 1] by default. */
  dims?: readonly number[];
}

/** Turned by k quarter turns in the plane of two dimensions, the first two by default. */
export function rot90(x: Tensor, ...args: Call<Rot90Options, ['k', 'dims']>): Tensor {
  const op = 'rot90';
  const { k = 1, dims = [0, 1] } = readCall<Rot90Options>(op, args, ['k', 'dims']);
  checkInteger(op, 'k', k);
  checkDimensions(op, x, 2);
  if (!Array.isArray(dims) || dims.length !== 2) throw new ArgumentError({ op, expected: 'two dims', received: describe(dims) });
  const [i, j] = dims.map((d: number) => normalizeDim(op, d, x.ndim));
  if (i === j) throw new ArgumentError({ op, expected: 'two different dims', received: describe(dims) });
  const turns = ((k % 4) + 4) % 4;
  if (turns === 0) return x.clone();
  if (turns === 2) return flip(x, i, j);
  return turns === 1 ? transpose(flip(x, j), i, j).contiguous() : flip(transpose(x, i, j), j);
}

/** Arguments of `roll`. */
export interface RollOptions {
  /** Places to move by, one number for each of `dims`; towards the end when positive. */
  shifts: number | readonly number[];
  /** The dimensions that are rolled; the flattened tensor is rolled when missing. */
  dims?: number | readonly number[] | null;
}

/** Elements moved by `shifts` along `dims`, those that fall off one end coming in at the other; without dims, in the flattened tensor. */
export function roll(x: Tensor, ...args: Call<RollOptions, ['shifts', 'dims']>): Tensor {
  const op = 'roll';
  checkInput(op, x);
  const { shifts, dims } = readCall<RollOptions>(op, args, ['shifts', 'dims']);
  const list = (value: number | readonly number[]): readonly number[] => (typeof value === 'number' ? [value] : value);
  const by = checkArray(op, 'shifts', list(shifts)).map((s) => checkInteger(op, 'a shift', s));
  if (by.length === 0) throw new ArgumentError({ op, expected: 'at least one shift', received: 'none' });
  const along = dims === undefined || dims === null ? [] : list(dims);
  if (along.length === 0 && by.length === 1) return reshape(roll(reshape(x, -1), by, [0]), x.shape);
  if (by.length !== along.length)
    throw new ArgumentError({ op, expected: 'as many shifts as dims', received: `${describe(shifts)} and ${describe(dims)}` });
  return along.reduce<Tensor>((y, dim, i) => {
    if (y.ndim === 0) throw new IndexError({ op, expected: 'a tensor with dimensions', received: 'a scalar' });
    const d = normalizeDim(op, dim, y.ndim);
    const n = y.shape[d];
    if (n === 0) return y;
    const start = ((-by[i] % n) + n) % n;
    return start === 0 ? y : cat([narrow(y, d, start, n - start), narrow(y, d, 0, start)], d);
  }, x);
}
