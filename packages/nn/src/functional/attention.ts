import {
  ArgumentError,
  broadcastShapes,
  defineOp,
  dispatchOne,
  DTypeError,
  isFloat,
  ones,
  ShapeError,
  showShape,
  type Op,
  type Shape,
  type Tensor,
} from '@flambeau/core';
import { dropout } from './dropout.ts';
import { checkNumber, checkTensor, readCall, type Call } from './call.ts';

interface AttentionAttrs {
  /** Position i sees only positions up to i. */
  readonly isCausal: boolean;
  readonly scale: number;
}

/** softmax over keys; a query that sees no key gets zeros instead of NaN. */
function attentionWeights(query: Tensor, key: Tensor, mask: Tensor | undefined, { isCausal, scale }: AttentionAttrs): Tensor {
  let scores = query.mul(scale).matmul(key.transpose(-2, -1)); // [..., L, E] · [..., E, S] → [..., L, S]
  const visible = isCausal ? lowerTriangle(scores) : mask?.dtype === 'bool' ? mask : undefined;
  if (visible !== undefined) scores = scores.maskedFill(visible.logicalNot(), -Infinity);
  else if (mask !== undefined) scores = scores.add(mask);
  if (mask === undefined) return scores.softmax(-1);
  const blind = scores.detach().eq(-Infinity).all(-1, { keepdim: true }); // prettier-ignore
  return scores.maskedFill(blind, 0).softmax(-1).maskedFill(blind, 0);
}

/** True at and below the diagonal of the last two dimensions, [L, S]. */
function lowerTriangle(scores: Tensor): Tensor {
  const [rows, columns] = scores.shape.slice(-2);
  const row = ones([rows, 1], { dtype: 'int32', device: scores.device }).cumsum(0);
  const column = ones([1, columns], { dtype: 'int32', device: scores.device }).cumsum(1);
  return column.le(row);
}

/** Inputs: query [..., L, E], key [..., S, E], value [..., S, Ev] and, maybe, a mask that broadcasts to [..., L, S]. */
export const attentionOp: Op<AttentionAttrs> = defineOp<AttentionAttrs>({
  name: 'scaledDotProductAttention',
  infer([query, key, value]) {
    const batch = [query, key, value]
      .map((x) => x.shape.slice(0, -2))
      .reduce<Shape>((s, t) => broadcastShapes('scaledDotProductAttention', s, t), []);
    return [{ shape: [...batch, query.shape[query.ndim - 2], value.shape[value.ndim - 1]], dtype: query.dtype }];
  },
  compose: ([query, key, value, mask], attrs) => [attentionWeights(query, key, mask, attrs).matmul(value)],
});

/** What attention takes after the query. */
export interface AttentionOptions {
  key: Tensor;
  value: Tensor;
  /** bool: true where a query sees a key; floats are added to the scores. Broadcasts to [..., L, S]. */
  attnMask?: Tensor | null;
  dropoutP?: number;
  /** Position i sees only positions up to i; not together with a mask. */
  isCausal?: boolean;
  /** The factor of the scores, 1/√E by default. */
  scale?: number | null;
  /** Lets groups of query heads share a head of keys and values. */
  enableGqa?: boolean;
}
type Names = ['key', 'value', 'attnMask', 'dropoutP', 'isCausal', 'scale', 'enableGqa'];
const names = ['key', 'value', 'attnMask', 'dropoutP', 'isCausal', 'scale', 'enableGqa'] as const;

/** Repeats each head of keys or values (dim -3) for the query heads that share it. */
function repeatHeads(query: Tensor, x: Tensor): Tensor {
  const [heads, own] = [query.shape[query.ndim - 3], x.shape[x.ndim - 3]];
  if (heads === own) return x;
  if (query.ndim < 3 || x.ndim < 3 || own === 0 || heads % own !== 0)
    throw new ShapeError({
      op: 'scaledDotProductAttention',
      expected: `heads of keys that divide the ${heads} of queries`,
      received: String(own),
    });
  const shape = [...x.shape.slice(0, -2), heads / own, ...x.shape.slice(-2)];
  return x
    .unsqueeze(-3)
    .expand(shape)
    .flatten(x.ndim - 3, x.ndim - 2);
}

/**
 * `softmax(query·keyᵀ·scale + mask)·value`.
 * @param query - shape [..., L, E]; key [..., S, E], value [..., S, Ev]; batch dimensions broadcast
 * @returns shape [..., L, Ev]
 * @throws ShapeError when sizes differ, ArgumentError for a mask together with isCausal
 * @see Vaswani et al. 2017
 */
export function scaledDotProductAttention(query: Tensor, ...args: Call<AttentionOptions, Names>): Tensor {
  const op = 'scaledDotProductAttention';
  const options = readCall<AttentionOptions>(op, args, names);
  const { dropoutP = 0, isCausal = false, enableGqa = false } = options;
  let { key, value } = options;
  for (const [name, x] of Object.entries({ query, key, value })) checkTensor(op, name, x);
  const mask = options.attnMask ?? undefined;
  if (mask !== undefined) checkTensor(op, 'attnMask', mask);
  if (
    query.ndim < 2 ||
    key.ndim < 2 ||
    value.ndim < 2 ||
    query.shape[query.ndim - 1] !== key.shape[key.ndim - 1] ||
    key.shape[key.ndim - 2] !== value.shape[value.ndim - 2]
  ) {
    throw new ShapeError({
      op,
      expected: 'query [..., L, E], key [..., S, E] and value [..., S, Ev]',
      received: [query, key, value].map((x) => showShape(x.shape)).join(', '),
    });
  }
  if (!isFloat(query.dtype) || key.dtype !== query.dtype || value.dtype !== query.dtype)
    throw new DTypeError({
      op,
      expected: 'query, key and value of one float dtype',
      received: `${query.dtype}, ${key.dtype}, ${value.dtype}`,
    });
  if (mask !== undefined && mask.dtype !== 'bool' && mask.dtype !== query.dtype)
    throw new DTypeError({ op, expected: `a mask of bool or ${query.dtype}`, received: mask.dtype });
  if (mask !== undefined && isCausal) throw new ArgumentError({ op, expected: 'either attnMask or isCausal', received: 'both' });
  checkNumber(op, 'dropoutP', dropoutP);
  if (enableGqa) [key, value] = [repeatHeads(query, key), repeatHeads(query, value)];
  const width = query.shape[query.ndim - 1];
  const attrs = { isCausal, scale: options.scale ?? 1 / Math.sqrt(width) };
  if (dropoutP > 0) return dropout(attentionWeights(query, key, mask, attrs), { p: dropoutP }).matmul(value);
  return dispatchOne(attentionOp, mask === undefined ? [query, key, value] : [query, key, value, mask], attrs);
}
