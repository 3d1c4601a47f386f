import { readOptions, readCall, ArgumentError, cat, describe, dispatch, NotSupportedError, ShapeError, showShape, type Op, type Tensor } from '@flambeau/core'; // prettier-ignore
import { defineHostOp, named, wide } from './host.ts';
import { factorQR, formQ } from './kernels/qr.ts';
import { diagonalPart, identity, lower, upper } from './triangles.ts';
import { solveTriangle } from './triangular.ts';

/** Q·R = A. */
export type QRParts = Tensor[] & { readonly Q: Tensor; readonly R: Tensor };
type Mode = 'reduced' | 'complete' | 'r';

interface QRAttrs {
  readonly mode: Mode;
}

/** For m ≥ n: gA = (gQ + Q·sym(M))·R⁻ᵀ with M = triu(gR·Rᵀ - Qᵀ·gQ) and sym(M) = M + Mᵀ with the diagonal once. */
const qrOp: Op<QRAttrs> = defineHostOp<QRAttrs>({
  name: 'linalgQr',
  ranks: [2],
  outputs([[m, n]], { mode }) {
    const k = mode === 'complete' ? m : Math.min(m, n);
    return [{ shape: mode === 'r' ? [0] : [m, k] }, { shape: [k, n] }];
  },
  run({ inputs: [a], shapes: [[m, n]], outputs: [q, r], attrs: { mode } }) {
    const factors = a.slice();
    const tau = new Float64Array(Math.min(m, n));
    factorQR(factors, m, n, tau);
    if (mode !== 'r') formQ(factors, m, n, tau, q, mode === 'complete' ? m : Math.min(m, n));
    for (let i = 0; i < Math.min(m, n); i++) for (let j = i; j < n; j++) r[i * n + j] = factors[i * n + j];
  },
  save: (_, outputs) => outputs,
  vjp({ cotangents: [gQ, gR], saved: [q, r], attrs: { mode } }) {
    const m = q.shape[q.ndim - 2];
    if (mode === 'r' || (mode === 'complete' && m > r.shape[r.ndim - 1])) {
      throw new NotSupportedError({
        op: 'linalg.qr',
        expected: "a mode with a derivative: 'reduced', or 'complete' for square and wide matrices",
        received: `'${mode}'`,
      });
    }
    if (gQ === undefined && gR === undefined) return [undefined];
    const fromR = gR?.matmul(r.mT);
    const fromQ = gQ && q.mT.matmul(gQ);
    const M = upper(fromR === undefined ? (fromQ as Tensor).neg() : fromQ === undefined ? fromR : fromR.sub(fromQ));
    const symmetric = M.add(M.mT).sub(diagonalPart(M));
    const inner = gQ === undefined ? q.matmul(symmetric) : gQ.add(q.matmul(symmetric));
    // inner·R⁻ᵀ
    return [solveTriangle(r, inner.mT, { upper: true, unit: false }).mT];
  },
});

/** Options of `qr`. */
export interface QROptions {
  /** `reduced` (by default): Q [..., m, k]; `complete`: Q [..., m, m]; `r`: no Q. */
  mode?: Mode;
}

function decompose(op: string, A: Tensor, mode: Mode): QRParts {
  if (mode !== 'reduced' && mode !== 'complete' && mode !== 'r')
    throw new ArgumentError({ op, expected: "mode 'reduced', 'complete' or 'r'", received: describe(mode) });
  const a = wide(op, A);
  const [m, n] = a.shape.slice(-2);
  if (m < n && mode !== 'r') {
    // The first m columns fix Q; the others are Q·Qᵀ times them, and their derivative comes by itself.
    const [Q, R1] = dispatch(qrOp, [a.narrow(-1, 0, m)], { mode: 'reduced' });
    const R = cat([R1, Q.mT.matmul(a.narrow(-1, m, n - m))], -1);
    return named({ Q: Q.to(A.dtype), R: R.to(A.dtype) });
  }
  const [Q, R] = dispatch(qrOp, [a], { mode });
  return named({ Q: mode === 'r' ? A.newZeros([0]) : Q.to(A.dtype), R: R.to(A.dtype) });
}

/**
 * Q·R = A, Q with orthonormal columns, R upper triangular; signs are LAPACK's, R[k,k] = -sign(a)·‖a‖ of the reflected column.
 * @param A - shape [..., m, n]
 */
export function qr(A: Tensor, mode: Mode | QROptions = 'reduced', options: QROptions = {}): QRParts {
  return decompose(
    'linalg.qr',
    A,
    readCall<QROptions>('linalg.qr', [mode === 'reduced' ? undefined : mode, options], ['mode']).mode ?? 'reduced',
  );
}

/** torch.qr: `some: false` gives the complete Q. */
export const qrSome = (A: Tensor, some = true): QRParts => decompose('qr', A, some ? 'reduced' : 'complete');

/**
 * The first n columns of the product of reflectors I - τ·v·vᵀ, whose v lie below the diagonal of A [..., m, n].
 * @param tau - shape [..., k], k ≤ n ≤ m
 */
export function householderProduct(A: Tensor, tau: Tensor): Tensor {
  const [a, t] = [wide('linalg.householderProduct', A), wide('linalg.householderProduct', tau, 1)];
  const [m, n] = a.shape.slice(-2);
  const k = t.shape[t.ndim - 1];
  if (m < n || k > n || a.ndim - 1 !== t.ndim)
    throw new ShapeError({ op: 'linalg.householderProduct', expected: 'A [..., m, n] and tau [..., k] with k ≤ n ≤ m', received: `${showShape(A.shape)} and ${showShape(tau.shape)}` }); // prettier-ignore
  const ones = identity(a, m).narrow(-1, 0, n);
  const vectors = lower(a, -1).add(ones);
  let q = ones.expand(a.shape);
  for (let i = k - 1; i >= 0; i--) {
    const v = vectors.narrow(-1, i, 1);
    q = q.sub(v.matmul(v.mT.matmul(q)).mul(t.narrow(-1, i, 1).unsqueeze(-1)));
  }
  return q.to(A.dtype);
}

const geqrfOp: Op = defineHostOp<unknown>({
  name: 'linalgGeqrf',
  ranks: [2],
  outputs: ([[m, n]]) => [{ shape: [m, n] }, { shape: [Math.min(m, n)] }],
  run({ inputs: [a], shapes: [[m, n]], outputs: [factors, tau] }) {
    factors.set(a);
    factorQR(factors, m, n, tau);
  },
  vjp: () => {
    throw new NotSupportedError({ op: 'geqrf', expected: 'a derivative, which there is none of', hint: 'Use linalg.qr.' });
  },
});

/**
 * torch.geqrf: R on and above the diagonal, reflectors below it, and their factors τ, for `householderProduct` and `ormqr`.
 * @param A - shape [..., m, n] @returns a [..., m, n] and tau [..., min(m, n)]
 */
export function geqrf(A: Tensor): Tensor[] & { readonly a: Tensor; readonly tau: Tensor } {
  const [a, tau] = dispatch(geqrfOp, [wide('geqrf', A)], undefined);
  return named({ a: a.to(A.dtype), tau: tau.to(A.dtype) });
}

/** Options of `ormqr`. */
export interface OrmqrOptions {
  /** Gives Q·other (by default) or other·Q. */
  left?: boolean;
  /** Takes Qᵀ in place of Q. */
  transpose?: boolean;
}

/** torch.ormqr: the full orthogonal Q of `geqrf` times a matrix. */
export function ormqr(A: Tensor, tau: Tensor, other: Tensor, options: OrmqrOptions = {}): Tensor {
  const { left = true, transpose = false } = readOptions<OrmqrOptions>('ormqr', options, ['left', 'transpose']);
  const a = wide('ormqr', A);
  const [m, n] = a.shape.slice(-2);
  // Reflectors as columns of a square matrix, the missing ones zero, give the full Q.
  const square = m > n ? cat([a, a.newZeros([...a.shape.slice(0, -1), m - n])], -1) : a.narrow(-1, 0, m);
  const Q = householderProduct(square, wide('ormqr', tau, 1));
  const turned = transpose ? Q.mT : Q;
  const right = wide('ormqr', other);
  return (left ? turned.matmul(right) : right.matmul(turned)).to(other.dtype);
}
