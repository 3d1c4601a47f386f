import { checkTensor, ones, readCall, ShapeError, showShape, zeros, type Call, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as F from '../functional/index.ts';
import { spread } from '../functional/size.ts';
import { Module } from '../module.ts';
import { Buffer, Parameter } from '../parameter.ts';
import { functionLayer } from './functionLayer.ts';
import type { FactoryOptions } from './linear.ts';
import { bool, number, python, snakeCase, tuple } from './repr.ts';

/** Options of batch and instance normalization layers. */
export interface BatchNormLayerOptions extends FactoryOptions {
  /** Added to the variance before its root is taken; 1e-5 by default. */
  eps?: number;
  /** How much of the new statistics goes into the running ones; null averages over all batches. */
  momentum?: number | null;
  /** Whether each channel has a learned factor and shift; true for batches and false for instances by default. */
  affine?: boolean;
  /** Whether running statistics are kept for evaluation; true for batches and false for instances by default. */
  trackRunningStats?: boolean;
  /** Whether what is affine also shifts, true by default. */
  bias?: boolean;
}
interface Arguments extends BatchNormLayerOptions {
  numFeatures: number;
}
type NormArguments = Call<Arguments, ['numFeatures', 'eps', 'momentum', 'affine', 'trackRunningStats']>;
const names = ['numFeatures', 'eps', 'momentum', 'affine', 'trackRunningStats'];
const factoryNames = ['device', 'dtype'];
const keywords = [...factoryNames, 'bias'];

/** What batch and instance normalization share: weight and bias [C], and running statistics. */
abstract class NormNd extends Module {
  readonly numFeatures: number;
  readonly eps: number;
  readonly momentum: number | null;
  readonly affine: boolean;
  readonly trackRunningStats: boolean;
  weight: Parameter | null;
  bias: Parameter | null;
  runningMean: Buffer | null;
  runningVar: Buffer | null;
  numBatchesTracked: Buffer | null;

  constructor(args: NormArguments, defaults: { affine: boolean; trackRunningStats: boolean }) {
    super();
    const read = { eps: 1e-5, momentum: 0.1, ...defaults, ...readCall<Arguments>(new.target.name, args, names, keywords, ['momentum']) };
    const factory = { device: read.device, dtype: read.dtype };
    const [size] = spread(new.target.name, 'numFeatures', read.numFeatures, 1);
    this.numFeatures = size;
    this.eps = read.eps;
    this.momentum = read.momentum;
    this.affine = read.affine;
    this.trackRunningStats = read.trackRunningStats;
    this.weight = read.affine ? new Parameter(ones(size, factory)) : null;
    this.bias = read.affine && (read.bias ?? true) ? new Parameter(zeros(size, factory)) : null;
    this.runningMean = read.trackRunningStats ? new Buffer(zeros(size, factory)) : null;
    this.runningVar = read.trackRunningStats ? new Buffer(ones(size, factory)) : null;
    this.numBatchesTracked = read.trackRunningStats ? new Buffer(zeros([], { device: read.device, dtype: 'int32' })) : null;
  }

  /** Forgets the running statistics. */
  resetRunningStats(): void {
    noGrad(() => {
      this.runningMean?.zero_();
      this.runningVar?.fill_(1);
      this.numBatchesTracked?.zero_();
    });
  }

  /** Forgets the running statistics, and sets weight to ones and bias to zeros. */
  resetParameters(): void {
    this.resetRunningStats();
    noGrad(() => {
      this.weight?.fill_(1);
      this.bias?.zero_();
    });
  }

  protected override stateKey(field: string): string {
    return snakeCase(field);
  }

  override extraRepr(): string {
    return `${this.numFeatures}, eps=${number(this.eps)}, momentum=${this.momentum === null ? 'None' : number(this.momentum)}, affine=${bool(this.affine)}, bias=${bool(this.bias !== null)}, track_running_stats=${bool(this.trackRunningStats)}`;
  }
}

/** @throws ShapeError unless x has one of the ranks and `channels` channels in a dimension */
function checkInput(op: string, x: Tensor, ranks: readonly number[], dim: number, channels: number): void {
  checkTensor(op, 'input', x);
  if (!ranks.includes(x.ndim)) throw new ShapeError({ op, expected: `${ranks.join(' or ')} dimensions`, received: showShape(x.shape) });
  if (x.shape[dim] !== channels)
    throw new ShapeError({ op, expected: `${channels} channels in dimension ${dim}`, received: showShape(x.shape) });
}

abstract class BatchNormNd extends NormNd {
  static readonly familyKeepsNoTensor = true;
  constructor(...args: NormArguments) {
    super(args, { affine: true, trackRunningStats: true });
  }

  protected abstract ranks(): readonly number[];

  forward(x: Tensor): Tensor {
    checkInput(this.constructor.name, x, this.ranks(), 1, this.numFeatures);
    const tracked = this.numBatchesTracked;
    let momentum: number | Tensor = this.momentum ?? 0;
    if (this.training && tracked !== null) {
      noGrad(() => tracked.add_(1));
      // The mean of all batches so far: each new one weighs 1/count.
      if (this.momentum === null) momentum = x.device.synchronous ? 1 / tracked.itemSync() : noGrad(() => tracked.to(x.dtype).reciprocal());
    }
    const training = this.training || (this.runningMean === null && this.runningVar === null);
    return F.batchNorm(x, this.runningMean, this.runningVar, this.weight, this.bias, training, momentum, this.eps);
  }
}

/** Batch normalization of [N, C] or [N, C, L]. Arguments: numFeatures, eps, momentum, affine, trackRunningStats. @see Ioffe & Szegedy 2015 */
export class BatchNorm1d extends BatchNormNd {
  protected override ranks(): readonly number[] {
    return [2, 3];
  }
}
/** Batch normalization of [N, C, H, W]. */
export class BatchNorm2d extends BatchNormNd {
  protected override ranks(): readonly number[] {
    return [4];
  }
}
/** Batch normalization of [N, C, D, H, W]. */
export class BatchNorm3d extends BatchNormNd {
  protected override ranks(): readonly number[] {
    return [5];
  }
}

abstract class InstanceNormNd extends NormNd {
  static readonly familyKeepsNoTensor = true;
  constructor(...args: NormArguments) {
    super(args, { affine: false, trackRunningStats: false });
  }

  protected abstract dims(): number;

  forward(x: Tensor): Tensor {
    checkTensor(this.constructor.name, 'input', x);
    const rank = this.dims() + 2;
    const batched = x.ndim === rank;
    checkInput(this.constructor.name, x, [rank - 1, rank], batched ? 1 : 0, this.numFeatures);
    const useInputStats = this.training || !this.trackRunningStats;
    const { runningMean, runningVar, weight, bias, eps } = this;
    const options = { runningMean, runningVar, weight, bias, useInputStats, momentum: this.momentum ?? 0, eps };
    return batched ? F.instanceNorm(x, options) : F.instanceNorm(x.unsqueeze(0), options).squeeze(0);
  }
}

/** Normalizes each channel of each sample of [N, C, L] or [C, L]. @see Ulyanov et al. 2016 */
export class InstanceNorm1d extends InstanceNormNd {
  protected override dims(): number {
    return 1;
  }
}
/** Normalizes each channel of each sample of [N, C, H, W] or [C, H, W]. */
export class InstanceNorm2d extends InstanceNormNd {
  protected override dims(): number {
    return 2;
  }
}
/** Normalizes each channel of each sample of [N, C, D, H, W] or [C, D, H, W]. */
export class InstanceNorm3d extends InstanceNormNd {
  protected override dims(): number {
    return 3;
  }
}

interface GroupNormOptions extends FactoryOptions {
  /** How many groups of channels are normalized apart; it divides their number. */
  numGroups: number;
  /** Channels of the input, the size of its second dimension. */
  numChannels: number;
  /** Added to the variance before its root is taken; 1e-5 by default. */
  eps?: number;
  /** Whether each channel has a learned factor and shift; true by default. */
  affine?: boolean;
  /** Whether what is affine also shifts, true by default. */
  bias?: boolean;
}

/** Normalizes groups of channels of each sample. @throws ShapeError when the groups do not divide the channels. @see Wu & He 2018 */
export class GroupNorm extends Module {
  static readonly keepsNoTensor = true;
  readonly numGroups: number;
  readonly numChannels: number;
  readonly eps: number;
  readonly affine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(...args: Call<GroupNormOptions, ['numGroups', 'numChannels', 'eps', 'affine']>) {
    super();
    const read = readCall<GroupNormOptions>('GroupNorm', args, ['numGroups', 'numChannels', 'eps', 'affine'], keywords);
    const { numGroups, numChannels, eps = 1e-5, affine = true, bias = true, ...factory } = read;
    spread('GroupNorm', 'numGroups', numGroups, 1, 1);
    spread('GroupNorm', 'numChannels', numChannels, 1);
    if (numChannels % numGroups !== 0)
      throw new ShapeError({ op: 'GroupNorm', expected: `channels that ${numGroups} groups divide`, received: String(numChannels) });
    this.numGroups = numGroups;
    this.numChannels = numChannels;
    this.eps = eps;
    this.affine = affine;
    this.weight = affine ? new Parameter(ones(numChannels, factory)) : null;
    this.bias = affine && bias ? new Parameter(zeros(numChannels, factory)) : null;
  }

  forward(x: Tensor): Tensor {
    return F.groupNorm(x, this.numGroups, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${this.numGroups}, ${this.numChannels}, eps=${number(this.eps)}, affine=${bool(this.affine)}, bias=${bool(this.bias !== null)}`;
  }
}

interface TailNormOptions extends FactoryOptions {
  /** The shape of the dimensions that are normalized together, the last ones; a number is one dimension. */
  normalizedShape: number | readonly number[];
  /** Whether each place of that shape has learned factors; true by default. */
  elementwiseAffine?: boolean;
}
interface LayerNormOptions extends TailNormOptions {
  /** Added to the variance before its root is taken; 1e-5 by default. */
  eps?: number;
  /** Whether what is affine also shifts; true by default. */
  bias?: boolean;
}

const tailShape = (op: string, shape: unknown): readonly number[] =>
  Array.isArray(shape) ? spread(op, 'normalizedShape', shape, shape.length) : spread(op, 'normalizedShape', shape, 1);

/** Normalizes the last dimensions of each sample. @see Ba et al. 2016 */
export class LayerNorm extends Module {
  static readonly keepsNoTensor = true;
  readonly normalizedShape: readonly number[];
  readonly eps: number;
  readonly elementwiseAffine: boolean;
  weight: Parameter | null;
  bias: Parameter | null;

  constructor(...args: Call<LayerNormOptions, ['normalizedShape', 'eps', 'elementwiseAffine', 'bias']>) {
    super();
    const read = readCall<LayerNormOptions>('LayerNorm', args, ['normalizedShape', 'eps', 'elementwiseAffine', 'bias'], factoryNames);
    const { normalizedShape, eps = 1e-5, elementwiseAffine = true, bias = true, ...factory } = read;
    this.normalizedShape = tailShape('LayerNorm', normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, factory)) : null;
    this.bias = elementwiseAffine && bias ? new Parameter(zeros(this.normalizedShape, factory)) : null;
  }

  forward(x: Tensor): Tensor {
    return F.layerNorm(x, this.normalizedShape, this.weight, this.bias, this.eps);
  }

  override extraRepr(): string {
    return `${tuple(this.normalizedShape)}, eps=${number(this.eps)}, elementwise_affine=${bool(this.elementwiseAffine)}, bias=${bool(this.bias !== null)}`;
  }
}

interface RMSNormOptions extends TailNormOptions {
  /** The smallest step of the dtype at 1 when null. */
  eps?: number | null;
}

/** Divides by the root of the mean of squares of the last dimensions. @see Zhang & Sennrich 2019 */
export class RMSNorm extends Module {
  static readonly keepsNoTensor = true;
  readonly normalizedShape: readonly number[];
  readonly eps: number | null;
  readonly elementwiseAffine: boolean;
  weight: Parameter | null;

  constructor(...args: Call<RMSNormOptions, ['normalizedShape', 'eps', 'elementwiseAffine']>) {
    super();
    const read = readCall<RMSNormOptions>('RMSNorm', args, ['normalizedShape', 'eps', 'elementwiseAffine'], factoryNames);
    const { normalizedShape, eps = null, elementwiseAffine = true, ...factory } = read;
    this.normalizedShape = tailShape('RMSNorm', normalizedShape);
    this.eps = eps;
    this.elementwiseAffine = elementwiseAffine;
    this.weight = elementwiseAffine ? new Parameter(ones(this.normalizedShape, factory)) : null;
  }

  forward(x: Tensor): Tensor {
    return F.rmsNorm(x, this.normalizedShape, this.weight, this.eps);
  }

  override extraRepr(): string {
    return `${tuple(this.normalizedShape)}, eps=${python(this.eps)}, elementwise_affine=${bool(this.elementwiseAffine)}`;
  }
}

/** Divides by the energy of neighboring channels. @see Krizhevsky et al. 2012 */
export class LocalResponseNorm
  extends /* @__PURE__ */ functionLayer({
    names: ['size', 'alpha', 'beta', 'k'],
    defaults: { alpha: 1e-4, beta: 0.75, k: 1 } as { size: number; alpha?: number; beta?: number; k?: number },
    apply: (x, { size, alpha, beta, k }) => F.localResponseNorm(x, size, alpha, beta, k),
    repr: ({ size, alpha = 1e-4, beta = 0.75, k = 1 }) => `${size}, alpha=${number(alpha)}, beta=${number(beta)}, k=${number(k)}`,
  }) {}
