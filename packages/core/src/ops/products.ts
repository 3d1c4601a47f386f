import { readCall, readOptions, type Call } from '../call.ts';
import { checkInput, checkDimensions, checkFloat, checkTensor } from '../checks.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { broadcastShapes, normalizeDim, numel, showShape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { eye } from './creation.ts';
import { checkTensors } from './joining.ts';
import { bmm, dot, matmul, mv, outer, plus, type ScaleOptions } from './matmul.ts';
import { widestFloat } from './precision.ts';
import { cast } from './cast.ts';
import { expandTo, reshape } from './views.ts';

// Products of tensors that compose matrix products.

/** `beta·x + alpha·(a @ b)` for a matrix a and a vector b. */
export const addmv = (x: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor =>
  plus('addmv', checkInput('addmv', x), mv(a, b), options);

/** `beta·x + alpha·a bᵀ` for two vectors; of bools, `x or (a and b)`. */
export function addr(x: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor {
  checkInput('addr', x);
  const { beta = 1, alpha = 1 } = readOptions<ScaleOptions>('addr', options, ['beta', 'alpha']);
  const product = outer(a, b);
  if (x.dtype !== 'bool' || product.dtype !== 'bool') return plus('addr', x, product, options);
  const used = alpha ? product : product.newZeros(product.shape);
  return beta ? x.logicalOr(used) : expandTo(used, broadcastShapes('addr', x.shape, used.shape));
}

/** `beta·x + alpha·Σ (a[i] @ b[i])` for two batches of matrices. */
export const addbmm = (x: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor => plus('addbmm', checkInput('addbmm', x), bmm(a, b).sum(0, { dtype: a.dtype }), options); // prettier-ignore

/** As `outer`. */
export const ger = (a: Tensor, b: Tensor): Tensor => outer(checkInput('ger', a), b);

/** The sum of products of two vectors: for real numbers `dot`. */
export const vdot = (a: Tensor, b: Tensor): Tensor => dot(checkInput('vdot', a), b);

/** Sums of products over the last dimension of both: a [..., K], b [..., K] → [...a, ...b]; a scalar multiplies. @throws ShapeError */
export function inner(a: Tensor, b: Tensor): Tensor {
  checkInput('inner', a);
  checkTensor('inner', 'the second operand', b);
  if (a.ndim === 0 || b.ndim === 0) return a.mul(b);
  if (a.shape[a.ndim - 1] !== b.shape[b.ndim - 1])
    throw new ShapeError({
      op: 'inner',
      expected: 'last dimensions of one size',
      received: `${showShape(a.shape)} and ${showShape(b.shape)}`,
    });
  return tensordot(a, b, [[-1], [-1]]);
}

/** Which dimensions `tensordot` contracts: the last n of a with the first n of b, or two lists. */
export type Contraction = number | readonly [readonly number[], readonly number[]] | readonly (readonly number[])[] | Tensor;

/** Sums of products over pairs of dimensions: those of a that remain come first, then those of b. @throws ShapeError when sizes differ */
export function tensordot(a: Tensor, b: Tensor, ...args: Call<{ dims?: Contraction }, ['dims']>): Tensor {
  const op = 'tensordot';
  checkInput(op, a);
  const { dims = 2 } = readCall<{ dims?: Contraction }>(op, args, ['dims']);
  checkTensor(op, 'the second operand', b);
  let lists: readonly (readonly number[])[];
  if (typeof dims === 'number') {
    if (!Number.isInteger(dims) || dims < 0 || dims > Math.min(a.ndim, b.ndim))
      throw new ArgumentError({ op, expected: `dims between 0 and ${Math.min(a.ndim, b.ndim)}`, received: String(dims) });
    lists = [Array.from({ length: dims }, (_, i) => a.ndim - dims + i), Array.from({ length: dims }, (_, i) => i)];
  } else lists = (dims instanceof Tensor ? dims.toArraySync() : dims) as number[][];
  if (!Array.isArray(lists) || lists.length !== 2 || !lists.every(Array.isArray))
    throw new ArgumentError({ op, expected: 'dims as a number, or two arrays of dims', received: describe(dims) });
  const [left, right] = [lists[0].map((d) => normalizeDim(op, d, a.ndim)), lists[1].map((d) => normalizeDim(op, d, b.ndim))];
  if (left.length !== right.length) throw new ArgumentError({ op, expected: 'as many dims of both', received: describe(dims) });
  let [x, y] = [a, b];
  left.forEach((d, i) => {
    const [m, n] = [a.shape[d], b.shape[right[i]]];
    if (m === n) return;
    if (m !== 1 && n !== 1)
      throw new ShapeError({
        op,
        expected: 'contracted dimensions of one size',
        received: `${showShape(a.shape)} and ${showShape(b.shape)}`,
      });
    // A size 1 broadcasts, so that the other side is summed first.
    if (m === 1) y = y.sum(right[i], { keepdim: true, dtype: y.dtype });
    else x = x.sum(d, { keepdim: true, dtype: x.dtype });
  });
  const rest = (z: Tensor, taken: number[]): number[] => z.shape.map((_, i) => i).filter((i) => !taken.includes(i));
  const [leftRest, rightRest] = [rest(x, left), rest(y, right)];
  const inside = numel(left.map((d) => x.shape[d]));
  const rows = reshape(x.permute([...leftRest, ...left]), numel(leftRest.map((d) => x.shape[d])), inside);
  const columns = reshape(y.permute([...right, ...rightRest]), inside, numel(rightRest.map((d) => y.shape[d])));
  return reshape(matmul(rows, columns), [...leftRest.map((d) => x.shape[d]), ...rightRest.map((d) => y.shape[d])]);
}

/** The Kronecker product: every element of a times all of b, in blocks. */
export function kron(a: Tensor, b: Tensor): Tensor {
  checkInput('kron', a);
  checkTensor('kron', 'the second operand', b);
  const rank = Math.max(a.ndim, b.ndim);
  const padded = (x: Tensor): number[] => [...new Array<number>(rank - x.ndim).fill(1), ...x.shape];
  const [p, q] = [padded(a), padded(b)];
  const product = reshape(a, p.flatMap((n) => [n, 1])).mul(reshape(b, q.flatMap((n) => [1, n]))); // prettier-ignore
  return reshape(product, p.map((n, i) => n * q[i])); // prettier-ignore
}

/** The product of several matrices, in the order with the fewest multiplications. @throws ShapeError for anything else */
export function chainMatmul(...matrices: (Tensor | readonly Tensor[])[]): Tensor {
  const list = matrices.flat() as Tensor[];
  checkTensors('chainMatmul', list);
  for (const x of list) checkDimensions('chainMatmul', x, 2, 2);
  const n = list.length;
  const sizes = [list[0].shape[0], ...list.map((x) => x.shape[1])];
  // cost[i][j] of the product of matrices i to j, split after the best place (Cormen et al., 15.2)
  const cost = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  const best = Array.from({ length: n }, () => new Array<number>(n).fill(0));
  for (let span = 1; span < n; span++) {
    for (let i = 0; i + span < n; i++) {
      const j = i + span;
      cost[i][j] = Infinity;
      for (let k = i; k < j; k++) {
        const total = cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1];
        if (total < cost[i][j]) [cost[i][j], best[i][j]] = [total, k];
      }
    }
  }
  const multiply = (i: number, j: number): Tensor => (i === j ? list[i] : matmul(multiply(i, best[i][j]), multiply(best[i][j] + 1, j)));
  return multiply(0, n - 1);
}

/** The cross product along a dimension of size 3: `dim`, or the first such. The tensors broadcast. @throws ShapeError */
export function cross(a: Tensor, b: Tensor, ...args: Call<{ dim?: number | null }, ['dim']>): Tensor {
  checkInput('cross', a);
  const op = 'cross';
  const { dim } = readCall<{ dim?: number }>(op, args, ['dim']);
  checkTensor(op, 'the second operand', b);
  if (a.ndim !== b.ndim)
    throw new ShapeError({ op, expected: 'tensors of as many dimensions', received: `${showShape(a.shape)} and ${showShape(b.shape)}` });
  const shape = broadcastShapes(op, a.shape, b.shape);
  const d = dim === undefined ? shape.indexOf(3) : normalizeDim(op, dim, shape.length);
  if (d < 0 || a.shape[d] !== 3 || b.shape[d] !== 3)
    throw new ShapeError({ op, expected: 'a dimension of size 3', received: `${showShape(a.shape)} and ${showShape(b.shape)}` });
  const [x, y] = [expandTo(a, shape), expandTo(b, shape)];
  // c[i] = a[i+1]·b[i+2] - a[i+2]·b[i+1], counted around
  return x
    .roll(-1, d)
    .mul(y.roll(-2, d))
    .sub(x.roll(-2, d).mul(y.roll(-1, d)));
}

/** A norm of 2²⁰ is far beyond what has an exponential in floats, unless all eigenvalues are negative. */
const mostHalvings = 20;

/**
 * The exponential of square matrices, Σ Aᵏ/k!: by a Taylor polynomial of A/2ˢ, squared s times. Each matrix is halved as often as its own norm asks.
 * @param x - shape [..., n, n] @see Moler & Van Loan 2003, method 3
 * @throws ShapeError unless the last two dimensions are equal, DTypeError unless of floats
 */
export function matrixExp(x: Tensor): Tensor {
  const op = 'matrixExp';
  checkFloat(op, checkDimensions(op, x, 2));
  const n = x.shape[x.ndim - 1];
  if (n !== x.shape[x.ndim - 2]) throw new ShapeError({ op, expected: 'square matrices', received: showShape(x.shape) });
  if (x.count === 0) return x.clone();
  const a = cast(x, widestFloat(x));
  // Below a norm of 1 the terms after the 18th are beyond float64.
  const halvings = a.abs().sum(-1).amax(-1).log2().ceil().clamp(0, mostHalvings).unsqueeze(-1).unsqueeze(-1);
  const most = a.device.synchronous ? halvings.amax().itemSync() : mostHalvings;
  // By halves, which are exact: a GPU's exp2 is not.
  let scaled: Tensor = a;
  for (let i = 0; i < most; i++) scaled = halvings.gt(i).where(scaled.mul(0.5), scaled);
  const identity = expandTo(eye(n, { dtype: a.dtype, device: a.device }), a.shape);
  let sum = identity.add(scaled.div(18));
  for (let k = 17; k > 0; k--) sum = identity.add(scaled.div(k).matmul(sum));
  for (let i = 0; i < most; i++) sum = halvings.gt(i).where(sum.matmul(sum), sum);
  return cast(sum, x.dtype);
}

/** A square matrix to an integer power of at least 0, by repeated squaring. */
export function matrixPower(x: Tensor, n: number): Tensor {
  const op = 'matrixPower';
  checkDimensions(op, x, 2);
  if (x.shape[x.ndim - 1] !== x.shape[x.ndim - 2]) throw new ShapeError({ op, expected: 'square matrices', received: showShape(x.shape) });
  if (!Number.isInteger(n) || n < 0)
    throw new ArgumentError({
      op,
      expected: 'a non-negative integer power',
      received: describe(n),
      hint: 'Import @flambeau/linalg, whose matrixPower inverts.',
    });
  if (n === 0) return expandTo(eye(x.shape[x.ndim - 1], { dtype: x.dtype, device: x.device }), x.shape).clone();
  const half = n === 1 ? x : matrixPower(x, Math.floor(n / 2));
  if (n === 1) return x;
  const square = matmul(half, half);
  return n % 2 === 0 ? square : matmul(square, x);
}
