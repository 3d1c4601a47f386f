import { readOptions, dispatch, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core';
import { broadcastBatches, defineHostOp, named, refuseSingular, wide, wideSquare } from './host.ts';
import { factorLU, solveLU } from './kernels/lu.ts';
import { identity } from './triangles.ts';

interface SolveAttrs {
  /** The function whose name stands in errors; undefined gives `info` and zeros instead of an error. */
  readonly strict: string | undefined;
}

/** A·X = B: gB = A⁻ᵀ·g and gA = -gB·Xᵀ. */
const solveOp: Op<SolveAttrs> = defineHostOp<SolveAttrs>({
  name: 'linalgSolve',
  ranks: [2, 2],
  outputs: ([, shape]) => [{ shape }, { shape: [], dtype: 'int32' }],
  run({ inputs: [a, b], shapes: [[n], [, columns]], outputs: [x, info], attrs: { strict }, where }) {
    const factors = a.slice();
    const pivots = new Float64Array(n);
    info[0] = factorLU(factors, n, n, pivots);
    if (info[0] !== 0) {
      if (strict !== undefined) refuseSingular(strict, where);
      return;
    }
    x.set(b);
    solveLU(factors, n, pivots, x, columns);
  },
  save: ([a], [x]) => [a, x],
  vjp({ needs, cotangents: [g], saved: [a, x], attrs }) {
    if (g === undefined) return [undefined, undefined];
    const gB = solveWide(a.mT, g, attrs.strict)[0];
    return [needs[0] ? gB.matmul(x.mT).neg() : undefined, needs[1] ? gB : undefined];
  },
});

/** The solution and `info` for float64 matrices. */
export function solveWide(a: Tensor, b: Tensor, strict: string | undefined): Tensor[] {
  return dispatch(solveOp, broadcastBatches(strict ?? 'linalg.solveEx', a, b), { strict });
}

/** Options of `solve`. */
export interface SolveOptions {
  /** Solves A·X = B (by default) or X·A = B. */
  left?: boolean;
}

function solution(op: string, A: Tensor, B: Tensor, left: boolean, strict: boolean): Tensor[] {
  const [a, b] = [wideSquare(op, A), wide(op, B, 1)];
  const n = a.shape[a.ndim - 1];
  // As in PyTorch, B is a batch of vectors when it is one vector, or has the batch of A and one dimension less.
  const vectors = B.ndim === 1 || (B.ndim === A.ndim - 1 && showShape(B.shape) === showShape(A.shape.slice(0, -1)));
  const right = vectors ? b.unsqueeze(-1) : b;
  const sized = left || vectors ? right : right.mT;
  if (sized.shape[sized.ndim - 2] !== n || (vectors && !left)) {
    throw new ShapeError({
      op,
      expected: vectors && !left ? 'matrices on the right side with left: false' : `a right side with ${n} ${left ? 'rows' : 'columns'}`,
      received: showShape(B.shape),
    });
  }
  const [X, info] = solveWide(left ? a : a.mT, sized, strict ? op : undefined);
  const oriented = vectors ? X.squeeze(-1) : left ? X : X.mT;
  return [oriented.to(B.dtype), info];
}

/**
 * X with A·X = B.
 * @param A - shape [..., n, n] @param B - shape [..., n, k], or vectors [..., n]
 * @throws ShapeError when shapes do not fit, ValueError when A is singular
 */
export const solve = (A: Tensor, B: Tensor, options: SolveOptions = {}): Tensor =>
  solution('linalg.solve', A, B, readOptions<SolveOptions>('linalg.solve', options, ['left']).left ?? true, true)[0];

/** As `solve`, with `info` in place of an error: 0, or the column (from 1) whose pivot is zero; the result is then zeros. */
export function solveEx(
  A: Tensor,
  B: Tensor,
  options: SolveOptions & { checkErrors?: boolean } = {},
): Tensor[] & { readonly result: Tensor; readonly info: Tensor } {
  const op = 'linalg.solveEx';
  const { left = true, checkErrors = false } = readOptions<typeof options>(op, options, ['left', 'checkErrors']);
  const [result, info] = solution(op, A, B, left, checkErrors);
  return named({ result, info });
}

/**
 * The inverse.
 * @param A - shape [..., n, n]
 * @throws ShapeError when A is not square, ValueError when it is singular
 */
export function inv(A: Tensor): Tensor {
  const a = wideSquare('linalg.inv', A);
  return solveWide(a, identity(a, a.shape[a.ndim - 1]), 'linalg.inv')[0].to(A.dtype);
}

/** The inverse with `info` in place of an error. */
export function invEx(A: Tensor, options: { checkErrors?: boolean } = {}): Tensor[] & { readonly inverse: Tensor; readonly info: Tensor } {
  const a = wideSquare('linalg.invEx', A);
  const { checkErrors = false } = readOptions<typeof options>('linalg.invEx', options, ['checkErrors']);
  const [inverse, info] = solveWide(a, identity(a, a.shape[a.ndim - 1]), checkErrors ? 'linalg.invEx' : undefined);
  return named({ inverse: inverse.to(A.dtype), info });
}
