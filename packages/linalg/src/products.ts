import {
  checkArray,
  readOptions,
  readCall,
  checkTensor,
  checkInput,
  ArgumentError,
  broadcastShapes,
  cat,
  describe,
  normalizeDim,
  numel,
  ShapeError,
  showShape,
  Tensor,
} from '@flambeau/core';
import { wide } from './host.ts';
import { inv, solve } from './solve.ts';
import { identity } from './triangles.ts';

function checkSquare(op: string, A: Tensor): void {
  if (!(A instanceof Tensor)) throw new ArgumentError({ op, expected: 'a tensor', received: describe(A) });
  if (A.ndim < 2 || A.shape[A.ndim - 1] !== A.shape[A.ndim - 2])
    throw new ShapeError({ op, expected: 'square matrices [..., n, n]', received: showShape(A.shape) });
}

/**
 * A multiplied with itself n times, by squaring; the identity for 0, powers of the inverse for negative n.
 * @param A - shape [..., k, k] @throws ValueError when A is singular and n negative
 */
export function matrixPower(A: Tensor, n: number): Tensor {
  checkSquare('linalg.matrixPower', A);
  if (!Number.isInteger(n)) throw new ArgumentError({ op: 'linalg.matrixPower', expected: 'an integer n', received: describe(n) });
  if (n === 0)
    return identity(A, A.shape[A.ndim - 1])
      .expand(A.shape)
      .clone();
  let square = n < 0 ? inv(wide('linalg.matrixPower', A)) : A;
  let result: Tensor | undefined;
  for (let rest = Math.abs(n); ; square = square.matmul(square)) {
    if (rest % 2 === 1) result = result === undefined ? square : result.matmul(square);
    rest = Math.floor(rest / 2);
    if (rest === 0) break;
  }
  return (result ?? A).to(A.dtype);
}

/**
 * The product of several matrices, multiplied in the cheapest order; the first and the last may be vectors.
 * @throws ShapeError when sizes do not chain
 */
export function multiDot(tensors: readonly Tensor[]): Tensor {
  const op = 'linalg.multiDot';
  if (!Array.isArray(tensors) || tensors.length < 2 || !tensors.every((x) => x instanceof Tensor))
    throw new ArgumentError({ op, expected: 'at least two tensors in an array', received: describe(tensors) });
  const list = tensors as readonly Tensor[];
  const last = list.length - 1;
  const matrices = list.map((x, i) => {
    if (x.ndim === 1 && (i === 0 || i === last)) return i === 0 ? x.unsqueeze(0) : x.unsqueeze(1);
    if (x.ndim !== 2) throw new ShapeError({ op, expected: 'matrices, or a vector at an end', received: `${showShape(x.shape)} at ${i}` });
    return x;
  });
  for (let i = 1; i <= last; i++) {
    if (matrices[i - 1].shape[1] !== matrices[i].shape[0])
      throw new ShapeError({ op, expected: 'inner dimensions must agree', received: `${showShape(list[i - 1].shape)} @ ${showShape(list[i].shape)}` }); // prettier-ignore
  }
  const product = cheapest(matrices);
  const ends = [list[0].ndim === 1 ? 0 : -1, list[last].ndim === 1 ? 1 : -1].filter((d) => d >= 0);
  return product.reshape(product.shape.filter((_, d) => !ends.includes(d)));
}

/** Multiplies a chain of matrices, split where the number of multiplications is smallest. @see Cormen et al., section 15.2 */
function cheapest(matrices: readonly Tensor[]): Tensor {
  const sizes = [matrices[0].shape[0], ...matrices.map((x) => x.shape[1])];
  const count = matrices.length;
  const cost = Array.from({ length: count }, () => new Array<number>(count).fill(0));
  const split = Array.from({ length: count }, () => new Array<number>(count).fill(0));
  for (let length = 1; length < count; length++) {
    for (let i = 0; i + length < count; i++) {
      const j = i + length;
      cost[i][j] = Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (total < cost[i][j]) [cost[i][j], split[i][j]] = [total, k];
      }
    }
  }
  const multiply = (i: number, j: number): Tensor =>
    i === j ? matrices[i] : multiply(i, split[i][j]).matmul(multiply(split[i][j] + 1, j));
  return multiply(0, count - 1);
}

/**
 * The cross product of vectors of three elements along `dim`, with broadcasting.
 * @throws ShapeError when a size is not 3
 */
export function cross(a: Tensor, b: Tensor, options: { dim?: number } = {}): Tensor {
  const op = 'linalg.cross';
  const { dim = -1 } = readOptions<{ dim?: number }>(op, options, ['dim']);
  checkTensor(op, 'the first operand', a);
  checkTensor(op, 'the second operand', b);
  if (a.ndim !== b.ndim)
    throw new ShapeError({ op, expected: 'as many dimensions on both sides', received: `${showShape(a.shape)} and ${showShape(b.shape)}` });
  const d = normalizeDim(op, dim, a.ndim);
  if (a.shape[d] !== 3 || b.shape[d] !== 3)
    throw new ShapeError({ op, expected: `3 elements in dimension ${dim}`, received: `${showShape(a.shape)} and ${showShape(b.shape)}` });
  const shape = broadcastShapes(op, a.shape, b.shape);
  const part = (x: Tensor, i: number): Tensor => x.expand(shape).narrow(d, i % 3, 1);
  // c[i] = a[i+1]·b[i+2] - a[i+2]·b[i+1]
  return cat([0, 1, 2].map((i) => part(a, i + 1).mul(part(b, i + 2)).sub(part(a, i + 2).mul(part(b, i + 1)))), d); // prettier-ignore
}

/** Options of `diagonal`. */
export interface DiagonalOptions {
  /** 0 is the main diagonal; positive ones lie above it. */
  offset?: number;
  /** The dimension of the rows; the second last by default. */
  dim1?: number;
  /** The dimension of the columns; the last by default. */
  dim2?: number;
}

/** The diagonals of the last two dimensions, as the last dimension of a view. */
export function diagonal(A: Tensor, options: DiagonalOptions = {}): Tensor {
  const op = 'linalg.diagonal';
  const { offset = 0, dim1 = -2, dim2 = -1 } = readOptions<DiagonalOptions>(op, options, ['offset', 'dim1', 'dim2']);
  return checkInput(op, A).diagonal(offset, dim1, dim2);
}

/** The products of vectors along `dim`: Σ x·y, with broadcasting. */
export function vecdot(x: Tensor, y: Tensor, options: { dim?: number } = {}): Tensor {
  const { dim = -1 } = readOptions<{ dim?: number }>('linalg.vecdot', options, ['dim']);
  return checkInput('linalg.vecdot', x)
    .mul(checkTensor('linalg.vecdot', 'the second operand', y))
    .sum(dim);
}

/**
 * Powers of x as rows: out[..., i, j] = x[..., i]^j, for j below N (the length of x by default).
 * @throws ArgumentError unless N is an integer above 1
 */
export function vander(x: Tensor, options: { N?: number | null } = {}): Tensor {
  const { N } = readOptions<{ N?: number | null }>('linalg.vander', options, ['N']);
  checkInput('linalg.vander', x);
  const vector = x.ndim === 0 ? x.unsqueeze(0) : x;
  const count = N ?? vector.shape[vector.ndim - 1];
  if (!Number.isInteger(count) || count <= 1)
    throw new ArgumentError({ op: 'linalg.vander', expected: 'N above 1', received: describe(count) });
  const column = vector.unsqueeze(-1);
  const factors = column.expand([...vector.shape, count - 1]);
  // cumprod may widen small integers, and the ones follow it.
  const powers = factors.cumprod(-1);
  return cat([powers.newOnes(column.shape), powers], -1);
}

/**
 * The inverse of the linear map that A is: `tensordot(tensorinv(A, ind), A, ind)` is the identity.
 * @param A - shape whose first `ind` sizes have the same product as the others
 */
export function tensorinv(A: Tensor, ind: number | { ind?: number } = 2): Tensor {
  const op = 'linalg.tensorinv';
  const split = readCall<{ ind?: number }>(op, [ind], ['ind']).ind ?? 2;
  checkInput(op, A);
  if (!Number.isInteger(split) || split < 1)
    throw new ArgumentError({ op, expected: 'ind as a positive integer', received: describe(split) });
  const [front, back] = [A.shape.slice(0, split), A.shape.slice(split)];
  if (numel(front) !== numel(back))
    throw new ShapeError({ op, expected: `as many elements in the first ${split} dimensions as in the others`, received: showShape(A.shape) }); // prettier-ignore
  return inv(A.reshape(numel(front), numel(back))).reshape([...back, ...front]);
}

/**
 * X with tensordot(A, X, X.ndim) = B.
 * @param A - shape [...B, ...X] with equal products @param options.dims - dimensions of A to move to its end before
 */
export function tensorsolve(A: Tensor, B: Tensor, options: { dims?: readonly number[] | null } = {}): Tensor {
  const op = 'linalg.tensorsolve';
  const { dims } = readOptions<typeof options>(op, options, ['dims']);
  checkTensor(op, 'A', A);
  checkTensor(op, 'B', B);
  if (dims) checkArray(op, 'dims', dims);
  const moved = dims
    ? A.movedim(
        [...dims],
        Array.from({ length: dims.length }, (_, i) => i - dims.length),
      )
    : A;
  const rest = moved.shape.slice(B.ndim);
  if (numel(rest) !== B.count || numel(moved.shape.slice(0, B.ndim)) !== B.count)
    throw new ShapeError({ op, expected: 'A of the shape of B followed by one with as many elements', received: `${showShape(A.shape)} and ${showShape(B.shape)}` }); // prettier-ignore
  return solve(moved.reshape(B.count, numel(rest)), B.reshape(-1)).reshape(rest);
}
