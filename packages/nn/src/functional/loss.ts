import {
  ArgumentError,
  DTypeError,
  IndexError,
  ShapeError,
  defineOp,
  describe,
  dispatch,
  isFloat,
  showShape,
  type Op,
  type Tensor,
} from '@flambeau/core';

/** How a loss over elements becomes one number. */
export type Reduction = 'mean' | 'sum' | 'none';

/** Applies a reduction. @throws ArgumentError for an unknown one. */
export function reduce(op: string, loss: Tensor, reduction: Reduction = 'mean'): Tensor {
  if (reduction === 'mean') return loss.mean();
  if (reduction === 'sum') return loss.sum();
  if (reduction === 'none') return loss;
  throw new ArgumentError({ op, expected: "reduction 'mean', 'sum' or 'none'", received: describe(reduction satisfies never) });
}

/** Mean squared error: the mean of `(x - y)²`. */
export function mseLoss(input: Tensor, target: Tensor, options: { reduction?: Reduction; weight?: Tensor } = {}): Tensor {
  const squared = input.sub(target).square();
  if (options.weight === undefined) return reduce('mseLoss', squared, options.reduction);
  const weighted = squared.mul(options.weight);
  return (options.reduction ?? 'mean') === 'mean'
    ? weighted.sum().div(options.weight.expand(squared.shape).sum())
    : reduce('mseLoss', weighted, options.reduction);
}

/** Mean absolute error: the mean of `|x - y|`. */
export const l1Loss = (input: Tensor, target: Tensor, options: { reduction?: Reduction } = {}): Tensor =>
  reduce('l1Loss', input.sub(target).abs(), options.reduction);

/** Options of `binaryCrossEntropyWithLogits`: `posWeight` multiplies the loss of positive targets. */
export interface BCEWithLogitsOptions {
  weight?: Tensor;
  posWeight?: Tensor;
  reduction?: Reduction;
}

/** Binary cross-entropy of logits: `-(p·y·log σ(x) + (1 - y)·log(1 - σ(x)))`, computed without overflow. */
export function binaryCrossEntropyWithLogits(input: Tensor, target: Tensor, options: BCEWithLogitsOptions = {}): Tensor {
  if (showShape(input.shape) !== showShape(target.shape)) {
    throw new ShapeError({
      op: 'binaryCrossEntropyWithLogits',
      expected: 'a target of the input’s shape',
      received: `${showShape(target.shape)} for ${showShape(input.shape)}`,
    });
  }
  const { weight, posWeight, reduction } = options;
  // log(1 + e^-x) = max(-x, 0) + log(1 + e^-|x|)
  const softplus = input.neg().relu().add(input.abs().neg().exp().log1p());
  const factor = posWeight === undefined ? softplus : softplus.mul(target.mul(posWeight.sub(1)).add(1));
  const loss = input.mul(target.neg().add(1)).add(factor);
  return reduce('binaryCrossEntropyWithLogits', weight === undefined ? loss : loss.mul(weight), reduction);
}

interface CrossEntropyAttrs {
  readonly reduction: 'mean' | 'sum';
  /** Rows with this target count for nothing. */
  readonly ignoreIndex: number;
}

/** 1 for rows that count and 0 for ignored ones, shape [N], and the targets with 0 in place of the ignored. */
function countedRows(target: Tensor, ignoreIndex: number, like: Tensor): { mask: Tensor; safe: Tensor } {
  const counted = target.ne(ignoreIndex);
  return { mask: counted.to(like.dtype), safe: counted.where(target, 0) };
}

/** Cross-entropy of logits [N, C] and class indices [N]. The second output, the log-probabilities, is what its derivative needs. */
export const crossEntropyOp: Op<CrossEntropyAttrs> = defineOp<CrossEntropyAttrs>({
  name: 'crossEntropy',
  infer: ([x]) => [{ shape: [], dtype: x.dtype }, x],
  compose([x, target], { reduction, ignoreIndex }) {
    const logProbabilities = x.logSoftmax(1);
    const { mask, safe } = countedRows(target, ignoreIndex, x);
    const total = logProbabilities.gather(1, safe.unsqueeze(1)).squeeze(1).mul(mask).sum().neg(); // prettier-ignore
    return [reduction === 'mean' ? total.div(mask.sum()) : total, logProbabilities];
  },
  save: ([, target], [, logProbabilities]) => [target, logProbabilities],
  // (softmax - onehot)·g for rows that count, over their number for the mean
  vjp({ cotangents: [g, gLog], saved: [target, logProbabilities], attrs: { reduction, ignoreIndex } }) {
    const probabilities = logProbabilities.exp();
    let total: Tensor | undefined;
    if (g !== undefined) {
      const { mask, safe } = countedRows(target, ignoreIndex, logProbabilities);
      const index = safe.unsqueeze(1);
      const difference = probabilities.scatterAdd(1, index, probabilities.newFull(index.shape, -1));
      total = difference.mul(mask.mul(reduction === 'mean' ? g.div(mask.sum()) : g).unsqueeze(1));
    }
    if (gLog !== undefined) {
      const through = gLog.sub(probabilities.mul(gLog.sum(1, { keepdim: true })));
      total = total === undefined ? through : total.add(through);
    }
    return [total, undefined];
  },
});

/** Options of cross-entropy and negative log-likelihood. */
export interface CrossEntropyOptions {
  /** A factor for each class, shape [C]. */
  weight?: Tensor | null;
  /** Targets of this class count for nothing. */
  ignoreIndex?: number;
  reduction?: Reduction;
  /** Moves this much of the target's probability evenly to all classes. */
  labelSmoothing?: number;
}

/**
 * Negative log-likelihood of classes.
 * @param input - log-probabilities, shape [N, C], [C] or [N, C, d1, ...]
 * @param target - class indices, shape [N], [] or [N, d1, ...]
 * @throws IndexError when a class is out of range, ShapeError when shapes do not fit
 */
export function nllLoss(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight, ignoreIndex = -100, reduction = 'mean' } = options;
  if (input.ndim === 1 && target.ndim === 0) {
    const loss = nllLoss(input.unsqueeze(0), target.unsqueeze(0), options);
    return reduction === 'none' ? loss.squeeze(0) : loss;
  }
  const expected = [input.shape[0], ...input.shape.slice(2)];
  if (input.ndim < 2 || showShape(expected) !== showShape(target.shape)) {
    throw new ShapeError({
      op: 'nllLoss',
      expected: `a target of shape ${showShape(expected)} for an input ${showShape(input.shape)}`,
      received: showShape(target.shape),
    });
  }
  if (isFloat(target.dtype))
    throw new DTypeError({
      op: 'nllLoss',
      expected: 'class indices of int32 or int64',
      received: target.dtype,
      hint: "Cast them: target.to('int32').",
    });
  const classes = target.dtype === 'int64' ? target : target.to('int32');
  const counted = classes.ne(ignoreIndex);
  checkClasses('nllLoss', classes, counted, input.shape[1]);
  const safe = counted.where(classes, 0);
  const picked = input.gather(1, safe.unsqueeze(1)).squeeze(1).neg();
  const factors = weight ? weight.gather(0, safe.flatten()).reshape(safe.shape) : undefined;
  const mask = counted.to(input.dtype);
  const scale = factors === undefined ? mask : factors.mul(mask);
  const loss = picked.maskedFill(counted.logicalNot(), 0).mul(scale);
  if (reduction === 'mean') return loss.sum().div(scale.sum());
  return reduce('nllLoss', loss, reduction);
}

function checkClasses(op: string, classes: Tensor, counted: Tensor, count: number): void {
  if (!classes.device.synchronous || classes.count === 0) return;
  const wrong = classes.lt(0).logicalOr(classes.ge(count)).logicalAnd(counted);
  if (wrong.any().itemSync() === 0) return;
  throw new IndexError({ op, expected: `classes in [0, ${count - 1}]`, received: String(classes.maskedSelect(wrong).at(0).itemSync()) });
}

/**
 * Cross-entropy of logits: softmax and negative log-likelihood in one.
 * @param input - logits, shape [N, C], [C] or [N, C, d1, ...]
 * @param target - class indices [N] (or [N, d1, ...]), or probabilities of the input's shape
 */
export function crossEntropy(input: Tensor, target: Tensor, options: CrossEntropyOptions = {}): Tensor {
  const { weight, reduction = 'mean', labelSmoothing = 0, ignoreIndex = -100 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError({ op: 'crossEntropy', expected: 'labelSmoothing between 0 and 1', received: String(labelSmoothing) });
  const byIndex = !isFloat(target.dtype);
  const simple = byIndex && input.ndim === 2 && target.ndim === 1 && target.shape[0] === input.shape[0] && input.count > 0;
  if (simple && !weight && labelSmoothing === 0 && reduction !== 'none') {
    return dispatch(crossEntropyOp, [input, target.dtype === 'int64' ? target : target.to('int32')], { reduction, ignoreIndex })[0];
  }
  const dim = input.ndim === 1 ? 0 : 1;
  const logProbabilities = input.logSoftmax(dim);
  if (!byIndex) return probabilityLoss(logProbabilities, target, dim, options);
  const loss = nllLoss(logProbabilities, target, { weight: weight ?? null, reduction, ignoreIndex });
  return labelSmoothing === 0
    ? loss
    : loss.mul(1 - labelSmoothing).add(smoothLoss(logProbabilities, target, dim, options).mul(labelSmoothing));
}

const alongClasses = (weight: Tensor, like: Tensor, dim: number): Tensor => weight.reshape(like.shape.map((_, i) => (i === dim ? -1 : 1)));

function probabilityLoss(
  logProbabilities: Tensor,
  target: Tensor,
  dim: number,
  { weight, reduction = 'mean', labelSmoothing = 0 }: CrossEntropyOptions,
): Tensor {
  if (showShape(target.shape) !== showShape(logProbabilities.shape)) {
    throw new ShapeError({
      op: 'crossEntropy',
      expected: `probabilities of shape ${showShape(logProbabilities.shape)}, or class indices`,
      received: `${target.dtype} ${showShape(target.shape)}`,
    });
  }
  const classes = logProbabilities.shape[dim];
  const smoothed = labelSmoothing === 0 ? target : target.mul(1 - labelSmoothing).add(labelSmoothing / classes);
  const terms = logProbabilities.mul(smoothed).neg();
  const loss = (weight ? terms.mul(alongClasses(weight, terms, dim)) : terms).sum(dim);
  return reduction === 'mean' ? loss.sum().div(logProbabilities.count / classes) : reduce('crossEntropy', loss, reduction);
}

/** The part of the loss that label smoothing spreads over all classes. */
function smoothLoss(
  logProbabilities: Tensor,
  target: Tensor,
  dim: number,
  { weight, reduction = 'mean', ignoreIndex = -100 }: CrossEntropyOptions,
): Tensor {
  const classes = logProbabilities.shape[dim];
  const counted = target.ne(ignoreIndex);
  const weighted = weight ? logProbabilities.mul(alongClasses(weight, logProbabilities, dim)) : logProbabilities;
  const loss = weighted.sum(dim).neg().maskedFill(counted.logicalNot(), 0);
  if (reduction === 'sum') return loss.sum().div(classes);
  if (reduction === 'none') return loss.div(classes);
  const safe = counted.where(target, 0);
  const scale = weight
    ? weight.gather(0, safe.flatten()).reshape(safe.shape).mul(counted.to(weight.dtype)).sum()
    : counted.to(loss.dtype).sum();
  return loss.sum().div(scale.mul(classes));
}
