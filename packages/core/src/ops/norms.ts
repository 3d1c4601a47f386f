import { readCall, required, type Call } from '../call.ts';
import { checkChoice, checkDimensions, checkFloat } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import type { DType } from '../dtype.ts';
import { ArgumentError, DTypeError, ShapeError, ValueError, describe } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { broadcastShapes, normalizeDim, normalizeDims, reducedShape, showShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { promotePair } from './precision.ts';
import type { Dims } from './reduction.ts';
import { expandTo, reshape } from './views.ts';

interface NormAttrs {
  readonly p: number;
  readonly dims: readonly number[];
}

const kept = { keepdim: true };

/** (Σ |x|^p)^(1/p) over dims, which stay with size 1. A gradient at a zero norm is zero. */
export const normOp: Op<NormAttrs> = defineOp<NormAttrs>({
  name: 'norm',
  infer: ([x], { dims }) => [{ shape: reducedShape(x.shape, dims, true), dtype: x.dtype }],
  compose([x], { p, dims }) {
    const all = { dim: dims.length === 0 ? null : [...dims], ...kept };
    if (dims.length === 0) return [p === 0 ? x.ne(0).to(x.dtype) : x.abs()];
    if (p === 0) return [x.ne(0).to(x.dtype).sum(all)];
    if (p === Infinity) return [x.abs().amax(all)];
    if (p === -Infinity) return [x.abs().amin(all)];
    if (p === 1) return [x.abs().sum(all)];
    if (p === 2) return [x.square().sum(all).sqrt()];
    return [
      x
        .abs()
        .pow(p)
        .sum(all)
        .pow(1 / p),
    ];
  },
  save: ([x], [y]) => [x, y],
  vjp({ cotangents: [g], saved: [x, y], attrs: { p, dims } }) {
    if (g === undefined) return [undefined];
    if (p === 0) return [g.mul(0).expand(x.shape)];
    if (p === 1 || dims.length === 0) return [g.mul(x.sign())];
    if (Math.abs(p) === Infinity) {
      const hit = x.abs().eq(y).to(g.dtype);
      return [
        x
          .sign()
          .mul(hit)
          .mul(g.div(hit.sum([...dims], kept))),
      ];
    }
    const zero = y.eq(0);
    // x·(g/y) for p = 2; else sign(x)·|x|^(p-1) · g·y^(1-p)
    if (p === 2) return [x.mul(g.div(y).maskedFill(zero, 0))];
    const size = x.abs();
    const part = p < 2 ? x.sign().mul(size.pow(p - 1).maskedFill(x.eq(0), 0)) : x.mul(size.pow(p - 2));
    return [part.mul(g.mul(y.pow(1 - p)).maskedFill(zero, 0))];
  },
});

/**
 * The orthogonal factor of the polar decomposition of matrices, by the iteration X ← X(3 - XᵀX)/2 (Björck & Bowie 1971) from X/‖X‖.
 * Singular values that are zero stay zero. The iteration triples small ones by half each time, so 60 reach 1 from 1e-9.
 */
function polarFactor(x: Tensor): Tensor {
  const scale = x.square().sum([-2, -1], kept).sqrt();
  let y = x.div(scale.eq(0).where(1, scale));
  for (let step = 0; step < 60; step++) y = y.mul(1.5).sub(y.matmul(y.mT.matmul(y)).mul(0.5));
  return y;
}

/** The sum of the singular values of matrices: trace(UᵀX) with the polar factor U, which is also its derivative. */
const nuclearNormOp: Op = defineOp<unknown>({
  name: 'nuclearNorm',
  infer: ([x]) => [{ shape: [...x.shape.slice(0, -2), 1, 1], dtype: x.dtype }],
  compose: ([x]) => [polarFactor(x).mul(x).sum([-2, -1], kept)],
  save: ([x]) => [x],
  vjp: ({ cotangents: [g], saved: [x] }) => [g && g.mul(polarFactor(x))],
});

/** Arguments of `norm`. */
export interface NormOptions {
  /** A number, 'fro' (2) or 'nuc' (the sum of singular values). */
  p?: number | 'fro' | 'nuc';
  /** The dimensions to reduce; all of them by default. */
  dim?: Dims;
  /** Keeps the reduced dimensions with size 1; false by default. */
  keepdim?: boolean;
  /** The dtype to compute in and give; that of the tensor by default. */
  dtype?: DType | null;
}

/** The norm (Σ |x|^p)^(1/p) of everything, or over `dim`; p is 2 by default, and may be 0 (counts), ±Infinity (extremes) or 'nuc'. */
export function norm(x: Tensor, ...args: Call<NormOptions, ['p', 'dim', 'keepdim']>): Tensor {
  const op = 'norm';
  const { p = 'fro', dim, keepdim = false, dtype } = readCall<NormOptions>(op, args, ['p', 'dim', 'keepdim'], ['dtype', 'out']);
  const y = checkFloat(op, dtype ? cast(x, dtype) : x);
  if (typeof p === 'string') checkChoice(op, 'p', p, ['fro', 'nuc']);
  else if (typeof p !== 'number' || Number.isNaN(p))
    throw new ArgumentError({ op, expected: "a number, 'fro' or 'nuc'", received: describe(p) });
  const dims = normalizeDims(op, dim, y.ndim);
  if (p === 'nuc') {
    if (dims.length !== 2)
      throw new ShapeError({ op, expected: 'matrices, or two dims', received: `${showShape(y.shape)} over ${describe(dim)}` });
    const moved = y.movedim(Array.isArray(dim) ? (dim as number[]) : dims, [-2, -1]);
    return reshape(dispatchOne(nuclearNormOp, [moved], undefined), reducedShape(y.shape, dims, keepdim));
  }
  const order = p === 'fro' ? 2 : p;
  if (Math.abs(order) === Infinity && dims.some((d) => y.shape[d] === 0))
    throw new ShapeError({ op, expected: 'at least one element along the reduced dims', received: showShape(y.shape) });
  return reshape(dispatchOne(normOp, [y], { p: order, dims }), reducedShape(y.shape, dims, keepdim));
}

/** The p-norm of the difference of two tensors that broadcast; p is 2 by default. */
export function dist(x: Tensor, other: Tensor, ...args: Call<{ p?: number }, ['p']>): Tensor {
  const { p = 2 } = readCall<{ p?: number }>('dist', args, ['p']);
  const [a, b] = promotePair('dist', x, other);
  return norm(checkFloat('dist', a.sub(b)), p);
}

/** Options of `cdist`. */
export interface CdistOptions {
  /** The norm of the differences, from 0 to Infinity; 2 by default. */
  p?: number;
  /** Accepted for PyTorch's sake: distances are computed from differences. */
  computeMode?: string;
}

/**
 * The p-norm distance of every row of one batch of matrices to every row of another: a [..., P, M], b [..., R, M] → [..., P, R].
 * @throws ShapeError when the rows differ in length, ValueError for a negative p
 */
export function cdist(x1: Tensor, x2: Tensor, ...args: Call<CdistOptions, ['p', 'computeMode']>): Tensor {
  const op = 'cdist';
  const { p = 2 } = readCall<CdistOptions>(op, args, ['p', 'computeMode']);
  for (const x of [x1, x2]) checkFloat(op, checkDimensions(op, x, 2));
  if (!(p >= 0)) throw new ValueError({ op, expected: 'p that is not negative', received: String(p) });
  if (x1.dtype !== x2.dtype) throw new DTypeError({ op, expected: 'tensors of one dtype', received: `${x1.dtype} and ${x2.dtype}` });
  const length = x1.shape[x1.ndim - 1];
  if (length !== x2.shape[x2.ndim - 1])
    throw new ShapeError({ op, expected: 'rows of one length', received: `${showShape(x1.shape)} and ${showShape(x2.shape)}` });
  const batch = broadcastShapes(op, x1.shape.slice(0, -2), x2.shape.slice(0, -2));
  const [rows, columns] = [x1.shape[x1.ndim - 2], x2.shape[x2.ndim - 2]];
  const shape = [...batch, rows, columns];
  const difference = expandTo(x1.unsqueeze(-2), [...shape, length]).sub(expandTo(x2.unsqueeze(-3), [...shape, length]));
  // Without elements to compare, or pairs, there is nothing to reduce, but the graph stays whole.
  if (difference.count === 0) return difference.sum(-1);
  return reshape(dispatchOne(normOp, [difference], { p, dims: [difference.ndim - 1] }), shape);
}

/** Arguments of `renorm`. */
export interface RenormOptions {
  /** The norm that is bounded. */
  p: number;
  /** The dimension whose slices are bounded one by one. */
  dim: number;
  /** The largest norm that a slice keeps; a larger one is scaled down to it. */
  maxnorm: number;
}

/** Scales down the slices of `dim` whose p-norm is above `maxnorm`, to `maxnorm`. */
export function renorm(x: Tensor, ...args: Call<RenormOptions, ['p', 'dim', 'maxnorm']>): Tensor {
  const op = 'renorm';
  const { p, dim, maxnorm } = readCall<RenormOptions>(op, args, ['p', 'dim', 'maxnorm']);
  checkFloat(op, checkDimensions(op, x, 2));
  if (!(required(op, 'p', p) > 0)) throw new ValueError({ op, expected: 'a positive p', received: describe(p) });
  if (!(required(op, 'maxnorm', maxnorm) >= 0)) throw new ValueError({ op, expected: 'maxnorm >= 0', received: describe(maxnorm) });
  const d = normalizeDim(op, dim, x.ndim);
  const others = x.shape.flatMap((_, i) => (i === d ? [] : [i]));
  const size = dispatchOne(normOp, [x], { p, dims: others });
  const factor = size.gt(maxnorm).where(size.add(1e-7).reciprocal().mul(maxnorm), 1);
  return x.mul(factor);
}
