import type { IterableDataset } from '../dataset.ts';
import type { BatchCut } from './messages.ts';

/** A worker's pass over its copy of an IterableDataset. */
export interface Part {
  /** The samples of the next batch; undefined at the end. */
  next(): Promise<unknown[] | undefined>;
}

type Samples = Iterator<unknown> | AsyncIterator<unknown>;

/** Begins a pass. A stream is opened in it, any other dataset iterated. */
export function partOf(dataset: IterableDataset<unknown>, { batchSize, dropLast }: BatchCut): Part {
  const stream = dataset as Partial<AsyncIterable<unknown>>;
  let samples: Samples | undefined;
  let ended = false;
  return {
    next: async () => {
      samples ??= stream[Symbol.asyncIterator]?.() ?? dataset[Symbol.iterator]();
      const batch: unknown[] = [];
      while (!ended && batch.length < batchSize) {
        const { done, value } = await samples.next();
        if (done === true) ended = true;
        else batch.push(await value);
      }
      return batch.length === batchSize || (batch.length > 0 && !dropLast) ? batch : undefined;
    },
  };
}
