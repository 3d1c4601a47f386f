import { checkInteger, ArgumentError, describe, ValueError, type Call } from '@flambeau/core';
import { checkMomentum, setMomentum } from './momentum.ts';
import { checkFinite, checkOptimizer, gatherOptions, LRScheduler, perGroup, type LastEpoch, type Schedulable, type ScheduledGroup } from './scheduler.ts'; // prettier-ignore

type PerGroup = number | readonly number[];

/** Options of OneCycleLR. */
export interface OneCycleLROptions extends LastEpoch {
  /** The highest rate, or one for each group. */
  maxLr: PerGroup;
  /** Steps of the whole cycle; or give `epochs` and `stepsPerEpoch`. */
  totalSteps?: number | null;
  /** How many epochs the cycle lasts, together with `stepsPerEpoch`. */
  epochs?: number | null;
  /** How many steps an epoch has. */
  stepsPerEpoch?: number | null;
  /** The share of steps on which the rate rises; 0.3 by default. */
  pctStart?: number;
  /** The form of the slopes; `cos` by default. */
  annealStrategy?: 'cos' | 'linear';
  /** Moves the momentum against the rate; true by default. */
  cycleMomentum?: boolean;
  /** The lowest momentum, where the rate is highest, or one for each group; 0.85 by default. */
  baseMomentum?: PerGroup;
  /** The highest momentum, where the rate is lowest, or one for each group; 0.95 by default. */
  maxMomentum?: PerGroup;
  /** The first rate is maxLr / divFactor; 25 by default. */
  divFactor?: number;
  /** The last rate is the first / finalDivFactor; 10,000 by default. */
  finalDivFactor?: number;
  /** Comes down to the first rate before it goes to the last. */
  threePhase?: boolean;
}

const defaults = {
  maxLr: NaN as PerGroup,
  totalSteps: null as number | null,
  epochs: null as number | null,
  stepsPerEpoch: null as number | null,
  pctStart: 0.3,
  annealStrategy: 'cos' as 'cos' | 'linear',
  cycleMomentum: true,
  baseMomentum: 0.85 as PerGroup,
  maxMomentum: 0.95 as PerGroup,
  divFactor: 25,
  finalDivFactor: 1e4,
  threePhase: false,
  lastEpoch: -1,
};

type Rate = 'initialLr' | 'maxLr' | 'minLr';
type Momentum = 'maxMomentum' | 'baseMomentum';

interface Phase {
  readonly end: number;
  readonly from: Rate;
  readonly to: Rate;
  readonly momentumFrom: Momentum;
  readonly momentumTo: Momentum;
}

function phasesOf(totalSteps: number, pctStart: number, threePhase: boolean): Phase[] {
  const up: Phase = { end: pctStart * totalSteps - 1, from: 'initialLr', to: 'maxLr', momentumFrom: 'maxMomentum', momentumTo: 'baseMomentum' }; // prettier-ignore
  const last = totalSteps - 1;
  if (!threePhase) return [up, { end: last, from: 'maxLr', to: 'minLr', momentumFrom: 'baseMomentum', momentumTo: 'maxMomentum' }];
  return [
    up,
    { end: 2 * pctStart * totalSteps - 2, from: 'maxLr', to: 'initialLr', momentumFrom: 'baseMomentum', momentumTo: 'maxMomentum' },
    { end: last, from: 'initialLr', to: 'minLr', momentumFrom: 'maxMomentum', momentumTo: 'maxMomentum' },
  ];
}

function stepsOf({ totalSteps, epochs, stepsPerEpoch }: typeof defaults): number {
  if (totalSteps !== null) {
    checkInteger('OneCycleLR', 'totalSteps', totalSteps, 1);
    return totalSteps;
  }
  if (epochs === null || stepsPerEpoch === null)
    throw new ArgumentError({ op: 'OneCycleLR', expected: 'totalSteps, or epochs and stepsPerEpoch', received: 'neither' });
  checkInteger('OneCycleLR', 'epochs', epochs, 1);
  checkInteger('OneCycleLR', 'stepsPerEpoch', stepsPerEpoch, 1);
  return epochs * stepsPerEpoch;
}

/** One rise to a high rate and a long way down to a very small one; step it after each batch. @see Smith & Topin 2018, Super-convergence */
export class OneCycleLR extends LRScheduler {
  readonly totalSteps: number;
  readonly phases: Phase[];
  readonly annealStrategy: 'cos' | 'linear';
  readonly cycleMomentum: boolean;

  constructor(optimizer: Schedulable, ...args: Call<OneCycleLROptions, ['maxLr', 'totalSteps']>) {
    const name = 'OneCycleLR';
    const options = { ...defaults, ...gatherOptions<OneCycleLROptions>(name, args, ['maxLr', 'totalSteps'], defaults) };
    checkOptimizer(name, optimizer);
    const { pctStart, annealStrategy, cycleMomentum, divFactor, finalDivFactor, threePhase } = options;
    const totalSteps = stepsOf(options);
    if (!(pctStart >= 0 && pctStart <= 1))
      throw new ArgumentError({ op: name, expected: 'pctStart between 0 and 1', received: describe(pctStart) });
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear')
      throw new ArgumentError({ op: name, expected: 'annealStrategy cos or linear', received: describe(annealStrategy) });
    const maxLrs = perGroup<number>(name, 'maxLr', optimizer, options.maxLr);
    maxLrs.forEach((lr) => checkFinite(name, 'maxLr', lr));
    const baseMomentums = perGroup<number>(name, 'baseMomentum', optimizer, options.baseMomentum);
    const maxMomentums = perGroup<number>(name, 'maxMomentum', optimizer, options.maxMomentum);
    if (cycleMomentum) checkMomentum(name, optimizer);
    if (options.lastEpoch === -1) {
      optimizer.paramGroups.forEach((group, i) => {
        group.initialLr = maxLrs[i] / divFactor;
        group.maxLr = maxLrs[i];
        group.minLr = group.initialLr / finalDivFactor;
        if (!cycleMomentum) return;
        setMomentum(group, maxMomentums[i]);
        group.maxMomentum = maxMomentums[i];
        group.baseMomentum = baseMomentums[i];
      });
    }
    super(optimizer, options.lastEpoch);
    this.totalSteps = totalSteps;
    this.phases = phasesOf(totalSteps, pctStart, threePhase);
    this.annealStrategy = annealStrategy;
    this.cycleMomentum = cycleMomentum;
    this.start();
  }

  private anneal(from: number, to: number, share: number): number {
    if (this.annealStrategy === 'linear') return (to - from) * share + from;
    return to + ((from - to) / 2) * (Math.cos(Math.PI * share) + 1);
  }

  /** @throws ValueError after more than `totalSteps` steps. */
  protected override rates(): number[] {
    const step = this.lastEpoch;
    if (step > this.totalSteps) {
      throw new ValueError({
        op: 'OneCycleLR',
        expected: `at most ${this.totalSteps} steps`,
        received: String(step),
        hint: 'Give totalSteps as epochs times batches.',
      });
    }
    const found = this.phases.findIndex(({ end }) => step <= end);
    const index = found < 0 ? this.phases.length - 1 : found;
    const phase = this.phases[index];
    const start = index === 0 ? 0 : this.phases[index - 1].end;
    const share = phase.end === start ? 1 : (step - start) / (phase.end - start);
    const value = (group: ScheduledGroup, from: Rate | Momentum, to: Rate | Momentum): number =>
      this.anneal(group[from] ?? NaN, group[to] ?? NaN, share);
    return this.optimizer.paramGroups.map((group) => {
      if (this.cycleMomentum) setMomentum(group, value(group, phase.momentumFrom, phase.momentumTo));
      return value(group, phase.from, phase.to);
    });
  }
}
