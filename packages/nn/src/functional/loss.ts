import {
  ArgumentError,
  checkTensor,
  defineOp,
  dispatch,
  dispatchOne,
  DTypeError,
  isFloat,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Op,
  type Tensor,
  askedBy,
} from '@flambeau/core';
import { firstOutput } from './firstOutput.ts';
import { checkReduction, reduce, type Reduction } from './reduction.ts';
import { checkWeight } from './regressionLoss.ts';

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
export const crossEntropyOp: Op<CrossEntropyAttrs> = /* @__PURE__ */ defineOp<CrossEntropyAttrs>({
  name: 'crossEntropy',
  infer: ([x]) => [{ shape: [], dtype: x.dtype }, x],
  compose([x, target], { reduction, ignoreIndex }) {
    const logProbabilities = x.logSoftmax(1);
    const { mask, safe } = countedRows(target, ignoreIndex, x);
    const total = logProbabilities.gather(1, safe.unsqueeze(1)).squeeze(1).mul(mask).sum().neg(); // prettier-ignore
    return [reduction === 'mean' ? total.div(mask.sum()) : total, logProbabilities];
  },
  save: ([, target], [, logProbabilities]) => [target, logProbabilities],
  vjp({ cotangents: [g, gLog], saved: [target, logProbabilities], attrs }) {
    let total = g === undefined ? undefined : dispatchOne(crossEntropyGradOp, [g, target, logProbabilities], attrs);
    if (gLog !== undefined) {
      const through = gLog.sub(logProbabilities.exp().mul(gLog.sum(1, { keepdim: true })));
      total = total === undefined ? through : total.add(through);
    }
    return [total, undefined];
  },
});

/** Gradient of cross-entropy with respect to the logits: (softmax - onehot)·g for rows that count, over their number for the mean. */
export const crossEntropyGradOp: Op<CrossEntropyAttrs> = /* @__PURE__ */ defineOp<CrossEntropyAttrs>({
  name: 'crossEntropyGrad',
  infer: ([, , logProbabilities]) => [logProbabilities],
  compose([g, target, logProbabilities], { reduction, ignoreIndex }) {
    const probabilities = logProbabilities.exp();
    const { mask, safe } = countedRows(target, ignoreIndex, logProbabilities);
    const index = safe.unsqueeze(1);
    const difference = probabilities.scatterAdd(1, index, probabilities.newFull(index.shape, -1));
    // Ignored rows get zeros even where all are, and the mean has none to divide by.
    const scaled = difference.mul(reduction === 'mean' ? g.div(mask.sum()) : g);
    return [scaled.maskedFill(mask.eq(0).unsqueeze(1), 0)];
  },
});

/** Options of negative log-likelihood. */
export interface NllOptions {
  /** Class indices. */
  target: Tensor;
  /** A factor for each class, shape [C]. */
  weight?: Tensor | null;
  /** Targets of this class count for nothing. */
  ignoreIndex?: number;
  /** `mean` (by default, weighted) or `sum` of the losses, or `none` for each place. */
  reduction?: Reduction;
}
/** Options of cross-entropy. */
export interface CrossEntropyOptions extends NllOptions {
  /** Moves this much of the target's probability evenly to all classes. */
  labelSmoothing?: number;
}

function checkLoss(op: string, input: Tensor, { target, weight, reduction = 'mean' }: NllOptions): void {
  checkTensor(op, 'input', input);
  checkTensor(op, 'target', target);
  checkWeight(op, weight);
  checkReduction(op, reduction);
}

/** Runs what reads classes; an index that a kernel refuses is named as a class. */
function readingClasses<T>(op: string, classes: number, run: () => T): T {
  const hint = 'Count classes from 0, and give those to be left out as ignoreIndex.';
  return askedBy({ op, expected: `classes in [0, ${classes - 1}]`, hint }, run);
}

/** The classes as indices that kernels take. @throws DTypeError for floats and bools */
function classIndices(op: string, target: Tensor): Tensor {
  if (target.dtype === 'int32' || target.dtype === 'int64') return target;
  if (isFloat(target.dtype) || target.dtype === 'bool')
    throw new DTypeError({
      op,
      expected: 'class indices of int32 or int64',
      received: target.dtype,
      hint: "Cast them: target.to('int32').",
    });
  return target.to('int32');
}

/**
 * Negative log-likelihood of classes.
 * @param input - log-probabilities, shape [N, C], [C] or [N, C, d1, ...]
 * @param args - target (class indices, shape [N], [] or [N, d1, ...]), weight, ignoreIndex, reduction, in this order or by name
 * @throws IndexError when a class is out of range, ShapeError when shapes do not fit
 */
export function nllLoss(input: Tensor, ...args: Call<NllOptions, ['target', 'weight', 'ignoreIndex', 'reduction']>): Tensor {
  const options = readCall<NllOptions>('nllLoss', args, ['target', 'weight', 'ignoreIndex', 'reduction']);
  checkLoss('nllLoss', input, options);
  return nll('nllLoss', input, options);
}

function nll(op: string, input: Tensor, options: NllOptions): Tensor {
  const { target, weight, ignoreIndex = -100, reduction = 'mean' } = options;
  if (input.ndim === 1 && target.ndim === 0) {
    const loss = nll(op, input.unsqueeze(0), { ...options, target: target.unsqueeze(0) });
    return reduction === 'none' ? loss.squeeze(0) : loss;
  }
  const expected = [input.shape[0], ...input.shape.slice(2)];
  if (input.ndim < 2 || showShape(expected) !== showShape(target.shape)) {
    throw new ShapeError({
      op,
      expected:
        input.ndim < 2
          ? 'an input of at least 2 dimensions'
          : `a target of shape ${showShape(expected)} for an input ${showShape(input.shape)}`,
      received: `${showShape(target.shape)} for ${showShape(input.shape)}`,
    });
  }
  const count = input.shape[1];
  checkClassWeight(op, weight, count);
  const classes = classIndices(op, target);
  const counted = classes.ne(ignoreIndex);
  const safe = counted.where(classes, 0);
  return readingClasses(op, count, () => {
    const picked = input.gather(1, safe.unsqueeze(1)).squeeze(1).neg();
    const mask = counted.to(input.dtype);
    const scale = weight ? weight.gather(0, safe.flatten()).reshape(safe.shape).mul(mask) : mask;
    const loss = picked.maskedFill(counted.logicalNot(), 0).mul(scale);
    return reduction === 'mean' ? loss.sum().div(scale.sum()) : reduce(op, loss, reduction);
  });
}

function checkClassWeight(op: string, weight: Tensor | null | undefined, count: number): void {
  if (weight && (weight.ndim !== 1 || weight.shape[0] !== count))
    throw new ShapeError({ op, expected: `a weight for each of ${count} classes`, received: showShape(weight.shape) });
}

/**
 * Cross-entropy of logits: softmax and negative log-likelihood in one.
 * @param input - logits, shape [N, C], [C] or [N, C, d1, ...]
 * @param args - target (class indices [N] or [N, d1, ...], or probabilities of the input's shape), weight, ignoreIndex, reduction,
 * labelSmoothing, in this order or by name
 */
export function crossEntropy(
  input: Tensor,
  ...args: Call<CrossEntropyOptions, ['target', 'weight', 'ignoreIndex', 'reduction', 'labelSmoothing']>
): Tensor {
  const op = 'crossEntropy';
  const options = readCall<CrossEntropyOptions>(op, args, ['target', 'weight', 'ignoreIndex', 'reduction', 'labelSmoothing']);
  checkLoss(op, input, options);
  const { target, weight, reduction = 'mean', labelSmoothing = 0, ignoreIndex = -100 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ArgumentError({ op, expected: 'labelSmoothing between 0 and 1', received: String(labelSmoothing) });
  if (input.ndim === 0) throw new ShapeError({ op, expected: 'at least one dimension', received: '[]' });
  const byIndex = !isFloat(target.dtype);
  if (!byIndex && ignoreIndex >= 0)
    throw new ArgumentError({ op, expected: 'ignoreIndex with class indices only', received: `${ignoreIndex} with probabilities` });
  const simple = byIndex && input.ndim === 2 && target.ndim === 1 && target.shape[0] === input.shape[0] && input.count > 0;
  if (simple && !weight && labelSmoothing === 0 && reduction !== 'none') {
    const classes = classIndices(op, target);
    return readingClasses(op, input.shape[1], () =>
      firstOutput(() => dispatch(crossEntropyOp, [input, classes], { reduction, ignoreIndex })),
    );
  }
  const dim = input.ndim === 1 ? 0 : 1;
  checkClassWeight(op, weight, input.shape[dim]);
  const logProbabilities = input.logSoftmax(dim);
  if (!byIndex) return probabilityLoss(logProbabilities, target, dim, options);
  const loss = nll(op, logProbabilities, { target, weight, reduction, ignoreIndex });
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
