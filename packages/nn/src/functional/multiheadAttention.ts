import {
  ArgumentError,
  cat,
  checkTensor,
  describe,
  DTypeError,
  isFloat,
  linear,
  readCall,
  ShapeError,
  showShape,
  zeros,
  type Shape,
  type Tensor,
} from '@flambeau/core';
import { dropout as applyDropout } from './dropout.ts';
import { scaledDotProductAttention } from './attention.ts';

/** The weights and options of `multiHeadAttentionForward`. E is the embedding's size, H the number of heads. */
export interface MultiHeadAttentionOptions {
  /** The number of heads; E is a multiple of it. */
  numHeads: number;
  /** E, where it is to be checked. */
  embedDimToCheck?: number;
  /** Says that the projections are three weights; they decide anyway. */
  useSeparateProjWeight?: boolean;
  /** The three projections in one: [3·E, E]; instead of it, `qProjWeight` [E, E], `kProjWeight` [E, kdim] and `vProjWeight` [E, vdim]. */
  inProjWeight?: Tensor | null;
  /** The projection of queries, [E, E]. */
  qProjWeight?: Tensor | null;
  /** The projection of keys, [E, kdim]. */
  kProjWeight?: Tensor | null;
  /** The projection of values, [E, vdim]. */
  vProjWeight?: Tensor | null;
  /** [3·E] */
  inProjBias?: Tensor | null;
  /** A key and a value that every sequence gets at its end: [1, 1, E]. */
  biasK?: Tensor | null;
  /** The value that goes with `biasK`: [1, 1, E]. */
  biasV?: Tensor | null;
  /** Adds a key and a value of zeros at the end. */
  addZeroAttn?: boolean;
  /** How much of the attention is dropped in training. */
  dropoutP?: number;
  /** [E, E] */
  outProjWeight: Tensor;
  /** [E] */
  outProjBias?: Tensor | null;
  /** Whether dropout drops; true by default. */
  training?: boolean;
  /** [N, S]: true, or minus infinity, where a key is padding. */
  keyPaddingMask?: Tensor | null;
  /** Gives the weights as well; true by default. */
  needWeights?: boolean;
  /** [L, S] or [N·H, L, S]: true, or minus infinity, where a query may not see a key; other floats are added to the scores. */
  attnMask?: Tensor | null;
  /** Gives the mean of the weights over the heads, the default; else those of each head. */
  averageAttnWeights?: boolean;
  /** Says that attnMask is the causal one. */
  isCausal?: boolean;
}

const optionNames = [
  'numHeads', 'embedDimToCheck', 'useSeparateProjWeight', 'inProjWeight', 'qProjWeight', 'kProjWeight', 'vProjWeight', 'inProjBias', 'biasK', 'biasV',
  'addZeroAttn', 'dropoutP', 'outProjWeight', 'outProjBias', 'training', 'keyPaddingMask', 'needWeights', 'attnMask', 'averageAttnWeights', 'isCausal',
] as const satisfies readonly (keyof MultiHeadAttentionOptions)[]; // prettier-ignore

/** A mask as floats to add to the scores: minus infinity where a bool is true. @throws DTypeError for integers */
export function additiveMask(op: string, name: string, mask: Tensor, like: Tensor): Tensor {
  if (mask.dtype === 'bool') return like.newZeros(mask.shape).maskedFill(mask, -Infinity);
  if (isFloat(mask.dtype)) return mask.to(like.dtype);
  throw new DTypeError({ op, expected: `${name} of bool or floats`, received: mask.dtype });
}

const expectShape = (op: string, name: string, mask: Tensor, shapes: readonly Shape[]): void => {
  if (!shapes.some((shape) => showShape(shape) === showShape(mask.shape)))
    throw new ShapeError({ op, expected: `${name} of shape ${shapes.map(showShape).join(' or ')}`, received: showShape(mask.shape) });
};

const op = 'multiHeadAttention';

/** The projections of query [L, N, E], key [S, N, kdim] and value [S, N, vdim] to E features each. */
function project(query: Tensor, key: Tensor, value: Tensor, options: MultiHeadAttentionOptions): Tensor[] {
  const features = query.shape[2];
  const biases = options.inProjBias ? options.inProjBias.chunk(3) : [null, null, null];
  if (options.inProjWeight) {
    // One product for all three in self-attention.
    if (query === key && key === value) return linear(query, options.inProjWeight, options.inProjBias ?? null).chunk(3, -1);
    const weights = options.inProjWeight.split(features);
    return [query, key, value].map((x, i) => linear(x, weights[i], biases[i]));
  }
  const { qProjWeight, kProjWeight, vProjWeight } = options;
  if (!qProjWeight || !kProjWeight || !vProjWeight)
    throw new ShapeError({ op, expected: 'inProjWeight, or a weight for each of query, key and value', received: 'neither' });
  return [linear(query, qProjWeight, biases[0]), linear(key, kProjWeight, biases[1]), linear(value, vProjWeight, biases[2])];
}

/** One more column of zeros: the place of a key that was added at the end. */
const widen = (mask: Tensor | undefined): Tensor | undefined => mask && cat([mask, mask.newZeros([...mask.shape.slice(0, -1), 1])], -1);

/**
 * Attention of several heads: softmax(Q Kᵀ/√d + mask) V for each head of d = E/H features, with projections before and after.
 * @param query - shape [L, N, E], or [L, E]
 * @param key - shape [S, N, kdim], or [S, kdim]
 * @param value - shape [S, N, vdim], or [S, vdim]
 * @returns the output [L, N, E], and the weights [N, L, S] ([N, H, L, S] when they are not averaged), or null without needWeights
 * @throws ShapeError when shapes or masks do not fit
 * @see Vaswani et al. 2017
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: MultiHeadAttentionOptions,
): [output: Tensor, weights: Tensor | null] {
  for (const [name, x] of Object.entries({ query, key, value })) checkTensor(op, name, x);
  readCall<MultiHeadAttentionOptions>(op, [options], [], optionNames);
  if (options === undefined || !Number.isInteger(options.numHeads) || options.numHeads < 1)
    throw new ArgumentError({ op, expected: 'numHeads to be a positive integer', received: describe(options?.numHeads) });
  checkTensor(op, 'outProjWeight', options.outProjWeight);
  for (const name of ['attnMask', 'keyPaddingMask'] as const)
    if (options[name] !== undefined && options[name] !== null) checkTensor(op, name, options[name]);
  const { numHeads, biasK, biasV, addZeroAttn = false, training = true, needWeights = true, averageAttnWeights = true } = options;
  const batched = query.ndim === 3;
  if ((query.ndim !== 2 && !batched) || key.ndim !== query.ndim || value.ndim !== query.ndim)
    throw new ShapeError({
      op,
      expected: 'query, key and value of 3 dimensions, or of 2',
      received: [query, key, value].map((x) => showShape(x.shape)).join(', '),
    });
  if (!batched) {
    const wide = (x: Tensor): Tensor => x.unsqueeze(1);
    const q = wide(query);
    const k = key === query ? q : wide(key);
    const v = value === key ? k : wide(value);
    const keyPaddingMask = options.keyPaddingMask?.unsqueeze(0) ?? null;
    const [output, weights] = multiHeadAttentionForward(q, k, v, { ...options, keyPaddingMask });
    return [output.squeeze(1), weights && weights.squeeze(0)];
  }
  const [length, batch, features] = query.shape;
  if (options.embedDimToCheck !== undefined && options.embedDimToCheck !== features)
    throw new ShapeError({ op, expected: `features of embedDimToCheck, ${options.embedDimToCheck}`, received: String(features) });
  if (features % numHeads !== 0)
    throw new ShapeError({ op, expected: `features that ${numHeads} heads divide`, received: String(features) });
  if (key.shape[0] !== value.shape[0] || key.shape[1] !== value.shape[1] || key.shape[1] !== batch)
    throw new ShapeError({
      op,
      expected: 'key and value of one length, in as many batches as the query',
      received: [query, key, value].map((x) => showShape(x.shape)).join(', '),
    });
  const perHead = features / numHeads;
  const keys = key.shape[0];

  let padding: Tensor | undefined;
  if (options.keyPaddingMask) {
    expectShape(op, 'keyPaddingMask', options.keyPaddingMask, [[batch, keys]]);
    padding = additiveMask(op, 'keyPaddingMask', options.keyPaddingMask, query);
  }
  let mask: Tensor | undefined;
  if (options.attnMask) {
    expectShape(op, 'attnMask', options.attnMask, [[length, keys], [batch * numHeads, length, keys]]); // prettier-ignore
    mask = additiveMask(op, 'attnMask', options.attnMask, query);
  } else if (options.isCausal === true) {
    throw new ShapeError({
      op,
      expected: 'an attnMask with isCausal',
      received: 'none',
      hint: 'Use Transformer.generateSquareSubsequentMask(length).',
    });
  }

  let [q, k, v] = project(query, key, value, options);
  if (biasK && biasV) {
    k = cat([k, biasK.expand(1, batch, features)]);
    v = cat([v, biasV.expand(1, batch, features)]);
    [mask, padding] = [widen(mask), widen(padding)];
  }
  // [L, N, E] → [N, H, L, d]
  const heads = (x: Tensor): Tensor => x.reshape(x.shape[0], batch, numHeads, perHead).permute(1, 2, 0, 3);
  [q, k, v] = [heads(q), heads(k), heads(v)];
  if (addZeroAttn) {
    const zero = zeros([batch, numHeads, 1, perHead], { dtype: q.dtype, device: q.device });
    [k, v] = [cat([k, zero], 2), cat([v, zero], 2)];
    [mask, padding] = [widen(mask), widen(padding)];
  }
  const width = k.shape[2];
  if (mask !== undefined && mask.ndim === 3) mask = mask.reshape(batch, numHeads, length, width);
  const rows = padding?.reshape(batch, 1, 1, width);
  const bias = rows === undefined ? mask : mask === undefined ? rows : mask.add(rows);

  const p = training ? (options.dropoutP ?? 0) : 0;
  const outward = (attended: Tensor): Tensor =>
    linear(attended.permute(2, 0, 1, 3).reshape(length, batch, features), options.outProjWeight, options.outProjBias ?? null);
  if (!needWeights) {
    // A mask that is known to be the causal one needs no memory.
    const isCausal = options.isCausal === true && rows === undefined && width === keys && length === keys;
    const attended = scaledDotProductAttention(q, k, v, { attnMask: isCausal ? null : (bias ?? null), dropoutP: p, isCausal });
    return [outward(attended), null];
  }
  const products = q.mul(Math.sqrt(1 / perHead)).matmul(k.transpose(-2, -1)); // [N,H,L,d] · [N,H,d,S] → [N,H,L,S]
  let weights = (bias === undefined ? products : products.add(bias)).softmax(-1);
  if (p > 0) weights = applyDropout(weights, { p });
  return [outward(weights.matmul(v)), averageAttnWeights ? weights.mean(1) : weights];
}
