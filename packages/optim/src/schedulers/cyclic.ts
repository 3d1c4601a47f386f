import { ArgumentError, describe, type Call } from '@flambeau/core';
import { checkMomentum, setMomentum } from './momentum.ts';
import { checkFinite, checkOptimizer, gatherOptions, LRScheduler, perGroup, type LastEpoch, type Schedulable } from './scheduler.ts'; // prettier-ignore

type PerGroup = number | readonly number[];

/** Options of CyclicLR. */
export interface CyclicLROptions extends LastEpoch {
  /** The lowest rate, or one for each group. */
  baseLr: PerGroup;
  /** The highest rate, or one for each group. */
  maxLr: PerGroup;
  /** Steps from the lowest to the highest; 2000 by default. */
  stepSizeUp?: number;
  /** Steps back; as many by default. */
  stepSizeDown?: number | null;
  /** `triangular` (by default), `triangular2`, whose height halves with each cycle, or `exp_range`, whose height shrinks by gamma with each step. */
  mode?: 'triangular' | 'triangular2' | 'exp_range';
  /** The base of the shrinking height of `exp_range`; 1 by default. */
  gamma?: number;
  /** The height by cycle or step, in place of a mode. It is not part of the state. */
  scaleFn?: ((x: number) => number) | null;
  /** Whether `scaleFn` is given the number of the cycle (from 1, by default) or of the step. */
  scaleMode?: 'cycle' | 'iterations';
  /** Moves the momentum against the rate; true by default. */
  cycleMomentum?: boolean;
  /** The lowest momentum, where the rate is highest, or one for each group; 0.8 by default. */
  baseMomentum?: PerGroup;
  /** The highest momentum, where the rate is lowest, or one for each group; 0.9 by default. */
  maxMomentum?: PerGroup;
}

const defaults = {
  baseLr: NaN as PerGroup,
  maxLr: NaN as PerGroup,
  stepSizeUp: 2000,
  stepSizeDown: null as number | null,
  mode: 'triangular' as 'triangular' | 'triangular2' | 'exp_range',
  gamma: 1,
  scaleFn: null as ((x: number) => number) | null,
  scaleMode: 'cycle' as 'cycle' | 'iterations',
  cycleMomentum: true,
  baseMomentum: 0.8 as PerGroup,
  maxMomentum: 0.9 as PerGroup,
  lastEpoch: -1,
};

/** Rates that go up and down between two bounds; step it after each batch. @see Smith 2017, Cyclical learning rates */
export class CyclicLR extends LRScheduler {
  readonly maxLrs: number[];
  readonly totalSize: number;
  readonly stepRatio: number;
  readonly mode: 'triangular' | 'triangular2' | 'exp_range';
  readonly gamma: number;
  readonly scaleFn: ((x: number) => number) | undefined;
  readonly scaleMode: 'cycle' | 'iterations';
  readonly cycleMomentum: boolean;
  readonly baseMomentums: number[];
  readonly maxMomentums: number[];

  constructor(optimizer: Schedulable, ...args: Call<CyclicLROptions, ['baseLr', 'maxLr', 'stepSizeUp']>) {
    const name = 'CyclicLR';
    const options = { ...defaults, ...gatherOptions<CyclicLROptions>(name, args, ['baseLr', 'maxLr', 'stepSizeUp'], defaults) };
    checkOptimizer(name, optimizer);
    const baseLrs = perGroup<number>(name, 'baseLr', optimizer, options.baseLr);
    const maxLrs = perGroup<number>(name, 'maxLr', optimizer, options.maxLr);
    [...baseLrs, ...maxLrs].forEach((lr) => checkFinite(name, 'baseLr and maxLr', lr));
    const { stepSizeUp, mode, scaleFn, scaleMode, cycleMomentum } = options;
    const stepSizeDown = options.stepSizeDown ?? stepSizeUp;
    if (!(stepSizeUp > 0) || !(stepSizeDown > 0))
      throw new ArgumentError({
        op: name,
        expected: 'positive stepSizeUp and stepSizeDown',
        received: `${stepSizeUp} and ${stepSizeDown}`,
      });
    if (!['triangular', 'triangular2', 'exp_range'].includes(mode))
      throw new ArgumentError({ op: name, expected: 'mode triangular, triangular2 or exp_range', received: describe(mode) });
    if (!['cycle', 'iterations'].includes(scaleMode))
      throw new ArgumentError({ op: name, expected: 'scaleMode cycle or iterations', received: describe(scaleMode) });
    const baseMomentums = perGroup<number>(name, 'baseMomentum', optimizer, options.baseMomentum);
    const maxMomentums = perGroup<number>(name, 'maxMomentum', optimizer, options.maxMomentum);
    if (cycleMomentum) checkMomentum(name, optimizer);
    if (options.lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => {
        group.lr = baseLrs[i];
        if (!cycleMomentum) return;
        setMomentum(group, maxMomentums[i]);
        group.maxMomentum = maxMomentums[i];
        group.baseMomentum = baseMomentums[i];
      });
    }
    super(optimizer, options.lastEpoch);
    this.maxLrs = maxLrs;
    this.totalSize = stepSizeUp + stepSizeDown;
    this.stepRatio = stepSizeUp / this.totalSize;
    this.mode = mode;
    this.gamma = options.gamma;
    this.scaleFn = scaleFn ?? undefined;
    this.scaleMode = scaleFn ? scaleMode : mode === 'exp_range' ? 'iterations' : 'cycle';
    this.cycleMomentum = cycleMomentum;
    this.baseMomentums = baseMomentums;
    this.maxMomentums = maxMomentums;
    this.baseLrs = baseLrs;
    this.start();
  }

  /** The height of a cycle, or at a step. */
  private scale(x: number): number {
    if (this.scaleFn !== undefined) return this.scaleFn(x);
    if (this.mode === 'exp_range') return this.gamma ** x;
    return this.mode === 'triangular2' ? 1 / 2 ** (x - 1) : 1;
  }

  protected override rates(): number[] {
    const cycle = Math.floor(1 + this.lastEpoch / this.totalSize);
    const x = 1 + this.lastEpoch / this.totalSize - cycle;
    const ramp = x <= this.stepRatio ? x / this.stepRatio : (x - 1) / (this.stepRatio - 1);
    const height = this.scale(this.scaleMode === 'cycle' ? cycle : this.lastEpoch);
    if (this.cycleMomentum) {
      this.optimizer.paramGroups.forEach((group, i) => {
        const range = (this.maxMomentums[i] - this.baseMomentums[i]) * ramp;
        setMomentum(group, this.maxMomentums[i] - range * height);
      });
    }
    return this.baseLrs.map((lr, i) => lr + (this.maxLrs[i] - lr) * ramp * height);
  }
}
