import type { Call } from '@flambeau/core';
import { gatherOptions, LRScheduler, perGroup, type LastEpoch, type Schedulable } from './scheduler.ts';

/** A factor by epoch. */
export type LrLambda = (epoch: number) => number;

/** Options of LambdaLR and MultiplicativeLR. */
export interface LambdaLROptions extends LastEpoch {
  /** A factor by epoch, or one function for each group. Functions are not part of the state. */
  lrLambda: LrLambda | readonly LrLambda[];
}
type LambdaArguments = Call<LambdaLROptions, ['lrLambda']>;

const gather = (op: string, args: LambdaArguments): LambdaLROptions =>
  gatherOptions<LambdaLROptions>(op, args, ['lrLambda'], { lrLambda: [] });

/** The base rate times a function of the epoch. */
export class LambdaLR extends LRScheduler {
  readonly lrLambdas: LrLambda[];

  constructor(optimizer: Schedulable, ...args: LambdaArguments) {
    const { lrLambda, lastEpoch } = gather('LambdaLR', args);
    super(optimizer, lastEpoch);
    this.lrLambdas = perGroup<LrLambda>('LambdaLR', 'lrLambda', optimizer, lrLambda);
    this.start();
  }

  protected override rates(): number[] {
    return this.baseLrs.map((lr, i) => lr * this.lrLambdas[i](this.lastEpoch));
  }
}

/** The last rate times a function of the epoch. */
export class MultiplicativeLR extends LRScheduler {
  readonly lrLambdas: LrLambda[];

  constructor(optimizer: Schedulable, ...args: LambdaArguments) {
    const { lrLambda, lastEpoch } = gather('MultiplicativeLR', args);
    super(optimizer, lastEpoch);
    this.lrLambdas = perGroup<LrLambda>('MultiplicativeLR', 'lrLambda', optimizer, lrLambda);
    this.start();
  }

  protected override rates(): number[] {
    return this.isInitial ? this.current() : this.current().map((lr, i) => lr * this.lrLambdas[i](this.lastEpoch));
  }
}
