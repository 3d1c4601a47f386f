import { readOptions, dispatch, ShapeError, showShape, ValueError, type Op, type Tensor } from '@flambeau/core';
import { broadcastBatches, defineHostOp, named, wide, wideSquare } from './host.ts';
import { factorCholesky } from './kernels/cholesky.ts';
import { solveTriangle as solveTriangleInPlace } from './kernels/lu.ts';
import { identity, lower } from './triangles.ts';
import { solveTriangle } from './triangular.ts';

interface CholeskyAttrs {
  readonly strict: string | undefined;
}

/** A = L·Lᵀ: L⁻¹·dA·L⁻ᵀ = X + Xᵀ with X = L⁻¹dL lower; so gA = ½·L⁻ᵀ·(Φ + its mirror)·L⁻¹, Φ = tril(Lᵀ·gL). */
const choleskyOp: Op<CholeskyAttrs> = defineHostOp<CholeskyAttrs>({
  name: 'linalgCholesky',
  ranks: [2],
  outputs: ([shape]) => [{ shape }, { shape: [], dtype: 'int32' }],
  run({ inputs: [a], shapes: [[n]], outputs: [l, info], attrs: { strict }, where }) {
    info[0] = factorCholesky(a, n, l);
    if (info[0] === 0 || strict === undefined) return;
    throw new ValueError({
      op: strict,
      expected: 'a positive-definite matrix',
      received: `one whose leading minor of order ${info[0]} is not positive${where}`,
      hint: 'Check that it is symmetric, or add a small multiple of the identity.',
    });
  },
  save: (_, [l]) => [l],
  vjp({ cotangents: [g], saved: [l] }) {
    if (g === undefined) return [undefined];
    const phi = l.mT.matmul(g);
    const mirrored = lower(phi).add(lower(phi, -1).mT);
    const inner = solveTriangle(l.mT, mirrored, { upper: true, unit: false });
    return [solveTriangle(l.mT, inner.mT, { upper: true, unit: false }).mT.mul(0.5)];
  },
});

function factorize(op: string, A: Tensor, upper: boolean, strict: boolean): Tensor[] {
  const a = wideSquare(op, A);
  const [L, info] = dispatch(choleskyOp, [upper ? a.mT : a], { strict: strict ? op : undefined });
  return [(upper ? L.mT : L).to(A.dtype), info];
}

/**
 * The lower triangle L with L·Lᵀ = A, or the upper one U with Uᵀ·U = A. Only that triangle of A is read.
 * @param A - symmetric positive-definite, shape [..., n, n]
 * @throws ValueError when A is not positive-definite
 */
export const cholesky = (A: Tensor, options: { upper?: boolean } = {}): Tensor =>
  factorize('linalg.cholesky', A, readOptions<{ upper?: boolean }>('linalg.cholesky', options, ['upper']).upper ?? false, true)[0];

/** As `cholesky`, with `info` in place of an error: 0, or the order of the leading minor that is not positive. */
export function choleskyEx(
  A: Tensor,
  options: { upper?: boolean; checkErrors?: boolean } = {},
): Tensor[] & { readonly L: Tensor; readonly info: Tensor } {
  const op = 'linalg.choleskyEx';
  const { upper = false, checkErrors = false } = readOptions<typeof options>(op, options, ['upper', 'checkErrors']);
  const [L, info] = factorize(op, A, upper, checkErrors);
  return named({ L, info });
}

/** X = (L·Lᵀ)⁻¹·B: gB = (L·Lᵀ)⁻¹·g, and gL = -(gB·Xᵀ + X·gBᵀ)·L, as a full matrix. */
const choleskySolveOp: Op = defineHostOp<unknown>({
  name: 'linalgCholeskySolve',
  ranks: [2, 2],
  outputs: ([, shape]) => [{ shape }],
  run({ inputs: [l, b], shapes: [[n], [, columns]], outputs: [x] }) {
    x.set(b);
    solveTriangleInPlace(l, n, x, columns, { upper: false, unit: false });
    const mirrored = new Float64Array(n * n);
    for (let i = 0; i < n; i++) for (let j = 0; j <= i; j++) mirrored[j * n + i] = l[i * n + j];
    solveTriangleInPlace(mirrored, n, x, columns, { upper: true, unit: false });
  },
  save: ([l], [x]) => [l, x],
  vjp({ needs, cotangents: [g], saved: [l, x] }) {
    if (g === undefined) return [undefined, undefined];
    const [gB] = dispatch(choleskySolveOp, [l, g], undefined);
    if (!needs[0]) return [undefined, gB];
    const product = gB.matmul(x.mT);
    return [product.add(product.mT).matmul(lower(l)).neg(), needs[1] ? gB : undefined];
  },
});

const solveFactored = (op: string, l: Tensor, b: Tensor, upper: boolean): Tensor =>
  dispatch(choleskySolveOp, broadcastBatches(op, upper ? l.mT : l, b), undefined)[0];

/**
 * X with A·X = B from the factor of A.
 * @param B - shape [..., n, k] @param L - shape [..., n, n], lower, or upper with `upper: true`
 */
export function choleskySolve(B: Tensor, L: Tensor, options: { upper?: boolean } = {}): Tensor {
  const [b, l] = [wide('choleskySolve', B), wideSquare('choleskySolve', L)];
  if (b.shape[b.ndim - 2] !== l.shape[l.ndim - 1])
    throw new ShapeError({ op: 'choleskySolve', expected: `a right side of ${l.shape[l.ndim - 1]} rows`, received: showShape(B.shape) });
  return solveFactored('choleskySolve', l, b, options.upper ?? false).to(B.dtype);
}

/** The inverse of A from its factor L [..., n, n]. */
export function choleskyInverse(L: Tensor, options: { upper?: boolean } = {}): Tensor {
  const l = wideSquare('choleskyInverse', L);
  return solveFactored('choleskyInverse', l, identity(l, l.shape[l.ndim - 1]), options.upper ?? false).to(L.dtype);
}
