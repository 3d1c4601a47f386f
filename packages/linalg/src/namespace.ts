// The functions of torch.linalg.
export { cholesky, choleskyEx } from './cholesky.ts';
export { det, slogdet } from './determinant.ts';
export { eig, eigh, eigvals, eigvalsh, type EigenParts, type EighOptions } from './eigen.ts';
export { ldlFactor, ldlFactorEx, ldlSolve, type LDLFactors } from './ldl.ts';
export { lu, luFactor, luFactorEx, luSolve, type LUFactors, type LUOptions, type LUParts, type LUSolveOptions } from './lu.ts';
export {
  cond,
  matrixNorm,
  norm,
  vectorNorm,
  type MatrixNormOptions,
  type MatrixOrd,
  type NormOptions,
  type VectorNormOptions,
} from './norms.ts';
export { lstsq, matrixRank, pinv, type LeastSquares, type LstsqOptions, type ToleranceOptions } from './pinv.ts';
export { matrixExp } from '@flambeau/core';
export { cross, diagonal, matrixPower, multiDot, tensorinv, tensorsolve, vander, vecdot, type DiagonalOptions } from './products.ts';
export { householderProduct, qr, type QROptions, type QRParts } from './qr.ts';
export { inv, invEx, solve, solveEx, type SolveOptions } from './solve.ts';
export { svd, svdvals, type SVDOptions, type SVDParts } from './svd.ts';
export { solveTriangular, type SolveTriangularOptions } from './triangular.ts';
export { matmul } from '@flambeau/core';
