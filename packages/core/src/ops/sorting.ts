import { readCall, type Call } from '../call.ts';
import { checkInput, checkInteger } from '../checks.ts';
import { dispatch } from '../dispatch.ts';
import { IndexError } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { valuesAndIndices, type ValuesAndIndices } from './reduction.ts';

interface SortAttrs {
  readonly dim: number;
  readonly descending: boolean;
}

export const sortOp: Op<SortAttrs> = defineOp<SortAttrs>({
  name: 'sort',
  infer: ([x]) => [x, { shape: x.shape, dtype: 'int32' }],
  kernel: (k, [x], [values, indices], { dim, descending }) => k.sort(x, dim, descending, values, indices),
  save: (_, [, indices]) => [indices],
  vjp: ({ cotangents: [g], saved: [indices], attrs: { dim } }) => [g && g.mul(0).scatter(dim, indices, g)],
});

/** Options of `sort` and `argsort`. The order is always stable. */
export interface SortOptions {
  /** The dimension to sort along; the last by default. */
  dim?: number;
  /** The largest comes first; false by default. */
  descending?: boolean;
  /** Accepted for PyTorch's sake: equal values always keep their order. */
  stable?: boolean | null;
}

/** Values in order along `dim` (the last by default), and the indices they come from. Equal values keep their order; NaN counts as the largest. */
export function sort(x: Tensor, ...args: Call<SortOptions, ['dim', 'descending', 'stable']>): ValuesAndIndices {
  checkInput('sort', x);
  const { dim = -1, descending = false } = readCall<SortOptions>('sort', args, ['dim', 'descending', 'stable']);
  const d = normalizeDim('sort', dim, x.ndim);
  if (x.ndim === 0) return valuesAndIndices(x.clone(), x.newZeros([], { dtype: 'int32' }));
  const [values, indices] = dispatch(sortOp, [x], { dim: d, descending });
  return valuesAndIndices(values, indices);
}

/** The indices that sort x along `dim`. */
export const argsort = (x: Tensor, ...args: Call<SortOptions, ['dim', 'descending', 'stable']>): Tensor =>
  sort(checkInput('argsort', x), ...args).indices;

/** The values in order along the first dimension. */
export const msort = (x: Tensor): Tensor => sort(checkInput('msort', x), 0).values;

/** Options of `topk`. */
export interface TopkOptions {
  /** How many values are taken. */
  k: number;
  /** The dimension to search; the last by default. */
  dim?: number;
  /** False gives the smallest. */
  largest?: boolean;
  /** The values are sorted in any case. */
  sorted?: boolean;
}

/** The k largest values along `dim`, largest first, and their indices; the smallest with `largest: false`. @throws IndexError when there are fewer */
export function topk(x: Tensor, ...args: Call<TopkOptions, ['k', 'dim', 'largest', 'sorted']>): ValuesAndIndices {
  checkInput('topk', x);
  const { k, dim = -1, largest = true } = readCall<TopkOptions>('topk', args, ['k', 'dim', 'largest', 'sorted']);
  const d = normalizeDim('topk', dim, x.ndim);
  const n = x.ndim === 0 ? 1 : x.shape[d];
  if (checkInteger('topk', 'k', k, 0) > n)
    throw new IndexError({ op: 'topk', expected: `k of at most the ${n} elements of the dimension`, received: String(k) });
  const { values, indices } = sort(x, d, largest);
  return x.ndim === 0 ? valuesAndIndices(values, indices) : valuesAndIndices(values.narrow(d, 0, k), indices.narrow(d, 0, k));
}

/** Options of `kthvalue`. */
export interface KthValueOptions {
  /** Which value counting from the smallest, which is 1. */
  k: number;
  /** The dimension to search; the last by default. */
  dim?: number;
  /** Keeps the searched dimension with size 1; false by default. */
  keepdim?: boolean;
}

/** The k-th smallest value along `dim`, k counting from 1, and its index. @throws IndexError when there are fewer than k */
export function kthvalue(x: Tensor, ...args: Call<KthValueOptions, ['k', 'dim', 'keepdim']>): ValuesAndIndices {
  checkInput('kthvalue', x);
  const { k, dim = -1, keepdim = false } = readCall<KthValueOptions>('kthvalue', args, ['k', 'dim', 'keepdim']);
  const d = normalizeDim('kthvalue', dim, x.ndim);
  const n = x.ndim === 0 ? 1 : x.shape[d];
  if (checkInteger('kthvalue', 'k', k, 1) > n)
    throw new IndexError({ op: 'kthvalue', expected: `k of at most the ${n} elements of the dimension`, received: String(k) });
  const { values, indices } = sort(x, d);
  if (x.ndim === 0) return valuesAndIndices(values, indices);
  const pick = (y: Tensor): Tensor => (keepdim ? y.narrow(d, k - 1, 1) : y.select(d, k - 1));
  return valuesAndIndices(pick(values), pick(indices));
}
