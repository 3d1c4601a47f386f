import { readCall, Tensor, type Call } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { checkReduction } from '../functional/reduction.ts';
import { Module } from '../module.ts';
import { Buffer } from '../parameter.ts';
import { PairwiseDistance } from './distance.ts';

interface Reducing {
  /** `mean` (by default) or `sum` of the losses, or `none` for each element. */
  reduction?: F.Reduction;
}

/** What makes a layer of a loss: its options in PyTorch's order, and the call. Options that are tensors become buffers. */
interface LossDefinition<Options extends object, Names extends readonly PropertyKey[], Inputs extends readonly unknown[]> {
  readonly names: Names;
  readonly defaults: Options;
  readonly apply: (inputs: Inputs, options: Readonly<Options>) => Tensor;
}

/** A module of some tensors with one result. */
declare abstract class LossModule<Inputs extends readonly unknown[]> extends Module {
  forward(...inputs: Inputs): Tensor;
}
/** A loss layer whose options are its fields. */
export type LossLayer<Options extends object, Inputs extends readonly unknown[]> = LossModule<Inputs> & Readonly<Options>;

/** Makes the base class of a loss from its function. */
function lossLayer<Options extends object, const Names extends readonly PropertyKey[], Inputs extends readonly unknown[]>(
  definition: LossDefinition<Options, Names, Inputs>,
): new (...args: Call<Options, Names>) => LossLayer<Options, Inputs> {
  class Loss extends Module {
    constructor(...args: unknown[]) {
      super();
      const options = readCall<Record<string, unknown>>(this.constructor.name, args, definition.names as unknown as string[]);
      if (options['reduction'] !== undefined && options['reduction'] !== 'batchmean')
        checkReduction(this.constructor.name, options['reduction']);
      for (const [name, value] of Object.entries({ ...definition.defaults, ...options }))
        Object.assign(this, { [name]: value instanceof Tensor && !(value instanceof Buffer) ? new Buffer(value) : value });
    }

    protected override stateKey(field: string): string {
      return field === 'posWeight' ? 'pos_weight' : field;
    }

    forward(...inputs: unknown[]): Tensor {
      return definition.apply(inputs as unknown as Inputs, this as unknown as Options);
    }
  }
  return Loss as unknown as new (...args: Call<Options, Names>) => LossLayer<Options, Inputs>;
}

type Pair = [input: Tensor, target: Tensor];
type Triple = [input1: Tensor, input2: Tensor, target: Tensor];

/** Mean squared error. */
export class MSELoss
  extends /* @__PURE__ */ lossLayer({
    names: ['reduction'],
    defaults: { reduction: 'mean' } as Reducing,
    apply: ([input, target]: Pair, { reduction }) => F.mseLoss(input, target, reduction),
  }) {}

/** Mean absolute error. */
export class L1Loss
  extends /* @__PURE__ */ lossLayer({
    names: ['reduction'],
    defaults: { reduction: 'mean' } as Reducing,
    apply: ([input, target]: Pair, { reduction }) => F.l1Loss(input, target, reduction),
  }) {}

/** Squared below β, linear above. @see Girshick 2015 */
export class SmoothL1Loss
  extends /* @__PURE__ */ lossLayer({
    names: ['reduction', 'beta'],
    defaults: { reduction: 'mean', beta: 1 } as Reducing & { beta?: number },
    apply: ([input, target]: Pair, { reduction, beta }) => F.smoothL1Loss(input, target, reduction, beta),
  }) {}

/** Squared below δ, linear above. @see Huber 1964 */
export class HuberLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['reduction', 'delta'],
    defaults: { reduction: 'mean', delta: 1 } as Reducing & { delta?: number },
    apply: ([input, target]: Pair, { reduction, delta }) => F.huberLoss(input, target, reduction, delta),
  }) {}

/** Kullback-Leibler divergence of log-probabilities from probabilities. */
export class KLDivLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['reduction', 'logTarget'],
    defaults: { reduction: 'mean', logTarget: false } as { reduction?: F.Reduction | 'batchmean'; logTarget?: boolean },
    apply: ([input, target]: Pair, { reduction, logTarget }) => F.klDiv(input, target, reduction, logTarget),
  }) {}

/** Negative log-likelihood of counts under a Poisson distribution. */
export class PoissonNLLLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['logInput', 'full', 'eps', 'reduction'],
    defaults: { logInput: true, full: false, eps: 1e-8, reduction: 'mean' } as Reducing & {
      logInput?: boolean;
      full?: boolean;
      eps?: number;
    },
    apply: ([input, target]: Pair, { logInput, full, eps, reduction }) => F.poissonNllLoss(input, target, logInput, full, eps, reduction),
  }) {}

/** Negative log-likelihood under normal distributions, with their variances as the third input. @see Nix & Weigend 1994 */
export class GaussianNLLLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['full', 'eps', 'reduction'],
    defaults: { full: false, eps: 1e-6, reduction: 'mean' } as Reducing & { full?: boolean; eps?: number },
    apply: ([input, target, variance]: [input: Tensor, target: Tensor, var_: Tensor | number], { full, eps, reduction }) =>
      F.gaussianNllLoss(input, target, variance, full, eps, reduction),
  }) {}

interface ClassWeights extends Reducing {
  /** A factor for each class, shape [C]. */
  weight?: Tensor | null;
  /** Targets of this class count for nothing. */
  ignoreIndex?: number;
}

/** Cross-entropy of logits [N, C] and class indices [N], or probabilities. */
export class CrossEntropyLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['weight', 'ignoreIndex', 'reduction', 'labelSmoothing'],
    defaults: { weight: null, ignoreIndex: -100, reduction: 'mean', labelSmoothing: 0 } as ClassWeights & { labelSmoothing?: number },
    apply: ([input, target]: Pair, { weight, ignoreIndex, reduction, labelSmoothing }) =>
      F.crossEntropy(input, target, weight, ignoreIndex, reduction, labelSmoothing),
  }) {}

/** Negative log-likelihood of log-probabilities [N, C] and class indices [N]. */
export class NLLLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['weight', 'ignoreIndex', 'reduction'],
    defaults: { weight: null, ignoreIndex: -100, reduction: 'mean' } as ClassWeights,
    apply: ([input, target]: Pair, { weight, ignoreIndex, reduction }) => F.nllLoss(input, target, weight, ignoreIndex, reduction),
  }) {}

interface Weighted extends Reducing {
  /** A factor for each element; it broadcasts. */
  weight?: Tensor | null;
}

/** Binary cross-entropy of probabilities. */
export class BCELoss
  extends /* @__PURE__ */ lossLayer({
    names: ['weight', 'reduction'],
    defaults: { weight: null, reduction: 'mean' } as Weighted,
    apply: ([input, target]: Pair, { weight, reduction }) => F.binaryCrossEntropy(input, target, weight, reduction),
  }) {}

/** Binary cross-entropy of logits. */
export class BCEWithLogitsLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['weight', 'reduction', 'posWeight'],
    defaults: { weight: null, reduction: 'mean', posWeight: null } as Weighted & { posWeight?: Tensor | null },
    apply: ([input, target]: Pair, { weight, reduction, posWeight }) =>
      F.binaryCrossEntropyWithLogits(input, target, weight, reduction, posWeight),
  }) {}

/** `log(1 + e^(-y·x))` for targets of 1 and -1. */
export class SoftMarginLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['reduction'],
    defaults: { reduction: 'mean' } as Reducing,
    apply: ([input, target]: Pair, { reduction }) => F.softMarginLoss(input, target, reduction),
  }) {}

/** The mean over classes of the binary cross-entropy of logits. */
export class MultiLabelSoftMarginLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['weight', 'reduction'],
    defaults: { weight: null, reduction: 'mean' } as Weighted,
    apply: ([input, target]: Pair, { weight, reduction }) => F.multilabelSoftMarginLoss(input, target, weight, reduction),
  }) {}

/** Margins of target classes over all that are none. */
export class MultiLabelMarginLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['reduction'],
    defaults: { reduction: 'mean' } as Reducing,
    apply: ([input, target]: Pair, { reduction }) => F.multilabelMarginLoss(input, target, reduction),
  }) {}

/** Margins of the target class over all others. */
export class MultiMarginLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['p', 'margin', 'weight', 'reduction'],
    defaults: { p: 1, margin: 1, weight: null, reduction: 'mean' } as Weighted & { p?: number; margin?: number },
    apply: ([input, target]: Pair, { p, margin, weight, reduction }) => F.multiMarginLoss(input, target, p, margin, weight, reduction),
  }) {}

interface Margin extends Reducing {
  /** How far apart is enough: 0 for `MarginRankingLoss` and `CosineEmbeddingLoss`, 1 for the others. */
  margin?: number;
}

/** x where the target is 1, `max(0, margin - x)` where it is -1. */
export class HingeEmbeddingLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['margin', 'reduction'],
    defaults: { margin: 1, reduction: 'mean' } as Margin,
    apply: ([input, target]: Pair, { margin, reduction }) => F.hingeEmbeddingLoss(input, target, margin, reduction),
  }) {}

/** `max(0, -y(x1 - x2) + margin)`. */
export class MarginRankingLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['margin', 'reduction'],
    defaults: { margin: 0, reduction: 'mean' } as Margin,
    apply: ([input1, input2, target]: Triple, { margin, reduction }) => F.marginRankingLoss(input1, input2, target, margin, reduction),
  }) {}

/** `1 - cos` where the target is 1, `max(0, cos - margin)` where it is -1. */
export class CosineEmbeddingLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['margin', 'reduction'],
    defaults: { margin: 0, reduction: 'mean' } as Margin,
    apply: ([input1, input2, target]: Triple, { margin, reduction }) => F.cosineEmbeddingLoss(input1, input2, target, margin, reduction),
  }) {}

type Triplet = [anchor: Tensor, positive: Tensor, negative: Tensor];

/** `max(0, d(anchor, positive) - d(anchor, negative) + margin)`. @see Balntas et al. 2016 */
export class TripletMarginLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['margin', 'p', 'eps', 'swap', 'reduction'],
    defaults: { margin: 1, p: 2, eps: 1e-6, swap: false, reduction: 'mean' } as Margin & { p?: number; eps?: number; swap?: boolean },
    apply: ([anchor, positive, negative]: Triplet, { margin, p, eps, swap, reduction }) =>
      F.tripletMarginLoss(anchor, positive, negative, margin, p, eps, swap, reduction),
  }) {}

type Distance = (a: Tensor, b: Tensor) => Tensor;
interface TripletDistanceOptions extends Margin {
  /** A function, or a module of two inputs; `PairwiseDistance` when missing. */
  distanceFunction?: Distance | Module | null;
  /** Takes the distance of positive and negative where it is below that of anchor and negative; false by default. */
  swap?: boolean;
}

/** `TripletMarginLoss` with a distance of one's own. */
export class TripletMarginWithDistanceLoss extends Module {
  readonly distanceFunction: Distance | Module;
  readonly margin: number;
  readonly swap: boolean;
  readonly reduction: F.Reduction;

  constructor(...args: Call<TripletDistanceOptions, ['distanceFunction', 'margin', 'swap', 'reduction']>) {
    super();
    const name = 'TripletMarginWithDistanceLoss';
    const options = readCall<TripletDistanceOptions>(name, args, ['distanceFunction', 'margin', 'swap', 'reduction']);
    checkReduction(name, options.reduction ?? 'mean');
    this.distanceFunction = options.distanceFunction ?? new PairwiseDistance();
    this.margin = options.margin ?? 1;
    this.swap = options.swap ?? false;
    this.reduction = options.reduction ?? 'mean';
  }

  protected override stateKey(field: string): string {
    return field === 'distanceFunction' ? 'distance_function' : field;
  }

  forward(anchor: Tensor, positive: Tensor, negative: Tensor): Tensor {
    const { distanceFunction: distance, margin, swap, reduction } = this;
    const distanceFunction = distance instanceof Module ? (a: Tensor, b: Tensor): Tensor => distance.forward(a, b) as Tensor : distance;
    return F.tripletMarginWithDistanceLoss(anchor, positive, negative, { distanceFunction, margin, swap, reduction });
  }
}

/** Connectionist temporal classification. @see Graves et al. 2006 */
export class CTCLoss
  extends /* @__PURE__ */ lossLayer({
    names: ['blank', 'reduction', 'zeroInfinity'],
    defaults: { blank: 0, reduction: 'mean', zeroInfinity: false } as Reducing & { blank?: number; zeroInfinity?: boolean },
    apply: (
      [logProbabilities, targets, inputLengths, targetLengths]: [
        logProbs: Tensor,
        targets: Tensor,
        inputLengths: Tensor | readonly number[] | number,
        targetLengths: Tensor | readonly number[] | number,
      ],
      { blank, reduction, zeroInfinity },
    ) => F.ctcLoss(logProbabilities, targets, inputLengths, targetLengths, blank, reduction, zeroInfinity),
  }) {}
