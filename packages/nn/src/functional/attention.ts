import {
  ArgumentError,
  broadcastShapes,
  checkNumber,
  checkTensor,
  defineOp,
  dispatch,
  DTypeError,
  isFloat,
  ones,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Op,
  type Shape,
  type Tensor,
} from '@flambeau/core';
import { dropout } from './dropout.ts';
import { firstOutput } from './firstOutput.ts';

interface AttentionAttrs {
  /** Position i sees only positions up to i. */
  readonly isCausal: boolean;
  readonly scale: number;
}

/** The scores with minus infinity where a query may not look, and which queries see no key at all: those get 0 instead. */
function scoresOf(query: Tensor, key: Tensor, mask: Tensor | undefined, { isCausal, scale }: AttentionAttrs): [Tensor, Tensor | undefined] {
  let scores = query.mul(scale).matmul(key.transpose(-2, -1)); // [..., L, E] · [..., E, S] → [..., L, S]
  const visible = isCausal ? lowerTriangle(scores) : mask?.dtype === 'bool' ? mask : undefined;
  if (visible !== undefined) scores = scores.maskedFill(visible.logicalNot(), -Infinity);
  else if (mask !== undefined) scores = scores.add(mask);
  if (mask === undefined) return [scores, undefined];
  const blind = scores.detach().eq(-Infinity).all(-1, { keepdim: true }); // prettier-ignore
  return [scores.maskedFill(blind, 0), blind];
}

/** softmax over keys; a query that sees no key gets zeros instead of NaN. */
function attentionWeights(query: Tensor, key: Tensor, mask: Tensor | undefined, attrs: AttentionAttrs): Tensor {
  const [scores, blind] = scoresOf(query, key, mask, attrs);
  return blind === undefined ? scores.softmax(-1) : scores.softmax(-1).maskedFill(blind, 0);
}

/** True at and below the diagonal of the last two dimensions, [L, S]. */
function lowerTriangle(scores: Tensor): Tensor {
  const [rows, columns] = scores.shape.slice(-2);
  const row = ones([rows, 1], { dtype: 'int32', device: scores.device }).cumsum(0);
  const column = ones([1, columns], { dtype: 'int32', device: scores.device }).cumsum(1);
  return column.le(row);
}

/** Gradients of query and key, and of a mask that was added, from that of the scores [..., L, S]. */
const fromScores = (slopes: Tensor, query: Tensor, key: Tensor, scale: number): Tensor[] => {
  const scaled = slopes.mul(scale);
  return [scaled.matmul(key), scaled.transpose(-2, -1).matmul(query), slopes];
};

/**
 * Inputs: query [..., L, E], key [..., S, E], value [..., S, Ev] and, maybe, a mask [..., L, S], all of the same batch dimensions. Outputs: the
 * attended values [..., L, Ev], and for the derivative the logarithm of each query's sum of exponentials [..., L], 0 where it sees no key.
 */
export const attentionOp: Op<AttentionAttrs> = /* @__PURE__ */ defineOp<AttentionAttrs>({
  name: 'scaledDotProductAttention',
  infer([query, , value]) {
    const rows = query.shape.slice(0, -1);
    return [
      { shape: [...rows, value.shape[value.ndim - 1]], dtype: query.dtype },
      { shape: rows, dtype: query.dtype },
    ];
  },
  compose([query, key, value, mask], attrs) {
    const [scores, blind] = scoresOf(query, key, mask, attrs);
    const logSums = scores.logsumexp(-1);
    if (blind === undefined) return [scores.softmax(-1).matmul(value), logSums];
    return [scores.softmax(-1).maskedFill(blind, 0).matmul(value), logSums.maskedFill(blind.squeeze(-1), 0)];
  },
  save: (inputs, outputs) => [...outputs, ...inputs],
  vjp({ needs, cotangents: [g, gLogSums], saved: [out, logSums, ...inputs], attrs }) {
    const [query, key, , mask] = inputs;
    const withMask = needs[3] ?? false;
    const grads: (Tensor | undefined)[] =
      g === undefined ? [] : dispatch(attentionGradOp, [g, out.detach(), logSums.detach(), ...inputs], { ...attrs, withMask });
    if (gLogSums !== undefined) {
      // The sums are for the derivative's own use; a caller who asks for theirs gets dlog Σ eˢ/ds = softmax(s).
      const slopes = attentionWeights(query, key, mask, attrs).mul(gLogSums.unsqueeze(-1));
      const [dQuery, dKey, dMask] = fromScores(slopes, query, key, attrs.scale);
      grads[0] = grads[0]?.add(dQuery) ?? dQuery;
      grads[1] = grads[1]?.add(dKey) ?? dKey;
      if (withMask) grads[3] = grads[3]?.add(dMask) ?? dMask;
    }
    return inputs.map((_, i) => (needs[i] ? grads[i] : undefined));
  },
});

interface AttentionGradAttrs extends AttentionAttrs {
  /** Whether the gradient of an added mask is wanted, as a fourth output. */
  readonly withMask: boolean;
}

/**
 * Gradients of attention: inputs the gradient of the attended values; these and the logarithms of the sums, from which a kernel gets the weights
 * again (the composition computes both anew, so that it has a derivative); then the inputs of attention. Outputs: one gradient for each.
 */
export const attentionGradOp: Op<AttentionGradAttrs> = /* @__PURE__ */ defineOp<AttentionGradAttrs>({
  name: 'attentionGrad',
  infer: ([, , , query, key, value, mask], { withMask }) => (withMask ? [query, key, value, mask] : [query, key, value]),
  compose([g, , , query, key, value, mask], attrs) {
    const weights = attentionWeights(query, key, mask, attrs);
    const slopes = g.matmul(value.transpose(-2, -1)); // [..., L, Ev] · [..., Ev, S] → [..., L, S]
    const [dQuery, dKey, dMask] = fromScores(
      weights.mul(slopes.sub(weights.mul(slopes).sum(-1, { keepdim: true }))),
      query,
      key,
      attrs.scale,
    );
    const dValue = weights.transpose(-2, -1).matmul(g);
    return attrs.withMask ? [dQuery, dKey, dValue, dMask] : [dQuery, dKey, dValue];
  },
});

/** What attention takes after the query. */
export interface AttentionOptions {
  /** What queries are compared with, shape [..., S, E]. */
  key: Tensor;
  /** What is averaged, shape [..., S, Ev]. */
  value: Tensor;
  /** bool: true where a query sees a key; floats are added to the scores. Broadcasts to [..., L, S]. */
  attnMask?: Tensor | null;
  /** The probability that a weight is dropped; 0 by default. */
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

const batchOf = (op: string, all: readonly Tensor[]): Shape =>
  all.map((x) => x.shape.slice(0, -2)).reduce<Shape>((s, t) => broadcastShapes(op, s, t), []);

const widen = (x: Tensor, shape: Shape): Tensor => (showShape(x.shape) === showShape(shape) ? x : x.expand(...shape));

function widenMask(op: string, mask: Tensor, shape: Shape): Tensor {
  if (showShape(broadcastShapes(op, mask.shape, shape)) !== showShape(shape))
    throw new ShapeError({ op, expected: `a mask that broadcasts to ${showShape(shape)}`, received: showShape(mask.shape) });
  return widen(mask, shape);
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
  const [batch, last] = [batchOf(op, mask === undefined ? [query, key, value] : [query, key, value, mask]), key.shape[key.ndim - 2]];
  const inputs = [query, key, value].map((x) => widen(x, [...batch, ...x.shape.slice(-2)]));
  if (mask !== undefined) inputs.push(widenMask(op, mask, [...batch, query.shape[query.ndim - 2], last]));
  return firstOutput(() => dispatch(attentionOp, inputs, attrs));
}
