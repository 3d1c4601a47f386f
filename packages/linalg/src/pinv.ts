import {
  readCall,
  type Call,
  ArgumentError,
  defineOp,
  describe,
  dispatchOne,
  ShapeError,
  showShape,
  Tensor,
  type DType,
  type Op,
} from '@flambeau/core';
import { eigh, eigvalsh } from './eigen.ts';
import { named, wide, wideSquare } from './host.ts';
import { reciprocalAbove, svdWide } from './svd.ts';

/** What counts as zero among singular values: at most max(atol, rtol·largest). */
export interface ToleranceOptions {
  /** The absolute bound, one for all or a tensor with one for each matrix; 0 by default. */
  atol?: number | Tensor | null;
  /** By default the machine epsilon of the dtype times the larger side, or 0 when `atol` is given. */
  rtol?: number | Tensor | null;
  /** Takes the matrix as symmetric, reading its lower triangle. */
  hermitian?: boolean;
}

const epsilonOf = (dtype: DType): number => {
  if (dtype === 'float64') return 2 ** -52;
  if (dtype === 'float16') return 2 ** -10;
  return dtype === 'bfloat16' ? 2 ** -7 : 2 ** -23;
};

/** max(atol, rtol·largest) for singular values [..., k], as [..., 1]. */
function boundFor(op: string, S: Tensor, A: Tensor, { atol, rtol }: ToleranceOptions): Tensor {
  const value = (name: string, v: number | Tensor): Tensor => {
    if (v instanceof Tensor) return v.to(S.dtype).unsqueeze(-1);
    if (typeof v !== 'number') throw new ArgumentError({ op, expected: `${name} as a number or a tensor`, received: describe(v) });
    return S.newFull([1], v);
  };
  const relative = (atol ?? null) === null ? epsilonOf(A.dtype) * Math.max(A.shape[A.ndim - 1], A.shape[A.ndim - 2]) : 0;
  const largest = S.shape[S.ndim - 1] === 0 ? S.newZeros([...S.shape.slice(0, -1), 1]) : S.amax(-1, { keepdim: true });
  const scaled = largest.mul(value('rtol', rtol ?? relative));
  return scaled.maximum(value('atol', atol ?? 0));
}

const pinvOp: Op<{ hermitian: boolean }> = defineOp<{ hermitian: boolean }>({
  name: 'linalgPinv',
  compose([a, bound], { hermitian }) {
    if (!hermitian) {
      const [U, S, Vh] = svdWide(a);
      return [Vh.mT.mul(reciprocalAbove(S, bound).unsqueeze(-2)).matmul(U.mT)];
    }
    const { eigenvalues, eigenvectors: V } = eigh(a);
    const inverse = reciprocalAbove(eigenvalues.abs(), bound).mul(eigenvalues.sign());
    return [V.mul(inverse.unsqueeze(-2)).matmul(V.mT)];
  },
  save: ([a], [p]) => [a, p],
  // dP = -P·dA·P + P·Pᵀ·dAᵀ·(I - A·P) + (I - P·A)·dAᵀ·Pᵀ·P. @see Golub & Pereyra 1973
  vjp({ cotangents: [g], saved: [a, p] }) {
    if (g === undefined) return [undefined, undefined];
    const turned = p.mT.matmul(g).matmul(p.mT).neg();
    const left = g.mT.matmul(p).matmul(p.mT);
    const right = p.mT.matmul(p).matmul(g.mT);
    return [turned.add(left.sub(a.matmul(p).matmul(left))).add(right.sub(right.matmul(p).matmul(a))), undefined];
  },
});

function pseudoInverse(op: string, A: Tensor, options: ToleranceOptions): Tensor {
  const { hermitian = false } = options;
  const a = hermitian ? wideSquare(op, A) : wide(op, A);
  const sizes = hermitian ? eigvalsh(a).abs() : svdWide(a)[1];
  return dispatchOne(pinvOp, [a, boundFor(op, sizes, A, options)], { hermitian });
}

/**
 * The Moore-Penrose inverse: singular values at or below max(atol, rtol·largest) count as zero.
 * @param A - shape [..., m, n] @returns shape [..., n, m]
 */
export function pinv(A: Tensor, ...args: Call<ToleranceOptions, ['rtol']>): Tensor {
  const op = 'linalg.pinv';
  return pseudoInverse(op, A, readCall<ToleranceOptions>(op, args, ['rtol'], ['atol', 'hermitian'])).to(A.dtype);
}

/** torch.pinverse: singular values below `rcond` times the largest count as zero. */
export const pinverse = (A: Tensor, rcond: number | { rcond?: number } = 1e-15): Tensor =>
  pseudoInverse('pinverse', A, { rtol: readCall<{ rcond?: number }>('pinverse', [rcond], ['rcond']).rcond ?? 1e-15 }).to(A.dtype);

/** Options of `matrixRank`. */
export interface RankOptions extends ToleranceOptions {
  /** The old name of `atol`. */
  tol?: number | Tensor | null;
}

/** The number of singular values above max(atol, rtol·largest): int32 [...]. */
export function matrixRank(A: Tensor, ...args: Call<RankOptions, ['tol']>): Tensor {
  const op = 'linalg.matrixRank';
  const { tol, ...options } = readCall<RankOptions>(op, args, ['tol'], ['atol', 'rtol', 'hermitian']);
  const all: ToleranceOptions = tol === undefined ? options : { ...options, atol: tol };
  const a = all.hermitian ? wideSquare(op, A) : wide(op, A);
  const S = all.hermitian ? eigvalsh(a).abs() : svdWide(a)[1];
  return S.gt(boundFor(op, S, A, all))
    .sum(-1)
    .to('int32');
}

/** What `lstsq` gives. */
export type LeastSquares = Tensor[] & { readonly solution: Tensor; readonly residuals: Tensor; readonly rank: Tensor; readonly singularValues: Tensor }; // prettier-ignore

/** Options of `lstsq`. */
export interface LstsqOptions {
  /** Singular values at or below rcond·largest count as zero; by default machine epsilon times the larger side. */
  rcond?: number | null;
  /** LAPACK's method: all give the solution of least norm; `gelsy`, the default, no residuals, `gels` no rank, only `gelss` and `gelsd` singular values. */
  driver?: 'gels' | 'gelsy' | 'gelsd' | 'gelss' | null;
}

/**
 * X that minimizes ‖A·X - B‖, the smallest one where several do.
 * @param A - shape [..., m, n] @param B - shape [..., m, k], or vectors [..., m]
 * @returns solution [..., n, k]; residuals [..., k] where m > n and A has full rank, rank [...], singularValues [..., n]; those that the driver does not give are empty
 */
export function lstsq(A: Tensor, B: Tensor, ...args: Call<LstsqOptions, ['rcond']>): LeastSquares {
  const op = 'linalg.lstsq';
  const all = readCall<LstsqOptions>(op, args, ['rcond'], ['driver']);
  const [a, b] = [wide(op, A), wide(op, B, 1)];
  const vectors = B.ndim === A.ndim - 1;
  const right = vectors ? b.unsqueeze(-1) : b;
  const [m, n] = a.shape.slice(-2);
  if (right.shape[right.ndim - 2] !== m) throw new ShapeError({ op, expected: `a right side of ${m} rows`, received: showShape(B.shape) });
  const rtol = all.rcond ?? epsilonOf(A.dtype) * Math.max(m, n);
  const X = pseudoInverse(op, a, { rtol }).matmul(right);
  const [, S] = svdWide(a);
  const rank = matrixRank(a, { rtol });
  const driver = all.driver ?? 'gelsy';
  if (!['gels', 'gelsy', 'gelsd', 'gelss'].includes(driver))
    throw new ArgumentError({ op, expected: "driver 'gels', 'gelsy', 'gelsd' or 'gelss'", received: describe(driver) });
  // LAPACK's gelsy gives no residuals, the others where all matrices have full rank.
  const full = m > n && driver !== 'gelsy' && (rank.count === 0 || rank.eq(n).all().itemSync<boolean>());
  const rest = full ? a.matmul(X).sub(right).square().sum(-2) : a.newZeros([0]);
  const wanted = driver === 'gelsd' || driver === 'gelss';
  return named({
    solution: (vectors ? X.squeeze(-1) : X).to(B.dtype),
    residuals: rest.to(B.dtype),
    rank: driver === 'gels' ? rank.newZeros([0]) : rank,
    singularValues: (wanted ? S : a.newZeros([0])).to(A.dtype),
  });
}
