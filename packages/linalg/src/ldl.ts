import { dispatch, NotSupportedError, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core';
import { broadcastBatches, defineHostOp, named, wide, wideSquare } from './host.ts';
import { factorLDL, solveLDL } from './kernels/ldl.ts';

const refuse = (op: string) => (): never => {
  throw new NotSupportedError({ op, expected: 'a derivative, which is not offered here nor in PyTorch', hint: 'Use linalg.solve.' });
};

const ldlFactorOp: Op = defineHostOp<unknown>({
  name: 'linalgLdlFactor',
  ranks: [2],
  outputs: ([[n]]) => [{ shape: [n, n] }, { shape: [n], dtype: 'int32' }, { shape: [], dtype: 'int32' }],
  run({ inputs: [a], shapes: [[n]], outputs: [ld, pivots, info] }) {
    ld.set(a);
    info[0] = factorLDL(ld, n, pivots);
    for (let i = 0; i < n; i++) ld.fill(0, i * n + i + 1, (i + 1) * n);
  },
  vjp: refuse('linalg.ldlFactor'),
});

const ldlSolveOp: Op = defineHostOp<unknown>({
  name: 'linalgLdlSolve',
  ranks: [2, 1, 2],
  outputs: ([, , shape]) => [{ shape }],
  run({ inputs: [ld, pivots, b], shapes: [[n], , [, columns]], outputs: [x] }) {
    x.set(b);
    solveLDL(ld, n, pivots, x, columns);
  },
  vjp: refuse('linalg.ldlSolve'),
});

/** L·D·Lᵀ in one matrix, with pivots of one or two rows. */
export type LDLFactors = Tensor[] & { readonly LD: Tensor; readonly pivots: Tensor };

/**
 * The factors of symmetric matrices that need not be definite, as LAPACK's sytrf gives them for the lower triangle. It has no derivative.
 * @param A - shape [..., n, n], of which the lower triangle is read
 */
export function ldlFactor(A: Tensor, _options: { hermitian?: boolean } = {}): LDLFactors {
  const [LD, pivots] = dispatch(ldlFactorOp, [wideSquare('linalg.ldlFactor', A)], undefined);
  return named({ LD: LD.to(A.dtype), pivots });
}

/** As `ldlFactor`, and `info`: 0, or the first row (from 1) whose pivot is zero. */
export function ldlFactorEx(
  A: Tensor,
  _options: { hermitian?: boolean; checkErrors?: boolean } = {},
): LDLFactors & { readonly info: Tensor } {
  const [LD, pivots, info] = dispatch(ldlFactorOp, [wideSquare('linalg.ldlFactorEx', A)], undefined);
  return named({ LD: LD.to(A.dtype), pivots, info });
}

/** X with A·X = B from the factors of A: LD [..., n, n], pivots [..., n], B [..., n, k]. */
export function ldlSolve(LD: Tensor, pivots: Tensor, B: Tensor, _options: { hermitian?: boolean } = {}): Tensor {
  const op = 'linalg.ldlSolve';
  const [factors, right] = broadcastBatches(op, wideSquare(op, LD), wide(op, B));
  const n = factors.shape[factors.ndim - 1];
  if (right.shape[right.ndim - 2] !== n || pivots.shape[pivots.ndim - 1] !== n)
    throw new ShapeError({ op, expected: `pivots and a right side of ${n} rows`, received: `${showShape(pivots.shape)} and ${showShape(B.shape)}` }); // prettier-ignore
  const swaps = pivots.expand(factors.shape.slice(0, -1));
  return dispatch(ldlSolveOp, [factors, swaps, right], undefined)[0].to(B.dtype);
}
