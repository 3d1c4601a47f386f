import { readOptions, required, dispatchOne, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core';
import { broadcastBatches, defineHostOp, wide, wideSquare } from './host.ts';
import { solveTriangle as solveInPlace } from './kernels/lu.ts';
import { lower, upper as upperPart } from './triangles.ts';

interface TriangleAttrs {
  readonly upper: boolean;
  /** Ones on the diagonal, whatever stands there. */
  readonly unit: boolean;
}

/** T·X = B: dX = T⁻¹·(dB - dT·X), so gB = T⁻ᵀ·g and gT = -gB·Xᵀ, of which only the triangle counts. */
const solveTriangularOp: Op<TriangleAttrs> = defineHostOp<TriangleAttrs>({
  name: 'linalgSolveTriangular',
  ranks: [2, 2],
  outputs: ([, shape]) => [{ shape }],
  run({ inputs: [a, b], shapes: [[n], [, columns]], outputs: [x], attrs }) {
    x.set(b);
    solveInPlace(a, n, x, columns, attrs);
  },
  save: ([a], [x]) => [a, x],
  vjp({ needs, cotangents: [g], saved: [a, x], attrs: { upper, unit } }) {
    if (g === undefined) return [undefined, undefined];
    const gB = solveTriangle(a.mT, g, { upper: !upper, unit });
    if (!needs[0]) return [undefined, gB];
    const gA = gB.matmul(x.mT).neg();
    const diagonal = unit ? 1 : 0;
    return [upper ? upperPart(gA, diagonal) : lower(gA, -diagonal), gB];
  },
});

/** X with T·X = B for one triangle of float64 matrices with broadcast batches. */
export function solveTriangle(a: Tensor, b: Tensor, attrs: TriangleAttrs): Tensor {
  return dispatchOne(solveTriangularOp, broadcastBatches('linalg.solveTriangular', a, b), attrs);
}

/** Options of `solveTriangular`. */
export interface SolveTriangularOptions {
  /** Which triangle of A is read; the other may hold anything. */
  upper: boolean;
  /** Solves A·X = B (by default) or X·A = B. */
  left?: boolean;
  /** Takes the diagonal as ones. */
  unitriangular?: boolean;
}

/**
 * X with A·X = B for triangular A. A zero on the diagonal gives infinities, as PyTorch does.
 * @param A - shape [..., n, n] @param B - shape [..., n, k], or [..., k, n] with `left: false`
 * @throws ShapeError when A is not square or B does not fit
 */
export function solveTriangular(A: Tensor, B: Tensor, options: SolveTriangularOptions): Tensor {
  const op = 'linalg.solveTriangular';
  const { upper, left = true, unitriangular: unit = false } = readOptions<SolveTriangularOptions>(op, options, ['upper', 'left', 'unitriangular']); // prettier-ignore
  required(op, 'upper', upper);
  const [a, b] = [wideSquare('linalg.solveTriangular', A), wide('linalg.solveTriangular', B)];
  if (b.shape[b.ndim - (left ? 2 : 1)] !== a.shape[a.ndim - 1]) {
    throw new ShapeError({
      op: 'linalg.solveTriangular',
      expected: `a right side with ${a.shape[a.ndim - 1]} ${left ? 'rows' : 'columns'}`,
      received: showShape(B.shape),
    });
  }
  // X·A = B is Aᵀ·Xᵀ = Bᵀ.
  const X = left ? solveTriangle(a, b, { upper, unit }) : solveTriangle(a.mT, b.mT, { upper: !upper, unit }).mT;
  return X.to(B.dtype);
}
