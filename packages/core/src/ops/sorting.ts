import { dispatch } from '../dispatch.ts';
import { ArgumentError, describe } from '../errors.ts';
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

/** Values in order along `dim`, and the indices they come from. Equal values keep their order; NaN counts as the largest. */
export function sort(
  x: Tensor,
  dim: number | { dim?: number; descending?: boolean; stable?: boolean } = -1,
  options?: { descending?: boolean; stable?: boolean } | boolean,
): ValuesAndIndices {
  const all = typeof dim === 'object' ? dim : typeof options === 'boolean' ? { descending: options } : options;
  const along = typeof dim === 'object' ? (dim.dim ?? -1) : dim;
  const d = normalizeDim('sort', along, x.ndim);
  if (x.ndim === 0) return valuesAndIndices(x.clone(), x.newZeros([], { dtype: 'int32' }));
  const [values, indices] = dispatch(sortOp, [x], { dim: d, descending: all?.descending ?? false });
  return valuesAndIndices(values, indices);
}

/** The indices that sort x along `dim`. */
export const argsort = (
  x: Tensor,
  dim: number | { dim?: number; descending?: boolean; stable?: boolean } = -1,
  options?: { descending?: boolean; stable?: boolean } | boolean,
): Tensor => sort(x, dim, options).indices;

/** The k largest values along `dim`, largest first, and their indices; the smallest with `largest: false`. */
export function topk(
  x: Tensor,
  k: number,
  dim: number | { dim?: number; largest?: boolean; sorted?: boolean } = -1,
  options?: { largest?: boolean; sorted?: boolean },
): ValuesAndIndices {
  const all = typeof dim === 'object' ? dim : options;
  const d = normalizeDim('topk', typeof dim === 'object' ? (dim.dim ?? -1) : dim, x.ndim);
  const n = x.ndim === 0 ? 1 : x.shape[d];
  if (!Number.isInteger(k) || k < 0 || k > n)
    throw new ArgumentError({ op: 'topk', expected: `k between 0 and the ${n} elements of the dimension`, received: describe(k) });
  const { values, indices } = sort(x, d, { descending: all?.largest ?? true });
  return x.ndim === 0 ? valuesAndIndices(values, indices) : valuesAndIndices(values.narrow(d, 0, k), indices.narrow(d, 0, k));
}
