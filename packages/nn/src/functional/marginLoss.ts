import {
  arange,
  ArgumentError,
  checkNumber,
  checkTensor,
  describe,
  DTypeError,
  isFloat,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { pairwiseDistance } from './distance.ts';
import { checkReduction, reduce, type Reduction } from './reduction.ts';
import { checkWeight, floats } from './regressionLoss.ts';

interface MarginOptions {
  /** How far apart is enough; each loss says its default. */
  margin?: number;
  /** `mean` (by default) or `sum` of the losses, or `none` for each element. */
  reduction?: Reduction;
}

/** `max(x, 0)` with derivative 1 at 0, as PyTorch's clamp_min has it. Margins are floats, and so is what they are added to. */
const atLeastZero = (x: Tensor): Tensor => floats(x).clamp(0);

/** Reads a margin loss's arguments and checks its tensors. */
function readMargin<Options extends MarginOptions>(
  op: string,
  input: Tensor,
  args: readonly unknown[],
  tensors: readonly string[],
  names: readonly string[],
): Options {
  const options = readCall<Options>(op, args, [...tensors, ...names]);
  checkTensor(op, 'input', input);
  for (const name of tensors) checkTensor(op, name, (options as Record<string, unknown>)[name]);
  if (options.margin !== undefined) checkNumber(op, 'margin', options.margin);
  checkReduction(op, options.reduction ?? 'mean');
  return options;
}

/** x where the target is 1, `max(0, margin - x)` where it is -1. */
export function hingeEmbeddingLoss(
  input: Tensor,
  ...args: Call<{ target: Tensor } & MarginOptions, ['target', 'margin', 'reduction']>
): Tensor {
  const op = 'hingeEmbeddingLoss';
  const {
    target,
    margin = 1,
    reduction,
  } = readMargin<{ target: Tensor } & MarginOptions>(op, input, args, ['target'], ['margin', 'reduction']);
  const far = target.eq(1).where(0, atLeastZero(input.neg().add(margin)));
  const near = target.eq(-1).where(0, floats(input));
  return reduce(op, far.add(near), reduction);
}

interface RankingOptions extends MarginOptions {
  /** The scores that the input is compared with; both broadcast. */
  input2: Tensor;
  /** 1 where the input should be the higher one, -1 where `input2` should. */
  target: Tensor;
}

/** `max(0, -y(x1 - x2) + margin)`: y is 1 where x1 should rank higher, -1 where x2 should. */
export function marginRankingLoss(input1: Tensor, ...args: Call<RankingOptions, ['input2', 'target', 'margin', 'reduction']>): Tensor {
  const op = 'marginRankingLoss';
  const {
    input2,
    target,
    margin = 0,
    reduction,
  } = readMargin<RankingOptions>(op, input1, args, ['input2', 'target'], ['margin', 'reduction']);
  if (input1.ndim !== input2.ndim || input1.ndim !== target.ndim) {
    throw new ShapeError({
      op,
      expected: 'inputs and target of one rank',
      received: [input1, input2, target].map((x) => showShape(x.shape)).join(', '),
    });
  }
  return reduce(op, atLeastZero(target.neg().mul(input1.sub(input2)).add(margin)), reduction);
}

/** `1 - cos` where the target is 1, `max(0, cos - margin)` where it is -1; vectors lie in the last dimension. */
export function cosineEmbeddingLoss(input1: Tensor, ...args: Call<RankingOptions, ['input2', 'target', 'margin', 'reduction']>): Tensor {
  const op = 'cosineEmbeddingLoss';
  const {
    input2,
    target,
    margin = 0,
    reduction,
  } = readMargin<RankingOptions>(op, input1, args, ['input2', 'target'], ['margin', 'reduction']);
  if (target.ndim > 1 || input1.ndim !== target.ndim + 1 || input2.ndim !== target.ndim + 1) {
    throw new ShapeError({
      op,
      expected: 'inputs [N, D] and a target [N], or [D] and []',
      received: [input1, input2, target].map((x) => showShape(x.shape)).join(', '),
    });
  }
  const epsilon = 1e-12;
  const square = (x: Tensor): Tensor => x.mul(x).sum(-1).add(epsilon);
  const cosine = input1.mul(input2).sum(-1).div(square(input1).mul(square(input2)).sqrt()); // prettier-ignore
  const near = target.eq(1).where(cosine.neg().add(1), 0);
  const far = target.eq(-1).where(atLeastZero(cosine.sub(margin)), 0);
  return reduce(op, near.add(far), reduction);
}

/** [C] as [1, C], with its target. @throws ShapeError unless input and target fit */
function asBatch(
  op: string,
  input: Tensor,
  target: Tensor,
  targetRank: (rank: number) => number,
): { x: Tensor; y: Tensor; single: boolean } {
  const fits = (input.ndim === 1 || input.ndim === 2) && input.shape[input.ndim - 1] !== 0;
  if (input.ndim === 0) return { x: input.reshape([1, 1]), y: target.reshape([1, -1]), single: true };
  const expected = input.shape.slice(0, targetRank(input.ndim));
  const scalarLike = input.ndim === 1 && expected.length === 0 && target.count === 1;
  if (!fits || (showShape(target.shape) !== showShape(expected) && !scalarLike)) {
    throw new ShapeError({
      op,
      expected: fits ? `a target of shape ${showShape(expected)}` : 'an input [N, C] or [C] with classes',
      received: `${showShape(target.shape)} for an input ${showShape(input.shape)}`,
    });
  }
  return input.ndim === 2
    ? { x: input, y: target, single: false }
    : { x: input.unsqueeze(0), y: target.reshape([1, ...expected]), single: true };
}

function checkClasses(op: string, target: Tensor): Tensor {
  if (isFloat(target.dtype) || target.dtype === 'bool')
    throw new DTypeError({ op, expected: 'classes of int32 or int64', received: target.dtype, hint: "Cast them: target.to('int32')." });
  return target.dtype === 'int64' ? target : target.to('int32');
}

interface MultiMarginOptions extends MarginOptions {
  /** Class indices, shape [N]. */
  target: Tensor;
  /** The power, 1 or 2. */
  p?: number;
  /** A factor for each class. */
  weight?: Tensor | null;
}

/** `Σ_{j≠y} max(0, margin - x[y] + x[j])ᵖ / C` for inputs [N, C] and classes [N], or [C] and []. */
export function multiMarginLoss(
  input: Tensor,
  ...args: Call<MultiMarginOptions, ['target', 'p', 'margin', 'weight', 'reduction']>
): Tensor {
  const op = 'multiMarginLoss';
  const options = readMargin<MultiMarginOptions>(op, input, args, ['target'], ['p', 'margin', 'weight', 'reduction']);
  const { p = 1, margin = 1, weight, reduction } = options;
  if (p !== 1 && p !== 2) throw new ArgumentError({ op, expected: 'p of 1 or 2', received: String(p) });
  checkWeight(op, weight);
  const target = checkClasses(op, options.target);
  const { x, y, single } = asBatch(op, input, target, (rank) => rank - 1);
  const classes = x.shape[1];
  if (weight && (weight.ndim !== 1 || weight.shape[0] !== classes))
    throw new ShapeError({ op, expected: `a weight for each of ${classes} classes`, received: showShape(weight.shape) });
  const index = y.reshape([-1, 1]);
  const violation = atLeastZero(x.sub(x.gather(1, index)).add(margin));
  const own = arange(classes, { dtype: 'int32', device: x.device }).eq(index);
  const powered = own.where(0, p === 1 ? violation : violation.square());
  const loss = (weight ? powered.mul(weight.gather(0, index.flatten()).unsqueeze(1)) : powered).sum(1).div(classes); // prettier-ignore
  return reduce(op, single ? loss.squeeze(0) : loss, reduction);
}

/**
 * `Σ_{y, i} max(0, 1 - (x[y] - x[i])) / C` over the target classes y and all classes i that are none.
 * @param args - target: classes of the input's shape [N, C] or [C]; those from the first negative one on do not count; then reduction
 */
export function multilabelMarginLoss(
  input: Tensor,
  ...args: Call<{ target: Tensor; reduction?: Reduction }, ['target', 'reduction']>
): Tensor {
  const op = 'multilabelMarginLoss';
  const options = readMargin<{ target: Tensor; reduction?: Reduction }>(op, input, args, ['target'], ['reduction']);
  const { x, y, single } = asBatch(op, input, checkClasses(op, options.target), (rank) => rank);
  const classes = x.shape[1];
  const listed = y.lt(0).cumsum(1).eq(0);
  const safe = listed.where(y, 0);
  const isTarget = x.detach().mul(0).scatterAdd(1, safe, listed.to(x.dtype)).gt(0); // prettier-ignore
  // [N, J, 1] and [N, 1, I]: each target against each other class
  const gaps = atLeastZero(x.gather(1, safe).unsqueeze(2).neg().add(x.unsqueeze(1)).add(1)); // prettier-ignore
  const counts = listed.unsqueeze(2).logicalAnd(isTarget.logicalNot().unsqueeze(1));
  const loss = counts.where(gaps, 0).sum([1, 2]).div(classes);
  return reduce(op, single ? loss.squeeze(0) : loss, options.reduction);
}

interface TripletOptions extends MarginOptions {
  /** What the anchor should be near to, of its shape. */
  positive: Tensor;
  /** What the anchor should be far from, of its shape. */
  negative: Tensor;
  /** The norm of the distance. */
  p?: number;
  /** Added to each difference, 1e-6 by default. */
  eps?: number;
  /** Takes the distance of positive and negative where it is below that of anchor and negative. */
  swap?: boolean;
}
interface TripletDistanceOptions extends Omit<TripletOptions, 'p' | 'eps'> {
  /** A distance of two tensors; `pairwiseDistance` when missing. */
  distanceFunction?: ((a: Tensor, b: Tensor) => Tensor) | null;
}

function triplet(op: string, anchor: Tensor, options: TripletDistanceOptions, distance: (a: Tensor, b: Tensor) => Tensor): Tensor {
  const { positive, negative, margin = 1, swap = false, reduction } = options;
  if (!(margin > 0)) throw new ArgumentError({ op, expected: 'a positive margin', received: String(margin) });
  if (anchor.ndim !== positive.ndim || anchor.ndim !== negative.ndim) {
    throw new ShapeError({
      op,
      expected: 'anchor, positive and negative of one rank',
      received: [anchor, positive, negative].map((x) => showShape(x.shape)).join(', '),
    });
  }
  const near = distance(anchor, positive);
  let far = distance(anchor, negative);
  if (swap) far = far.minimum(distance(positive, negative));
  return reduce(op, atLeastZero(near.sub(far).add(margin)), reduction);
}

/** `max(0, d(anchor, positive) - d(anchor, negative) + margin)` with the distance of the p-norm. @see Balntas et al. 2016 */
export function tripletMarginLoss(
  anchor: Tensor,
  ...args: Call<TripletOptions, ['positive', 'negative', 'margin', 'p', 'eps', 'swap', 'reduction']>
): Tensor {
  const op = 'tripletMarginLoss';
  const names = ['margin', 'p', 'eps', 'swap', 'reduction'];
  const { p = 2, eps = 1e-6, ...rest } = readMargin<TripletOptions>(op, anchor, args, ['positive', 'negative'], names);
  checkNumber(op, 'p', p);
  return triplet(op, anchor, rest, (a, b) => pairwiseDistance(a, b, { p, eps }));
}

/** `tripletMarginLoss` with a distance of one's own. */
export function tripletMarginWithDistanceLoss(
  anchor: Tensor,
  ...args: Call<TripletDistanceOptions, ['positive', 'negative', 'distanceFunction', 'margin', 'swap', 'reduction']>
): Tensor {
  const op = 'tripletMarginWithDistanceLoss';
  const names = ['distanceFunction', 'margin', 'swap', 'reduction'];
  const options = readMargin<TripletDistanceOptions>(op, anchor, args, ['positive', 'negative'], names);
  const distance = options.distanceFunction ?? ((a: Tensor, b: Tensor): Tensor => pairwiseDistance(a, b));
  if (typeof distance !== 'function')
    throw new ArgumentError({ op, expected: 'distanceFunction as a function', received: describe(distance) });
  return triplet(op, anchor, options, distance);
}
