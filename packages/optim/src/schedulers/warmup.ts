import { checkInteger, ArgumentError, describe, type Call } from '@flambeau/core';
import { checkFinite, gatherOptions, LRScheduler, type LastEpoch, type Schedulable } from './scheduler.ts';

// Schedules that run over the first `totalIters` epochs, and then leave the rate alone.

/** Options of ConstantLR. */
export interface ConstantLROptions extends LastEpoch {
  /** The factor until `totalIters`; 1/3 by default. */
  factor?: number;
  /** Epochs with the factor; 5 by default. */
  totalIters?: number;
}

/** Multiplies by a factor for the first epochs. */
export class ConstantLR extends LRScheduler {
  readonly factor: number;
  readonly totalIters: number;

  constructor(optimizer: Schedulable, ...args: Call<ConstantLROptions, ['factor', 'totalIters']>) {
    const { factor = 1 / 3, totalIters = 5, lastEpoch } = gatherOptions<ConstantLROptions>('ConstantLR', args, ['factor', 'totalIters'], { factor: 1 / 3, totalIters: 5 }); // prettier-ignore
    super(optimizer, lastEpoch);
    if (!(factor >= 0 && factor <= 1))
      throw new ArgumentError({ op: 'ConstantLR', expected: 'factor between 0 and 1', received: describe(factor) });
    checkInteger('ConstantLR', 'totalIters', totalIters, 0);
    this.factor = factor;
    this.totalIters = totalIters;
    this.start();
  }

  protected override rates(): number[] {
    if (this.lastEpoch === 0) return this.current().map((lr) => lr * this.factor);
    return this.lastEpoch === this.totalIters ? this.current().map((lr) => lr * (1 / this.factor)) : this.current();
  }

  protected override closedForm(): number[] {
    return this.baseLrs.map((lr) => lr * (this.lastEpoch >= this.totalIters ? 1 : this.factor));
  }
}

/** Options of LinearLR. */
export interface LinearLROptions extends LastEpoch {
  /** The factor of the first epoch; 1/3 by default. */
  startFactor?: number;
  /** The factor at the end; 1 by default. */
  endFactor?: number;
  /** Epochs from the one to the other; 5 by default. */
  totalIters?: number;
}

/** Goes from one factor to another in equal steps. */
export class LinearLR extends LRScheduler {
  readonly startFactor: number;
  readonly endFactor: number;
  readonly totalIters: number;

  constructor(optimizer: Schedulable, ...args: Call<LinearLROptions, ['startFactor', 'endFactor', 'totalIters']>) {
    // prettier-ignore
    const known = { startFactor: 1 / 3, endFactor: 1, totalIters: 5 };
    const options = gatherOptions<LinearLROptions>('LinearLR', args, ['startFactor', 'endFactor', 'totalIters'], known);
    super(optimizer, options.lastEpoch);
    const { startFactor, endFactor, totalIters } = { ...known, ...options };
    if (!(startFactor > 0 && startFactor <= 1))
      throw new ArgumentError({ op: 'LinearLR', expected: 'startFactor above 0, at most 1', received: describe(startFactor) });
    if (!(endFactor >= 0 && endFactor <= 1))
      throw new ArgumentError({ op: 'LinearLR', expected: 'endFactor between 0 and 1', received: describe(endFactor) });
    checkInteger('LinearLR', 'totalIters', totalIters, 1);
    this.startFactor = startFactor;
    this.endFactor = endFactor;
    this.totalIters = totalIters;
    this.start();
  }

  protected override rates(): number[] {
    const { startFactor, totalIters, lastEpoch } = this;
    const rise = this.endFactor - startFactor;
    if (lastEpoch === 0) return this.current().map((lr) => lr * startFactor);
    if (lastEpoch > totalIters) return this.current();
    const factor = 1 + rise / (totalIters * startFactor + (lastEpoch - 1) * rise);
    return this.current().map((lr) => lr * factor);
  }

  protected override closedForm(): number[] {
    const { startFactor, endFactor, totalIters, lastEpoch } = this;
    return this.baseLrs.map((lr) => lr * (startFactor + ((endFactor - startFactor) * Math.min(totalIters, lastEpoch)) / totalIters));
  }
}

/** Options of PolynomialLR. */
export interface PolynomialLROptions extends LastEpoch {
  /** Epochs until the rate is 0; 5 by default. */
  totalIters?: number;
  /** The power of the polynomial; 1 by default. */
  power?: number;
}

/** Goes to 0 as (1 - epoch/totalIters)^power. */
export class PolynomialLR extends LRScheduler {
  readonly totalIters: number;
  readonly power: number;

  constructor(optimizer: Schedulable, ...args: Call<PolynomialLROptions, ['totalIters', 'power']>) {
    const { totalIters = 5, power = 1, lastEpoch } = gatherOptions<PolynomialLROptions>('PolynomialLR', args, ['totalIters', 'power'], { totalIters: 5, power: 1 }); // prettier-ignore
    super(optimizer, lastEpoch);
    checkInteger('PolynomialLR', 'totalIters', totalIters, 1);
    checkFinite('PolynomialLR', 'power', power);
    this.totalIters = totalIters;
    this.power = power;
    this.start();
  }

  protected override rates(): number[] {
    const { totalIters, lastEpoch } = this;
    if (this.isInitial || lastEpoch > totalIters) return this.current();
    const factor = ((1 - lastEpoch / totalIters) / (1 - (lastEpoch - 1) / totalIters)) ** this.power;
    return this.current().map((lr) => lr * factor);
  }

  protected override closedForm(): number[] {
    const left = 1 - Math.min(this.totalIters, this.lastEpoch) / this.totalIters;
    return this.baseLrs.map((lr) => lr * left ** this.power);
  }
}
