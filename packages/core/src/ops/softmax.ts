import { dispatchOne } from '../dispatch.ts';
import { isFloat, type DType } from '../dtype.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast, toFloat } from './cast.ts';
import { reduceArguments, type Dims, type ReduceOptions } from './reduction.ts';

interface SoftmaxAttrs {
  readonly dim: number;
}

/** exp(x - max) / Σ exp(x - max): shifting by the maximum changes nothing and avoids overflow. */
export const softmaxOp: Op<SoftmaxAttrs> = defineOp<SoftmaxAttrs>({
  name: 'softmax',
  infer: ([x]) => [x],
  compose([x], { dim }) {
    const e = x.sub(x.amax(dim, { keepdim: true })).exp();
    return [e.div(e.sum(dim, { keepdim: true }))];
  },
  save: (_, [y]) => [y],
  // y·(g - Σ g·y)
  vjp: ({ cotangents: [g], saved: [y], attrs: { dim } }) => [g && y.mul(g.sub(g.mul(y).sum(dim, { keepdim: true })))],
});

export const logSoftmaxOp: Op<SoftmaxAttrs> = defineOp<SoftmaxAttrs>({
  name: 'logSoftmax',
  infer: ([x]) => [x],
  compose([x], { dim }) {
    const shifted = x.sub(x.amax(dim, { keepdim: true }));
    return [shifted.sub(shifted.exp().sum(dim, { keepdim: true }).log())];
  },
  save: (_, [y]) => [y],
  // g - softmax·Σg
  vjp: ({ cotangents: [g], saved: [y], attrs: { dim } }) => [g && g.sub(y.exp().mul(g.sum(dim, { keepdim: true })))],
});

function along(op: Op<SoftmaxAttrs>, x: Tensor, dim: number, dtype: DType | undefined): Tensor {
  const d = normalizeDim(op.name, dim, x.ndim);
  const y = dtype === undefined ? toFloat(x) : cast(x, isFloat(dtype) ? dtype : 'float32');
  if (y.count === 0) return y.clone();
  return y.ndim === 0 ? dispatchOne(op, [y.reshape(1)], { dim: 0 }).reshape([]) : dispatchOne(op, [y], { dim: d });
}

/** `exp(x) / Σ exp(x)` along `dim`. */
export const softmax = (x: Tensor, dim: number, options?: { dtype?: DType }): Tensor => along(softmaxOp, x, dim, options?.dtype);

/** The logarithm of softmax, computed without leaving the logarithm. */
export const logSoftmax = (x: Tensor, dim: number, options?: { dtype?: DType }): Tensor => along(logSoftmaxOp, x, dim, options?.dtype);

/** `log Σ exp(x)` over `dim`, without overflow. */
export function logsumexp(x: Tensor, dim: Dims | ReduceOptions, options?: ReduceOptions): Tensor {
  const all = reduceArguments(dim, options);
  const y = toFloat(x);
  if (y.count === 0) return y.exp().sum(all).log();
  const peak = y.amax({ ...all, keepdim: true });
  const shift = peak.isfinite().where(peak, 0);
  const total = y.sub(shift).exp().sum({ ...all, keepdim: true }).log().add(shift); // prettier-ignore
  return all.keepdim ? total : total.reshape(y.amax(all).shape);
}
