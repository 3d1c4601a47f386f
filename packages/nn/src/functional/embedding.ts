import {
  arange,
  ArgumentError,
  checkChoice,
  checkTensor,
  defineOp,
  describe,
  dispatchOne,
  DTypeError,
  indexAddOp,
  indexSelectGradOp,
  isFloat,
  readCall,
  ShapeError,
  showShape,
  zeros,
  type Call,
  type Op,
  type Tensor,
  askedBy,
  valuesNow,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { pNorm } from './distance.ts';
import { checkWeight } from './regressionLoss.ts';

interface EmbeddingAttrs {
  /** The row that gets no gradient; -1 for none. */
  readonly paddingIdx: number;
  /** Divides the gradient of a row by how often it is read. */
  readonly scaleGradByFreq: boolean;
}

/** Rows of a table: inputs weight [V, E] and indices of any shape; output [..., E]. */
export const embeddingOp: Op<EmbeddingAttrs> = /* @__PURE__ */ defineOp<EmbeddingAttrs>({
  name: 'embedding',
  infer: ([weight, indices]) => [{ shape: [...indices.shape, weight.shape[1]], dtype: weight.dtype }],
  compose: ([weight, indices]) => [weight.indexSelect(0, indices.flatten()).reshape([...indices.shape, weight.shape[1]])], // prettier-ignore
  save: ([, indices]) => [indices],
  vjp({ cotangents: [g], saved: [indices], inputs: [weight], attrs: { paddingIdx, scaleGradByFreq } }) {
    if (g === undefined) return [undefined, undefined];
    const flat = indices.flatten();
    let rows = g.reshape([flat.count, weight.shape[1]]);
    if (scaleGradByFreq) {
      const counts = g.newZeros([weight.shape[0]]).scatterAdd(0, flat, g.newOnes([flat.count]));
      rows = rows.div(counts.gather(0, flat).unsqueeze(1));
    }
    if (paddingIdx >= 0) rows = flat.eq(paddingIdx).unsqueeze(1).where(0, rows);
    return [dispatchOne(indexSelectGradOp, [flat, rows], { dim: 0, shape: weight.shape }), undefined];
  },
});

/** What embeddings have in common. */
interface TableOptions {
  /** The table, shape [V, E]. */
  weight: Tensor;
  /** The row that gets no gradient (and does not count in a bag). */
  paddingIdx?: number | null;
  /** Rows that are read are scaled down to this norm, in place. */
  maxNorm?: number | null;
  /** The p of that norm, 2 by default. */
  normType?: number;
  /** Divides the gradient of a row by how often it is read. */
  scaleGradByFreq?: boolean;
  /** Gradients are dense here whatever this says. */
  sparse?: boolean;
}
/** Options of `embedding`. */
export type EmbeddingOptions = TableOptions;

/** The index of the padding row counted from 0, -1 for none. */
function paddingRow(op: string, weight: Tensor, paddingIdx: number | null | undefined): number {
  if (paddingIdx === null || paddingIdx === undefined) return -1;
  const rows = weight.shape[0];
  if (!Number.isInteger(paddingIdx) || paddingIdx < -rows || paddingIdx >= rows)
    throw new ArgumentError({ op, expected: `paddingIdx among the ${rows} rows`, received: describe(paddingIdx) });
  return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
}

function checkTable(op: string, indices: Tensor, weight: Tensor): void {
  checkTensor(op, 'input', indices);
  checkTensor(op, 'weight', weight);
  if (weight.ndim !== 2) throw new ShapeError({ op, expected: 'a weight [V, E]', received: showShape(weight.shape) });
  if (indices.dtype !== 'int32' && indices.dtype !== 'int64') {
    const hint = "Cast them: x.to('int32').";
    throw new DTypeError({ op, expected: 'indices of int32 or int64', received: indices.dtype, hint });
  }
}

/** Scales the rows that are read down to a norm, in the table itself. */
function renormalize(weight: Tensor, indices: Tensor, maxNorm: number, normType: number): void {
  noGrad(() => {
    const norms = pNorm(weight.detach(), normType, 1, true);
    const read = weight.newZeros([weight.shape[0]]).scatterAdd(0, indices.flatten(), weight.newOnes([indices.count])).gt(0).unsqueeze(1); // prettier-ignore
    const factor = norms.gt(maxNorm).logicalAnd(read).where(norms.add(1e-7).reciprocal().mul(maxNorm), 1);
    // An assignment and not mul_, so that layers under it (an exporter's trace) see the change.
    weight.copy_(weight.mul(factor));
  });
}

/** Reads rows of the table, naming an index that a kernel refuses. */
function readRows(op: string, indices: Tensor, weight: Tensor, attrs: EmbeddingAttrs): Tensor {
  const expected = `indices in [0, ${weight.shape[0] - 1}]`;
  return askedBy({ op, expected }, () => dispatchOne(embeddingOp, [weight, indices], attrs));
}

/**
 * Rows of a table: indices [...] and weight [V, E] give [..., E].
 * Arguments: weight, paddingIdx, maxNorm, normType, scaleGradByFreq, sparse, in this order or by name.
 * @throws IndexError for an index outside of the table, ShapeError unless the weight is a matrix
 */
export function embedding(
  indices: Tensor,
  ...args: Call<TableOptions, ['weight', 'paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq', 'sparse']>
): Tensor {
  const op = 'embedding';
  const options = readCall<TableOptions>(op, args, ['weight', 'paddingIdx', 'maxNorm', 'normType', 'scaleGradByFreq', 'sparse']);
  const { weight, maxNorm, normType = 2, scaleGradByFreq = false } = options;
  checkTable(op, indices, weight);
  const paddingIdx = paddingRow(op, weight, options.paddingIdx);
  if (maxNorm !== undefined && maxNorm !== null) renormalize(weight, indices, maxNorm, normType);
  return readRows(op, indices, weight, { paddingIdx, scaleGradByFreq });
}

/** Options of `embeddingBag`. */
export interface EmbeddingBagOptions extends TableOptions {
  /** Where each bag begins in one-dimensional indices. */
  offsets?: Tensor | null;
  /** How the rows of a bag become one: `mean` by default. */
  mode?: 'sum' | 'mean' | 'max';
  /** A factor for each index, for sums. */
  perSampleWeights?: Tensor | null;
  /** The last offset is the end of the last bag instead of the beginning of another. */
  includeLastOffset?: boolean;
}
type BagNames = [
  'weight',
  'offsets',
  'maxNorm',
  'normType',
  'scaleGradByFreq',
  'mode',
  'sparse',
  'perSampleWeights',
  'includeLastOffset',
  'paddingIdx',
];
const bagNames = [
  'weight',
  'offsets',
  'maxNorm',
  'normType',
  'scaleGradByFreq',
  'mode',
  'sparse',
  'perSampleWeights',
  'includeLastOffset',
  'paddingIdx',
];

/** The bag of each index, and how many bags there are; indices behind the last bag get the number one past it. */
function bagsOf(op: string, indices: Tensor, { offsets, includeLastOffset = false }: EmbeddingBagOptions): { bag: Tensor; bags: number } {
  const { device } = indices;
  const places = arange(indices.count, { dtype: 'int32', device });
  if (indices.ndim === 2) {
    if (offsets) throw new ArgumentError({ op, expected: 'no offsets with indices of 2 dimensions', received: 'some' });
    const [bags, length] = indices.shape;
    return { bag: length === 0 ? places : places.floorDivide(length), bags };
  }
  if (indices.ndim !== 1) throw new ShapeError({ op, expected: 'indices of 1 or 2 dimensions', received: showShape(indices.shape) });
  if (!offsets) throw new ArgumentError({ op, expected: 'offsets with indices of 1 dimension', received: 'none' });
  checkTensor(op, 'offsets', offsets);
  if (offsets.ndim !== 1 || (includeLastOffset && offsets.count === 0))
    throw new ShapeError({ op, expected: 'offsets of 1 dimension', received: showShape(offsets.shape) });
  if (isFloat(offsets.dtype) || offsets.dtype === 'bool')
    throw new DTypeError({ op, expected: 'offsets of int32 or int64', received: offsets.dtype });
  checkOffsets(op, offsets, indices.count);
  const begun = places.unsqueeze(1).ge(offsets.to('int32').unsqueeze(0)).to('int32'); // [indices, offsets]
  const bag = offsets.count === 0 ? places.mul(0) : begun.sum(1).sub(1).to('int32');
  return { bag, bags: includeLastOffset ? offsets.count - 1 : offsets.count };
}

function checkOffsets(op: string, offsets: Tensor, count: number): void {
  if (!offsets.device.synchronous || offsets.count === 0) return;
  const values = Array.from(offsets.dataSync(), Number);
  if (values[0] !== 0) throw new ArgumentError({ op, expected: 'offsets that begin with 0', received: String(values[0]) });
  if (values[values.length - 1] > count)
    throw new ArgumentError({ op, expected: `offsets of at most ${count}`, received: String(values[values.length - 1]) });
}

/**
 * Sums, means or maxima of rows of a table, bag by bag, without the rows in between.
 * @param indices - [N, L], or one dimension with `offsets`
 * @returns shape [bags, E]; an empty bag gives zeros
 */
export function embeddingBag(indices: Tensor, ...args: Call<EmbeddingBagOptions, BagNames>): Tensor {
  const op = 'embeddingBag';
  const options = readCall<EmbeddingBagOptions>(op, args, bagNames);
  const { weight, maxNorm, normType = 2, scaleGradByFreq = false, mode = 'mean', perSampleWeights: factors } = options;
  checkTable(op, indices, weight);
  checkChoice(op, 'mode', mode, ['sum', 'mean', 'max']);
  checkWeight(op, factors);
  if (factors && mode !== 'sum') throw new ArgumentError({ op, expected: "perSampleWeights with mode 'sum'", received: mode });
  if (factors && showShape(factors.shape) !== showShape(indices.shape))
    throw new ShapeError({ op, expected: `perSampleWeights of shape ${showShape(indices.shape)}`, received: showShape(factors.shape) });
  const paddingIdx = paddingRow(op, weight, options.paddingIdx);
  const { bag, bags } = bagsOf(op, indices, options);
  const flat = indices.flatten();
  const width = weight.shape[1];
  if (maxNorm !== undefined && maxNorm !== null) renormalize(weight, flat, maxNorm, normType);
  if (flat.count === 0) return weight.newZeros([bags, width]);
  const rows = readRows(op, flat, weight, { paddingIdx, scaleGradByFreq });
  const counts = paddingIdx < 0 ? undefined : flat.ne(paddingIdx);
  if (mode === 'max') return maximaOfBags(rows, bag, bags, counts);
  const terms = factors ? rows.mul(factors.flatten().unsqueeze(1)) : rows;
  const summed = dispatchOne(indexAddOp, [terms.newZeros([bags + 1, width]), bag, counts === undefined ? terms : counts.unsqueeze(1).where(terms, 0)], { dim: 0 }).narrow(0, 0, bags); // prettier-ignore
  if (mode === 'sum') return summed;
  const ones = counts === undefined ? rows.newOnes([flat.count]) : counts.to(rows.dtype);
  const sizes = rows.newZeros([bags + 1]).scatterAdd(0, bag, ones).narrow(0, 0, bags); // prettier-ignore
  return summed.div(sizes.clampMin(1).detach().unsqueeze(1));
}

/** The largest of each bag's rows, element by element, through a table [bags, indices, E] of what belongs where. */
function maximaOfBags(rows: Tensor, bag: Tensor, bags: number, counts: Tensor | undefined): Tensor {
  const own = bag.unsqueeze(0).eq(arange(bags, { dtype: 'int32', device: rows.device }).unsqueeze(1));
  const inside = counts === undefined ? own : own.logicalAnd(counts.unsqueeze(0));
  const found = inside.unsqueeze(2).where(rows.detach().unsqueeze(0), -Infinity).argmax(1); // [bags, E]
  const picked = rows.gather(0, found);
  return inside.any(1).unsqueeze(1).where(picked, 0);
}

interface OneHotOptions {
  /** The number of classes; -1 takes one more than the largest. */
  numClasses?: number;
}

/**
 * 1 at each index of a new last dimension, else 0: int32, shape [..., numClasses].
 * @throws ArgumentError for a negative index, or one that is not below numClasses; an IndexError at the next read on devices that read with await
 */
export function oneHot(indices: Tensor, ...args: Call<OneHotOptions, ['numClasses']>): Tensor {
  const op = 'oneHot';
  checkTensor(op, 'input', indices);
  const { numClasses = -1 } = readCall<OneHotOptions>(op, args, ['numClasses']);
  if (isFloat(indices.dtype) || indices.dtype === 'bool') throw new DTypeError({ op, expected: 'integers', received: indices.dtype });
  if (!Number.isInteger(numClasses) || numClasses === 0 || numClasses < -1)
    throw new ArgumentError({ op, expected: 'a positive numClasses, or -1', received: describe(numClasses) });
  const values = indices.to('int32');
  if (values.count === 0) {
    if (numClasses === -1) throw new ArgumentError({ op, expected: 'numClasses for an input without elements', received: '-1' });
    return zeros([...indices.shape, numClasses], { dtype: 'int32', device: indices.device });
  }
  let classes = numClasses;
  if (numClasses === -1 || indices.device.synchronous) {
    const hint = 'Give numClasses, which a device that is read with await does not wait for.';
    const [least, most] = [values.amin(), values.amax()].map((value) => Number(valuesNow(op, value, hint)[0]));
    if (least < 0) throw new ArgumentError({ op, expected: 'classes that are not negative', received: String(least) });
    if (numClasses === -1) classes = most + 1;
    else if (most >= numClasses) throw new ArgumentError({ op, expected: `classes below ${numClasses}`, received: String(most) });
  }
  const all = arange(classes, { dtype: 'int32', device: indices.device });
  // Where nothing could be read, the classes are looked up, which tells of those that are not there.
  const known = indices.device.synchronous
    ? values
    : askedBy({ op, expected: `classes in [0, ${classes - 1}]` }, () => all.indexSelect(0, values.flatten()).reshape(values.shape));
  return known.unsqueeze(-1).eq(all).to('int32');
}
