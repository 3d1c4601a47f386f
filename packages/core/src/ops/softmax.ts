import { checkInput } from '../checks.ts';
import { readCall, type Call } from '../call.ts';
import { dispatchOne } from '../dispatch.ts';
import { isFloat, type DType } from '../dtype.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast, toFloat } from './cast.ts';
import { reduceArguments, type Dims, type Keepdim, type ReduceOptions } from './reduction.ts';

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
  vjp: ({ cotangents: [g], saved: [y], attrs }) => [g && dispatchOne(softmaxGradOp, [g, y], attrs)],
});

/** Gradient of softmax from that of its result y: y·(g - Σ g·y). */
export const softmaxGradOp: Op<SoftmaxAttrs> = defineOp<SoftmaxAttrs>({
  name: 'softmaxGrad',
  infer: ([g]) => [g],
  compose: ([g, y], { dim }) => [y.mul(g.sub(g.mul(y).sum(dim, { keepdim: true })))],
});

export const logSoftmaxOp: Op<SoftmaxAttrs> = defineOp<SoftmaxAttrs>({
  name: 'logSoftmax',
  infer: ([x]) => [x],
  compose([x], { dim }) {
    const shifted = x.sub(x.amax(dim, { keepdim: true }));
    return [shifted.sub(shifted.exp().sum(dim, { keepdim: true }).log())];
  },
  save: (_, [y]) => [y],
  vjp: ({ cotangents: [g], saved: [y], attrs }) => [g && dispatchOne(logSoftmaxGradOp, [g, y], attrs)],
});

/** Gradient of logSoftmax from that of its result y: g - eʸ·Σ g. */
export const logSoftmaxGradOp: Op<SoftmaxAttrs> = defineOp<SoftmaxAttrs>({
  name: 'logSoftmaxGrad',
  infer: ([g]) => [g],
  compose: ([g, y], { dim }) => [g.sub(y.exp().mul(g.sum(dim, { keepdim: true })))],
});

/** Arguments of `softmax` and `logSoftmax`. */
export interface SoftmaxOptions {
  /** The dimension along which the results sum to 1. */
  dim: number;
  /** Casts before computing. */
  dtype?: DType | null;
}
export type SoftmaxArguments = Call<SoftmaxOptions, ['dim', 'dtype']>;

function along(op: Op<SoftmaxAttrs>, x: Tensor, args: readonly unknown[]): Tensor {
  const { dim, dtype } = readCall<SoftmaxOptions>(op.name, args, ['dim', 'dtype']);
  const d = normalizeDim(op.name, dim, x.ndim);
  const y = dtype === undefined || dtype === null ? toFloat(x) : cast(x, isFloat(dtype) ? dtype : 'float32');
  if (y.count === 0) return y.clone();
  return y.ndim === 0 ? dispatchOne(op, [y.reshape(1)], { dim: 0 }).reshape([]) : dispatchOne(op, [y], { dim: d });
}

/** `exp(x) / Σ exp(x)` along `dim`. */
export const softmax = (x: Tensor, ...args: SoftmaxArguments): Tensor => along(softmaxOp, checkInput('softmax', x), args);

/** The logarithm of softmax, computed without leaving the logarithm. */
export const logSoftmax = (x: Tensor, ...args: SoftmaxArguments): Tensor => along(logSoftmaxOp, checkInput('logSoftmax', x), args);

/** `log Σ exp(x)` over `dim`, without overflow. */
export function logsumexp(x: Tensor, dim: Dims | ReduceOptions, keepdim?: Keepdim, options?: ReduceOptions): Tensor {
  checkInput('logsumexp', x);
  const all = reduceArguments('logsumexp', dim, keepdim, options);
  const y = toFloat(x);
  if (y.count === 0) return y.exp().sum(all).log();
  const peak = y.amax({ ...all, keepdim: true });
  const shift = peak.isfinite().where(peak, 0);
  const total = y.sub(shift).exp().sum({ ...all, keepdim: true }).log().add(shift); // prettier-ignore
  return all.keepdim ? total : total.reshape(y.amax(all).shape);
}
