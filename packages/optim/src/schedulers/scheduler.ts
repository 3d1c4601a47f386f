import { checkInteger, ArgumentError, describe, readCall } from '@flambeau/core';
import { Optimizer } from '../optimizer.ts';

/** What schedulers read and write of a parameter group. */
export interface ScheduledGroup {
  lr: number;
  initialLr?: number;
  maxLr?: number;
  minLr?: number;
  momentum?: number;
  betas?: readonly [number, number];
  maxMomentum?: number;
  baseMomentum?: number;
}

/** An optimizer as schedulers see it. */
export interface Schedulable {
  readonly defaults: object;
  readonly paramGroups: readonly ScheduledGroup[];
}

/** The state of a scheduler by PyTorch's names; functions are not part of it. */
export type SchedulerState = Record<string, unknown>;

/** Options that every scheduler takes. */
export interface LastEpoch {
  /** The epoch that was done last, when a run goes on; -1 starts anew. */
  lastEpoch?: number;
}

/**
 * Brings the arguments after the optimizer into one object with the defaults: positional ones have the names in `names`, an object in the
 * last place holds the others.
 * @throws ArgumentError for an option that is not among `known`
 */
export function gatherOptions<Options extends object>(
  op: string,
  args: readonly unknown[],
  names: readonly string[],
  known: Options,
): Options {
  const keywords = ['lastEpoch', ...Object.keys(known)].filter((name) => !names.includes(name));
  return { lastEpoch: -1, ...known, ...readCall<Options>(op, args, names, keywords) };
}

/** @throws ArgumentError unless `value` is a finite number. */
export function checkFinite(op: string, name: string, value: unknown): void {
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new ArgumentError({ op, expected: `${name} as a finite number`, received: describe(value) });
}

/** One value for each group: a number stands for all. @throws ArgumentError when the count differs */
export function perGroup<T extends number | ((epoch: number) => number)>(
  op: string,
  name: string,
  optimizer: Schedulable,
  value: T | readonly T[],
): T[] {
  // prettier-ignore
  const groups = optimizer.paramGroups.length;
  const list = Array.isArray(value) ? [...(value as T[])] : Array.from({ length: groups }, () => value as T);
  if (list.length !== groups)
    throw new ArgumentError({ op, expected: `${groups} values of ${name}, one for each group`, received: String(list.length) });
  const kinds = new Set(list.map((item) => typeof item));
  if (kinds.size !== 1 || !(kinds.has('number') || kinds.has('function')))
    throw new ArgumentError({ op, expected: `${name} as a value or one for each group`, received: describe(value) });
  return list;
}

/** @throws ArgumentError unless it is an optimizer */
export function checkOptimizer(op: string, optimizer: unknown): void {
  if (!(optimizer instanceof Optimizer)) throw new ArgumentError({ op, expected: 'an optimizer', received: describe(optimizer) });
}

// Fields whose names in PyTorch are not their snake case.
const irregular: Readonly<Record<string, string>> = {
  stepCount: '_step_count',
  lastLr: '_last_lr',
  tMax: 'T_max',
  t0: 'T_0',
  tMult: 'T_mult',
  tI: 'T_i',
  tCur: 'T_cur',
  schedulers: '_schedulers',
};
const savedName = (field: string): string => irregular[field] ?? field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/**
 * The base of schedulers, which change the learning rate of each group after each step of the schedule (mostly an epoch).
 * A subclass sets its fields after `super(...)`, calls `start()`, and says in `rates` what comes next.
 */
export abstract class LRScheduler {
  readonly optimizer: Schedulable;
  /** The learning rates that the schedule starts from, one a group. */
  baseLrs: number[] = [];
  /** Steps done since the start; 0 after construction. */
  lastEpoch: number;
  protected stepCount = 0;
  protected lastLr: number[] = [];
  /** True during the step that construction makes. */
  #initial = false;

  constructor(optimizer: Schedulable, lastEpoch = -1) {
    const name = this.constructor.name;
    checkOptimizer(name, optimizer);
    checkInteger(name, 'lastEpoch', lastEpoch, -1);
    this.optimizer = optimizer;
    this.lastEpoch = lastEpoch;
    optimizer.paramGroups.forEach((group, i) => {
      if (lastEpoch === -1) group.initialLr ??= group.lr;
      else if (group.initialLr === undefined) {
        throw new ArgumentError({
          op: name,
          expected: 'initialLr in every group when a schedule goes on',
          received: `none in group ${i}`,
          hint: "Load the optimizer's state first.",
        });
      }
    });
    this.baseLrs = optimizer.paramGroups.map((group) => group.initialLr ?? group.lr);
  }

  /** Sets the first rates; the last thing that a constructor does. */
  protected start(): void {
    this.stepCount = 0;
    this.#initial = true;
    try {
      this.step();
    } finally {
      this.#initial = false;
    }
  }

  /** Sets the rates of step 0 anew; for schedulers that contain others. */
  restart(): void {
    this.start();
  }

  protected get isInitial(): boolean {
    return this.#initial;
  }

  /** The rates of epoch `lastEpoch`, from those of the epoch before where schedules may be chained. */
  protected abstract rates(): number[];

  /** The rates of epoch `lastEpoch` from the base rates alone, where there is such a formula. */
  protected closedForm(): number[] {
    return this.rates();
  }

  /** Rates now. */
  protected current(): number[] {
    return this.optimizer.paramGroups.map((group) => group.lr);
  }

  /** Goes on by one epoch. */
  step(): void {
    this.stepCount++;
    this.lastEpoch++;
    this.apply(this.rates());
  }

  /** Goes to an epoch by the closed formula; for schedulers that contain others. */
  jumpTo(epoch: number): void {
    this.lastEpoch = epoch;
    this.apply(this.closedForm());
  }

  /** Takes back the count of a step; for schedulers that contain others. */
  undo(): void {
    this.lastEpoch--;
  }

  protected apply(rates: readonly number[]): void {
    this.optimizer.paramGroups.forEach((group, i) => {
      group.lr = rates[i];
    });
    this.lastLr = [...rates];
  }

  /** The rates that the last step set, one a group. */
  getLastLr(): number[] {
    return [...this.lastLr];
  }

  /** Fields that `stateDict` leaves out. */
  protected unsaved(): readonly string[] {
    return ['optimizer'];
  }

  /** Everything but the optimizer and functions, by PyTorch's names. */
  stateDict(): SchedulerState {
    const state: SchedulerState = {};
    for (const [field, value] of Object.entries(this)) {
      if (this.unsaved().includes(field) || holdsFunctions(value)) continue;
      state[savedName(field)] = copied(value);
    }
    return state;
  }

  /** Takes over what `stateDict` gave, here or in PyTorch; load the optimizer's own state too. */
  loadStateDict(state: SchedulerState): void {
    if (typeof state !== 'object' || state === null)
      throw new ArgumentError({ op: `${this.constructor.name}.loadStateDict`, expected: 'a state', received: describe(state) });
    const own = this as unknown as Record<string, unknown>;
    for (const field of Object.keys(this)) {
      const value = state[savedName(field)];
      if (this.unsaved().includes(field) || value === undefined || holdsFunctions(own[field])) continue;
      own[field] = copied(value);
    }
  }
}

const holdsFunctions = (value: unknown): boolean =>
  typeof value === 'function' || (Array.isArray(value) && value.some((item) => typeof item === 'function'));

/** A copy of numbers, strings, arrays and plain objects. */
function copied(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copied);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copied(item)]));
}
