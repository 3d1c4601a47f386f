import { readCall, type Call, checkNumber, ArgumentError, checkDType, defineOp, describe, dispatchOne, DTypeError, isFloat, normalizeDims, reducedShape, ShapeError, showShape, Tensor, type DType, type Op } from '@flambeau/core'; // prettier-ignore
import { wide, wideSquare } from './host.ts';
import { invEx } from './solve.ts';
import { svdvals } from './svd.ts';

interface VectorNormAttrs {
  readonly ord: number;
  readonly dims: readonly number[];
}

/** ‖x‖ over dims, which stay with size 1. Where a norm has no derivative, at zero, the gradient is 0. */
const vectorNormOp: Op<VectorNormAttrs> = defineOp<VectorNormAttrs>({
  name: 'linalgVectorNorm',
  compose([x], { ord, dims }) {
    const keep = { keepdim: true };
    if (ord === 0) return [x.ne(0).to(x.dtype).sum(dims, keep)];
    if (ord === Infinity) return [x.abs().amax(dims, keep)];
    if (ord === -Infinity) return [x.abs().amin(dims, keep)];
    if (ord === 1) return [x.abs().sum(dims, keep)];
    if (ord === 2) return [x.square().sum(dims, keep).sqrt()];
    return [
      x
        .abs()
        .pow(ord)
        .sum(dims, keep)
        .pow(1 / ord),
    ];
  },
  save: ([x], [y]) => [x, y],
  vjp({ cotangents: [g], saved: [x, y], attrs: { ord, dims } }) {
    if (g === undefined) return [undefined];
    if (ord === 0) return [x.mul(0)];
    if (ord === 1) return [x.sign().mul(g)];
    const atZero = y.eq(0);
    if (ord === 2) return [x.mul(g.div(y).maskedFill(atZero, 0))];
    if (Math.abs(ord) === Infinity) {
      // Elements that reach the extreme share the gradient.
      const reached = x.abs().eq(y).to(x.dtype);
      return [
        x
          .sign()
          .mul(reached)
          .mul(g.div(reached.sum(dims, { keepdim: true }))),
      ];
    }
    // d‖x‖/dx = sign(x)·(|x| / ‖x‖)^(p - 1)
    const ratio = x.abs().div(y);
    const slope = ratio.pow(ord - 1).maskedFill(ord < 1 ? x.eq(0).logicalOr(atZero) : atZero, 0);
    return [x.sign().mul(slope).mul(g)];
  },
});

/** Options of `vectorNorm`. */
export interface VectorNormOptions {
  /** The power p of (Σ|x|^p)^(1/p); 0 counts what is not zero, ±Infinity take the extreme. 2 by default. */
  ord?: number;
  /** Dimensions to reduce; all of them by default. */
  dim?: number | readonly number[] | null;
  /** Keeps the reduced dimensions with size 1; false by default. */
  keepdim?: boolean;
  /** The dtype to compute in and give. */
  dtype?: DType | null;
}

function checkFloats(op: string, x: Tensor, dtype: DType | null | undefined): Tensor {
  if (!(x instanceof Tensor)) throw new ArgumentError({ op, expected: 'a tensor', received: describe(x) });
  if (!isFloat(x.dtype)) throw new DTypeError({ op, expected: 'a tensor of floats', received: x.dtype, hint: "Cast it: x.to('float32')." });
  return dtype ? x.to(checkDType(op, dtype)) : x;
}

/** In float64 where the device computes it. */
const widestOf = (x: Tensor): Tensor => (x.device.computes('float64') ? x.to('float64') : x);

function computeVectorNorm(op: string, given: Tensor, { ord = 2, dim = null, keepdim = false, dtype = null }: VectorNormOptions): Tensor {
  const x = checkFloats(op, given, dtype);
  if (typeof ord !== 'number' || Number.isNaN(ord))
    throw new ArgumentError({ op, expected: 'a number as the order of a vector norm', received: describe(ord) });
  const dims = normalizeDims(op, dim, x.ndim);
  const reduced = dims.reduce((n, d) => n * x.shape[d], 1);
  if (reduced === 0 && (ord < 0 || ord === Infinity))
    throw new ShapeError({ op, expected: `elements for the norm of order ${ord}, which has no value for none`, received: showShape(x.shape) }); // prettier-ignore
  const exact = widestOf(x);
  // A scalar is a vector of one element.
  const y = x.ndim === 0 ? dispatchOne(vectorNormOp, [exact.unsqueeze(0)], { ord, dims: [0] }) : dispatchOne(vectorNormOp, [exact], { ord, dims }); // prettier-ignore
  return y.reshape(reducedShape(x.shape, dims, keepdim)).to(x.dtype);
}

/** The norm of vectors: (Σ|x|^ord)^(1/ord) over `dim`, or everything. @throws ShapeError for the extreme of nothing */
export function vectorNorm(x: Tensor, ...args: Call<VectorNormOptions, ['ord', 'dim', 'keepdim']>): Tensor {
  const op = 'linalg.vectorNorm';
  return computeVectorNorm(op, x, readCall<VectorNormOptions>(op, args, ['ord', 'dim', 'keepdim'], ['dtype']));
}

/** The order of a matrix norm. */
export type MatrixOrd = number | 'fro' | 'nuc';

/** Options of `matrixNorm`. */
export interface MatrixNormOptions {
  /** `fro` (by default), `nuc` (sum of singular values), ±1 (columns), ±Infinity (rows), ±2 (singular values). */
  ord?: MatrixOrd;
  /** The two dimensions of the matrix; the last two by default. */
  dim?: readonly number[];
  /** Keeps the two dimensions with size 1; false by default. */
  keepdim?: boolean;
  /** The dtype to compute in and give. */
  dtype?: DType | null;
}

function computeMatrixNorm(op: string, given: Tensor, { ord = 'fro', dim = [-2, -1], keepdim = false, dtype }: MatrixNormOptions): Tensor {
  const x = checkFloats(op, given, dtype);
  if (x.ndim < 2) throw new ShapeError({ op, expected: 'a matrix, or a batch of matrices', received: showShape(x.shape) });
  if (!Array.isArray(dim) || dim.length !== 2) throw new ArgumentError({ op, expected: 'two dims', received: describe(dim) });
  if (ord !== 'fro' && ord !== 'nuc') checkNumber(op, 'ord', ord);
  if (ord === 'fro') return computeVectorNorm(op, x, { ord: 2, dim, keepdim });
  normalizeDims(op, dim as number[], x.ndim);
  const matrix = x.movedim(dim as number[], [-2, -1]);
  let norm: Tensor;
  if (ord === 'nuc') norm = svdvals(matrix).sum(-1);
  else if (ord === 2 || ord === -2) norm = ord > 0 ? svdvals(matrix).amax(-1) : svdvals(matrix).amin(-1);
  else if (Math.abs(ord) === 1 || Math.abs(ord) === Infinity) {
    const sums = widestOf(matrix)
      .abs()
      .sum(Math.abs(ord) === 1 ? -2 : -1);
    norm = (ord > 0 ? sums.amax(-1) : sums.amin(-1)).to(x.dtype);
  } else throw new ArgumentError({ op, expected: "the order 'fro', 'nuc', ±1, ±2 or ±Infinity of a matrix norm", received: describe(ord) });
  return norm.reshape(reducedShape(x.shape, normalizeDims(op, dim as number[], x.ndim), keepdim));
}

/** A norm of matrices over two dimensions. @throws ArgumentError for an unknown order */
export function matrixNorm(A: Tensor, ...args: Call<MatrixNormOptions, ['ord', 'dim', 'keepdim']>): Tensor {
  const op = 'linalg.matrixNorm';
  return computeMatrixNorm(op, A, readCall<MatrixNormOptions>(op, args, ['ord', 'dim', 'keepdim'], ['dtype']));
}

/** Options of `norm`. */
export interface NormOptions {
  /** A norm of vectors or of matrices, as `vectorNorm` and `matrixNorm` have them; 2 over all elements when missing. */
  ord?: MatrixOrd | null;
  /** One dimension for a vector norm, two for a matrix norm; when missing, the number of dimensions decides. */
  dim?: number | readonly number[] | null;
  /** Keeps the reduced dimensions with size 1; false by default. */
  keepdim?: boolean;
  /** The dtype to compute in and give. */
  dtype?: DType | null;
}

/**
 * A norm of a vector or of matrices: without `ord` the 2-norm of all elements; with it, that of vectors for one dim and of matrices for two.
 * @throws ShapeError when `ord` is given without `dim` for more than two dimensions
 */
export function norm(A: Tensor, ...args: Call<NormOptions, ['ord', 'dim', 'keepdim']>): Tensor {
  const op = 'linalg.norm';
  const all = readCall<NormOptions>(op, args, ['ord', 'dim', 'keepdim'], ['dtype']);
  const { keepdim = false, dtype = null } = all;
  const order = all.ord ?? null;
  const dim = all.dim ?? null;
  if (order === null) return computeVectorNorm(op, A, { ord: 2, dim, keepdim, dtype });
  checkFloats(op, A, dtype);
  if (dim === null && A.ndim > 2)
    throw new ShapeError({ op, expected: 'a vector or a matrix when ord is given without dim', received: showShape(A.shape) });
  const dims: readonly number[] = dim === null ? A.shape.map((_, i) => i) : typeof dim === 'number' ? [dim] : dim;
  if (dims.length === 2) return computeMatrixNorm(op, A, { ord: order, dim: dims, keepdim, dtype });
  if (typeof order === 'string' || dims.length > 2)
    throw new ArgumentError({
      op,
      expected: 'one dim and a number, or two dims',
      received: `${describe(order)} for dims ${describe(dims)}`,
    });
  return computeVectorNorm(op, A, { ord: order, dim: dims, keepdim, dtype });
}

/** The condition number: ‖A‖·‖A⁻¹‖ in a norm, by singular values for 2 (the default) and -2; Infinity for singular matrices. */
export function cond(A: Tensor, p: MatrixOrd | { p?: MatrixOrd | null } | null = null): Tensor {
  const op = 'linalg.cond';
  const order = (typeof p === 'object' ? p?.p : p) ?? null;
  if (order === null || order === 2 || order === -2) {
    const a = wide(op, A);
    if (a.shape[a.ndim - 1] === 0 || a.shape[a.ndim - 2] === 0) return a.newZeros(a.shape.slice(0, -2)).to(A.dtype);
    const S = svdvals(a);
    const [largest, smallest] = [S.amax(-1), S.amin(-1)];
    return (order === -2 ? smallest.div(largest) : largest.div(smallest)).to(A.dtype);
  }
  const a = wideSquare(op, A);
  const { inverse, info } = invEx(a);
  const product = matrixNorm(a, order).mul(matrixNorm(inverse, order));
  return product.maskedFill(info.ne(0), Infinity).to(A.dtype);
}
