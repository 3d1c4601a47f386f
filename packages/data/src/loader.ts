import { describe, ArgumentError, generatorOf, getDefaultDevice, turnDevices, type Generator } from '@flambeau/core';
import { defaultCollate } from './collate.ts';
import { Dataset, IterableDataset } from './dataset.ts';
import { Position, type LoaderState } from './position.ts';
import { StreamDataset } from './stream.ts';
import type { WorkerSource } from './workers/messages.ts';
import { WorkerPool } from './workers/pool.ts';
import { BatchSampler, RandomSampler, SequentialSampler, type Sampler } from './sampler.ts';

/** Options of a DataLoader. */
export interface DataLoaderOptions {
  /** Samples in a batch; 1 by default. */
  batchSize?: number;
  /** A new random order in each pass. */
  shuffle?: boolean;
  /** An order of indices in place of `shuffle`. */
  sampler?: Sampler;
  /** Batches of indices in place of batchSize, shuffle, sampler and dropLast. */
  batchSampler?: Iterable<number[]> & {
    /** How many batches a pass has. */
    readonly length: number;
  };
  /** Leaves out a last batch that is not full. */
  dropLast?: boolean;
  /** Makes a batch of samples; see `defaultCollate`. */
  collate?: (samples: readonly unknown[]) => unknown;
  /** Where the order comes from; the default generator when missing. */
  generator?: Generator;
  /** Threads that make batches; then only `for await` works. The dataset says by `workerSource` how a thread makes it anew. */
  numWorkers?: number;
  /** Batches that each worker makes ahead; 2 by default. */
  prefetchFactor?: number;
  /** Keeps the workers from one pass to the next. */
  persistentWorkers?: boolean;
  /** Milliseconds to wait for a batch of a worker; 0, the default, waits for ever. */
  timeout?: number;
  /** Called in each worker with its id and the number of workers: an export of a module. */
  workerInit?: Pick<WorkerSource, 'module' | 'name'>;
  /** A collate function for workers, which cannot be sent to them: an export of a module. */
  workerCollate?: Pick<WorkerSource, 'module' | 'name'>;
  /** Ends a pass with workers. */
  signal?: AbortSignal;
}

/** A batch: what collating a sample's places gives. */
export type Batch<T> =
  T extends Promise<infer Sample> ? Batch<Sample> : T extends readonly unknown[] ? { [K in keyof T]: BatchItem<T[K]> } : BatchItem<T>;
type BatchItem<T> = T extends number | boolean | bigint ? import('@flambeau/core').Tensor : T extends string ? string[] : T;

/** A batch that is made already, among arrays of samples. */
class Whole {
  readonly batch: unknown;

  constructor(batch: unknown) {
    this.batch = batch;
  }
}

const isAsynchronous = (samples: unknown[] | Whole): samples is Promise<unknown>[] =>
  Array.isArray(samples) && samples.some((sample) => sample instanceof Promise);

/** Batches of a dataset, in order or shuffled: `for (const [x, y] of loader)`. Each pass starts anew. */
export class DataLoader<T> implements Iterable<Batch<T>>, AsyncIterable<Batch<T>> {
  readonly dataset: Dataset<T> | IterableDataset<T>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  private readonly batches: (Iterable<number[]> & { readonly length: number }) | undefined;
  private readonly collate: ((samples: readonly unknown[]) => unknown) | undefined;
  private readonly generator: Generator;
  private readonly options: DataLoaderOptions;
  private pool: Promise<WorkerPool> | undefined;
  private readonly position: Position;

  constructor(dataset: Dataset<T> | IterableDataset<T>, options: DataLoaderOptions = {}) {
    const { batchSize = 1, shuffle = false, sampler, batchSampler, dropLast = false, collate, generator } = options ?? {};
    if (typeof dataset !== 'object' || dataset === null)
      throw new ArgumentError({ op: 'DataLoader', expected: 'a dataset', received: describe(dataset) });
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new ArgumentError({ op: 'DataLoader', expected: 'a positive batchSize', received: String(batchSize) });
    if (shuffle && (sampler !== undefined || batchSampler !== undefined))
      throw new ArgumentError({ op: 'DataLoader', expected: 'shuffle or a sampler', received: 'both' });
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
    this.collate = collate;
    this.generator = generatorOf('DataLoader', generator);
    this.options = options;
    this.checkWorkers();
    if (dataset instanceof IterableDataset) {
      if (shuffle || sampler !== undefined || batchSampler !== undefined)
        throw new ArgumentError({ op: 'DataLoader', expected: 'no order for an IterableDataset', received: 'shuffle or a sampler' });
      this.batches = undefined;
    } else {
      const order =
        sampler ?? (shuffle ? new RandomSampler(dataset, generator === undefined ? {} : { generator }) : new SequentialSampler(dataset));
      this.batches = batchSampler ?? new BatchSampler(order, batchSize, dropLast);
    }
    this.position = new Position(this.generator, this.batches);
  }

  /** How far the pass has come, and what its order was drawn from: save it beside the model to go on in the middle of an epoch. */
  stateDict(): LoaderState {
    return this.position.stateDict();
  }

  /** Lets the next pass go on after the batches that were given when `stateDict` was called, in the same order. */
  loadStateDict(state: LoaderState): void {
    this.position.loadStateDict(state);
  }

  /** The number of batches. @throws ArgumentError for an IterableDataset, which does not know. */
  get length(): number {
    if (this.batches === undefined)
      throw new ArgumentError({ op: 'DataLoader.length', expected: 'a dataset with a length', received: 'an IterableDataset' });
    return this.batches.length;
  }

  private checkWorkers(): void {
    const { numWorkers = 0, prefetchFactor = 2, timeout = 0, collate } = this.options ?? {};
    if (!Number.isInteger(numWorkers) || numWorkers < 0 || !Number.isInteger(prefetchFactor) || prefetchFactor < 1 || !(timeout >= 0)) {
      throw new ArgumentError({
        op: 'DataLoader',
        expected: 'numWorkers >= 0, prefetchFactor >= 1 and timeout >= 0',
        received: `${numWorkers}, ${prefetchFactor} and ${timeout}`,
      });
    }
    if (numWorkers === 0) return;
    const { dataset } = this;
    if (!(dataset instanceof Dataset || dataset instanceof IterableDataset) || dataset.workerSource === undefined) {
      throw new ArgumentError({
        op: 'DataLoader',
        expected: 'a dataset with a workerSource method, which says how a worker makes it anew',
        received: `a ${dataset.constructor.name} without one`,
        hint: 'Return { module: import.meta.url, name, args } from it, or use numWorkers: 0.',
      });
    }
    if (collate !== undefined)
      throw new ArgumentError({
        op: 'DataLoader',
        expected: 'workerCollate with workers',
        received: 'a collate function, which cannot be sent to them',
      });
  }

  *[Symbol.iterator](): Iterator<Batch<T>> {
    if ((this.options.numWorkers ?? 0) > 0) {
      throw new ArgumentError({
        op: 'DataLoader',
        expected: 'for await (const batch of loader) with workers',
        received: 'a plain for',
        hint: 'Batches of workers come asynchronously.',
      });
    }
    for (const samples of this.passes()) {
      if (isAsynchronous(samples)) {
        // Nobody will wait for these; a rejection among them must not end the process.
        for (const sample of samples) sample.catch(() => undefined);
        throw new ArgumentError({
          op: 'DataLoader',
          expected: 'for await (const batch of loader)',
          received: 'a plain for over samples that are promises',
        });
      }
      const batch = this.join(samples);
      this.position.given();
      yield batch;
    }
    this.position.end();
  }

  /** The samples of each batch of a pass; a batch that the dataset made at once is a `Whole`. */
  private *passes(): Iterable<unknown[] | Whole> {
    const { dataset } = this;
    if (dataset instanceof IterableDataset) {
      yield* this.pass(() => this.iterate(dataset)[Symbol.iterator]()).items;
      return;
    }
    for (const indices of this.indices().items) {
      if (this.collate === undefined && dataset.getBatch !== undefined) yield new Whole(dataset.getBatch(indices));
      else yield indices.map((i) => dataset.get(i));
    }
  }

  private join(samples: unknown[] | Whole): Batch<T> {
    return (samples instanceof Whole ? samples.batch : (this.collate ?? defaultCollate)(samples)) as Batch<T>;
  }

  /** Begins a pass over what `open` opens, or goes on with one. */
  private pass<I>(open: () => Iterator<I>): { items: Iterable<I>; seed: bigint } {
    // PyTorch draws a base seed for workers in each pass, with workers or without: the stream must advance as it does there.
    const { items, seed } = this.position.begin(() => ({ seed: this.generator.draw64(), items: open() }));
    return { items: { [Symbol.iterator]: () => items }, seed };
  }

  /** The indices of the batches of a pass. */
  private indices(): { items: Iterable<number[]>; seed: bigint } {
    return this.pass(() => (this.batches ?? [])[Symbol.iterator]());
  }

  private *iterate(dataset: IterableDataset<T>): Iterable<unknown[]> {
    let samples: T[] = [];
    for (const sample of { [Symbol.iterator]: () => dataset[Symbol.iterator]() }) {
      samples.push(sample);
      if (samples.length < this.batchSize) continue;
      yield samples;
      samples = [];
    }
    if (samples.length > 0 && !this.dropLast) yield samples;
  }

  /** The same batches for `for await`; every few of them the event loop gets a turn, so that a page stays alive and memory is given back. */
  async *[Symbol.asyncIterator](): AsyncIterator<Batch<T>> {
    if ((this.options.numWorkers ?? 0) > 0) {
      yield* this.fromWorkers();
      return;
    }
    if (this.dataset instanceof StreamDataset) {
      yield* this.fromStream(this.dataset as StreamDataset<T>);
      return;
    }
    let sinceTurn = 0;
    for (const samples of this.passes()) {
      const batch = this.join(isAsynchronous(samples) ? await Promise.all(samples) : samples);
      if (++sinceTurn >= 4) {
        sinceTurn = 0;
        await turn();
      }
      this.position.given();
      yield batch;
    }
    this.position.end();
  }

  /** Batches of a stream. One that goes on in the middle passes over the samples of the batches that were given. */
  private async *fromStream(dataset: StreamDataset<T>): AsyncGenerator<Batch<T>> {
    this.pass(() => [][Symbol.iterator]());
    let skip = this.position.passed * this.batchSize;
    let samples: T[] = [];
    const give = (): Batch<T> => {
      const batch = this.join(samples);
      samples = [];
      this.position.given();
      return batch;
    };
    for await (const sample of { [Symbol.asyncIterator]: () => dataset[Symbol.asyncIterator]() }) {
      if (skip-- > 0) continue;
      samples.push(sample);
      if (samples.length === this.batchSize) yield give();
    }
    if (samples.length > 0 && !this.dropLast) yield give();
    this.position.end();
  }

  private async *fromWorkers(): AsyncGenerator<Batch<T>> {
    const { numWorkers = 0, prefetchFactor = 2, timeout = 0, persistentWorkers = false, workerInit, workerCollate, signal } = this.options;
    const { dataset, batchSize, dropLast } = this;
    const iterable = dataset instanceof IterableDataset;
    const { items, seed: drawn } = iterable ? this.pass(() => [][Symbol.iterator]()) : this.indices();
    // What an IterableDataset gives is known when it has come: a pass that goes on in the middle lets the given batches go by.
    let skip = iterable ? this.position.passed : 0;
    const seed = drawn & 0x7fffffffffffffffn;
    const source = dataset.workerSource?.() as WorkerSource;
    this.pool ??= WorkerPool.start({
      numWorkers,
      prefetchFactor,
      timeout,
      signal,
      start: (id) => ({ source, id, count: numWorkers, seed: seed + BigInt(id), init: workerInit, device: getDefaultDevice().source, collate: workerCollate, cut: iterable ? { batchSize, dropLast } : undefined }), // prettier-ignore
    });
    let whole = false;
    try {
      for await (const batch of (await this.pool).run(iterable ? nextOnes() : items, seed)) {
        if (skip-- > 0) continue;
        this.position.given();
        yield batch as Batch<T>;
      }
      this.position.end();
      whole = true;
    } finally {
      // Workers that were left in the middle of a pass, or have failed, are not used again.
      if (!persistentWorkers || !whole) await this.close();
    }
  }

  /** Ends the workers, where there are any; the next pass starts new ones. */
  async close(): Promise<void> {
    const pool = await this.pool?.catch(() => undefined);
    this.pool = undefined;
    await pool?.end();
  }
}

/** Asks for the next batch, again and again. */
function* nextOnes(): Iterable<undefined> {
  for (;;) yield undefined;
}

declare const setImmediate: ((run: () => void) => unknown) | undefined;
declare const setTimeout: (run: () => void, delay: number) => unknown;
/** A turn for the event loop, and for the devices, which may have to keep up or to give memory back. */
async function turn(): Promise<void> {
  await turnDevices();
  await macrotask();
}
/** Resolves in the next turn of the event loop. */
const macrotask = (): Promise<void> =>
  new Promise((resolve) => (typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve, 0)));
