import { checkInput } from '../checks.ts';
import { dispatch, dispatchOne } from '../dispatch.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import type { DType } from '../dtype.ts';
import { readCall, type Call } from '../call.ts';
import { cast, toFloat } from './cast.ts';
import { logaddexp } from './pointwise.ts';
import { sumDType, valuesAndIndices, type ValuesAndIndices } from './reduction.ts';

interface ScanAttrs {
  readonly dim: number;
}

export const cumsumOp: Op<ScanAttrs> = defineOp<ScanAttrs>({
  name: 'cumsum',
  infer: ([x]) => [x],
  kernel: (k, [x], [out], { dim }) => k.scan('sum', x, out, undefined, dim),
  // Element i appears in all later sums.
  vjp: ({ cotangents: [g], attrs: { dim } }) => [g && g.flip(dim).cumsum(dim).flip(dim)],
});

/** Arguments of `cumsum` and its like. */
export interface ScanOptions {
  /** The dimension to accumulate along. */
  dim: number;
  /** Casts before computing. */
  dtype?: DType | null;
}
export type ScanArguments = Call<ScanOptions, ['dim']>;

/** Running sums along `dim`. Bools and small integers give int32. */
export function cumsum(x: Tensor, ...args: ScanArguments): Tensor {
  checkInput('cumsum', x);
  const { dim, dtype } = readCall<ScanOptions>('cumsum', args, ['dim'], ['dtype']);
  const d = normalizeDim('cumsum', dim, x.ndim);
  const y = cast(x, dtype ?? sumDType(x.dtype));
  return x.ndim === 0 ? y.clone() : dispatchOne(cumsumOp, [y], { dim: d });
}

export const cumprodOp: Op<ScanAttrs> = defineOp<ScanAttrs>({
  name: 'cumprod',
  infer: ([x]) => [x],
  kernel: (k, [x], [out], { dim }) => k.scan('prod', x, out, undefined, dim),
  save: ([x]) => [x],
  // d out[j] / d x[i] is the product of x[0..j] without x[i]; summed for j >= i by running over i: right with zeros, O(n²) work.
  vjp({ cotangents: [g], saved: [x], attrs: { dim } }) {
    if (g === undefined) return [undefined];
    const n = x.shape[dim];
    if (n === 0) return [g];
    const parts: Tensor[] = [];
    let before: Tensor | undefined;
    for (let i = 0; i < n; i++) {
      const one = x.narrow(dim, i, 1).mul(0).add(1);
      const after = i + 1 < n ? one.cat([x.narrow(dim, i + 1, n - i - 1)], dim).cumprod(dim) : one;
      const terms = g.narrow(dim, i, n - i).mul(before === undefined ? after : after.mul(before));
      parts.push(terms.sum(dim, { keepdim: true }));
      before = before === undefined ? x.narrow(dim, 0, 1) : before.mul(x.narrow(dim, i, 1));
    }
    return [parts[0].cat(parts.slice(1), dim)];
  },
});

/** Running products along `dim`. */
export function cumprod(x: Tensor, ...args: ScanArguments): Tensor {
  checkInput('cumprod', x);
  const { dim, dtype } = readCall<ScanOptions>('cumprod', args, ['dim'], ['dtype']);
  const d = normalizeDim('cumprod', dim, x.ndim);
  const y = cast(x, dtype ?? sumDType(x.dtype));
  return x.ndim === 0 ? y.clone() : dispatchOne(cumprodOp, [y], { dim: d });
}

const defineExtremeScan = (name: 'max' | 'min'): Op<ScanAttrs> =>
  defineOp<ScanAttrs>({
    name: `cum${name}`,
    infer: ([x]) => [x, { shape: x.shape, dtype: 'int32' }],
    kernel: (k, [x], [values, indices], { dim }) => k.scan(name, x, values, indices, dim),
    save: (_, [, indices]) => [indices],
    vjp: ({ cotangents: [g], saved: [indices], attrs: { dim } }) => [g && g.mul(0).scatterAdd(dim, indices, g)],
  });
export const cummaxOp: Op<ScanAttrs> = defineExtremeScan('max');
export const cumminOp: Op<ScanAttrs> = defineExtremeScan('min');

function extremeScan(op: Op<ScanAttrs>, x: Tensor, args: readonly unknown[]): ValuesAndIndices {
  const { dim } = readCall<{ dim: number }>(op.name, args, ['dim']);
  const d = normalizeDim(op.name, dim, x.ndim);
  if (x.ndim === 0) return valuesAndIndices(x.clone(), x.newZeros([], { dtype: 'int32' }));
  const [values, indices] = dispatch(op, [x], { dim: d });
  return valuesAndIndices(values, indices);
}
/** Running maxima along `dim`, with the index of the last element that reached each. */
export const cummax = (x: Tensor, ...args: Call<{ dim: number }, ['dim']>): ValuesAndIndices =>
  extremeScan(cummaxOp, checkInput('cummax', x), args);
/** Running minima along `dim`, with the index of the last element that reached each. */
export const cummin = (x: Tensor, ...args: Call<{ dim: number }, ['dim']>): ValuesAndIndices =>
  extremeScan(cumminOp, checkInput('cummin', x), args);

/** Running `log Σ exp(x)` along `dim`, without overflow: each step adds what lies twice as far before. */
export function logcumsumexp(x: Tensor, ...args: Call<{ dim: number }, ['dim']>): Tensor {
  checkInput('logcumsumexp', x);
  const { dim } = readCall<{ dim: number }>('logcumsumexp', args, ['dim']);
  const d = normalizeDim('logcumsumexp', dim, x.ndim);
  let y = toFloat(x);
  const n = y.ndim === 0 ? 1 : y.shape[d];
  for (let reach = 1; reach < n; reach *= 2) {
    const summed = logaddexp(y.narrow(d, reach, n - reach), y.narrow(d, 0, n - reach));
    y = y.narrow(d, 0, reach).cat([summed], d);
  }
  return y === x ? x.clone() : y;
}
