import {
  ArgumentError,
  defaultGenerator,
  describe,
  dot,
  fromNumbers,
  mv,
  normalValues,
  readCall,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { Module } from '../module.ts';
import { Buffer } from '../parameter.ts';
import { registerParametrization } from './parametrize.ts';

export { orthogonal, type OrthogonalMap, type OrthogonalOptions } from './orthogonal.ts';

/** The norm over all dims but one, kept as dims of size 1; over everything for -1. */
function normExcept(x: Tensor, dim: number): Tensor {
  if (dim === -1) return x.square().sum().sqrt();
  const dims = x.shape.map((_, i) => i).filter((i) => i !== dim);
  return dims.length === 0 ? x.abs() : x.square().sum(dims, { keepdim: true }).sqrt();
}

/** `weight = g · v/‖v‖`: original0 is g, original1 is v. */
class _WeightNorm extends Module {
  readonly dim: number;

  constructor(dim: number) {
    super();
    this.dim = dim;
  }

  forward(g: Tensor, v: Tensor): Tensor {
    return v.mul(g.div(normExcept(v, this.dim)));
  }

  rightInverse(weight: Tensor): [Tensor, Tensor] {
    return [normExcept(weight, this.dim), weight];
  }
}

interface NamedOptions {
  /** The parameter, 'weight' by default. */
  name?: string;
}

/**
 * Learns the length and the direction of a weight apart: `weight = g · v/‖v‖`, with a norm for each index of `dim` (0 by default), or
 * one for all with null. State: `parametrizations.weight.original0` (g) and `original1` (v).
 * @returns the module
 * @see Salimans & Kingma 2016
 */
export function weightNorm<M extends Module>(module: M, ...args: Call<NamedOptions & { dim?: number | null }, ['name', 'dim']>): M {
  const { name = 'weight', dim = 0 } = readCall<NamedOptions & { dim?: number | null }>('weightNorm', args, ['name', 'dim'], [], ['dim']);
  return registerParametrization(module, name, new _WeightNorm(dim ?? -1));
}

/** Options of spectralNorm. */
export interface SpectralNormOptions extends NamedOptions {
  /** Steps of the power iteration at each use while training, 1 by default. */
  nPowerIterations?: number;
  /** The least norm that a vector of the power iteration is divided by; 1e-12 by default. */
  eps?: number;
  /** The dim of the outputs: 1 for transposed convolutions, else 0. */
  dim?: number | null;
}

const normalize = (x: Tensor, eps: number): Tensor => x.div(x.square().sum().sqrt().clamp(eps));

/** `weight / σ(weight)`, where σ, the largest singular value, is followed by power iteration. */
class _SpectralNorm extends Module {
  readonly dim: number;
  readonly nPowerIterations: number;
  readonly eps: number;
  _u: Buffer | null = null;
  _v: Buffer | null = null;

  constructor(weight: Tensor, nPowerIterations: number, dim: number, eps: number) {
    super();
    this.dim = dim < 0 ? dim + weight.ndim : dim;
    this.nPowerIterations = nPowerIterations;
    this.eps = eps;
    if (weight.ndim < 2) return;
    noGrad(() => {
      const matrix = this.matrix(weight);
      const draw = (n: number): Buffer => {
        const values = fromNumbers(normalValues(n, weight.dtype, defaultGenerator), [n], weight.dtype, weight.device);
        return new Buffer(normalize(values, eps));
      };
      const [u, v] = [draw(matrix.shape[0]), draw(matrix.shape[1])];
      [this._u, this._v] = [u, v];
      this.iterate(matrix, u, v, 15);
    });
  }

  /** The weight as a matrix [size of dim, rest]. */
  private matrix(weight: Tensor): Tensor {
    return weight.movedim(this.dim, 0).flatten(1);
  }

  private iterate(matrix: Tensor, u: Buffer, v: Buffer, steps: number): void {
    noGrad(() => {
      const fixed = matrix.detach();
      for (let i = 0; i < steps; i++) {
        u.copy_(normalize(mv(fixed, v), this.eps));
        v.copy_(normalize(mv(fixed.t(), u), this.eps));
      }
    });
  }

  forward(weight: Tensor): Tensor {
    const { _u: u, _v: v } = this;
    if (u === null || v === null) return normalize(weight, this.eps);
    const matrix = this.matrix(weight);
    if (this.training) this.iterate(matrix, u, v, this.nPowerIterations);
    // Clones, for the next use changes the buffers before this one is walked back.
    const [left, right] = [u.detach().clone(), v.detach().clone()];
    return weight.div(dot(left, mv(matrix, right)));
  }

  rightInverse(value: Tensor): Tensor {
    return value;
  }
}

const spectralNames = ['name', 'nPowerIterations', 'eps', 'dim'] as const;

/**
 * Divides a weight by its largest singular value. State: `parametrizations.weight.original`, `parametrizations.weight.0._u` and `_v`.
 * @returns the module
 * @see Miyato et al. 2018
 */
export function spectralNorm<M extends Module>(module: M, ...args: Call<SpectralNormOptions, typeof spectralNames>): M {
  const { name = 'weight', nPowerIterations = 1, eps = 1e-12, dim } = readCall<SpectralNormOptions>('spectralNorm', args, spectralNames);
  if (!Number.isInteger(nPowerIterations) || nPowerIterations < 1)
    throw new ArgumentError({ op: 'spectralNorm', expected: 'nPowerIterations of at least 1', received: describe(nPowerIterations) });
  const along = dim ?? (/^(Parametrized)?(Lazy)?ConvTranspose[123]d$/.test(module.typeName) ? 1 : 0);
  return registerParametrization(module, name, new _SpectralNorm(module.getParameter(name), nPowerIterations, along, eps));
}
