import { readOptions, checkTensor, readCall, type Call, type Tensor } from '@flambeau/core';
import { cholesky as factorCholesky, choleskyInverse as inverseOf, choleskySolve as solveWith } from './cholesky.ts';
import { named } from './host.ts';
import { luFactorEx, luSolve as solveFactored, type LUFactors } from './lu.ts';
import { qrSome, type QRParts } from './qr.ts';
import { svd as decompose } from './svd.ts';
import { solveTriangular } from './triangular.ts';

// Functions that PyTorch has beside torch.linalg, where they differ from those there in name or order.

const flag = (op: string, value: boolean | { upper?: boolean } | undefined): boolean =>
  readCall<{ upper?: boolean }>(op, [value], ['upper']).upper ?? false;
const reducing = (op: string, value: boolean | { some?: boolean } | undefined): boolean =>
  readCall<{ some?: boolean }>(op, [value], ['some']).some ?? true;

/** torch.cholesky: the lower factor, or the upper one. @throws ValueError when A is not positive-definite */
export const cholesky = (A: Tensor, upper?: boolean | { upper?: boolean }): Tensor => factorCholesky(A, { upper: flag('cholesky', upper) });

/** torch.cholesky_inverse: the inverse of a matrix from its Cholesky factor. */
export const choleskyInverse = (L: Tensor, upper?: boolean | { upper?: boolean }): Tensor =>
  inverseOf(L, { upper: flag('choleskyInverse', upper) });

/** torch.cholesky_solve: X with A·X = B from the Cholesky factor of A. */
export const choleskySolve = (B: Tensor, L: Tensor, upper?: boolean | { upper?: boolean }): Tensor =>
  solveWith(B, L, { upper: flag('choleskySolve', upper) });

/** torch.qr; `some: false` gives the complete Q. */
export const qr = (A: Tensor, some?: boolean | { some?: boolean }): QRParts => qrSome(A, reducing('qr', some));

/** torch.svd: U, S and V (not its transpose), reduced unless `some` is false. */
export function svd(
  A: Tensor,
  some: boolean | { some?: boolean } = true,
): Tensor[] & { readonly U: Tensor; readonly S: Tensor; readonly V: Tensor } {
  // prettier-ignore
  const reduced = reducing('svd', some);
  const { U, S, Vh } = decompose(A, { fullMatrices: !reduced });
  return named({ U, S, V: Vh.mT });
}

/** torch.lu_solve: X with A·X = b from luFactor's result; b comes first. */
export const luSolve = (b: Tensor, LU: Tensor, pivots: Tensor): Tensor => solveFactored(LU, pivots, b);

/** Options of `lu`. */
export interface PackedLUOptions {
  /** Swaps rows for stability; true by default. */
  pivot?: boolean;
  /** Gives `info` too: 0, or the first column (from 1) whose pivot is zero. */
  getInfos?: boolean;
}

/** torch.lu: L and U in one matrix, and pivots. */
export function lu(A: Tensor, ...args: Call<PackedLUOptions, ['pivot', 'getInfos']>): LUFactors {
  const { pivot = true, getInfos = false } = readCall<PackedLUOptions>('lu', args, ['pivot', 'getInfos']);
  const { LU, pivots, info } = luFactorEx(A, { pivot });
  return getInfos ? named({ LU, pivots, info }) : named({ LU, pivots });
}

/** Options of `triangularSolve`. */
export interface TriangularSolveOptions {
  /** Reads the upper triangle, by default. */
  upper?: boolean;
  /** Solves with the transpose of A. */
  transpose?: boolean;
  /** Takes the diagonal as ones. */
  unitriangular?: boolean;
}

/** torch.triangular_solve: X with A·X = b; b comes first. @returns the solution and a copy of A */
export function triangularSolve(
  b: Tensor,
  A: Tensor,
  options: TriangularSolveOptions = {},
): Tensor[] & { readonly solution: Tensor; readonly clonedCoefficient: Tensor } {
  const op = 'triangularSolve';
  const { upper = true, transpose = false, unitriangular = false } = readOptions<TriangularSolveOptions>(op, options, ['upper', 'transpose', 'unitriangular']); // prettier-ignore
  checkTensor(op, 'A', A);
  const solution = solveTriangular(transpose ? A.mT : A, b, { upper: transpose ? !upper : upper, unitriangular });
  return named({ solution, clonedCoefficient: A.clone() });
}
