import { checkInteger, ArgumentError, describe, type Call } from '@flambeau/core';
import { checkFinite, checkOptimizer, gatherOptions, LRScheduler, perGroup, type LastEpoch, type Schedulable } from './scheduler.ts';

/** Options of SWALR. */
export interface SWALROptions extends LastEpoch {
  /** The rate to end at, or one for each group. */
  swaLr: number | readonly number[];
  /** Epochs from the rate that a group has to `swaLr`; 10 by default. */
  annealEpochs?: number;
  /** The form of the slope; `cos` by default. */
  annealStrategy?: 'cos' | 'linear';
}

/** Goes from the present rates to a constant one, for averaging weights. @see Izmailov et al. 2018 */
export class SWALR extends LRScheduler {
  readonly annealEpochs: number;
  readonly annealStrategy: 'cos' | 'linear';
  readonly swaLrs: number[];

  constructor(optimizer: Schedulable, ...args: Call<SWALROptions, ['swaLr', 'annealEpochs', 'annealStrategy']>) {
    const names = ['swaLr', 'annealEpochs', 'annealStrategy'];
    const known = { swaLr: NaN, annealEpochs: 10, annealStrategy: 'cos' as const };
    const options = gatherOptions<SWALROptions>('SWALR', args, names, known);
    const { annealEpochs = 10, annealStrategy = 'cos' } = options;
    checkOptimizer('SWALR', optimizer);
    checkInteger('SWALR', 'annealEpochs', annealEpochs, 0);
    if (annealStrategy !== 'cos' && annealStrategy !== 'linear')
      throw new ArgumentError({ op: 'SWALR', expected: 'annealStrategy cos or linear', received: describe(annealStrategy) });
    const swaLrs = perGroup<number>('SWALR', 'swaLr', optimizer, options.swaLr);
    swaLrs.forEach((lr) => checkFinite('SWALR', 'swaLr', lr));
    super(optimizer, options.lastEpoch);
    this.annealEpochs = annealEpochs;
    this.annealStrategy = annealStrategy;
    this.swaLrs = swaLrs;
    this.start();
  }

  /** How much of `swaLr` there is at an epoch: from 0 to 1. */
  private share(epoch: number): number {
    const t = Math.max(0, Math.min(1, epoch / Math.max(1, this.annealEpochs)));
    return this.annealStrategy === 'linear' ? t : (1 - Math.cos(Math.PI * t)) / 2;
  }

  protected override rates(): number[] {
    // As in PyTorch, the epoch before decides where the slope starts, from the rate that stands now.
    const epoch = this.annealEpochs === 0 ? Math.max(1, this.lastEpoch) : this.lastEpoch;
    const [before, now] = [this.share(epoch - 1), this.share(epoch)];
    return this.current().map((lr, i) => {
      const swaLr = this.swaLrs[i];
      const start = before === 1 ? swaLr : (lr - swaLr * before) / (1 - before);
      return swaLr * now + start * (1 - now);
    });
  }
}
