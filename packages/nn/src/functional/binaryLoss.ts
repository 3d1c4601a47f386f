import {
  checkTensor,
  defineOp,
  dispatchOne,
  readCall,
  ShapeError,
  showShape,
  ValueError,
  type Call,
  type Op,
  type Tensor,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { softplusOfNegative } from './softplus.ts';
import { checkReduction, reduce, type Reduction } from './reduction.ts';
import { checkSameShape, checkWeight } from './regressionLoss.ts';

/** The logarithm, but not below -100, so that a certain and wrong prediction costs much and not infinitely much. */
const boundedLog = (x: Tensor): Tensor => x.log().clamp(-100);

/** `-(y log x + (1 - y) log(1 - x))`, element by element. */
export const binaryCrossEntropyOp: Op = /* @__PURE__ */ defineOp<unknown>({
  name: 'binaryCrossEntropy',
  infer: ([x]) => [x],
  compose: ([x, y]) => [
    y
      .sub(1)
      .mul(x.neg().log1p().clamp(-100))
      .sub(y.mul(boundedLog(x))),
  ],
  save: (inputs) => inputs,
  // (x - y)/(x(1 - x)), whose denominator is kept from 0
  vjp({ needs, cotangents: [g], saved: [x, y] }) {
    if (g === undefined) return [undefined, undefined];
    return [
      needs[0] ? g.mul(x.sub(y)).div(x.neg().add(1).mul(x).clamp(1e-12)) : undefined,
      needs[1] ? g.mul(x.neg().log1p().clamp(-100).sub(boundedLog(x))) : undefined,
    ];
  },
});

/** Options of binary cross-entropy. */
export interface BCEOptions {
  /** What the input should be: floats from 0 to 1, of the input's shape. */
  target: Tensor;
  /** A factor for each element; it broadcasts. */
  weight?: Tensor | null;
  /** `mean` (by default) or `sum` of the losses, or `none` for each element. */
  reduction?: Reduction;
}

/**
 * Binary cross-entropy of probabilities.
 * @param input - probabilities in [0, 1]
 * @throws ValueError for an input outside of [0, 1] (on devices that read synchronously), ShapeError when the shapes differ
 */
export function binaryCrossEntropy(input: Tensor, ...args: Call<BCEOptions, ['target', 'weight', 'reduction']>): Tensor {
  const op = 'binaryCrossEntropy';
  const { target, weight, reduction = 'mean' } = readCall<BCEOptions>(op, args, ['target', 'weight', 'reduction']);
  checkTensor(op, 'input', input);
  checkTensor(op, 'target', target);
  checkWeight(op, weight);
  checkReduction(op, reduction);
  checkSameShape(op, input, target);
  if (input.device.synchronous && input.count > 0 && noGrad(() => input.lt(0).logicalOr(input.gt(1)).any().itemSync<boolean>()))
    throw new ValueError({
      op,
      expected: 'probabilities in [0, 1]',
      received: 'others',
      hint: 'Apply sigmoid, or use binaryCrossEntropyWithLogits.',
    });
  const loss = dispatchOne(binaryCrossEntropyOp, [input, target.to(input.dtype)]);
  return reduce(op, weight ? loss.mul(weight) : loss, reduction);
}

/** Options of `binaryCrossEntropyWithLogits`: `posWeight` multiplies the loss of positive targets. */
export interface BCEWithLogitsOptions extends BCEOptions {
  /** A factor for the loss of positive targets; it broadcasts. 1 when missing. */
  posWeight?: Tensor | null;
}

/** Binary cross-entropy of logits: `-(p·y·log σ(x) + (1 - y)·log(1 - σ(x)))`, computed without overflow. */
export function binaryCrossEntropyWithLogits(
  input: Tensor,
  ...args: Call<BCEWithLogitsOptions, ['target', 'weight', 'reduction', 'posWeight']>
): Tensor {
  const op = 'binaryCrossEntropyWithLogits';
  const options = readCall<BCEWithLogitsOptions>(op, args, ['target', 'weight', 'reduction', 'posWeight']);
  const { target, weight, posWeight, reduction = 'mean' } = options;
  checkTensor(op, 'input', input);
  checkTensor(op, 'target', target);
  checkWeight(op, weight);
  checkWeight(op, posWeight);
  checkReduction(op, reduction);
  checkSameShape(op, input, target);
  const negative = softplusOfNegative(input); // -log σ(x)
  const factor = posWeight ? negative.mul(target.mul(posWeight.sub(1)).add(1)) : negative;
  const loss = input.mul(target.neg().add(1)).add(factor);
  return reduce(op, weight ? loss.mul(weight) : loss, reduction);
}

interface ElementLossOptions {
  /** What the input should be, of the input's shape. */
  target: Tensor;
  /** `mean` (by default) or `sum` of the losses, or `none` for each element. */
  reduction?: Reduction;
}

/** `log(1 + e^(-y·x))` for targets of 1 and -1. */
export function softMarginLoss(input: Tensor, ...args: Call<ElementLossOptions, ['target', 'reduction']>): Tensor {
  const { target, reduction = 'mean' } = readCall<ElementLossOptions>('softMarginLoss', args, ['target', 'reduction']);
  checkTensor('softMarginLoss', 'input', input);
  checkTensor('softMarginLoss', 'target', target);
  checkReduction('softMarginLoss', reduction);
  return reduce('softMarginLoss', softplusOfNegative(target.mul(input)), reduction);
}

/** The mean over classes (the last dimension) of the binary cross-entropy of logits. */
export function multilabelSoftMarginLoss(input: Tensor, ...args: Call<BCEOptions, ['target', 'weight', 'reduction']>): Tensor {
  const op = 'multilabelSoftMarginLoss';
  const { target, weight, reduction = 'mean' } = readCall<BCEOptions>(op, args, ['target', 'weight', 'reduction']);
  checkTensor(op, 'input', input);
  checkTensor(op, 'target', target);
  checkWeight(op, weight);
  checkReduction(op, reduction);
  if (input.ndim === 0) throw new ShapeError({ op, expected: 'at least one dimension', received: showShape(input.shape) });
  // log σ(-x) = log σ(x) - x
  const negative = softplusOfNegative(input);
  const loss = target.mul(negative).add(target.neg().add(1).mul(negative.add(input)));
  return reduce(op, (weight ? loss.mul(weight) : loss).mean(-1), reduction);
}
