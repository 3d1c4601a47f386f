import { readOptions, checkTensor, cat, dispatch, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core';
import { broadcastBatches, defineHostOp, named, wide, wideSquare } from './host.ts';
import { factorLU } from './kernels/lu.ts';
import { solveTriangle } from './triangular.ts';
import { identity, lower, upper } from './triangles.ts';

/** A factored matrix, L below the diagonal and U on and above it, and the swaps of rows, counted from 1. */
export type LUFactors = Tensor[] & { readonly LU: Tensor; readonly pivots: Tensor };
/** P·L·U = A. */
export type LUParts = Tensor[] & { readonly P: Tensor; readonly L: Tensor; readonly U: Tensor };

interface LUAttrs {
  readonly pivot: boolean;
}

/**
 * With P·A = L·U and X = L⁻¹dL, Y = dU·U⁻¹: L⁻¹·(P dA)·U⁻¹ = X + Y, of which X is the part below the diagonal. So the gradient of A is
 * Pᵀ·L⁻ᵀ·(tril(Lᵀ·gL) + triu(gU·Uᵀ))·U⁻ᵀ; columns of a wide U, and rows of a tall L, beyond the square part add their own terms.
 */
const luFactorOp: Op<LUAttrs> = defineHostOp<LUAttrs>({
  name: 'linalgLuFactor',
  ranks: [2],
  outputs: ([[m, n]]) => [{ shape: [m, n] }, { shape: [Math.min(m, n)], dtype: 'int32' }, { shape: [], dtype: 'int32' }],
  run({ inputs: [a], shapes: [[m, n]], outputs: [lu, pivots, info], attrs: { pivot } }) {
    lu.set(a);
    info[0] = factorLU(lu, m, n, pivots, pivot);
  },
  save: (_, [lu, pivots]) => [lu, pivots],
  vjp({ cotangents: [g], saved: [lu, pivots] }) {
    if (g === undefined) return [undefined];
    const [m, n] = lu.shape.slice(-2);
    const k = Math.min(m, n);
    const square = lu.narrow(-2, 0, k).narrow(-1, 0, k);
    const gSquare = g.narrow(-2, 0, k).narrow(-1, 0, k);
    const [L1, U1] = [lower(square, -1).add(identity(lu, k)), upper(square)];
    let inL = L1.mT.matmul(lower(gSquare, -1));
    let inU = upper(gSquare).matmul(U1.mT);
    if (n > k) inL = inL.sub(g.narrow(-1, k, n - k).matmul(lu.narrow(-1, k, n - k).mT));
    if (m > k) inU = inU.sub(lu.narrow(-2, k, m - k).mT.matmul(g.narrow(-2, k, m - k)));
    let inner = lower(inL, -1).add(upper(inU));
    if (n > k) inner = cat([solveTriangle(U1, inner.mT, { upper: true, unit: false }).mT, g.narrow(-1, k, n - k)], -1);
    let result = solveTriangle(L1.mT, inner, { upper: true, unit: true });
    if (m > k) result = cat([result, g.narrow(-2, k, m - k)], -2);
    // A wide matrix has had its U⁻ᵀ above.
    if (n === k) result = solveTriangle(U1, result.mT, { upper: true, unit: false }).mT;
    return [permutation(pivots, m, lu).matmul(result)];
  },
});

const permutationOp: Op<{ rows: number }> = defineHostOp<{ rows: number }>({
  name: 'linalgPermutation',
  ranks: [1],
  outputs: (_, { rows }) => [{ shape: [rows, rows] }],
  run({ inputs: [pivots], outputs: [p], attrs: { rows } }) {
    const order = Array.from({ length: rows }, (_, i) => i);
    pivots.forEach((pivot, k) => ([order[k], order[pivot - 1]] = [order[pivot - 1], order[k]]));
    order.forEach((row, i) => (p[row * rows + i] = 1));
  },
});

/** P with A = P·L·U from pivots [..., k], as [..., rows, rows] in float64. */
const permutation = (pivots: Tensor, rows: number, like: Tensor): Tensor => dispatch(permutationOp, [pivots], { rows })[0].to(like.dtype);

/** The factors in float64, with `info`. */
export function factor(op: string, A: Tensor, pivot = true): Tensor[] {
  return dispatch(luFactorOp, [wide(op, A)], { pivot });
}

/** Options of `lu` and `luFactor`. */
export interface LUOptions {
  /** Swaps rows for stability; true by default. */
  pivot?: boolean;
}

/**
 * P·L·U = A in one matrix, with pivots of the largest magnitude.
 * @param A - shape [..., m, n]
 * @returns LU [..., m, n] and int32 pivots [..., min(m, n)], counted from 1, as LAPACK's getrf gives them
 */
export function luFactor(A: Tensor, options: LUOptions = {}): LUFactors {
  const [LU, pivots] = factor('linalg.luFactor', A, readOptions<LUOptions>('linalg.luFactor', options, ['pivot']).pivot ?? true);
  return named({ LU: LU.to(A.dtype), pivots });
}

/** As `luFactor`, and `info`: 0, or the first column (from 1) with a pivot of zero. */
export function luFactorEx(A: Tensor, options: LUOptions & { checkErrors?: boolean } = {}): LUFactors & { readonly info: Tensor } {
  const op = 'linalg.luFactorEx';
  const { pivot = true } = readOptions<typeof options>(op, options, ['pivot', 'checkErrors']);
  const [LU, pivots, info] = factor(op, A, pivot);
  return named({ LU: LU.to(A.dtype), pivots, info });
}

/**
 * The parts of P·L·U = A.
 * @param A - shape [..., m, n]
 * @returns P [..., m, m], L [..., m, k] with ones on the diagonal, U [..., k, n], k = min(m, n)
 */
export function lu(A: Tensor, options: LUOptions = {}): LUParts {
  const [LU, pivots] = factor('linalg.lu', A, readOptions<LUOptions>('linalg.lu', options, ['pivot']).pivot ?? true);
  const [m, n] = LU.shape.slice(-2);
  const k = Math.min(m, n);
  const L = lower(LU.narrow(-1, 0, k), -1).add(onesOnDiagonal(LU, m, k));
  const U = upper(LU.narrow(-2, 0, k));
  return named({ P: permutation(pivots, m, LU).to(A.dtype), L: L.to(A.dtype), U: U.to(A.dtype) });
}
const onesOnDiagonal = (like: Tensor, m: number, k: number): Tensor => identity(like, m).narrow(-1, 0, k);

/** Options of `luSolve`. */
export interface LUSolveOptions {
  /** Solves A·X = B (by default) or X·A = B. */
  left?: boolean;
  /** Solves with Aᵀ in place of A. */
  adjoint?: boolean;
}

/**
 * X with A·X = B from the factors of a square A.
 * @param LU - shape [..., n, n] @param pivots - shape [..., n] @param B - shape [..., n, k], or [..., k, n] with `left: false`
 * @throws ShapeError when shapes do not fit
 */
export function luSolve(LU: Tensor, pivots: Tensor, B: Tensor, options: LUSolveOptions = {}): Tensor {
  const { left = true, adjoint = false } = readOptions<LUSolveOptions>('linalg.luSolve', options, ['left', 'adjoint']);
  checkTensor('linalg.luSolve', 'pivots', pivots);
  const factors = wideSquare('linalg.luSolve', LU);
  const n = factors.shape[factors.ndim - 1];
  const right = left ? wide('linalg.luSolve', B) : wide('linalg.luSolve', B).mT;
  if (right.shape[right.ndim - 2] !== n || pivots.shape[pivots.ndim - 1] !== n || pivots.ndim !== LU.ndim - 1) {
    throw new ShapeError({
      op: 'linalg.luSolve',
      expected: `pivots [..., ${n}] and a right side of ${n} ${left ? 'rows' : 'columns'}`,
      received: `${showShape(pivots.shape)} and ${showShape(B.shape)}`,
    });
  }
  const [F, R] = broadcastBatches('linalg.luSolve', factors, right);
  const P = permutation(pivots, n, F);
  // X·A = B is Aᵀ·Xᵀ = Bᵀ; Aᵀ = Uᵀ·Lᵀ·Pᵀ.
  const transposed = left ? adjoint : !adjoint;
  const X = transposed
    ? P.matmul(solveTriangle(F.mT, solveTriangle(F.mT, R, { upper: false, unit: false }), { upper: true, unit: true }))
    : solveTriangle(F, solveTriangle(F, P.mT.matmul(R), { upper: false, unit: true }), { upper: true, unit: false });
  return (left ? X : X.mT).to(B.dtype);
}

/** Options of `luUnpack`. */
export interface LUUnpackOptions {
  /** Gives L and U; true by default. */
  unpackData?: boolean;
  /** Gives P; true by default. */
  unpackPivots?: boolean;
}

/** torch.lu_unpack: P, L and U from what `luFactor` gives; what is not asked for is empty. */
export function luUnpack(LU: Tensor, pivots: Tensor, options: LUUnpackOptions = {}): LUParts {
  const { unpackData = true, unpackPivots = true } = readOptions<LUUnpackOptions>('luUnpack', options, ['unpackData', 'unpackPivots']);
  checkTensor('luUnpack', 'pivots', pivots);
  const data = wide('luUnpack', LU);
  const [m, n] = data.shape.slice(-2);
  const k = Math.min(m, n);
  if (pivots.ndim !== LU.ndim - 1 || pivots.shape[pivots.ndim - 1] !== k)
    throw new ShapeError({ op: 'luUnpack', expected: `pivots [..., ${k}]`, received: showShape(pivots.shape) });
  const empty = (): Tensor => LU.newZeros([0]);
  const P = unpackPivots ? permutation(pivots, m, data).to(LU.dtype) : empty();
  if (!unpackData) return named({ P, L: empty(), U: empty() });
  const L = lower(data.narrow(-1, 0, k), -1).add(onesOnDiagonal(data, m, k));
  return named({ P, L: L.to(LU.dtype), U: upper(data.narrow(-2, 0, k)).to(LU.dtype) });
}
