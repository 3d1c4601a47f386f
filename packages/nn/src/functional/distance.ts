import {
  ArgumentError,
  broadcastShapes,
  checkNumber,
  checkTensor,
  isFloat,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';

/**
 * `(Σ |x|ᵖ)^(1/p)` over `dim`, whose gradient is 0 where it is 0. p may be 0 (how many are not zero) and infinite.
 */
export function pNorm(x: Tensor, p: number, dim: number, keepdim: boolean): Tensor {
  const options = { keepdim };
  if (p === 0) return x.ne(0).to(x.dtype).sum(dim, options);
  const magnitude = x.abs();
  if (p === Infinity) return magnitude.amax(dim, options);
  if (p === -Infinity) return magnitude.amin(dim, options);
  if (p === 1) return magnitude.sum(dim, options);
  const zeros = x.eq(0);
  // A zero's own slope is infinite below the power 1, and 0 · ∞ is not 0.
  const powered = p === 2 ? x.square() : p < 1 ? zeros.where(p > 0 ? 0 : Infinity, zeros.where(1, magnitude).pow(p)) : magnitude.pow(p);
  const total = powered.sum(dim, options);
  const nothing = total.eq(0);
  const safe = nothing.where(1, total);
  return nothing.where(0, p === 2 ? safe.sqrt() : safe.pow(1 / p));
}

interface NormalizeOptions {
  /** The norm that becomes 1; 2 by default. */
  p?: number;
  /** The dimension of the vectors; 1 by default. */
  dim?: number;
  /** The least norm that is divided by. */
  eps?: number;
}

/** x over its p-norm along `dim` (1): vectors of length 1. */
export function normalize(x: Tensor, ...args: Call<NormalizeOptions, ['p', 'dim', 'eps']>): Tensor {
  checkTensor('normalize', 'input', x);
  const { p = 2, dim = 1, eps = 1e-12 } = readCall<NormalizeOptions>('normalize', args, ['p', 'dim', 'eps']);
  checkNumber('normalize', 'p', p);
  const y = isFloat(x.dtype) ? x : x.to('float32');
  return y.div(pNorm(y, p, dim, true).clamp(eps));
}

interface CosineOptions {
  /** The other vectors; both shapes broadcast. */
  x2: Tensor;
  /** The dimension of the vectors; 1 by default. */
  dim?: number;
  /** The least product of norms that is divided by; 1e-8 by default. */
  eps?: number;
}

/** `x1·x2 / (|x1|·|x2|)` along `dim` (1), with each norm at least eps. */
export function cosineSimilarity(x1: Tensor, ...args: Call<CosineOptions, ['x2', 'dim', 'eps']>): Tensor {
  const op = 'cosineSimilarity';
  checkTensor(op, 'x1', x1);
  const { x2, dim = 1, eps = 1e-8 } = readCall<CosineOptions>(op, args, ['x2', 'dim', 'eps']);
  checkTensor(op, 'x2', x2);
  const unit = (x: Tensor): Tensor => {
    const norm = pNorm(x, 2, dim, true);
    // The bound counts as a constant: the derivative is that of the norm itself.
    return x.div(norm.add(norm.detach().clamp(eps).sub(norm.detach())));
  };
  const shape = broadcastShapes(op, x1.shape, x2.shape);
  const [a, b] = [x1, x2].map((x) => (isFloat(x.dtype) ? x : x.to('float32')).expand(shape)).map((x) => (x.ndim === 0 ? x.reshape(1) : x)); // prettier-ignore
  return unit(a).mul(unit(b)).sum(dim);
}

interface DistanceOptions {
  /** The other vectors; both shapes broadcast. */
  x2: Tensor;
  /** The norm of the difference; 2 by default. */
  p?: number;
  /** Added to each difference, 1e-6 by default. */
  eps?: number;
  /** Keeps the last dimension with size 1; false by default. */
  keepdim?: boolean;
}

/** The p-norm of `x1 - x2 + eps` along the last dimension. */
export function pairwiseDistance(x1: Tensor, ...args: Call<DistanceOptions, ['x2', 'p', 'eps', 'keepdim']>): Tensor {
  const op = 'pairwiseDistance';
  checkTensor(op, 'x1', x1);
  const { x2, p = 2, eps = 1e-6, keepdim = false } = readCall<DistanceOptions>(op, args, ['x2', 'p', 'eps', 'keepdim']);
  checkTensor(op, 'x2', x2);
  checkNumber(op, 'p', p);
  return pNorm(x1.sub(x2).add(eps), p, -1, keepdim);
}

/** The distances of all pairs of rows: x [N, M] gives [N·(N - 1)/2], in the order (0, 1), (0, 2), ..., (1, 2), ... */
export function pdist(x: Tensor, ...args: Call<{ p?: number }, ['p']>): Tensor {
  checkTensor('pdist', 'input', x);
  const { p = 2 } = readCall<{ p?: number }>('pdist', args, ['p']);
  checkNumber('pdist', 'p', p);
  if (p < 0) throw new ArgumentError({ op: 'pdist', expected: 'p that is not negative', received: String(p) });
  if (x.ndim !== 2 || !isFloat(x.dtype))
    throw new ShapeError({ op: 'pdist', expected: 'a matrix of floats', received: `${x.dtype} ${showShape(x.shape)}` });
  const rows = x.shape[0];
  const pairs = (rows * Math.max(0, rows - 1)) / 2;
  const [first, second] = [new Int32Array(pairs), new Int32Array(pairs)];
  let next = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = i + 1; j < rows; j++) {
      first[next] = i;
      second[next++] = j;
    }
  }
  if (pairs === 0 || x.shape[1] === 0) return x.newZeros([pairs]);
  return pNorm(x.indexSelect(0, x.newInt32(first)).sub(x.indexSelect(0, x.newInt32(second))), p, 1, false);
}
