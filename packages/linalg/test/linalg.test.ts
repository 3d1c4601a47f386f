import {
  AsyncOnlyError,
  eye,
  manualSeed,
  randn,
  setDefaultDevice,
  ShapeError,
  tensor,
  ValueError,
  zeros,
  type Tensor,
} from '@flambeau/core';
import { grad, gradcheck } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { linalg, luSolve, pinverse, svd, triangularSolve } from '@flambeau/linalg';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

beforeAll(() => setDefaultDevice(reference));
beforeEach(() => manualSeed(3));

const wide = (values: Parameters<typeof tensor>[0]): Tensor => tensor(values, { dtype: 'float64' });
const random = (...shape: number[]): Tensor => randn(shape, { dtype: 'float64' });
const leaf = (...shape: number[]): Tensor => random(...shape).requiresGrad_();
/** Symmetric and positive-definite. */
const positive = (...shape: number[]): Tensor => {
  const x = random(...shape);
  return x.matmul(x.mT).add(eye(shape[shape.length - 1], { dtype: 'float64' })).detach(); // prettier-ignore
};

const symmetricOf = (x: Tensor): Tensor => x.add(x.mT);

function expectClose(found: Tensor, expected: Tensor, tolerance = 1e-10): void {
  expect(found.shape).toEqual(expected.shape);
  if (found.count === 0) return;
  expect(found.detach().to('float64').sub(expected.detach().to('float64')).abs().amax().itemSync()).toBeLessThanOrEqual(tolerance);
}
const shapes = [[3, 3], [5, 3], [3, 5], [2, 4, 4], [2, 1, 4, 2], [0, 3, 3], [2, 0, 3], [3, 0], [0, 0]]; // prettier-ignore
const squares = [[3, 3], [2, 4, 4], [2, 1, 2, 2], [0, 3, 3], [2, 0, 0]]; // prettier-ignore
const identityLike = (x: Tensor): Tensor => eye(x.shape[x.ndim - 1], { dtype: 'float64' }).expand([...x.shape.slice(0, -2), x.shape[x.ndim - 1], x.shape[x.ndim - 1]]); // prettier-ignore

describe('factors multiply to the matrix', () => {
  test.each(shapes)('qr of %j %j %j', (...shape) => {
    const a = random(...shape.filter((n) => n !== undefined));
    for (const mode of ['reduced', 'complete'] as const) {
      const { Q, R } = linalg.qr(a, mode);
      expectClose(Q.matmul(R), a);
      expectClose(Q.mT.matmul(Q), identityLike(Q.mT.matmul(Q)));
    }
    expectClose(linalg.qr(a, 'r').R, linalg.qr(a).R);
    expect(linalg.qr(a, 'r').Q.shape).toEqual([0]);
  });

  test.each(shapes)('svd of %j %j %j', (...shape) => {
    const a = random(...shape.filter((n) => n !== undefined));
    const reduced = linalg.svd(a, false);
    expectClose(reduced.U.mul(reduced.S.unsqueeze(-2)).matmul(reduced.Vh), a);
    const { U, Vh } = linalg.svd(a);
    expectClose(U.mT.matmul(U), identityLike(U));
    expectClose(Vh.matmul(Vh.mT), identityLike(Vh));
    const values = linalg.svdvals(a);
    if (values.count > 0) expect(values.narrow(-1, 1, values.shape[values.ndim - 1] - 1).sub(values.narrow(-1, 0, values.shape[values.ndim - 1] - 1)).le(0).all().itemSync()).toBe(true); // prettier-ignore
  });

  test('svd of a matrix without full rank still has orthonormal vectors', () => {
    const a = random(5, 2).matmul(random(2, 4));
    const { U, S, Vh } = linalg.svd(a, { fullMatrices: false });
    expectClose(U.mT.matmul(U), identityLike(Vh.matmul(Vh.mT)));
    expectClose(U.mul(S).matmul(Vh), a);
    expect(linalg.matrixRank(a).itemSync()).toBe(2);
    expectClose(
      linalg
        .svd(zeros([3, 2], { dtype: 'float64' }))
        .U.square()
        .sum(0),
      wide([1, 1, 1]),
    );
  });

  test.each(shapes)('lu of %j %j %j', (...shape) => {
    const a = random(...shape.filter((n) => n !== undefined));
    const { P, L, U } = linalg.lu(a);
    expectClose(P.matmul(L).matmul(U), a);
  });

  test.each(squares)('cholesky of %j %j %j', (...shape) => {
    const a = positive(...shape.filter((n) => n !== undefined));
    const L = linalg.cholesky(a);
    expectClose(L.matmul(L.mT), a);
    const U = linalg.cholesky(a, { upper: true });
    expectClose(U.mT.matmul(U), a);
  });

  test.each(squares)('eigh of %j %j %j', (...shape) => {
    const a = positive(...shape.filter((n) => n !== undefined));
    for (const UPLO of ['L', 'U'] as const) {
      const { eigenvalues, eigenvectors: V } = linalg.eigh(a, UPLO);
      expectClose(V.mul(eigenvalues.unsqueeze(-2)).matmul(V.mT), a);
      expectClose(V.mT.matmul(V), identityLike(V));
    }
  });

  test('eig of a matrix with real eigenvalues', () => {
    // Upper triangular: the eigenvalues stand on the diagonal.
    const a = wide([[2, 1, 0], [0, -1, 3], [0, 0, 5]]); // prettier-ignore
    const { eigenvalues, eigenvectors: V } = linalg.eig(a);
    expectClose(eigenvalues, wide([-1, 2, 5]));
    expectClose(a.matmul(V), V.mul(eigenvalues));
    expectClose(V.square().sum(0), wide([1, 1, 1]));
    expect(() => linalg.eig(wide([[0, -1], [1, 0]]))).toThrow(/complex/); // prettier-ignore
  });
});

describe("LAPACK's conventions", () => {
  test('qr reflects onto minus the sign of the first element', () => {
    // ‖(3, 4)‖ = 5, so R[0,0] = -5; the last row of a square matrix has no reflection.
    const { Q, R } = linalg.qr(wide([[3, 0], [4, 5]])); // prettier-ignore
    expectClose(R, wide([[-5, -4], [0, 3]])); // prettier-ignore
    expectClose(Q, wide([[-0.6, -0.8], [-0.8, 0.6]])); // prettier-ignore
  });

  test('lu pivots on the largest magnitude, and counts rows from 1', () => {
    // Row 2 has -4: swap rows 1 and 2; then 1/-4·(-4, 1) leaves 2 + 0.25.
    const { LU, pivots } = linalg.luFactor(wide([[1, 2], [-4, 1]])); // prettier-ignore
    expectClose(LU, wide([[-4, 1], [-0.25, 2.25]])); // prettier-ignore
    expect(pivots.toArraySync()).toEqual([2, 2]);
    expect(pivots.dtype).toBe('int32');
  });

  test('geqrf, orgqr and ormqr fit qr', () => {
    const a = random(5, 3);
    const { a: factors, tau } = a.geqrf();
    expectClose(factors.orgqr(tau), linalg.qr(a).Q);
    const b = random(5, 2);
    expectClose(factors.ormqr(tau, b), linalg.qr(a, 'complete').Q.matmul(b));
  });
});

describe('solvers', () => {
  test.each(squares)('solve and inv of %j %j %j', (...shape) => {
    const size = shape.filter((n) => n !== undefined);
    const [a, b] = [positive(...size), random(...size.slice(0, -1), 2)];
    expectClose(a.matmul(linalg.solve(a, b)), b);
    expectClose(linalg.inv(a).matmul(a), identityLike(a), 1e-9);
    const { LU, pivots } = linalg.luFactor(a);
    expectClose(a.matmul(linalg.luSolve(LU, pivots, b)), b);
    expectClose(a.mT.matmul(linalg.luSolve(LU, pivots, b, { adjoint: true })), b);
    expectClose(linalg.luSolve(LU, pivots, b.mT, { left: false }).matmul(a), b.mT);
    expectClose(luSolve(b, LU, pivots), linalg.solve(a, b));
    expectClose(triangularSolve(b, a).solution, linalg.solveTriangular(a, b, { upper: true }));
    expectClose(linalg.solve(a, b.mT, { left: false }).matmul(a), b.mT);
  });

  test('batches broadcast, and vectors are solved too', () => {
    const [a, b] = [positive(3, 3), random(4, 3, 2)];
    expectClose(a.matmul(linalg.solve(a, b)), b);
    expectClose(a.matmul(linalg.solve(a, wide([1, 2, 3]))), wide([1, 2, 3]));
  });

  test('lstsq fits a line', () => {
    // y = 1 + 2x but for (2, 6), which is 1 too high: the normal equations 3a + 3b = 10, 3a + 5b = 15 give b = 5/2, a = 5/6;
    // the errors -1/6, 1/3, -1/6 have a square sum of 1/6.
    const { solution, residuals, rank } = linalg.lstsq(wide([[1, 0], [1, 1], [1, 2]]), wide([[1], [3], [6]]), { driver: 'gelsd' }); // prettier-ignore
    expectClose(solution, wide([[5 / 6], [5 / 2]]));
    expectClose(residuals, wide([1 / 6]));
    expect(rank.itemSync()).toBe(2);
  });

  test('pinv satisfies the conditions of Penrose, for matrices without full rank', () => {
    const a = random(4, 2).matmul(random(2, 5));
    const p = linalg.pinv(a, { rtol: 1e-10 });
    expectClose(a.matmul(p).matmul(a), a);
    expectClose(p.matmul(a).matmul(p), p);
    expectClose(a.matmul(p), a.matmul(p).mT);
    expectClose(pinverse(a.narrow(0, 0, 2)), linalg.pinv(a.narrow(0, 0, 2)));
  });

  test('ldl solves with symmetric matrices that are not definite', () => {
    // Zeros on the diagonal: only a pivot of two rows will do.
    const swap = wide([[0, 1], [1, 0]]); // prettier-ignore
    expect(linalg.ldlFactor(swap).pivots.toArraySync()).toEqual([-2, -2]);
    for (const a of [swap, symmetricOf(random(3, 6, 6)), symmetricOf(random(7, 7)), symmetricOf(random(5, 5)).mul(wide([1, 1, 0, 0, 1]).unsqueeze(1)).mul(wide([1, 1, 0, 0, 1])).add(eye(5, { dtype: 'float64' }))]) {
      const { LD, pivots } = linalg.ldlFactor(a);
      const b = random(a.shape[a.ndim - 1], 2);
      expectClose(a.matmul(linalg.ldlSolve(LD, pivots, b)), a.matmul(linalg.solve(a, b)), 1e-9);
    } // prettier-ignore
    expect(linalg.ldlFactorEx(zeros([2, 2])).info.itemSync()).toBe(1);
    expect(() => linalg.ldlFactor(leaf(2, 2)).LD.sum().backward()).toThrow(/derivative/);
  });

  test('tensorsolve and tensorinv', () => {
    const a = random(2, 3, 6);
    const b = random(2, 3);
    expectClose(a.reshape(6, 6).matmul(linalg.tensorsolve(a, b)), b.reshape(6));
    expectClose(
      linalg
        .tensorinv(a.reshape(2, 3, 3, 2))
        .reshape(6, 6)
        .matmul(a.reshape(6, 6)),
      eye(6, { dtype: 'float64' }),
    );
  });
});

describe('numbers of a matrix', () => {
  test('det, slogdet and logdet', () => {
    // 1·4 - 2·3 = -2
    const a = wide([[1, 2], [3, 4]]); // prettier-ignore
    expectClose(linalg.det(a), wide(-2));
    const { sign, logabsdet } = linalg.slogdet(a);
    expect([sign.itemSync(), logabsdet.itemSync()]).toEqual([-1, Math.log(2)]);
    expect(a.logdet().itemSync()).toBeNaN();
    expect(linalg.det(zeros([0, 0], { dtype: 'float64' })).itemSync()).toBe(1);
    expect(linalg.slogdet(zeros([2, 2])).logabsdet.itemSync()).toBe(-Infinity);
  });

  test('the gradient of det of a singular matrix is its cofactors', () => {
    // [[1, 2], [2, 4]]: cofactors [[4, -2], [-2, 1]]
    const a = wide([[1, 2], [2, 4]]).requiresGrad_(); // prettier-ignore
    expectClose(grad(linalg.det(a), a)[0], wide([[4, -2], [-2, 1]])); // prettier-ignore
  });

  test('norms by hand', () => {
    const a = wide([[1, -2], [-3, 4]]); // prettier-ignore
    expectClose(linalg.norm(a), wide(Math.sqrt(30)));
    expectClose(linalg.matrixNorm(a, 1), wide(6)); // columns 4 and 6
    expectClose(linalg.matrixNorm(a, -1), wide(4));
    expectClose(linalg.matrixNorm(a, Infinity), wide(7)); // rows 3 and 7
    expectClose(linalg.matrixNorm(a, 'nuc'), linalg.svdvals(a).sum());
    expectClose(linalg.vectorNorm(a, 0), wide(4));
    expectClose(linalg.vectorNorm(a, { ord: 3, dim: 1 }), wide([9 ** (1 / 3), 91 ** (1 / 3)]));
    expectClose(linalg.norm(a, { ord: Infinity, dim: 0, keepdim: true }), wide([[3, 4]]));
    expectClose(linalg.cond(wide([[2, 0], [0, 0.5]])), wide(4)); // prettier-ignore
    expect(linalg.cond(zeros([2, 2]), 1).itemSync()).toBe(Infinity);
  });

  test('powers, exponential, products', () => {
    const a = wide([[1, 1], [0, 1]]); // prettier-ignore
    expectClose(linalg.matrixPower(a, 5), wide([[1, 5], [0, 1]])); // prettier-ignore
    expectClose(linalg.matrixPower(a, -3), wide([[1, -3], [0, 1]])); // prettier-ignore
    // exp of t·[[0, -1], [1, 0]] turns by t
    expectClose(linalg.matrixExp(wide([[0, -20], [20, 0]])), wide([[Math.cos(20), -Math.sin(20)], [Math.sin(20), Math.cos(20)]]), 1e-12); // prettier-ignore
    const parts = [random(2, 7), random(7, 3), random(3, 5)];
    expectClose(linalg.multiDot(parts), parts[0].matmul(parts[1]).matmul(parts[2]));
    expectClose(linalg.multiDot([wide([1, 2]), wide([[1, 0], [0, 1]]), wide([3, 4])]), wide(11)); // prettier-ignore
    expectClose(linalg.cross(wide([1, 0, 0]), wide([0, 1, 0])), wide([0, 0, 1]));
    expectClose(linalg.vander(wide([2, 3])), wide([[1, 2], [1, 3]])); // prettier-ignore
    expectClose(linalg.vecdot(wide([[1, 2], [3, 4]]), wide([5, 6])), wide([17, 39])); // prettier-ignore
  });
});

describe('derivatives agree with differences', () => {
  /** The projection on the first vector does not see its sign. */
  const signFree = (v: Tensor): Tensor[] => [v.square(), v.narrow(-1, 0, 1).matmul(v.narrow(-1, 0, 1).mT)];
  const symmetric = (x: Tensor): Tensor => x.add(x.mT);
  const spd = (x: Tensor): Tensor => x.matmul(x.mT).add(eye(x.shape[x.ndim - 1], { dtype: 'float64' }));
  const cases: Record<string, [f: (...inputs: Tensor[]) => Tensor | Tensor[], inputs: () => Tensor[]]> = {
    inv: [linalg.inv, () => [leaf(2, 3, 3)]],
    solve: [(x, b) => linalg.solve(x, b), () => [leaf(3, 3), leaf(2, 3, 2)]],
    det: [linalg.det, () => [leaf(2, 3, 3)]],
    slogdet: [(x) => linalg.slogdet(x).logabsdet, () => [leaf(3, 3)]],
    cholesky: [(x) => linalg.cholesky(spd(x)), () => [leaf(2, 3, 3)]],
    'cholesky upper': [(x) => linalg.cholesky(spd(x), { upper: true }), () => [leaf(3, 3)]],
    'qr tall': [(x) => [...linalg.qr(x)], () => [leaf(4, 3)]],
    'qr wide': [(x) => [...linalg.qr(x)], () => [leaf(2, 4)]],
    'qr complete and wide': [(x) => [...linalg.qr(x, 'complete')], () => [leaf(2, 3)]],
    'lu square': [(x) => linalg.lu(x).slice(1), () => [leaf(2, 3, 3)]],
    'lu tall': [(x) => linalg.lu(x).slice(1), () => [leaf(4, 2)]],
    'lu wide': [(x) => linalg.lu(x).slice(1), () => [leaf(2, 4)]],
    luSolve: [(x, b) => linalg.luSolve(linalg.luFactor(x).LU, linalg.luFactor(x).pivots, b), () => [leaf(3, 3), leaf(3, 2)]],
    solveTriangular: [(x, b) => linalg.solveTriangular(x, b, { upper: false, left: false }), () => [leaf(3, 3), leaf(2, 3)]],
    choleskySolve: [(x, b) => linalg.cholesky(spd(x)).matmul(b.choleskySolve(linalg.cholesky(spd(x)))), () => [leaf(3, 3), leaf(3, 2)]],
    choleskyInverse: [(x) => linalg.cholesky(spd(x)).choleskyInverse(), () => [leaf(3, 3)]],
    eigvalsh: [(x) => linalg.eigvalsh(symmetric(x)), () => [leaf(2, 4, 4)]],
    'eigh vectors': [(x) => signFree(linalg.eigh(symmetric(x)).eigenvectors), () => [leaf(4, 4)]],
    eig: [(x) => linalg.eig(symmetric(x).add(wide([[0, 0.1], [0, 0]]))).eigenvalues, () => [leaf(2, 2)]],
    svdvals: [linalg.svdvals, () => [leaf(3, 2)]],
    'svd tall': [(x) => svd(x).slice(0, 1).map((u) => u.square()).concat(svd(x).S), () => [leaf(4, 2)]],
    'svd wide': [(x) => [svd(x).V.square(), svd(x).U.matmul(svd(x).V.mT)], () => [leaf(2, 4)]],
    'pinv tall': [(x) => linalg.pinv(x), () => [leaf(4, 2)]],
    'pinv wide': [(x) => linalg.pinv(x), () => [leaf(2, 4)]],
    'lstsq solution': [(x, b) => linalg.lstsq(x, b).solution, () => [leaf(4, 2), leaf(4, 1)]],
    matrixExp: [linalg.matrixExp, () => [leaf(3, 3)]],
    matrixPower: [(x) => linalg.matrixPower(x, -2), () => [leaf(2, 2)]],
    'vectorNorm 3': [(x) => linalg.vectorNorm(x, 3), () => [leaf(5)]],
    'vectorNorm 0.5': [(x) => linalg.vectorNorm(x, { ord: 0.5, dim: 1 }), () => [leaf(2, 3)]],
    'matrixNorm nuc': [(x) => linalg.matrixNorm(x, 'nuc'), () => [leaf(3, 2)]],
    'matrixNorm inf': [(x) => linalg.matrixNorm(x, Infinity), () => [leaf(3, 2)]],
    cond: [(x) => linalg.cond(x, 'fro'), () => [leaf(3, 3)]],
    householderProduct: [linalg.householderProduct, () => [leaf(4, 3), leaf(2)]],
    vander: [linalg.vander as (x: Tensor) => Tensor, () => [leaf(4)]],
  }; // prettier-ignore

  test.each(Object.keys(cases))('%s', (name) => {
    const [f, inputs] = cases[name];
    expect(gradcheck((...given) => f(...given), inputs())).toBe(true);
  });

  test.each(['inv', 'solve', 'det', 'cholesky', 'qr tall', 'lu square', 'eigvalsh', 'svdvals', 'pinv tall', 'vectorNorm 3'])(
    'the second derivative of %s',
    (name) => {
      const [f, inputs] = cases[name];
      const given = inputs();
      // d/dx of (∂f/∂x)² against differences of the first derivative
      const first = (x: Tensor, createGraph: boolean): Tensor => {
        const outputs = [f(x, ...given.slice(1).map((y) => y.detach()))].flat();
        const total = outputs.map((y) => y.mul(y).sum()).reduce((a, b) => a.add(b)); // prettier-ignore
        return grad(total, x, { createGraph })[0];
      };
      const x = given[0];
      const direction = random(...x.shape);
      const analytic = grad(first(x, true).mul(direction).sum(), x)[0].mul(direction).sum().itemSync(); // prettier-ignore
      const h = 1e-5;
      const along = (t: number): number => first(x.detach().add(direction, { alpha: t }).requiresGrad_(), false).mul(direction).sum().itemSync(); // prettier-ignore
      const numeric = (along(h) - along(-h)) / (2 * h);
      expect(Math.abs(analytic - numeric)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(numeric)));
    },
  );
});

describe('errors', () => {
  test('a singular matrix is a ValueError that names its place in the batch', () => {
    const batch = wide([[[1, 0], [0, 1]], [[1, 2], [2, 4]]]); // prettier-ignore
    expect(() => linalg.inv(batch)).toThrow(ValueError);
    expect(() => linalg.inv(batch)).toThrow(/number 1 of the batch/);
    expect(() => linalg.solve(batch, batch)).toThrow(/singular/);
    expect(linalg.invEx(batch).info.toArraySync()).toEqual([0, 2]);
  });

  test('a matrix that is not positive-definite', () => {
    expect(() => linalg.cholesky(wide([[1, 2], [2, 1]]))).toThrow(/leading minor of order 2/); // prettier-ignore
    expect(linalg.choleskyEx(wide([[1, 2], [2, 1]])).info.itemSync()).toBe(2); // prettier-ignore
  });

  test('a device that cannot be read at once is named', () => {
    // The reference device, as one that only reads asynchronously.
    const slow = Object.assign(Object.create(Object.getPrototypeOf(reference) as object), reference, { name: 'slow', synchronous: false, downloadSync: undefined }) as typeof reference; // prettier-ignore
    const x = tensor([[2, 0], [0, 2]], { device: slow }); // prettier-ignore
    expect(() => linalg.inv(x)).toThrow(AsyncOnlyError);
    expect(() => linalg.inv(x)).toThrow(/slow.*toAsync/);
  });

  test('shapes, dtypes and options', () => {
    const tall = random(3, 2);
    for (const f of [linalg.inv, linalg.det, linalg.cholesky, linalg.eigh, linalg.matrixExp, (x: Tensor) => linalg.matrixPower(x, 2)])
      expect(() => f(tall)).toThrow(ShapeError);
    expect(() => linalg.qr(wide([1, 2]))).toThrow(ShapeError);
    expect(() => linalg.solve(random(3, 3), random(2, 2))).toThrow(/3 rows/);
    expect(() => linalg.inv(eye(2, { dtype: 'int32' }))).toThrow(/floats/);
    expect(() => linalg.qr(tall, 'full' as 'complete')).toThrow(/mode/);
    expect(() => linalg.norm(random(2, 2, 2), 2)).toThrow(/ord/);
    expect(() => linalg.vectorNorm(zeros([0]), Infinity)).toThrow(ShapeError);
    expect(() => linalg.svd(wide([[NaN, 1]]))).toThrow(/finite/);
    expect(() => linalg.cross(wide([1, 2]), wide([1, 2]))).toThrow(/3 elements/);
    expect(() => linalg.multiDot([tall, tall])).toThrow(/inner dimensions/);
  });
});
