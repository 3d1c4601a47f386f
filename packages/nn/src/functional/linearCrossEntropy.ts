import { ArgumentError, checkTensor, isFloat, linear, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import { crossEntropy } from './loss.ts';
import type { Reduction } from './reduction.ts';

/** Options of `linearCrossEntropy`. */
export interface LinearCrossEntropyOptions {
  /** Shape [C, inFeatures], or [C, d1, ..., inFeatures] for a loss at several places. */
  linearWeight: Tensor;
  /** Class indices, shape [N] or [N, d1, ...], or probabilities, shape [N, C] or [N, C, d1, ...]. */
  target: Tensor;
  /** Shape [C] or [C, d1, ...]. */
  linearBias?: Tensor | null;
  /** A factor for each class, shape [C]. */
  weight?: Tensor | null;
  /** `mean` (by default) or `sum` of the losses, or `none` for each place. */
  reduction?: Reduction;
  /** Targets of this class count for nothing; only with class indices. */
  ignoreIndex?: number | null;
  /** How much of each target is spread evenly over the classes, from 0 (by default) to 1. */
  labelSmoothing?: number;
  /** How PyTorch cuts the work into chunks, which saves memory there and never changes the loss; taken and not needed here. */
  options?: object | null;
}

/**
 * Cross-entropy of the logits x Wᵀ + b: the last layer of a classifier and its loss in one.
 * @param x - shape [inFeatures] or [N, inFeatures]
 * @param args - linearWeight, target, then options
 * @throws ShapeError when the sizes do not fit, ArgumentError for an ignoreIndex with probabilities
 */
export function linearCrossEntropy(x: Tensor, ...args: Call<LinearCrossEntropyOptions, ['linearWeight', 'target']>): Tensor {
  const op = 'linearCrossEntropy';
  const options = readCall<LinearCrossEntropyOptions>(op, args, ['linearWeight', 'target'], ['linearBias', 'weight', 'reduction', 'ignoreIndex', 'labelSmoothing', 'options']); // prettier-ignore
  const { linearWeight, target, linearBias, weight = null, reduction = 'mean', ignoreIndex, labelSmoothing = 0 } = options;
  for (const [name, value] of Object.entries({ input: x, linearWeight, target })) checkTensor(op, name, value);
  if (linearBias) checkTensor(op, 'linearBias', linearBias);
  const [classes, places] = checkSizes(op, x, linearWeight, linearBias);
  if (isFloat(target.dtype) && typeof ignoreIndex === 'number')
    throw new ArgumentError({ op, expected: 'ignoreIndex with class indices only', received: `${ignoreIndex} with probabilities` });
  const rows = linearWeight.reshape([-1, x.shape[x.ndim - 1]]);
  const logits = linear(x, rows, linearBias ? linearBias.reshape([-1]) : undefined).reshape([...x.shape.slice(0, -1), classes, ...places]); // prettier-ignore
  return crossEntropy(logits, target, weight, ignoreIndex ?? -100, reduction, labelSmoothing);
}

/** The number of classes, and the sizes d1, ... of the places that have a loss each. */
function checkSizes(op: string, x: Tensor, weight: Tensor, bias: Tensor | null | undefined): [number, readonly number[]] {
  if (x.ndim < 1 || x.ndim > 2) throw new ShapeError({ op, expected: 'an input of 1 or 2 dimensions', received: showShape(x.shape) });
  if (weight.ndim < 2) throw new ShapeError({ op, expected: 'a linearWeight of at least 2 dimensions', received: showShape(weight.shape) });
  const width = x.shape[x.ndim - 1];
  if (weight.shape[weight.ndim - 1] !== width)
    throw new ShapeError({ op, expected: `a linearWeight whose last size is ${width}`, received: showShape(weight.shape) });
  const outer = weight.shape.slice(0, -1);
  if (bias && showShape(bias.shape) !== showShape(outer))
    throw new ShapeError({ op, expected: `a linearBias of shape ${showShape(outer)}`, received: showShape(bias.shape) });
  const [classes, ...places] = outer;
  if (places.length > 0 && x.ndim === 1)
    throw new ShapeError({ op, expected: `a batch of inputs [N, ${width}] for a loss at several places`, received: showShape(x.shape) });
  return [classes, places];
}
