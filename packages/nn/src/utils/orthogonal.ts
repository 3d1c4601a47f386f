import {
  ArgumentError,
  cat,
  describe,
  eye,
  fromNumbers,
  randn,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { Module } from '../module.ts';
import { orthonormalColumns, reflections } from '../orthonormal.ts';
import { Buffer } from '../parameter.ts';
import { registerParametrization } from './parametrize.ts';

/** How an orthogonal matrix is made of a free one. */
export type OrthogonalMap = 'matrixExp' | 'householder';

/** Options of `orthogonal`. */
export interface OrthogonalOptions {
  /** The parameter, 'weight' by default. */
  name?: string;
  /** The exponential of a skew-symmetric matrix (the default for square ones), or a product of reflections. */
  orthogonalMap?: OrthogonalMap | null;
  /** Keeps the matrix at the beginning as a buffer `base`, and learns how to turn it; true by default. */
  useTrivialization?: boolean;
}
const names = ['name', 'orthogonalMap', 'useTrivialization'] as const;

/** The first k columns of the product of reflections I - τ v vᵀ, with the v in the columns of x below the diagonal, and the signs of x's diagonal. */
function productOfReflections(x: Tensor): Tensor {
  const [n, k] = x.shape;
  const one = eye(n, { dtype: x.dtype, device: x.device }).narrow(1, 0, k);
  const below = x.tril(-1);
  const tau = below.square().sum(0).add(1).reciprocal().mul(2);
  const vectors = below.add(one);
  let q = one;
  for (let i = k - 1; i >= 0; i--) {
    const v = vectors.narrow(1, i, 1); // [n, 1]
    q = q.sub(v.mul(tau.select(0, i)).matmul(v.t().matmul(q)));
  }
  return q.mul(x.diagonal().detach().trunc());
}

const host = (x: Tensor): Float64Array => Float64Array.from(x.detach().dataSync(), Number);
const onDevice = (values: Float64Array, shape: readonly number[], like: Tensor): Tensor =>
  fromNumbers(values, shape, like.dtype, like.device);

/** A matrix with orthonormal columns, or rows where those are fewer, made of a free matrix of the same shape. */
class _Orthogonal extends Module {
  readonly orthogonalMap: OrthogonalMap;
  readonly useTrivialization: boolean;
  base: Buffer | null = null;

  constructor(orthogonalMap: OrthogonalMap, useTrivialization: boolean) {
    super();
    this.orthogonalMap = orthogonalMap;
    this.useTrivialization = useTrivialization;
  }

  forward(original: Tensor): Tensor {
    const wide = original.shape[0] < original.shape[1];
    const x = wide ? original.t() : original;
    const [n, k] = x.shape;
    let q: Tensor;
    if (this.orthogonalMap === 'householder') q = productOfReflections(x);
    else {
      const lower = n === k ? x.tril() : cat([x.tril(), x.newZeros([n, n - k])], 1);
      q = lower.sub(lower.t()).matrixExp().narrow(1, 0, k);
    }
    if (this.base !== null) q = this.base.detach().matmul(q);
    return wide ? q.t() : q;
  }

  rightInverse(value: Tensor): Tensor {
    return noGrad(() => {
      const wide = value.shape[0] < value.shape[1];
      const x = (wide ? value.t() : value).detach();
      const [n, k] = x.shape;
      if (this.useTrivialization) {
        const square = n === k ? x : cat([x, randn(n, n - k, { dtype: x.dtype, device: x.device })], 1);
        this.base = new Buffer(onDevice(orthonormalColumns(host(square), n, n), [n, n], x));
        // Both maps give the identity for -I, so that the value is the base.
        const negative = eye(n, { dtype: x.dtype, device: x.device }).narrow(1, 0, k).neg();
        return wide ? negative.t().contiguous() : negative;
      }
      if (this.orthogonalMap === 'matrixExp') {
        throw new ArgumentError({
          op: 'orthogonal',
          expected: 'useTrivialization where a value is assigned to a matrix exponential',
          received: 'none',
        });
      }
      const { compact, tau } = reflections(host(x), n, k);
      for (let i = 0; i < k; i++) compact[i * k + i] = Math.sign(compact[i * k + i]) * (tau[i] === 0 ? -1 : 1);
      const free = onDevice(compact, [n, k], x);
      return wide ? free.t().contiguous() : free;
    });
  }
}

/**
 * Keeps a matrix orthogonal: its columns, or its rows where those are fewer, stay orthonormal. The value at the beginning is the nearest in
 * the sense of QR. State: `parametrizations.weight.original` and `parametrizations.weight.0.base`.
 * @returns the module
 * @throws ShapeError unless the parameter is a matrix
 * @see Lezcano-Casado 2019
 */
export function orthogonal<M extends Module>(module: M, ...args: Call<OrthogonalOptions, typeof names>): M {
  const { name = 'weight', orthogonalMap, useTrivialization = true } = readCall<OrthogonalOptions>('orthogonal', args, names);
  const { shape } = module.getParameter(name);
  if (shape.length !== 2) throw new ShapeError({ op: 'orthogonal', expected: 'a matrix', received: showShape(shape) });
  const map = orthogonalMap ?? (shape[0] === shape[1] ? 'matrixExp' : 'householder');
  if (map !== 'matrixExp' && map !== 'householder')
    throw new ArgumentError({ op: 'orthogonal', expected: "orthogonalMap 'matrixExp' or 'householder'", received: describe(map) });
  return registerParametrization(module, name, new _Orthogonal(map, useTrivialization));
}
