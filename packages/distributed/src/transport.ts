import { dtypeNames, type DType } from '@flambeau/core';
import { kinds, type Addon, type Kind } from './addon.ts';
import { DistributedError } from './error.ts';
import { Work } from './work.ts';

/** How tensors of several ranks become one. Of bools, the sum is "any" and the product is "all". */
export const reductions = ['sum', 'product', 'min', 'max', 'mean'] as const;
export type Reduction = (typeof reductions)[number];

/** One collective or message over bytes of the host. */
export interface Task {
  readonly kind: Kind;
  /** The group's number, the same in all ranks. */
  readonly group: number;
  readonly type: DType;
  readonly reduction?: Reduction;
  /** What this rank gives; missing where `receive` holds it. */
  readonly send?: Uint8Array;
  readonly receive?: Uint8Array;
  /** Elements of one rank's part. */
  readonly count: number;
  /** The root, or the other side of a message (-1: anybody), by its rank in the group. */
  readonly peer?: number;
  readonly tag?: number;
  /** Seconds until waiting for another rank becomes an error. */
  readonly seconds: number;
  /** What it is, for messages: `allReduce (sum) of float32 [3, 4]`. */
  readonly label: string;
  /** Ranks of a new group. */
  readonly members?: readonly number[];
}

/** What carries tasks out. */
export interface Transport {
  /** @param finish - called when it is done, and gives the work's value; @param release - called when it is settled in any way */
  submit<T>(task: Task, finish: () => T, release: () => void): Work<T>;
  /** Tells the other ranks that this one cannot go on. */
  fail(reason: string): void;
  stop(): void;
}

interface Pending {
  settle(error: string | undefined): void;
  held: boolean;
}

/** MPI: the addon's thread makes the calls. */
export class MpiTransport implements Transport {
  private readonly addon: Addon;
  private readonly debug: boolean;
  private readonly pending = new Map<number, Pending>();
  private holding = 0;

  constructor(addon: Addon, debug: boolean) {
    this.addon = addon;
    this.debug = debug;
  }

  /** What the addon calls for each task that is over. */
  readonly settled = (id: number, error: string | undefined): void => {
    const pending = this.pending.get(id);
    if (pending === undefined) return;
    this.pending.delete(id);
    if (pending.held && --this.holding === 0) this.addon.hold(false);
    pending.settle(error);
  };

  submit<T>(task: Task, finish: () => T, release: () => void): Work<T> {
    const message = task.kind === 'send' || task.kind === 'recv';
    const id = this.addon.submit({
      kind: kinds.indexOf(task.kind),
      group: task.group,
      type: dtypeNames.indexOf(task.type),
      reduction: reductions.indexOf(task.reduction ?? 'sum'),
      send: task.send,
      receive: task.receive,
      count: task.count,
      peer: task.peer ?? 0,
      tag: task.tag ?? 0,
      seconds: task.seconds,
      label: task.label,
      fingerprint: this.debug && !message ? task.label : '',
      members: task.members,
    });
    const work = new Work<T>(task.kind, {
      block: () => this.settled(id, this.addon.wait(id)),
      hold: () => {
        pending.held = true;
        if (this.holding++ === 0) this.addon.hold(true);
      },
    });
    const pending: Pending = {
      held: false,
      settle: (error) => {
        if (error !== undefined) {
          // MPI may still write there: the arrays must live as long as the process.
          abandoned.push(task);
          work.settle({ error: failure(task.kind, error) });
          return;
        }
        try {
          work.settle({ value: finish() });
        } catch (thrown) {
          work.settle({ error: thrown });
        } finally {
          release();
        }
      },
    };
    this.pending.set(id, pending);
    return work;
  }

  fail(reason: string): void {
    this.addon.fail(reason);
  }

  stop(): void {
    this.addon.stop();
  }
}

const abandoned: Task[] = [];

const failure = (op: string, reason: string): DistributedError =>
  new DistributedError({
    op,
    expected: 'every rank of the job to take part',
    received: reason,
    hint: 'The job ends: what the other ranks printed says more.',
  });

/** One process alone: every collective is done at once, and messages to oneself wait in a queue. */
export class SoloTransport implements Transport {
  private readonly messages = new Map<number, Uint8Array[]>();

  submit<T>(task: Task, finish: () => T, release: () => void): Work<T> {
    const { kind, send, receive, tag = 0 } = task;
    if (kind === 'send') this.queue(tag).push((send ?? new Uint8Array()).slice());
    else if (kind === 'recv') {
      const message = this.queue(tag).shift();
      if (message === undefined || message.byteLength !== receive?.byteLength) {
        throw new DistributedError({
          op: kind,
          expected: `a message of ${receive?.byteLength} bytes with tag ${tag} from this one process itself`,
          received: message === undefined ? 'none: it would wait for ever' : `${message.byteLength} bytes`,
        });
      }
      receive.set(message);
    } else if (send !== undefined && receive !== undefined) receive.set(send);
    try {
      return Work.done(kind, finish());
    } finally {
      release();
    }
  }

  private queue(tag: number): Uint8Array[] {
    const queue = this.messages.get(tag) ?? [];
    this.messages.set(tag, queue);
    return queue;
  }

  fail(): void {
    // Nobody is there to be told.
  }

  stop(): void {
    // There is no thread.
  }
}
