import { addTensorMethods, type Call } from '@flambeau/core';
import { det, logdet, slogdet } from './determinant.ts';
import {
  cholesky,
  choleskyInverse,
  choleskySolve,
  lu,
  luSolve,
  qr,
  svd,
  triangularSolve,
  type PackedLUOptions,
  type TriangularSolveOptions,
} from './legacy.ts';
import type { LUFactors } from './lu.ts';
import { pinverse } from './pinv.ts';
import { matrixPower } from './products.ts';
import { geqrf, householderProduct, ormqr, type OrmqrOptions, type QRParts } from './qr.ts';
import { inv } from './solve.ts';

declare module '@flambeau/core' {
  interface Tensor {
    /** The determinant of square matrices. */
    det(): Tensor;
    /** The logarithm of the determinant; NaN where it is negative. */
    logdet(): Tensor;
    /** Sign and logarithm of the determinant's magnitude. */
    slogdet(): Tensor[] & { readonly sign: Tensor; readonly logabsdet: Tensor };
    /** The inverse of square matrices. */
    inverse(): Tensor;
    /** The Moore-Penrose inverse. */
    pinverse(rcond?: number | { rcond?: number }): Tensor;
    /** The Cholesky factor of symmetric positive-definite matrices. */
    cholesky(upper?: boolean | { upper?: boolean }): Tensor;
    /** The inverse of the matrix that this is the Cholesky factor of. */
    choleskyInverse(upper?: boolean | { upper?: boolean }): Tensor;
    /** X with A·X = this, from the Cholesky factor of A. */
    choleskySolve(L: Tensor, upper?: boolean | { upper?: boolean }): Tensor;
    /** Q·R = this. */
    qr(some?: boolean | { some?: boolean }): QRParts;
    /** U, S and V of the singular value decomposition. */
    svd(some?: boolean | { some?: boolean }): Tensor[] & { readonly U: Tensor; readonly S: Tensor; readonly V: Tensor };
    /** L and U in one matrix, and pivots. */
    lu(...args: Call<PackedLUOptions, ['pivot', 'getInfos']>): LUFactors;
    /** X with A·X = this, from luFactor's result for A. */
    luSolve(LU: Tensor, pivots: Tensor): Tensor;
    /** X with A·X = this for triangular A. */
    triangularSolve(
      A: Tensor,
      options?: TriangularSolveOptions,
    ): Tensor[] & { readonly solution: Tensor; readonly clonedCoefficient: Tensor };
    /** This matrix multiplied with itself n times. */
    matrixPower(n: number): Tensor;
    /** Householder's factors of this matrix: R and reflectors, and their τ. */
    geqrf(): Tensor[] & { readonly a: Tensor; readonly tau: Tensor };
    /** The product of the reflectors that lie in this matrix. */
    orgqr(tau: Tensor): Tensor;
    /** The full orthogonal matrix of these reflectors times another matrix. */
    ormqr(tau: Tensor, other: Tensor, options?: OrmqrOptions): Tensor;
    /** The exponential of square matrices. */
  }
}

addTensorMethods({
  det,
  logdet,
  slogdet,
  inverse: inv,
  pinverse,
  cholesky,
  choleskyInverse,
  choleskySolve,
  qr,
  svd,
  lu,
  luSolve,
  triangularSolve,
  matrixPower,
  geqrf,
  orgqr: householderProduct,
  ormqr,
});
