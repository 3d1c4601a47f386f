import { ones, ShapeError, showShape, zeros, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as F from '../functional/index.ts';
import { Module } from '../module.ts';
import { Buffer, Parameter } from '../parameter.ts';
import type { FactoryOptions } from './linear.ts';
import { bool, number, snakeCase, tuple } from './repr.ts';

/** Options of batch normalization layers. */
export interface BatchNormLayerOptions extends FactoryOptions {
  eps?: number;
  /** How much of the new statistics goes into the running ones; null averages over all batches. */
  momentum?: number | null;
  affine?: boolean;
  trackRunningStats?: boolean;
}

abstract class BatchNormNd extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  weight: Parameter | null;
  bias: Parameter | null;
  runningMean: Buffer | null;
  runningVar: Buffer | null;
  numBatchesTracked: Buffer | null;

  constructor(numFeatures: number, options: BatchNormLayerOptions = {}) {
    super();
    const { eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true, ...factory } = options;
    this.numFeatures = numFeatures;
    this.eps = eps;
    this.momentum = momentum;
    this.weight = affine ? new Parameter(ones(numFeatures, factory)) : null;
    this.bias = affine ? new Parameter(zeros(numFeatures, factory)) : null;
    this.runningMean = trackRunningStats ? new Buffer(zeros(numFeatures, factory)) : null;
    this.runningVar = trackRunningStats ? new Buffer(ones(numFeatures, factory)) : null;
    this.numBatchesTracked = trackRunningStats ? new Buffer(zeros([], { ...factory, dtype: 'int32' })) : null;
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  protected abstract checkInput(x: Tensor): void;

  forward(x: Tensor): Tensor {
    this.checkInput(x);
    if (x.shape[1] !== this.numFeatures)
      throw new ShapeError({
        op: this.constructor.name,
        expected: `${this.numFeatures} channels in dimension 1`,
        received: showShape(x.shape),
      });
    const tracked = this.numBatchesTracked;
    let momentum = this.momentum ?? 0;
    if (this.training && tracked !== null) {
      noGrad(() => tracked.add_(1));
      if (this.momentum === null) momentum = 1 / tracked.itemSync();
    }
    return F.batchNorm(x, this.runningMean, this.runningVar, {
      weight: this.weight,
      bias: this.bias,
      training: this.training || this.runningMean === null,
      momentum,
      eps: this.eps,
    });
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${number(this.eps)}, momentum=${this.momentum === null ? 'None' : number(this.momentum)}, affine=${bool(this.weight !== null)}, track_running_stats=${bool(this.runningMean !== null)}`;
  }
}

function checkRank(x: Tensor, op: string, ranks: readonly number[]): void {
  if (!ranks.includes(x.ndim)) throw new ShapeError({ op, expected: `${ranks.join(' or ')} dimensions`, received: showShape(x.shape) });
}

/** Batch normalization of [N, C] or [N, C, L]. */
export class BatchNorm1d extends BatchNormNd {
  protected override checkInput(x: Tensor): void {
    checkRank(x, 'BatchNorm1d', [2, 3]);
  }
}

/** Batch normalization of [N, C, H, W]. */
export class BatchNorm2d extends BatchNormNd {
  protected override checkInput(x: Tensor): void {
    checkRank(x, 'BatchNorm2d', [4]);
  }
}

/** Batch normalization of [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNormNd {
  protected override checkInput(x: Tensor): void {
    checkRank(x, 'BatchNorm3d', [5]);
  }
}

/** Normalizes the last dimensions of each sample. @see Ba et al. 2016 */
export class LayerNorm extends Module {
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(
    normalizedShape: number | readonly number[],
    options: FactoryOptions & { eps?: number; elementwiseAffine?: boolean; bias?: boolean } = {},
  ) {
    super();
    const { eps = 1e-5, elementwiseAffine = true, bias = true, ...factory } = options;
    this.normalizedShape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
    this.eps = eps;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, factory)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape, factory)) : null;
  }

  forward(x: Tensor): Tensor {
    return F.layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${tuple(this.normalizedShape)}, eps=${number(this.eps)}, elementwise_affine=${bool(this.weight !== null)}`;
  }
}
