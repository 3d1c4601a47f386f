import { ArgumentError, describe } from '@flambeau/core';
import { IterableDataset } from './dataset.ts';

/** Samples that come one by one with waiting in between: an async generator's, a web stream's. */
export type SampleStream<T> = AsyncIterable<T> | ReadableStream<T>;

/** The samples of a stream; one that is not taken to its end is cancelled. */
async function* samplesOf<T>(stream: SampleStream<T>): AsyncGenerator<T> {
  const iterable = stream as Partial<AsyncIterable<T>>;
  if (iterable[Symbol.asyncIterator] !== undefined) {
    yield* iterable as AsyncIterable<T>;
    return;
  }
  // Not every browser can iterate a stream.
  const reader = (stream as ReadableStream<T>).getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value;
  } finally {
    reader.cancel().catch(() => undefined);
  }
}

/**
 * Samples of a stream, without an index and without holding all of them: `for await (const batch of new DataLoader(new StreamDataset(open)))`.
 * `open` is called once in each pass, for a stream can be read only once.
 * @example new StreamDataset(() => streamJsonLines('https://example.org/lines.jsonl'))
 */
export class StreamDataset<T> extends IterableDataset<T> {
  private readonly open: () => SampleStream<T> | Promise<SampleStream<T>>;

  constructor(open: () => SampleStream<T> | Promise<SampleStream<T>>) {
    super();
    if (typeof open !== 'function')
      throw new ArgumentError({ op: 'StreamDataset', expected: 'a function that opens a stream', received: describe(open) });
    this.open = open;
  }

  /** @throws ArgumentError: samples of a stream are waited for */
  [Symbol.iterator](): Iterator<T> {
    throw new ArgumentError({ op: 'StreamDataset', expected: 'for await (const batch of loader)', received: 'a plain for' });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    const stream = await this.open();
    if (typeof stream !== 'object' || stream === null || !(Symbol.asyncIterator in stream || 'getReader' in stream))
      throw new ArgumentError({ op: 'StreamDataset', expected: 'an async iterable or a web stream', received: describe(stream) });
    yield* samplesOf(stream);
  }
}
