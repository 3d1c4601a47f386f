import { ArgumentError, defaultGenerator, type Generator } from '@flambeau/core';
import { defaultCollate } from './collate.ts';
import { Dataset, IterableDataset } from './dataset.ts';
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
  batchSampler?: Iterable<number[]> & { readonly length: number };
  /** Leaves out a last batch that is not full. */
  dropLast?: boolean;
  /** Makes a batch of samples; see `defaultCollate`. */
  collate?: (samples: readonly unknown[]) => unknown;
  /** Where the order comes from; the default generator when missing. */
  generator?: Generator;
}

/** A batch: what collating a sample's places gives. */
export type Batch<T> = T extends readonly unknown[] ? { [K in keyof T]: BatchItem<T[K]> } : BatchItem<T>;
type BatchItem<T> = T extends number | boolean | bigint ? import('@flambeau/core').Tensor : T extends string ? string[] : T;

/** Batches of a dataset, in order or shuffled: `for (const [x, y] of loader)`. Each pass starts anew. */
export class DataLoader<T> implements Iterable<Batch<T>>, AsyncIterable<Batch<T>> {
  readonly dataset: Dataset<T> | IterableDataset<T>;
  readonly batchSize: number;
  readonly dropLast: boolean;
  private readonly batches: (Iterable<number[]> & { readonly length: number }) | undefined;
  private readonly collate: ((samples: readonly unknown[]) => unknown) | undefined;
  private readonly generator: Generator;

  constructor(dataset: Dataset<T> | IterableDataset<T>, options: DataLoaderOptions = {}) {
    const { batchSize = 1, shuffle = false, sampler, batchSampler, dropLast = false, collate, generator } = options;
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new ArgumentError({ op: 'DataLoader', expected: 'a positive batchSize', received: String(batchSize) });
    if (shuffle && (sampler !== undefined || batchSampler !== undefined))
      throw new ArgumentError({ op: 'DataLoader', expected: 'shuffle or a sampler', received: 'both' });
    this.dataset = dataset;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
    this.collate = collate;
    this.generator = generator ?? defaultGenerator;
    if (dataset instanceof IterableDataset) {
      if (shuffle || sampler !== undefined || batchSampler !== undefined)
        throw new ArgumentError({ op: 'DataLoader', expected: 'no order for an IterableDataset', received: 'shuffle or a sampler' });
      this.batches = undefined;
    } else {
      const order =
        sampler ?? (shuffle ? new RandomSampler(dataset, generator === undefined ? {} : { generator }) : new SequentialSampler(dataset));
      this.batches = batchSampler ?? new BatchSampler(order, batchSize, dropLast);
    }
  }

  /** The number of batches. @throws ArgumentError for an IterableDataset, which does not know. */
  get length(): number {
    if (this.batches === undefined)
      throw new ArgumentError({ op: 'DataLoader.length', expected: 'a dataset with a length', received: 'an IterableDataset' });
    return this.batches.length;
  }

  *[Symbol.iterator](): Iterator<Batch<T>> {
    // PyTorch draws a base seed for workers in each pass, with workers or without: the stream must advance as it does there.
    this.generator.draw64();
    const { dataset, batches } = this;
    if (dataset instanceof IterableDataset || batches === undefined) yield* this.iterate(dataset as IterableDataset<T>);
    else for (const indices of batches) yield this.batchOf(dataset, indices);
  }

  private batchOf(dataset: Dataset<T>, indices: readonly number[]): Batch<T> {
    if (this.collate === undefined && dataset.getBatch !== undefined) return dataset.getBatch(indices) as Batch<T>;
    return (this.collate ?? defaultCollate)(indices.map((i) => dataset.get(i))) as Batch<T>;
  }

  private *iterate(dataset: IterableDataset<T>): Iterable<Batch<T>> {
    const collate = this.collate ?? defaultCollate;
    let samples: T[] = [];
    for (const sample of { [Symbol.iterator]: () => dataset[Symbol.iterator]() }) {
      samples.push(sample);
      if (samples.length < this.batchSize) continue;
      yield collate(samples) as Batch<T>;
      samples = [];
    }
    if (samples.length > 0 && !this.dropLast) yield collate(samples) as Batch<T>;
  }

  /** The same batches for `for await`; every few of them the event loop gets a turn, so that a page stays alive and memory is given back. */
  async *[Symbol.asyncIterator](): AsyncIterator<Batch<T>> {
    let sinceTurn = 0;
    for (const batch of this) {
      if (++sinceTurn >= 4) {
        sinceTurn = 0;
        await macrotask();
      }
      yield batch;
    }
  }
}

declare const setImmediate: ((run: () => void) => unknown) | undefined;
declare const setTimeout: (run: () => void, delay: number) => unknown;
/** Resolves in the next turn of the event loop. */
const macrotask = (): Promise<void> =>
  new Promise((resolve) => (typeof setImmediate === 'function' ? setImmediate(resolve) : setTimeout(resolve, 0)));
