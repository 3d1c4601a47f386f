import { readCall, cat, dispatch, dispatchOne, type Op, type Tensor } from '@flambeau/core';
import { SVD } from 'ml-matrix';
import { checkFinite, defineHostOp, named, toMatrix, wide } from './host.ts';
import { completing } from './kernels/complete.ts';
import { diagonalMatrix, identity } from './triangles.ts';

/** U·diag(S)·Vh = A, S falling. */
export type SVDParts = Tensor[] & { readonly U: Tensor; readonly S: Tensor; readonly Vh: Tensor };

/**
 * gA = U·(skew(Uᵀ·gU)/E·S + S·skew(Vᵀ·gV)/E + diag(gS))·Vᵀ, plus the parts of gU and gV that leave the spaces of U and V,
 * with skew(X) = X - Xᵀ and E[i, j] = s[j]² - s[i]².
 * @see Townsend 2016, Differentiating the singular value decomposition
 */
const svdOp: Op = defineHostOp<unknown>({
  name: 'linalgSvd',
  ranks: [2],
  outputs: ([[m, n]]) => [{ shape: [m, Math.min(m, n)] }, { shape: [Math.min(m, n)] }, { shape: [Math.min(m, n), n] }],
  run({ inputs: [a], shapes: [[m, n]], outputs: [u, s, vh], where }) {
    checkFinite('linalg.svd', a, where);
    if (m === 0 || n === 0) return;
    if (a.every((x) => x === 0)) {
      // Any vectors will do; LAPACK gives the axes, and with them subgradients of norms at zero.
      for (let i = 0; i < Math.min(m, n); i++) u[i * Math.min(m, n) + i] = vh[i * n + i] = 1;
      return;
    }
    const found = new SVD(toMatrix(a, m, n), { autoTranspose: true });
    const [left, right] = [found.leftSingularVectors, found.rightSingularVectors];
    const k = Math.min(m, n);
    s.set(found.diagonal.slice(0, k));
    for (let j = 0; j < k; j++) {
      for (let i = 0; i < m; i++) u[i * k + j] = left.get(i, j);
      for (let i = 0; i < n; i++) vh[j * n + i] = right.get(i, j);
    }
  },
  save: (_, outputs) => outputs,
  vjp({ cotangents: [gU, gS, gVh], saved: [U, S, Vh] }) {
    if (gU === undefined && gS === undefined && gVh === undefined) return [undefined];
    const gV = gVh?.mT;
    const k = S.shape[S.ndim - 1];
    let inner = gS === undefined ? undefined : diagonalMatrix(gS);
    const join = (term: Tensor): void => {
      inner = inner === undefined ? term : inner.add(term);
    };
    const squares = S.square();
    const gaps = squares.unsqueeze(-2).sub(squares.unsqueeze(-1)).add(identity(S, k));
    const turn = (X: Tensor): Tensor => X.sub(X.mT).div(gaps);
    if (gU !== undefined) join(turn(U.mT.matmul(gU)).mul(S.unsqueeze(-2)));
    if (gV !== undefined) join(turn(Vh.matmul(gV)).mul(S.unsqueeze(-1)));
    let result = U.matmul(inner as unknown as Tensor).matmul(Vh);
    if (gU !== undefined && U.shape[U.ndim - 2] > k) {
      const scaled = gU.div(S.unsqueeze(-2));
      result = result.add(scaled.sub(U.matmul(U.mT.matmul(scaled))).matmul(Vh));
    }
    if (gV !== undefined && Vh.shape[Vh.ndim - 1] > k) {
      const scaled = gV.div(S.unsqueeze(-2)).mT;
      result = result.add(U.matmul(scaled.sub(scaled.matmul(Vh.mT).matmul(Vh))));
    }
    return [result];
  },
});

/** Further orthonormal columns, so that U [m, k] becomes square: [m, m - k]. They carry no gradient, for they are not unique. */
const completeOp: Op = defineHostOp<unknown>({
  name: 'linalgComplete',
  ranks: [2],
  outputs: ([[m, k]]) => [{ shape: [m, m - k] }],
  run({ inputs: [u], shapes: [[m, k]], outputs: [rest] }) {
    const basis: Float64Array[] = Array.from({ length: k }, (_, j) => Float64Array.from({ length: m }, (__, i) => u[i * k + j]));
    for (let j = 0; j < m - k; j++) {
      const column = completing(basis, m);
      basis.push(column);
      for (let i = 0; i < m; i++) rest[i * (m - k) + j] = column[i];
    }
  },
  save: () => [],
  vjp: () => [undefined],
});

/** U, S and Vh in float64, reduced. */
export const svdWide = (a: Tensor): Tensor[] => dispatch(svdOp, [a], undefined);

/** Options of `svd`. */
export interface SVDOptions {
  /** Square U and V, by default; otherwise only the first k = min(m, n) columns. */
  fullMatrices?: boolean;
}

/**
 * The singular value decomposition. Signs of vectors are free: the gradient is that of functions that do not see them.
 * @param A - shape [..., m, n]
 * @returns U [..., m, m], S [..., k], Vh [..., n, n]; U [..., m, k] and Vh [..., k, n] with `fullMatrices: false`
 */
export function svd(A: Tensor, fullMatrices: boolean | SVDOptions = true): SVDParts {
  const full = readCall<SVDOptions>('linalg.svd', [fullMatrices], ['fullMatrices']).fullMatrices ?? true;
  let [U, S, Vh] = svdWide(wide('linalg.svd', A));
  if (full) {
    const [m, n] = A.shape.slice(-2);
    if (m > n) U = cat([U, dispatchOne(completeOp, [U])], -1);
    if (n > m) Vh = cat([Vh, dispatchOne(completeOp, [Vh.mT]).mT], -2);
  }
  return named({ U: U.to(A.dtype), S: S.to(A.dtype), Vh: Vh.to(A.dtype) });
}

/** The singular values of matrices [..., m, n], largest first. */
export const svdvals = (A: Tensor): Tensor => svdWide(wide('linalg.svdvals', A))[1].to(A.dtype);

/** 1 over each singular value above a bound, and 0 for the others: float64 [..., k]. */
export function reciprocalAbove(S: Tensor, bound: Tensor): Tensor {
  const kept = S.gt(bound);
  return kept.where(S, S.newFull([], 1)).reciprocal().maskedFill(kept.logicalNot(), 0);
}
