import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { valuesNow } from './reading.ts';
import { checkArray, checkInput, checkDimensions, checkInteger } from '../checks.ts';
import { isPlainObject, readOptions, readCall, required, type Call } from '../call.ts';
import { isFloat } from '../dtype.ts';
import { normalizeDim, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { narrow } from './slicing.ts';

/** Arguments of `split`. */
export interface SplitOptions {
  /** One size, of which the last part may fall short, or the size of each part. */
  splitSizeOrSections: number | readonly number[];
  /** The dimension to cut; the first by default. */
  dim?: number;
}

/** Consecutive parts of `dim`: of a size (the last may be smaller), or of the listed sizes. They are views. */
export function split(x: Tensor, sizes: number | readonly number[] | SplitOptions, options: number | { dim?: number } = 0): Tensor[] {
  checkInput('split', x);
  if (isPlainObject(sizes) && 'splitSizeOrSections' in sizes)
    return split(x, (sizes as unknown as SplitOptions).splitSizeOrSections, (sizes as unknown as SplitOptions).dim);
  const { dim = 0 } = typeof options === 'number' ? { dim: options } : readOptions<{ dim?: number }>('split', options, ['dim']);
  const d = normalizeDim('split', dim, x.ndim);
  if (x.ndim === 0) throw new ShapeError({ op: 'split', expected: 'a tensor with at least one dimension', received: '[]' });
  const n = x.shape[d];
  let parts: number[];
  if (typeof sizes === 'number') {
    if (!Number.isInteger(sizes) || sizes < 0 || (sizes === 0 && n !== 0))
      throw new ArgumentError({ op: 'split', expected: 'a positive size', received: String(sizes) });
    parts = n === 0 ? [0] : Array.from({ length: Math.ceil(n / sizes) }, (_, i) => Math.min(sizes, n - i * sizes));
  } else {
    parts = [...checkArray('split', 'the sizes', sizes as readonly number[])];
    if (parts.some((p) => !Number.isInteger(p) || p < 0) || parts.reduce((p, q) => p + q, 0) !== n) {
      throw new ShapeError({ op: 'split', expected: `sizes that sum to ${n}`, received: describe(sizes) });
    }
  }
  let start = 0;
  return parts.map((length) => narrow(x, d, (start += length) - length, length));
}

/** At most `chunks` consecutive parts of `dim`, of equal size but for the last. They are views. */
export function chunk(x: Tensor, ...args: Call<{ chunks: number; dim?: number }, ['chunks', 'dim']>): Tensor[] {
  const { chunks, dim = 0 } = readCall<{ chunks: number; dim?: number }>('chunk', args, ['chunks', 'dim']);
  checkInput('chunk', x);
  if (!Number.isInteger(chunks) || chunks < 1)
    throw new ArgumentError({ op: 'chunk', expected: 'a positive number of chunks', received: describe(chunks) });
  const d = normalizeDim('chunk', dim, x.ndim);
  if (x.ndim === 0) throw new ShapeError({ op: 'chunk', expected: 'a tensor with at least one dimension', received: '[]' });
  return x.shape[d] === 0 ? Array.from({ length: chunks }, () => x) : split(x, Math.ceil(x.shape[d] / chunks), d);
}

/** The slices of `dim`, without that dimension. */
export function unbind(x: Tensor, ...args: Call<{ dim?: number }, ['dim']>): Tensor[] {
  checkInput('unbind', x);
  const { dim = 0 } = readCall<{ dim?: number }>('unbind', args, ['dim']);
  const d = normalizeDim('unbind', dim, x.ndim);
  return Array.from({ length: x.size(d) }, (_, i) => x.select(d, i));
}

/** Parts of `dim` of the listed sizes. They are views. */
export function splitWithSizes(x: Tensor, ...args: Call<{ splitSizes: readonly number[]; dim?: number }, ['splitSizes', 'dim']>): Tensor[] {
  const { splitSizes, dim = 0 } = readCall<{ splitSizes: readonly number[]; dim?: number }>('splitWithSizes', args, ['splitSizes', 'dim']); // prettier-ignore
  if (!Array.isArray(splitSizes))
    throw new ArgumentError({ op: 'splitWithSizes', expected: 'an array of sizes', received: describe(splitSizes) });
  return split(x, splitSizes as readonly number[], dim);
}

/** Into how many parts, or before which indices, a dimension is cut. */
export type IndicesOrSections = number | readonly number[] | Tensor;

function cut(op: string, x: Tensor, given: IndicesOrSections, dim: number): Tensor[] {
  checkInput(op, x);
  const d = normalizeDim(op, dim, x.ndim);
  if (x.ndim === 0) throw new ShapeError({ op, expected: 'a tensor with at least one dimension', received: '[]' });
  const n = x.shape[d];
  let places = given;
  if (places instanceof Tensor) {
    if (isFloat(places.dtype) || places.ndim > 1)
      throw new ArgumentError({ op, expected: 'a number of sections, or one-dimensional integer indices', received: describe(places) });
    const values = Array.from(valuesNow(op, places, 'Give numbers: await places.data().'), Number);
    places = places.ndim === 0 ? values[0] : values;
  }
  if (typeof places === 'number') {
    checkInteger(op, 'the number of sections', places, 1);
    // The first n mod k of k parts have one more element.
    const [size, more] = [Math.floor(n / places), n % places];
    return Array.from({ length: places }, (_, i) => narrow(x, d, i * size + Math.min(i, more), size + (i < more ? 1 : 0)));
  }
  if (!Array.isArray(places)) throw new ArgumentError({ op, expected: 'a number of sections, or indices', received: describe(places) });
  const bound = (i: number): number => Math.min(Math.max(i < 0 ? i + n : i, 0), n);
  const edges = [0, ...(places as readonly number[]).map((i) => bound(checkInteger(op, 'an index', i))), n];
  return edges.slice(1).map((end, i) => narrow(x, d, Math.min(edges[i], n), Math.max(0, end - edges[i])));
}

/** Parts of `dim`: a number of nearly equal ones, or cut before the given indices. They are views. */
export function tensorSplit(
  x: Tensor,
  ...args: Call<{ indicesOrSections: IndicesOrSections; dim?: number }, ['indicesOrSections', 'dim']>
): Tensor[] {
  const op = 'tensorSplit';
  const all = readCall<{ indicesOrSections?: IndicesOrSections; indices?: IndicesOrSections; sections?: number; dim?: number }>(op, args, ['indicesOrSections', 'dim'], ['indices', 'sections']); // prettier-ignore
  return cut(op, x, required(op, 'indicesOrSections', all.indicesOrSections ?? all.indices ?? all.sections), all.dim ?? 0);
}

function cutEvenly(op: string, x: Tensor, args: readonly unknown[], least: number, dim: number): Tensor[] {
  const all = readCall<{ indicesOrSections?: IndicesOrSections; indices?: IndicesOrSections; sections?: number }>(op, args, ['indicesOrSections'], ['indices', 'sections']); // prettier-ignore
  const given = required(op, 'indicesOrSections', all.indicesOrSections ?? all.indices ?? all.sections);
  checkDimensions(op, x, least);
  if (typeof given === 'number' && (given < 1 || x.shape[dim] % given !== 0)) {
    throw new ShapeError({ op, expected: `sections that divide the ${x.shape[dim]} elements of dimension ${dim}`, received: `${given} for ${showShape(x.shape)}` }); // prettier-ignore
  }
  return cut(op, x, given, dim);
}

/** The arguments of `hsplit`, `vsplit` and `dsplit`. */
export type CutArguments = Call<{ indicesOrSections: IndicesOrSections }, ['indicesOrSections']>;
/** Parts from left to right: along the second dimension, or the only one. @throws ShapeError when a number of sections does not divide it */
export const hsplit = (x: Tensor, ...args: CutArguments): Tensor[] =>
  cutEvenly('hsplit', checkInput('hsplit', x), args, 1, x.ndim === 1 ? 0 : 1);
/** Parts from top to bottom, along the first dimension. @throws ShapeError when a number of sections does not divide it */
export const vsplit = (x: Tensor, ...args: CutArguments): Tensor[] => cutEvenly('vsplit', x, args, 2, 0);
/** Parts in depth, along the third dimension. @throws ShapeError when a number of sections does not divide it */
export const dsplit = (x: Tensor, ...args: CutArguments): Tensor[] => cutEvenly('dsplit', x, args, 3, 2);
