import { ArgumentError, describe, type Call } from '@flambeau/core';
import { ReduceLROnPlateau } from './plateau.ts';
import { checkOptimizer, gatherOptions, LRScheduler, type LastEpoch, type Schedulable, type SchedulerState } from './scheduler.ts'; // prettier-ignore

function checkMembers(op: string, schedulers: unknown, optimizer: Schedulable | undefined): void {
  if (!Array.isArray(schedulers) || schedulers.length === 0)
    throw new ArgumentError({ op, expected: 'at least one scheduler', received: describe(schedulers) });
  schedulers.forEach((scheduler: unknown, i) => {
    if (!(scheduler instanceof LRScheduler) || scheduler instanceof ReduceLROnPlateau)
      throw new ArgumentError({ op, expected: 'schedulers that need no metric', received: `${describe(scheduler)} at ${i}` });
    if (scheduler.optimizer !== (optimizer ?? (schedulers[0] as LRScheduler).optimizer))
      throw new ArgumentError({ op, expected: 'schedulers of one optimizer', received: `another at ${i}` });
  });
}

abstract class CompositeScheduler extends LRScheduler {
  readonly schedulers: LRScheduler[];

  constructor(optimizer: Schedulable, schedulers: readonly LRScheduler[], lastEpoch: number) {
    super(optimizer, lastEpoch);
    this.schedulers = [...schedulers];
  }

  protected override rates(): number[] {
    return this.current();
  }

  override undo(): void {
    for (const scheduler of this.schedulers) scheduler.undo();
  }

  protected override unsaved(): readonly string[] {
    return ['optimizer', 'schedulers'];
  }

  override stateDict(): SchedulerState {
    return { ...super.stateDict(), _schedulers: this.schedulers.map((scheduler) => scheduler.stateDict()) };
  }

  override loadStateDict(state: SchedulerState): void {
    const members = state._schedulers;
    if (!Array.isArray(members) || members.length !== this.schedulers.length) {
      throw new ArgumentError({
        op: `${this.constructor.name}.loadStateDict`,
        expected: `the states of ${this.schedulers.length} schedulers`,
        received: describe(members),
      });
    }
    const { _schedulers: _, ...own } = state;
    super.loadStateDict(own);
    this.schedulers.forEach((scheduler, i) => scheduler.loadStateDict(members[i] as SchedulerState));
  }
}

/** Options of SequentialLR. */
export interface SequentialLROptions extends LastEpoch {
  /** What sets the rate, one after the other; all of the same optimizer. */
  schedulers: readonly LRScheduler[];
  /** The epochs at which the next scheduler takes over, one fewer than schedulers. */
  milestones: readonly number[];
}

/** Schedulers one after the other. */
export class SequentialLR extends CompositeScheduler {
  readonly milestones: number[];

  constructor(optimizer: Schedulable, ...args: Call<SequentialLROptions, ['schedulers', 'milestones']>) {
    // prettier-ignore
    const name = 'SequentialLR';
    const options = gatherOptions<SequentialLROptions>(name, args, ['schedulers', 'milestones'], { schedulers: [], milestones: [] });
    const { schedulers, milestones, lastEpoch = -1 } = options;
    checkOptimizer(name, optimizer);
    checkMembers(name, schedulers, optimizer);
    if (!Array.isArray(milestones) || milestones.length !== schedulers.length - 1)
      throw new ArgumentError({ op: name, expected: `${schedulers.length - 1} milestones`, received: describe(milestones) });
    super(optimizer, schedulers, lastEpoch);
    this.milestones = [...(milestones as readonly number[])];
    this.lastEpoch = lastEpoch + 1;
    // The schedulers have each made their first step: take all back, and let only the one that starts do it.
    for (const group of optimizer.paramGroups) group.lr = group.initialLr ?? group.lr;
    this.undo();
    const first = this.schedulers[this.indexAt(0)];
    first.restart();
    this.lastLr = first.getLastLr();
  }

  private indexAt(epoch: number): number {
    return this.milestones.filter((milestone) => milestone <= epoch).length;
  }

  override step(): void {
    this.lastEpoch++;
    const index = this.indexAt(this.lastEpoch);
    const scheduler = this.schedulers[index];
    if (index > 0 && this.milestones[index - 1] === this.lastEpoch) scheduler.jumpTo(0);
    else scheduler.step();
    this.lastLr = scheduler.getLastLr();
  }
}

/** Schedulers that all step together, each changing what the others left. */
export class ChainedScheduler extends CompositeScheduler {
  constructor(schedulers: readonly LRScheduler[], options: { optimizer?: Schedulable } | Schedulable = {}) {
    if (typeof options !== 'object' || options === null)
      throw new ArgumentError({ op: 'ChainedScheduler', expected: 'options', received: describe(options) });
    const optimizer = 'paramGroups' in options ? options : options.optimizer;
    checkMembers('ChainedScheduler', schedulers, optimizer);
    super(optimizer ?? schedulers[0].optimizer, schedulers, -1);
    this.lastLr = this.current();
  }

  override step(): void {
    for (const scheduler of this.schedulers) scheduler.step();
    this.lastLr = this.current();
  }
}
