import { checkInteger } from '@flambeau/core';
import type { Call } from '@flambeau/core';
import { checkFinite, gatherOptions, LRScheduler, type LastEpoch, type Schedulable } from './scheduler.ts';

/** Options of CosineAnnealingLR. */
export interface CosineAnnealingLROptions extends LastEpoch {
  /** Epochs of half a period: PyTorch's `T_max`. */
  tMax: number;
  /** The smallest rate; 0 by default. */
  etaMin?: number;
}

/** Half a cosine from the base rate to `etaMin` in `tMax` epochs, and back. @see Loshchilov & Hutter 2017, SGDR */
export class CosineAnnealingLR extends LRScheduler {
  readonly tMax: number;
  readonly etaMin: number;

  constructor(optimizer: Schedulable, ...args: Call<CosineAnnealingLROptions, ['tMax', 'etaMin']>) {
    const { tMax, etaMin = 0, lastEpoch } = gatherOptions<CosineAnnealingLROptions>('CosineAnnealingLR', args, ['tMax', 'etaMin'], { tMax: NaN, etaMin: 0 }); // prettier-ignore
    super(optimizer, lastEpoch);
    checkInteger('CosineAnnealingLR', 'tMax', tMax, 1);
    checkFinite('CosineAnnealingLR', 'etaMin', etaMin);
    this.tMax = tMax;
    this.etaMin = etaMin;
    this.start();
  }

  protected override rates(): number[] {
    const { tMax, etaMin, lastEpoch } = this;
    if (this.isInitial) return this.current();
    if (this.stepCount === 1 && lastEpoch > 0) return this.closedForm();
    // At the turn of a period the last rate is etaMin, from which no factor leads up again.
    if ((lastEpoch - 1 - tMax) % (2 * tMax) === 0) {
      return this.current().map((lr, i) => lr + ((this.baseLrs[i] - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2);
    }
    const factor = (1 + Math.cos((Math.PI * lastEpoch) / tMax)) / (1 + Math.cos((Math.PI * (lastEpoch - 1)) / tMax));
    return this.current().map((lr) => factor * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const height = (1 + Math.cos((Math.PI * this.lastEpoch) / this.tMax)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * height);
  }
}

/** Options of CosineAnnealingWarmRestarts. */
export interface CosineAnnealingWarmRestartsOptions extends LastEpoch {
  /** Epochs until the first restart: PyTorch's `T_0`. */
  t0: number;
  /** By what the period grows at each restart: PyTorch's `T_mult`; 1 by default. */
  tMult?: number;
  /** The smallest rate; 0 by default. */
  etaMin?: number;
}

/** Half cosines from the base rate to `etaMin`, each starting at the top. @see Loshchilov & Hutter 2017, SGDR */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  readonly t0: number;
  readonly tMult: number;
  readonly etaMin: number;
  /** Epochs of the period that runs. */
  protected tI: number;
  /** Epochs since it began. */
  protected tCur: number;

  constructor(optimizer: Schedulable, ...args: Call<CosineAnnealingWarmRestartsOptions, ['t0', 'tMult', 'etaMin']>) {
    // prettier-ignore
    const name = 'CosineAnnealingWarmRestarts';
    const known = { t0: NaN, tMult: 1, etaMin: 0, lastEpoch: -1 };
    const options = { ...known, ...gatherOptions<CosineAnnealingWarmRestartsOptions>(name, args, ['t0', 'tMult', 'etaMin'], known) };
    super(optimizer, options.lastEpoch);
    checkInteger(name, 't0', options.t0, 1);
    checkInteger(name, 'tMult', options.tMult, 1);
    checkFinite(name, 'etaMin', options.etaMin);
    this.t0 = options.t0;
    this.tMult = options.tMult;
    this.etaMin = options.etaMin;
    this.tI = options.t0;
    this.tCur = options.lastEpoch;
    this.start();
  }

  protected override rates(): number[] {
    const height = (1 + Math.cos((Math.PI * this.tCur) / this.tI)) / 2;
    return this.baseLrs.map((lr) => this.etaMin + (lr - this.etaMin) * height);
  }

  /** Goes on by one epoch, or to an epoch, which may be a fraction: `step(epoch + batch / batches)`. */
  override step(epoch?: number): void {
    const name = 'CosineAnnealingWarmRestarts';
    const target = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    if (target === undefined) {
      this.lastEpoch++;
      this.tCur++;
      if (this.tCur >= this.tI) {
        this.tCur %= this.tI;
        this.tI *= this.tMult;
      }
    } else {
      checkFinite(name, 'epoch', target);
      if (target < 0) checkInteger(name, 'epoch', target, 0);
      const { t0, tMult } = this;
      this.tI = t0;
      this.tCur = target;
      if (target >= t0 && tMult === 1) this.tCur = target % t0;
      else if (target >= t0) {
        // The periods before period n took t0·(tMultⁿ - 1)/(tMult - 1) epochs.
        const n = Math.floor(Math.log((target / t0) * (tMult - 1) + 1) / Math.log(tMult) + 1e-12);
        this.tCur = target - (t0 * (tMult ** n - 1)) / (tMult - 1);
        this.tI = t0 * tMult ** n;
      }
      this.lastEpoch = Math.floor(target);
    }
    this.stepCount++;
    this.apply(this.rates());
  }
}
