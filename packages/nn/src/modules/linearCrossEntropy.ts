import { ArgumentError, describe, readCall, ShapeError, showShape, type Call, type Device, type DType, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { checkReduction } from '../functional/reduction.ts';
import { Module } from '../module.ts';
import { Buffer } from '../parameter.ts';
import { Linear } from './linear.ts';
import { bool } from './repr.ts';

/** Arguments of `LinearCrossEntropyLoss`. */
export interface LinearCrossEntropyLossOptions {
  /** Features of the input, the size of its last dimension. */
  inFeatures: number;
  /** How many classes there are. */
  numClasses: number;
  /** Sizes d1, ... of the places that have a loss each. */
  outFeatures?: readonly number[];
  /** Whether a learned bias is added to the scores; true by default. */
  bias?: boolean;
  /** Where the parameters lie; the default device when missing. */
  device?: Device;
  /** The dtype of the parameters; float32 by default. */
  dtype?: DType;
  /** `mean` (by default) or `sum` of the losses, or `none` for each place. */
  reduction?: F.Reduction;
  /** A factor for each class, shape [C]. */
  weight?: Tensor | null;
  /** Targets of this class count for nothing; only with class indices. */
  ignoreIndex?: number | null;
  /** How much of each target is spread evenly over the classes, from 0 (by default) to 1. */
  labelSmoothing?: number;
  /** How PyTorch cuts the work into chunks, which saves memory there and never changes the loss; taken and not needed here. */
  options?: object | null;
}

/**
 * A linear layer and the cross-entropy of its logits.
 *
 * Shapes: x [N, inFeatures], target [N] or [N, ...outFeatures] (indices) or [N, C, ...outFeatures] (probabilities);
 * linear.weight [C · outFeatures, inFeatures].
 */
export class LinearCrossEntropyLoss extends Module {
  readonly numClasses: number;
  readonly outFeatures: readonly number[];
  readonly reduction: F.Reduction;
  readonly ignoreIndex: number | null;
  readonly labelSmoothing: number;
  weight: Buffer | null;
  linear: Linear;

  constructor(...args: Call<LinearCrossEntropyLossOptions, ['inFeatures', 'numClasses']>) {
    super();
    const op = 'LinearCrossEntropyLoss';
    const keywords = ['outFeatures', 'bias', 'device', 'dtype', 'reduction', 'weight', 'ignoreIndex', 'labelSmoothing', 'options'];
    const read = readCall<LinearCrossEntropyLossOptions>(op, args, ['inFeatures', 'numClasses'], keywords);
    const { inFeatures, numClasses, outFeatures = [], bias = false, weight, reduction = 'mean', ignoreIndex, labelSmoothing = 0, options: _, ...factory } = read; // prettier-ignore
    checkReduction(op, reduction);
    if (
      !Number.isInteger(numClasses) ||
      numClasses < 1 ||
      !Array.isArray(outFeatures) ||
      !outFeatures.every((n) => Number.isInteger(n) && n > 0)
    )
      throw new ArgumentError({
        op,
        expected: 'positive integers as numClasses and outFeatures',
        received: describe([numClasses, outFeatures]),
      });
    if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
      throw new ArgumentError({ op, expected: 'labelSmoothing between 0 and 1', received: describe(labelSmoothing) });
    if (weight && (weight.ndim !== 1 || weight.shape[0] !== numClasses))
      throw new ShapeError({ op, expected: `a weight for each of ${numClasses} classes`, received: showShape(weight.shape) });
    this.numClasses = numClasses;
    this.outFeatures = [...outFeatures];
    this.reduction = reduction;
    this.ignoreIndex = ignoreIndex ?? null;
    this.labelSmoothing = labelSmoothing;
    this.weight = weight ? new Buffer(weight) : null;
    this.linear = new Linear(inFeatures, outFeatures.reduce((p, q) => p * q, numClasses), { bias, ...factory }); // prettier-ignore
  }

  forward(x: Tensor, target: Tensor): Tensor {
    const outer = [this.numClasses, ...this.outFeatures];
    const { weight, bias, inFeatures } = this.linear;
    return F.linearCrossEntropy(x, weight.reshape([...outer, inFeatures]), target, {
      linearBias: bias === null ? null : bias.reshape(outer),
      weight: this.weight,
      reduction: this.reduction,
      ignoreIndex: this.ignoreIndex,
      labelSmoothing: this.labelSmoothing,
    });
  }

  override extraRepr(): string {
    return `in_features=${this.linear.inFeatures}, num_classes=${this.numClasses}, out_features=(${this.outFeatures.join(', ')}), bias=${bool(this.linear.bias !== null)}, reduction=${this.reduction}`;
  }
}
