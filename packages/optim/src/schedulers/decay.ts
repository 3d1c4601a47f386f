import { checkInteger, ArgumentError, describe, type Call } from '@flambeau/core';
import { checkFinite, gatherOptions, LRScheduler, type LastEpoch, type Schedulable, type SchedulerState } from './scheduler.ts'; // prettier-ignore

// Schedules that multiply by gamma: every so many epochs, at given ones, or at each.

/** Options of StepLR. */
export interface StepLROptions extends LastEpoch {
  /** Epochs from one decay to the next. */
  stepSize: number;
  /** The factor of a decay; 0.1 by default. */
  gamma?: number;
}

/** Multiplies by gamma every `stepSize` epochs. */
export class StepLR extends LRScheduler {
  readonly stepSize: number;
  readonly gamma: number;

  constructor(optimizer: Schedulable, ...args: Call<StepLROptions, ['stepSize', 'gamma']>) {
    const { stepSize, gamma = 0.1, lastEpoch } = gatherOptions<StepLROptions>('StepLR', args, ['stepSize', 'gamma'], { stepSize: NaN, gamma: 0.1 }); // prettier-ignore
    super(optimizer, lastEpoch);
    checkInteger('StepLR', 'stepSize', stepSize, 1);
    checkFinite('StepLR', 'gamma', gamma);
    this.stepSize = stepSize;
    this.gamma = gamma;
    this.start();
  }

  protected override rates(): number[] {
    const decays = this.lastEpoch !== 0 && this.lastEpoch % this.stepSize === 0;
    return this.current().map((lr) => (decays ? lr * this.gamma : lr));
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** Math.floor(this.lastEpoch / this.stepSize));
  }
}

/** Options of MultiStepLR. */
export interface MultiStepLROptions extends LastEpoch {
  /** Epochs at which to decay; one that comes twice decays twice. */
  milestones: readonly number[];
  /** The factor of a decay; 0.1 by default. */
  gamma?: number;
}

/** Multiplies by gamma at each milestone. */
export class MultiStepLR extends LRScheduler {
  readonly milestones: readonly number[];
  readonly gamma: number;

  constructor(optimizer: Schedulable, ...args: Call<MultiStepLROptions, ['milestones', 'gamma']>) {
    const { milestones, gamma = 0.1, lastEpoch } = gatherOptions<MultiStepLROptions>('MultiStepLR', args, ['milestones', 'gamma'], { milestones: [NaN], gamma: 0.1 }); // prettier-ignore
    super(optimizer, lastEpoch);
    if (!Array.isArray(milestones) || !milestones.every(Number.isInteger))
      throw new ArgumentError({ op: 'MultiStepLR', expected: 'milestones as integers', received: describe(milestones) });
    checkFinite('MultiStepLR', 'gamma', gamma);
    this.milestones = [...(milestones as readonly number[])].sort((p, q) => p - q);
    this.gamma = gamma;
    this.start();
  }

  protected override rates(): number[] {
    const decays = this.milestones.filter((epoch) => epoch === this.lastEpoch).length;
    return this.current().map((lr) => (decays === 0 ? lr : lr * this.gamma ** decays));
  }

  protected override closedForm(): number[] {
    const decays = this.milestones.filter((epoch) => epoch <= this.lastEpoch).length;
    return this.baseLrs.map((lr) => lr * this.gamma ** decays);
  }

  /** PyTorch saves milestones as counts by epoch: `{ 2: 1, 5: 1 }`. */
  override loadStateDict(state: SchedulerState): void {
    const { milestones } = state;
    const counted = typeof milestones === 'object' && milestones !== null && !Array.isArray(milestones);
    const list = counted ? Object.entries(milestones).flatMap(([epoch, count]) => new Array<number>(Number(count)).fill(Number(epoch))) : milestones; // prettier-ignore
    super.loadStateDict(list === undefined ? state : { ...state, milestones: list });
  }
}

/** Options of ExponentialLR. */
export interface ExponentialLROptions extends LastEpoch {
  /** The factor of an epoch. */
  gamma: number;
}

/** Multiplies by gamma at each epoch. */
export class ExponentialLR extends LRScheduler {
  readonly gamma: number;

  constructor(optimizer: Schedulable, ...args: Call<ExponentialLROptions, ['gamma']>) {
    const { gamma, lastEpoch } = gatherOptions<ExponentialLROptions>('ExponentialLR', args, ['gamma'], { gamma: NaN });
    super(optimizer, lastEpoch);
    checkFinite('ExponentialLR', 'gamma', gamma);
    this.gamma = gamma;
    this.start();
  }

  protected override rates(): number[] {
    return this.isInitial ? this.current() : this.current().map((lr) => lr * this.gamma);
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * this.gamma ** this.lastEpoch);
  }
}
