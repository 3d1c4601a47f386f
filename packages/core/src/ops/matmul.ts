import { readOptions } from '../call.ts';
import { dispatch, dispatchOne } from '../dispatch.ts';
import { checkTensor, checkInput, checkSameDType } from '../checks.ts';
import { isFloat } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, type Op, type Spec } from '../op.ts';
import { broadcastShapes, numel, sameShape, showShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast, resultType } from './cast.ts';
import { expandTo, reshape, transpose, unsqueeze } from './views.ts';

/** Batched matrix product: a [...batch, M, K] · b [...batch, K, N] → [...batch, M, N]; batch dimensions are equal. */
export const matmulOp: Op = defineOp<unknown>({
  name: 'matmul',
  infer: ([a, b]) => [{ shape: [...a.shape.slice(0, -1), b.shape[b.shape.length - 1]], dtype: a.dtype }],
  kernel: (k, [a, b], [out]) => k.matmul(a, b, out),
  save: (inputs) => inputs,
  vjp({ needs, cotangents: [g], saved: [a, b] }) {
    if (g === undefined) return [undefined, undefined];
    return [
      needs[0] ? dispatchOne(matmulOp, [g, transpose(b, -2, -1)]) : undefined, // g [M,N] · bᵀ [N,K] → [M,K]
      needs[1] ? dispatchOne(matmulOp, [transpose(a, -2, -1), g]) : undefined, // aᵀ [K,M] · g [M,N] → [K,N]
    ];
  },
});

const refuseInner = (op: string, a: Tensor, b: Tensor, m: number, n: number): never => {
  throw new ShapeError({
    op,
    expected: 'inner dimensions must agree',
    received: `${showShape(a.shape)} @ ${showShape(b.shape)} (${m} is not ${n})`,
    hint: 'Transpose the second operand, or check the layer before it.',
  });
};

/**
 * The matrix product by PyTorch's rules: two vectors give a number, a vector counts as a row or a column, and dimensions before the last two broadcast.
 * @throws ShapeError when the inner dimensions differ or an operand is a scalar.
 */
export function matmul(a: Tensor, b: Tensor): Tensor {
  checkInput('matmul', a);
  checkTensor('matmul', 'the second operand', b);
  if (a.ndim === 0 || b.ndim === 0) {
    throw new ShapeError({
      op: 'matmul',
      expected: 'operands of at least one dimension',
      received: `${showShape(a.shape)} @ ${showShape(b.shape)}`,
      hint: 'Use mul for scalars.',
    });
  }
  const dtype = resultType(a, b);
  const left = cast(a.ndim === 1 ? unsqueeze(a, 0) : a, dtype);
  const right = cast(b.ndim === 1 ? unsqueeze(b, 1) : b, dtype);
  const inner = left.shape[left.ndim - 1];
  if (inner !== right.shape[right.ndim - 2]) refuseInner('matmul', a, b, inner, right.shape[right.ndim - 2]);
  const out = batched(left, right);
  if (a.ndim === 1 && b.ndim === 1) return reshape(out, []);
  if (a.ndim === 1) return out.squeeze(-2);
  return b.ndim === 1 ? out.squeeze(-1) : out;
}

function batched(a: Tensor, b: Tensor): Tensor {
  if (a.ndim === 2 && b.ndim === 2) return dispatchOne(matmulOp, [a, b]);
  const rows = a.shape[a.ndim - 2];
  if (b.ndim === 2 && a.ndim > 2 && a.isContiguous()) {
    // One product of all rows is one kernel call instead of a batch.
    const lead: Shape = a.shape.slice(0, -1);
    return reshape(dispatchOne(matmulOp, [reshape(a, numel(lead), a.shape[a.ndim - 1]), b]), [...lead, b.shape[1]]);
  }
  const batch = broadcastShapes('matmul', a.shape.slice(0, -2), b.shape.slice(0, -2));
  const inner = a.shape[a.ndim - 1];
  return dispatchOne(matmulOp, [expandTo(a, [...batch, rows, inner]), expandTo(b, [...batch, inner, b.shape[b.ndim - 1]])]);
}

function checkRank(op: string, x: Tensor, rank: number): void {
  if (checkTensor(op, 'each operand', x).ndim !== rank)
    throw new ShapeError({
      op,
      expected: `operands of ${rank} dimension${rank === 1 ? '' : 's'}`,
      received: showShape(x.shape),
      hint: 'Use matmul for others.',
    });
}

/** The product of two matrices. @throws ShapeError for anything else. */
export function mm(a: Tensor, b: Tensor): Tensor {
  checkInput('mm', a);
  checkRank('mm', a, 2);
  checkRank('mm', b, 2);
  if (a.shape[1] !== b.shape[0]) refuseInner('mm', a, b, a.shape[1], b.shape[0]);
  return matmul(a, b);
}

/** The products of two batches of matrices [B, M, K] and [B, K, N]. */
export function bmm(a: Tensor, b: Tensor): Tensor {
  checkInput('bmm', a);
  checkRank('bmm', a, 3);
  checkRank('bmm', b, 3);
  if (a.shape[0] !== b.shape[0])
    throw new ShapeError({ op: 'bmm', expected: 'equal batch sizes', received: `${showShape(a.shape)} and ${showShape(b.shape)}` });
  if (a.shape[2] !== b.shape[1]) refuseInner('bmm', a, b, a.shape[2], b.shape[1]);
  return matmul(a, b);
}

/** The product of a matrix [M, K] and a vector [K]. */
export function mv(a: Tensor, b: Tensor): Tensor {
  checkInput('mv', a);
  checkRank('mv', a, 2);
  checkRank('mv', b, 1);
  return matmul(a, b);
}

/** The sum of products of two vectors. @throws ShapeError unless both have one dimension and one length. */
export function dot(a: Tensor, b: Tensor): Tensor {
  checkInput('dot', a);
  checkRank('dot', a, 1);
  checkRank('dot', b, 1);
  checkSameDType('dot', a, b);
  if (a.shape[0] !== b.shape[0]) refuseInner('dot', a, b, a.shape[0], b.shape[0]);
  return matmul(a, b);
}

/** The outer product of two vectors: a [M] and b [N] give [M, N]. */
export function outer(a: Tensor, b: Tensor): Tensor {
  checkInput('outer', a);
  checkRank('outer', a, 1);
  checkRank('outer', b, 1);
  return unsqueeze(a, 1).mul(b);
}

/** How a product is added to a tensor: `beta·x + alpha·product`. */
export interface ScaleOptions {
  /** The factor of the tensor that is added to, 1 by default; with 0 its values, NaN too, count for nothing. */
  beta?: number;
  /** The factor of the product, 1 by default. */
  alpha?: number;
}
/** `beta·x + alpha·product`, where x broadcasts to the product. Integers take the integer parts of the numbers. */
export const plus = (op: string, x: Tensor, product: Tensor, given: ScaleOptions = {}): Tensor => {
  const options = readOptions<ScaleOptions>(op, given, ['beta', 'alpha']);
  checkInput(op, x);
  const whole = (factor: number): number => (isFloat(product.dtype) ? Number(factor) : Math.trunc(Number(factor)));
  const [beta, alpha] = [whole(options.beta ?? 1), whole(options.alpha ?? 1)];
  const scaled = alpha === 1 ? product : product.mul(alpha);
  const shape = broadcastShapes(op, x.shape, scaled.shape);
  if (!sameShape(shape, scaled.shape))
    throw new ShapeError({ op, expected: `a tensor that broadcasts to ${showShape(scaled.shape)}`, received: showShape(x.shape) });
  // With beta 0, x is ignored, NaNs included.
  if (beta === 0) return scaled;
  return scaled.add(beta === 1 ? x : x.mul(beta));
};
/** `beta·x + alpha·(a @ b)` for matrices. */
export const addmm = (x: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor =>
  plus('addmm', checkInput('addmm', x), mm(a, b), options);
/** `beta·x + alpha·(a @ b)` for batches of matrices. */
export const baddbmm = (x: Tensor, a: Tensor, b: Tensor, options?: ScaleOptions): Tensor =>
  plus('baddbmm', checkInput('baddbmm', x), bmm(a, b), options);

/** A linear map: x [..., K] · weightᵀ [K, N] + bias [N]. */
export const linearOp: Op = defineOp<unknown>({
  name: 'linear',
  infer: ([x, weight]) => [{ shape: [...x.shape.slice(0, -1), weight.shape[0]], dtype: x.dtype }],
  compose([x, weight, bias]) {
    const y = matmul(x, weight.t());
    return [bias === undefined ? y : y.add(bias)];
  },
  save: ([x, weight]) => [x, weight],
  vjp({ needs, cotangents: [g], saved: [x, weight] }) {
    if (g === undefined) return needs.map(() => undefined);
    const grads = dispatch(linearGradOp, [g, x, weight], { needs });
    let next = 0;
    return needs.map((needed) => (needed ? grads[next++] : undefined));
  },
});

/** The gradients of `linear` with respect to x, weight and bias, those of them that `needs` asks for, from that of its result. */
export const linearGradOp: Op<{ needs: readonly boolean[] }> = defineOp<{ needs: readonly boolean[] }>({
  name: 'linearGrad',
  infer([, x, weight], { needs: [ofInput, ofWeight, ofBias] }) {
    const specs: Spec[] = [];
    if (ofInput) specs.push(x);
    if (ofWeight) specs.push(weight);
    if (ofBias) specs.push({ shape: [weight.shape[0]], dtype: weight.dtype });
    return specs;
  },
  compose([g, x, weight], { needs: [ofInput, ofWeight, ofBias] }) {
    const count = x.shape.slice(0, -1).reduce((n, m) => n * m, 1);
    const rows = reshape(g, count, weight.shape[0]);
    const grads: Tensor[] = [];
    if (ofInput) grads.push(matmul(g, weight)); // g [..., N] · W [N,K] → [..., K]
    if (ofWeight) grads.push(matmul(rows.t(), reshape(x, count, weight.shape[1]))); // gᵀ [N,R] · x [R,K] → [N,K]
    if (ofBias) grads.push(rows.sum(0));
    return grads;
  },
});

/**
 * `y = x Wᵀ + b`.
 * @param x - shape [..., inFeatures]
 * @param weight - shape [outFeatures, inFeatures], or [inFeatures]
 * @param bias - shape [outFeatures], or []
 * @returns shape [..., outFeatures]
 * @throws ShapeError when the last dimension of x is not inFeatures
 */
export function linear(x: Tensor, weight: Tensor, bias?: Tensor | null): Tensor {
  checkInput('linear', x);
  checkTensor('linear', 'weight', weight);
  if (weight.ndim < 1 || weight.ndim > 2 || x.ndim === 0 || x.shape[x.ndim - 1] !== weight.shape[weight.ndim - 1]) {
    throw new ShapeError({
      op: 'linear',
      expected: 'an input [..., inFeatures] and a weight [outFeatures, inFeatures]',
      received: `${showShape(x.shape)} and ${showShape(weight.shape)}`,
      hint: 'Check inFeatures of the layer, or the layer before it.',
    });
  }
  const dtype = resultType(x, weight);
  const simple =
    weight.ndim === 2 && x.ndim >= 2 && isFloat(dtype) && x.count > 0 && (!bias || (bias.ndim === 1 && bias.shape[0] === weight.shape[0]));
  if (!simple) {
    const y = matmul(x, weight.t());
    return bias ? y.add(bias) : y;
  }
  const inputs = [cast(x, dtype), cast(weight, dtype)];
  if (bias) inputs.push(cast(bias, dtype));
  return dispatchOne(linearOp, inputs);
}
