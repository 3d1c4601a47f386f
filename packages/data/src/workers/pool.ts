import { FlambeauError } from '@flambeau/core';
import { unpack, type FromWorker, type Request, type WorkerStart } from './messages.ts';
import { startThread, type Thread } from './thread.ts';

/** A worker of a DataLoader that threw, died, or did not answer in time. Code `WORKER`. */
export class WorkerError extends FlambeauError {
  readonly worker: number;
  /** The index of the sample that threw, where it is known. */
  readonly index: number | undefined;
  /** The stack in the worker. */
  readonly workerStack: string;

  constructor(worker: number, received: string, index?: number, workerStack = '') {
    super('WORKER', {
      op: 'DataLoader',
      expected: `a batch from worker ${worker}`,
      received: `${received}${index === undefined ? '' : ` at sample ${index}`}`,
      ...(workerStack !== '' && { hint: `In the worker:\n${workerStack}` }),
    });
    this.worker = worker;
    this.index = index;
    this.workerStack = workerStack;
  }
}

/** Options of a pool. */
export interface PoolOptions {
  /** How many threads there are. */
  readonly numWorkers: number;
  /** Batches that each worker makes ahead. */
  readonly prefetchFactor: number;
  /** Milliseconds to wait for a batch; 0 waits for ever. */
  readonly timeout: number;
  /** Ends the pool's work when it is aborted. */
  readonly signal: AbortSignal | undefined;
  /** What worker `id` is told at its start. */
  readonly start: (id: number) => WorkerStart;
}

interface Waiting {
  readonly resolve: (batch: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** In place of a batch: the worker's part of an IterableDataset is at its end. */
const partEnded = Symbol('part ended');

/** Workers that make batches side by side; they are handed out in order. */
export class WorkerPool {
  private readonly options: PoolOptions;
  private threads: Thread[] = [];
  private failure: Error | undefined;
  private readonly ready = new Map<number, unknown>();
  private readonly waiting = new Map<number, Waiting>();
  private ended = false;

  private constructor(options: PoolOptions) {
    this.options = options;
  }

  /** Starts the threads; the first batches may be asked for at once. */
  static async start(options: PoolOptions): Promise<WorkerPool> {
    const pool = new WorkerPool(options);
    pool.threads = await Promise.all(
      Array.from({ length: options.numWorkers }, async (_, id) => {
        const thread = await startThread({
          message: (message) => pool.receive(id, message),
          gone: (reason) => pool.fail(new WorkerError(id, `the end of the worker: ${reason}`)),
        });
        thread.post({ kind: 'start', start: options.start(id) });
        return thread;
      }),
    );
    return pool;
  }

  private receive(worker: number, message: FromWorker): void {
    if (message.kind === 'ready') return;
    if (message.kind === 'error') {
      this.fail(new WorkerError(worker, `an error: ${message.message}`, message.index, message.stack));
      return;
    }
    const batch = message.kind === 'end' ? partEnded : message.batch;
    const waiting = this.waiting.get(message.order);
    if (waiting === undefined) this.ready.set(message.order, batch);
    else {
      this.waiting.delete(message.order);
      waiting.resolve(batch);
    }
  }

  private fail(error: Error): void {
    if (this.ended) return;
    this.failure ??= error;
    for (const { reject } of this.waiting.values()) reject(this.failure);
    this.waiting.clear();
  }

  /** The batch of an order, when the worker that was asked for it gives it. */
  private take(order: number, worker: number): Promise<unknown> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.ready.has(order)) {
      const batch = this.ready.get(order);
      this.ready.delete(order);
      return Promise.resolve(batch);
    }
    return new Promise((resolve, reject) => {
      const { timeout, signal } = this.options;
      const giveUp = (error: Error): void => {
        this.waiting.delete(order);
        settle();
        reject(error);
      };
      const abort = (): void => giveUp(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
      const timer = timeout > 0 ? setTimeout(() => giveUp(new WorkerError(worker, `nothing within ${timeout} ms`)), timeout) : undefined;
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      signal?.addEventListener('abort', abort);
      this.waiting.set(order, {
        resolve: (batch) => {
          settle();
          resolve(batch);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
    });
  }

  /**
   * Batches, made by the workers in turn and given in the order in which they were asked for. A worker whose part of an IterableDataset is at
   * its end loses its turn when that is found in this order, so that the order is the same in each run.
   */
  async *run(requests: Iterable<Request>, seed: bigint): AsyncGenerator<unknown> {
    this.ready.clear();
    for (const thread of this.threads) {
      thread.hold(true);
      thread.post({ kind: 'epoch', seed });
    }
    const { numWorkers, prefetchFactor, signal } = this.options;
    const iterator = requests[Symbol.iterator]();
    /** The workers in their turns, the next one first. */
    let turns = Array.from({ length: numWorkers }, (_, worker) => worker);
    /** Whom each outstanding order was asked of. */
    const asked: number[] = [];
    let orders = 0;
    const ask = (): boolean => {
      const [worker, ...rest] = turns;
      if (worker === undefined) return false;
      const next = iterator.next();
      if (next.done === true) return false;
      turns = [...rest, worker];
      asked.push(worker);
      this.threads[worker].post({ kind: 'batch', order: orders++, indices: next.value });
      return true;
    };
    try {
      let more = true;
      while (more && orders < numWorkers * prefetchFactor) more = ask();
      for (let order = 0, worker = asked.shift(); worker !== undefined; order++, worker = asked.shift()) {
        signal?.throwIfAborted();
        const batch = await this.take(order, worker);
        const ended = worker;
        if (batch === partEnded) turns = turns.filter((other) => other !== ended);
        if (more) more = ask();
        if (batch !== partEnded) yield unpack(batch);
      }
    } finally {
      for (const thread of this.threads) thread.hold(false);
    }
  }

  /** Ends all threads. */
  async end(): Promise<void> {
    this.ended = true;
    for (const { reject } of this.waiting.values()) reject(new Error('the pool has ended'));
    this.waiting.clear();
    await Promise.all(this.threads.map((thread) => thread.end()));
  }
}
