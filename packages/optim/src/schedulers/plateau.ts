import { checkInteger, ArgumentError, describe, Tensor, valuesNow, type Call } from '@flambeau/core';
import { checkFinite, checkOptimizer, gatherOptions, LRScheduler, perGroup, type Schedulable } from './scheduler.ts'; // prettier-ignore

/** Options of ReduceLROnPlateau. */
export interface ReduceLROnPlateauOptions {
  /** Whether the metric should fall (`min`, by default) or rise. */
  mode?: 'min' | 'max';
  /** What the rate is multiplied by; 0.1 by default. */
  factor?: number;
  /** Epochs without improvement that are allowed; 10 by default. */
  patience?: number;
  /** What counts as an improvement; 1e-4 by default. */
  threshold?: number;
  /** Whether the threshold is a share of the best value (`rel`, by default) or a difference. */
  thresholdMode?: 'rel' | 'abs';
  /** Epochs to wait after a reduction; 0 by default. */
  cooldown?: number;
  /** The lowest rate, or one for each group. */
  minLr?: number | readonly number[];
  /** A reduction by less is not made; 1e-8 by default. */
  eps?: number;
}

const defaults = {
  mode: 'min' as 'min' | 'max',
  factor: 0.1,
  patience: 10,
  threshold: 1e-4,
  thresholdMode: 'rel' as 'rel' | 'abs',
  cooldown: 0,
  minLr: 0 as number | readonly number[],
  eps: 1e-8,
};

/** Reduces the rate when a metric has stopped improving: `scheduler.step(await loss.item())`. */
export class ReduceLROnPlateau extends LRScheduler {
  readonly mode: 'min' | 'max';
  readonly factor: number;
  readonly patience: number;
  readonly threshold: number;
  readonly thresholdMode: 'rel' | 'abs';
  readonly cooldown: number;
  readonly minLrs: number[];
  readonly eps: number;
  /** The best metric so far. */
  best: number;
  numBadEpochs = 0;
  cooldownCounter = 0;

  constructor(optimizer: Schedulable, ...args: Call<ReduceLROnPlateauOptions, ['mode', 'factor', 'patience']>) {
    // prettier-ignore
    const name = 'ReduceLROnPlateau';
    const options = { ...defaults, ...gatherOptions<ReduceLROnPlateauOptions>(name, args, ['mode', 'factor', 'patience'], defaults) };
    checkOptimizer(name, optimizer);
    super(optimizer);
    if (options.mode !== 'min' && options.mode !== 'max')
      throw new ArgumentError({ op: name, expected: 'mode min or max', received: describe(options.mode) });
    if (options.thresholdMode !== 'rel' && options.thresholdMode !== 'abs')
      throw new ArgumentError({ op: name, expected: 'thresholdMode rel or abs', received: describe(options.thresholdMode) });
    if (!(options.factor < 1)) throw new ArgumentError({ op: name, expected: 'factor below 1', received: describe(options.factor) });
    checkInteger(name, 'patience', options.patience, 0);
    checkInteger(name, 'cooldown', options.cooldown, 0);
    checkFinite(name, 'threshold', options.threshold);
    this.mode = options.mode;
    this.factor = options.factor;
    this.patience = options.patience;
    this.threshold = options.threshold;
    this.thresholdMode = options.thresholdMode;
    this.cooldown = options.cooldown;
    this.minLrs = perGroup<number>(name, 'minLr', optimizer, options.minLr);
    this.eps = options.eps;
    this.best = options.mode === 'min' ? Infinity : -Infinity;
    this.lastEpoch = 0;
    this.lastLr = this.current();
  }

  protected override rates(): number[] {
    return this.current();
  }

  private improves(metric: number): boolean {
    const { mode, thresholdMode, threshold, best } = this;
    const sign = mode === 'min' ? -1 : 1;
    const bound = thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold;
    return mode === 'min' ? metric < bound : metric > bound;
  }

  /** Notes the metric of an epoch, and reduces the rate when it has not improved for too long. @throws ArgumentError without a number */
  override step(metric?: number | Tensor): void {
    const value =
      metric instanceof Tensor
        ? Number(valuesNow('ReduceLROnPlateau', metric, 'Give a number: scheduler.step(await loss.item()).')[0])
        : metric;
    if (typeof value !== 'number')
      throw new ArgumentError({
        op: 'ReduceLROnPlateau.step',
        expected: 'the metric of the epoch, as a number',
        received: describe(metric),
        hint: 'Write scheduler.step(await loss.item()).',
      });
    this.lastEpoch++;
    if (this.improves(value)) {
      this.best = value;
      this.numBadEpochs = 0;
    } else this.numBadEpochs++;
    if (this.cooldownCounter > 0) {
      this.cooldownCounter--;
      this.numBadEpochs = 0;
    }
    if (this.numBadEpochs > this.patience) {
      this.apply(this.current().map((lr, i) => this.reduced(lr, this.minLrs[i] ?? this.minLrs[0])));
      this.cooldownCounter = this.cooldown;
      this.numBadEpochs = 0;
    } else this.lastLr = this.current();
  }

  private reduced(lr: number, lowest: number): number {
    const next = Math.max(lr * this.factor, lowest);
    return lr - next > this.eps ? next : lr;
  }
}
