import { dispatch, dispatchOne, type Op, type Tensor } from '@flambeau/core';
import { defineHostOp, named, wideSquare } from './host.ts';
import { factorLU } from './kernels/lu.ts';
import { solveWide } from './solve.ts';
import { identity } from './triangles.ts';
import { svdWide } from './svd.ts';

/** The sign of the determinant and the logarithm of its magnitude, from the LU factors; 0 and -Infinity for a singular matrix. */
function signAndLog(a: Float64Array, n: number): { sign: number; log: number; product: number } {
  const factors = a.slice();
  const pivots = new Float64Array(n);
  factorLU(factors, n, n, pivots);
  let [sign, log, product] = [1, 0, 1];
  for (let k = 0; k < n; k++) {
    const u = pivots[k] === k + 1 ? factors[k * n + k] : -factors[k * n + k];
    sign *= Math.sign(u);
    log += Math.log(Math.abs(u));
    product *= u;
  }
  return { sign, log, product };
}

/** g·A⁻ᵀ for g of the batch. */
const timesInverse = (a: Tensor, g: Tensor, op: string): Tensor =>
  solveWide(a.mT, identity(a, a.shape[a.ndim - 1]), op)[0].mul(g.unsqueeze(-1).unsqueeze(-1));

/** d log|det A| = tr(A⁻¹·dA); the sign is constant. */
const slogdetOp: Op = defineHostOp<unknown>({
  name: 'linalgSlogdet',
  ranks: [2],
  outputs: () => [{ shape: [] }, { shape: [] }],
  run({ inputs: [a], shapes: [[n]], outputs: [sign, log] }) {
    ({ sign: sign[0], log: log[0] } = signAndLog(a, n));
  },
  save: ([a]) => [a],
  vjp: ({ cotangents: [, g], saved: [a] }) => [g && timesInverse(a, g, 'linalg.slogdet')],
});

/** d det A = det A·tr(A⁻¹·dA): the gradient is the matrix of cofactors. */
const detOp: Op = defineHostOp<unknown>({
  name: 'linalgDet',
  ranks: [2],
  outputs: () => [{ shape: [] }],
  run({ inputs: [a], shapes: [[n]], outputs: [det] }) {
    det[0] = signAndLog(a, n).product;
  },
  save: ([a], [det]) => [a, det],
  vjp({ cotangents: [g], saved: [a, det] }) {
    if (g === undefined) return [undefined];
    // Where the values cannot be looked at, the way that is right for singular matrices is taken always.
    const singular = det.count > 0 && (!det.device.synchronous || det.eq(0).any().itemSync<boolean>());
    return [singular ? cofactors(a).mul(g.unsqueeze(-1).unsqueeze(-1)) : timesInverse(a, g.mul(det), 'linalg.det')];
  },
});

/** Cofactors of a matrix that may be singular, from A = U·S·Vᵀ: det(U)·det(V)·U·diag(products of the other singular values)·Vᵀ. */
function cofactors(a: Tensor): Tensor {
  const [U, S, Vh] = svdWide(a);
  const n = a.shape[a.ndim - 1];
  // Row i has a one in place of s[i].
  const others = identity(S, n).eq(1).where(S.newFull([], 1), S.unsqueeze(-2)).prod(-1);
  const orientation = dispatchOne(detOp, [U])
    .mul(dispatchOne(detOp, [Vh]))
    .unsqueeze(-1)
    .unsqueeze(-1);
  return U.mul(others.unsqueeze(-2)).matmul(Vh).mul(orientation);
}

/**
 * The determinant; its gradient is right for singular matrices too.
 * @param A - shape [..., n, n] @returns shape [...]
 */
export const det = (A: Tensor): Tensor => dispatchOne(detOp, [wideSquare('linalg.det', A)]).to(A.dtype);

/** The sign of the determinant (0 for singular matrices) and the logarithm of its magnitude. */
export function slogdet(A: Tensor): Tensor[] & { readonly sign: Tensor; readonly logabsdet: Tensor } {
  const [sign, logabsdet] = dispatch(slogdetOp, [wideSquare('linalg.slogdet', A)], undefined);
  return named({ sign: sign.to(A.dtype), logabsdet: logabsdet.to(A.dtype) });
}

/** The logarithm of the determinant; NaN where it is negative. */
export function logdet(A: Tensor): Tensor {
  const [sign, log] = dispatch(slogdetOp, [wideSquare('logdet', A)], undefined);
  return log.maskedFill(sign.lt(0), NaN).to(A.dtype);
}
