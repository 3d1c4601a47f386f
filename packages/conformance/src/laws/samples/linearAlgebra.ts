import type { Tensor } from '@flambeau/core';
import * as algebra from '@flambeau/linalg';
import { real, sample, type Samples } from '../inputs.ts';

const { linalg } = algebra;

/** x xᵀ + n·1: symmetric and far from singular. */
export const positive = (x: Tensor): Tensor => x.matmul(x.mT).add(identity(x).mul(x.shape[x.ndim - 1]));
/** x + n·1: far from singular. */
export const regular = (x: Tensor): Tensor => x.add(identity(x).mul(2 + x.shape[x.ndim - 1]));
/** The identity matrix, of the device and dtype of x. */
export const identity = (x: Tensor): Tensor => {
  const ones = x.detach().mul(0).add(1);
  return ones.tril().mul(ones.triu());
};
const square = [[2, 2], [3, 3], [2, 2, 2], [1, 1], [0, 0], [0, 2, 2]]; // prettier-ignore
const ofMatrix = (run: (x: Tensor) => Tensor | readonly Tensor[], shapes = square, smooth = true): Samples =>
  shapes.map((shape) => sample([real(shape, -1, 1)], run, smooth));

export const linearAlgebra = {
  linalgCholesky: ofMatrix((x) => linalg.cholesky(positive(x))),
  linalgCholeskySolve: [
    sample([real([2, 1], -1, 1), real([2, 2], -1, 1)], (b, x) => algebra.choleskySolve(b, linalg.cholesky(positive(x)))),
    sample([real([1, 2], -1, 1), real([1, 1], -1, 1)], (b, x) => algebra.choleskySolve(b, linalg.cholesky(positive(x)))),
  ],
  linalgSolve: [
    sample([real([2, 2], -1, 1), real([2, 3], -1, 1)], (a, b) => linalg.solve(regular(a), b)),
    sample([real([3, 3], -1, 1), real([3], -1, 1)], (a, b) => linalg.solve(regular(a), b)),
    sample([real([0, 0]), real([0, 2])], (a, b) => linalg.solve(regular(a), b)),
  ],
  linalgSolveTriangular: [
    sample([real([2, 2], -1, 1), real([2, 3], -1, 1)], (a, b) => linalg.solveTriangular(regular(a), b, { upper: true })),
    sample([real([2, 3, 3], -1, 1), real([2, 3, 1], -1, 1)], (a, b) => linalg.solveTriangular(regular(a), b, { upper: false })),
  ],
  linalgSlogdet: ofMatrix((x) => linalg.slogdet(regular(x))[1]),
  linalgDet: ofMatrix((x) => linalg.det(x)),
  linalgEigh: ofMatrix((x) => {
    const [values, vectors] = linalg.eigh(positive(x));
    return [values, vectors.mul(values.unsqueeze(-2)).matmul(vectors.mT)];
  }),
  linalgEig: [
    [2, 2],
    [1, 1],
  ].map((shape) => sample([real(shape, -1, 1)], (x) => linalg.eigvals(positive(x)).sort().values)),
  linalgPinv: ofMatrix((x) => linalg.pinv(x), [[2, 3], [3, 2], [1, 1], [2, 2, 3]]), // prettier-ignore
  linalgQr: ofMatrix((x) => { const [q, r] = linalg.qr(x); return [q, r]; }, [[3, 2], [2, 2], [1, 1], [2, 3, 2]]), // prettier-ignore
  linalgGeqrf: ofMatrix((x) => { const [q, tau] = algebra.geqrf(x); return [q, tau]; }, [[3, 2], [1, 1]], false), // prettier-ignore
  linalgSvd: ofMatrix((x) => {
    const [u, s, vh] = linalg.svd(x, { fullMatrices: false });
    return [s, u.mul(s.unsqueeze(-2)).matmul(vh)];
  }, [[2, 3], [3, 2], [1, 1], [2, 2, 2]]), // prettier-ignore
  linalgComplete: ofMatrix((x) => linalg.svd(x)[1], [[2, 3], [3, 2]], false), // prettier-ignore
  linalgLuFactor: ofMatrix((x) => { const [p, l, u] = linalg.lu(x); return [p, l, u]; }, [[2, 2], [3, 2], [2, 3], [1, 1]]), // prettier-ignore
  linalgPermutation: ofMatrix((x) => linalg.lu(x)[0], [[2, 2]], false), // prettier-ignore
  norm: ofMatrix((x) => [x.norm(), x.norm(1, 0), x.norm(3, -1)], [[3], [2, 3], [1, 2]]), // prettier-ignore
  nuclearNorm: ofMatrix((x) => x.norm('nuc'), [[2, 2], [1, 1]]), // prettier-ignore
  linalgLdlFactor: ofMatrix((x) => [...linalg.ldlFactor(positive(x))], [[2, 2], [1, 1], [2, 3, 3]], false), // prettier-ignore
  linalgLdlSolve: [
    sample(
      [real([3, 3], -1, 1), real([3, 2], -1, 1)],
      (x, b) => {
        const { LD, pivots } = linalg.ldlFactor(positive(x));
        return linalg.ldlSolve(LD, pivots, b);
      },
      false,
    ),
  ],
  linalgVectorNorm: ofMatrix((x) => linalg.vectorNorm(x), [[3], [2, 3], [1]]), // prettier-ignore
} satisfies Record<string, Samples>;
