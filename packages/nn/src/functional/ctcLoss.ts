import {
  ArgumentError,
  cat,
  checkIterable,
  checkTensor,
  defineOp,
  describe,
  dispatchOne,
  fromNumbers,
  readCall,
  ShapeError,
  showShape,
  Tensor,
  type Call,
  type Op,
  valuesNow,
} from '@flambeau/core';
import { AutogradError, valueAndGrad } from '@flambeau/autograd';
import { checkReduction, type Reduction } from './reduction.ts';

interface CtcAttrs {
  readonly blank: number;
  readonly inputLengths: readonly number[];
  readonly targetLengths: readonly number[];
}

/** Stands for the logarithm of 0: finite, so that differences of such logarithms are no NaN. */
const impossible = -1e30;

/** log(eᵃ + eᵇ + ...), for numbers that may be `impossible`. */
function logSum(terms: readonly Tensor[]): Tensor {
  const peak = terms.reduce((m, t) => m.maximum(t.detach()), terms[0].detach());
  const total = terms.map((t) => t.sub(peak).exp()).reduce((a, b) => a.add(b));
  return total.log().add(peak);
}

/** Moves values of [N, W] `by` places to the right. */
const shifted = (x: Tensor, by: number): Tensor =>
  x.shape[1] <= by ? x.mul(0).add(impossible) : cat([x.narrow(1, 0, by).mul(0).add(impossible), x.narrow(1, 0, x.shape[1] - by)], 1); // prettier-ignore

/** The probability of all paths that read as the target, by the forward recursion over blanks and labels. @see Graves et al. 2006, section 4.1 */
function negativeLogLikelihood(logProbabilities: Tensor, targets: Tensor, { blank, inputLengths, targetLengths }: CtcAttrs): Tensor {
  const [steps, batch] = logProbabilities.shape;
  const width = 2 * targets.shape[1] + 1;
  const { device, dtype } = logProbabilities;
  const labels = targets.shape[1];
  // blank, l1, blank, l2, ..., blank
  const withBlanks = cat([targets.mul(0).add(blank).unsqueeze(2), targets.unsqueeze(2)], 2).reshape([batch, 2 * labels]); // prettier-ignore
  const states = cat([withBlanks, targets.newFull([batch, 1], blank)], 1);
  const before = cat([targets.newFull([batch, Math.min(2, width)], blank), states.narrow(1, 0, Math.max(0, width - 2))], 1);
  // A label may follow the label before it without a blank where the two differ.
  const mayskip = states.ne(blank).logicalAnd(states.ne(before));
  const emitted = logProbabilities.gather(2, states.unsqueeze(0).expand([steps, batch, width]));
  const firstTwo = fromNumbers(
    Float64Array.from({ length: width }, (_, s) => (s < 2 ? 0 : impossible)),
    [1, width],
    dtype,
    device,
  );
  const lengths = fromNumbers(inputLengths, [batch, 1], 'int32', device);
  let alpha = emitted.select(0, 0).add(firstTwo);
  for (let t = 1; t < steps; t++) {
    const skipped = mayskip.where(shifted(alpha, 2), impossible);
    const next = logSum([alpha, shifted(alpha, 1), skipped]).add(emitted.select(0, t));
    alpha = lengths.gt(t).where(next, alpha);
  }
  const last = fromNumbers(targetLengths.map((n) => 2 * n), [batch, 1], 'int32', device); // prettier-ignore
  const atBlank = alpha.gather(1, last);
  const atLabel = last.gt(0).where(alpha.gather(1, last.sub(1).clamp(0)), impossible); // prettier-ignore
  return logSum([atBlank, atLabel]).squeeze(1).neg();
}

/**
 * The gradient of the loss: inputs the gradient of each sample's loss [N], log-probabilities [T, N, C], targets [N, S] and the losses [N];
 * output [T, N, C]. As PyTorch's it is no derivative of the formula, and has no derivative of its own: asked for one, it says so.
 */
export const ctcLossGradOp: Op<CtcAttrs> = /* @__PURE__ */ defineOp<CtcAttrs>({
  name: 'ctcLossGrad',
  infer: ([, x]) => [x],
  compose([g, x, targets, loss], attrs) {
    const [steps, batch] = x.shape;
    const { grads } = valueAndGrad((y: Tensor) => negativeLogLikelihood(y, targets, attrs).sum())(x.detach());
    const step = fromNumbers(Float64Array.from({ length: steps }, (_, t) => t), [steps, 1], 'int32', x.device); // prettier-ignore
    const inside = step.lt(fromNumbers(attrs.inputLengths, [1, batch], 'int32', x.device)).unsqueeze(2);
    const slope = x.exp().add(grads[0]).mul(g.reshape([1, batch, 1])); // prettier-ignore
    const possible = loss.ne(Infinity).logicalOr(g.eq(0)).reshape([1, batch, 1]); // prettier-ignore
    return [inside.where(possible.where(slope, g.eq(0).reshape([1, batch, 1]).where(0, NaN)), 0)];
  },
  vjp() {
    throw new AutogradError({
      op: 'ctcLoss',
      expected: 'to be differentiated once',
      received: 'a second derivative',
      hint: 'Detach the gradient, or leave the loss out of what is differentiated twice.',
    });
  },
});

/**
 * The loss of each sample: inputs log-probabilities [T, N, C] and targets [N, S]; output [N]. Its derivative is PyTorch's: that with
 * respect to what softmax took, e^x - (the probability of each class at each step, given the target), so that it is right through
 * `logSoftmax`, and not that of the formula on its own.
 */
export const ctcLossOp: Op<CtcAttrs> = /* @__PURE__ */ defineOp<CtcAttrs>({
  name: 'ctcLoss',
  infer: ([x]) => [{ shape: [x.shape[1]], dtype: x.dtype }],
  compose([x, targets], attrs) {
    const loss = negativeLogLikelihood(x, targets, attrs);
    return [loss.gt(-impossible / 2).where(Infinity, loss)];
  },
  save: (inputs, [loss]) => [...inputs, loss],
  vjp({ cotangents: [g], saved: [x, targets, loss], attrs }) {
    if (g === undefined) return [undefined, undefined];
    return [dispatchOne(ctcLossGradOp, [g, x, targets, loss], attrs), undefined];
  },
});

/** Options of `ctcLoss`. */
export interface CtcOptions {
  /** Labels: [N, S], or all after another in one dimension. */
  targets: Tensor;
  /** How many steps of each sample count. */
  inputLengths: Tensor | readonly number[] | number;
  /** How many labels each sample has. */
  targetLengths: Tensor | readonly number[] | number;
  /** The class that reads as nothing, 0 by default. */
  blank?: number;
  /** `mean` (by default) over the batch of losses divided by the lengths of their targets, `sum`, or `none`. */
  reduction?: Reduction;
  /** Gives 0 where the target does not fit into the steps, instead of an infinite loss. */
  zeroInfinity?: boolean;
}
type Names = ['targets', 'inputLengths', 'targetLengths', 'blank', 'reduction', 'zeroInfinity'];

/** Lengths as numbers; they shape the computation. */
function readLengths(op: string, name: string, value: Tensor | readonly number[] | number, batch: number, most: number): number[] {
  const list =
    value instanceof Tensor
      ? Array.from(valuesNow(op, value, `Give an array of numbers: Array.from(await ${name}.data()).`), Number)
      : typeof value === 'number'
        ? [value]
        : checkIterable(op, name, value);
  if (list.length !== batch || list.some((n) => !Number.isInteger(n) || n < 0 || n > most))
    throw new ArgumentError({ op, expected: `${batch} ${name} between 0 and ${most}`, received: describe(list) });
  return list;
}

/** Labels as a matrix [N, S], padded with blanks. */
function targetMatrix(op: string, targets: Tensor, lengths: readonly number[], blank: number): Tensor {
  const longest = Math.max(0, ...lengths);
  if (targets.ndim === 2) return targets.narrow(1, 0, longest);
  if (targets.count < lengths.reduce((a, b) => a + b, 0))
    throw new ShapeError({ op, expected: 'as many targets as the lengths say', received: showShape(targets.shape) });
  // Where each place of the matrix is read from; the number behind the last stands for a blank.
  const places = new Int32Array(lengths.length * longest).fill(targets.count);
  let next = 0;
  lengths.forEach((n, row) => {
    for (let i = 0; i < n; i++) places[row * longest + i] = next++;
  });
  const labels = targets.to('int32');
  const known = labels.cat([labels.newFull([1], blank)]);
  return known.indexSelect(0, targets.newInt32(places)).reshape([lengths.length, longest]);
}

/**
 * Connectionist temporal classification: the negative log-likelihood of a sequence of labels whose places in time are not known.
 * @param logProbabilities - log-probabilities, shape [T, N, C] or [T, C]
 * @param args - targets, inputLengths, targetLengths, blank, reduction, zeroInfinity, in this order or by name
 * @see Graves et al. 2006
 */
export function ctcLoss(logProbabilities: Tensor, ...args: Call<CtcOptions, Names>): Tensor {
  const op = 'ctcLoss';
  checkTensor(op, 'logProbs', logProbabilities);
  const options = readCall<CtcOptions>(op, args, ['targets', 'inputLengths', 'targetLengths', 'blank', 'reduction', 'zeroInfinity']);
  const { targets, blank = 0, reduction = 'mean', zeroInfinity = false } = options;
  checkTensor(op, 'targets', targets);
  checkReduction(op, reduction);
  if (logProbabilities.ndim !== 2 && logProbabilities.ndim !== 3)
    throw new ShapeError({ op, expected: 'log-probabilities [T, N, C] or [T, C]', received: showShape(logProbabilities.shape) });
  const single = logProbabilities.ndim === 2;
  const x = single ? logProbabilities.unsqueeze(1) : logProbabilities;
  const [steps, batch, classes] = x.shape;
  if (targets.ndim < 1 || targets.ndim > 2 || (targets.ndim === 2 && targets.shape[0] !== batch))
    throw new ShapeError({ op, expected: `targets [${batch}, S], or of one dimension`, received: showShape(targets.shape) });
  if (!Number.isInteger(blank) || blank < 0 || blank >= classes)
    throw new ArgumentError({ op, expected: `blank in [0, ${classes - 1}]`, received: describe(blank) });
  const inputLengths = readLengths(op, 'inputLengths', options.inputLengths, batch, steps);
  const targetLengths = readLengths(
    op,
    'targetLengths',
    options.targetLengths,
    batch,
    targets.ndim === 2 ? targets.shape[1] : targets.shape[0],
  );
  const labels = targetMatrix(op, targets, targetLengths, blank).to('int32');
  const losses = dispatchOne(ctcLossOp, [x, labels], { blank, inputLengths, targetLengths });
  const finite = zeroInfinity ? losses.eq(Infinity).where(0, losses) : losses;
  if (reduction === 'none') return single ? finite.squeeze(0) : finite;
  if (reduction === 'sum') return finite.sum();
  return finite.div(fromNumbers(targetLengths.map((n) => Math.max(1, n)), [batch], x.dtype, x.device)).mean(); // prettier-ignore
}
