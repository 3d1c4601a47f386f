import { ArgumentError, defaultGenerator, Generator, permutationValues, type Generator as GeneratorType } from '@flambeau/core';

/** An order of indices. */
export interface Sampler extends Iterable<number> {
  readonly length: number;
}

/** 0, 1, 2, ... */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(source: { readonly length: number }) {
    this.length = source.length;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let i = 0; i < this.length; i++) yield i;
  }
}

/** A random order, or random indices with replacement. Without a generator each pass seeds its own from the default one, as PyTorch does. */
export class RandomSampler implements Sampler {
  readonly length: number;
  private readonly count: number;
  private readonly replacement: boolean;
  private readonly generator: GeneratorType | undefined;

  constructor(
    source: { readonly length: number },
    options: { replacement?: boolean; numSamples?: number; generator?: GeneratorType } = {},
  ) {
    const { replacement = false, numSamples = source.length, generator } = options;
    if (!Number.isInteger(numSamples) || numSamples < 0)
      throw new ArgumentError({ op: 'RandomSampler', expected: 'a non-negative number of samples', received: String(numSamples) });
    this.count = source.length;
    this.length = numSamples;
    this.replacement = replacement;
    this.generator = generator;
  }

  *[Symbol.iterator](): Iterator<number> {
    const generator = this.generator ?? new Generator().manualSeed(defaultGenerator.draw64() & 0x7fffffffffffffffn);
    if (this.replacement) {
      for (let i = 0; i < this.length; i++) yield generator.below(this.count);
      return;
    }
    for (let left = this.length; left > 0; left -= this.count)
      yield* permutationValues(this.count, generator).subarray(0, Math.min(left, this.count));
  }
}

/** Some indices in random order. */
export class SubsetRandomSampler implements Sampler {
  readonly length: number;
  private readonly indices: readonly number[];
  private readonly generator: GeneratorType;

  constructor(indices: readonly number[], options: { generator?: GeneratorType } = {}) {
    this.indices = indices;
    this.length = indices.length;
    this.generator = options.generator ?? defaultGenerator;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (const i of permutationValues(this.length, this.generator)) yield this.indices[i];
  }
}

/** Groups the indices of a sampler into batches. */
export class BatchSampler implements Iterable<number[]> {
  readonly length: number;
  private readonly sampler: Sampler;
  private readonly batchSize: number;
  private readonly dropLast: boolean;

  constructor(sampler: Sampler, batchSize: number, dropLast: boolean) {
    if (!Number.isInteger(batchSize) || batchSize < 1)
      throw new ArgumentError({ op: 'BatchSampler', expected: 'a positive batch size', received: String(batchSize) });
    this.sampler = sampler;
    this.batchSize = batchSize;
    this.dropLast = dropLast;
    this.length = dropLast ? Math.floor(sampler.length / batchSize) : Math.ceil(sampler.length / batchSize);
  }

  *[Symbol.iterator](): Iterator<number[]> {
    let batch: number[] = [];
    for (const index of this.sampler) {
      batch.push(index);
      if (batch.length < this.batchSize) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0 && !this.dropLast) yield batch;
  }
}
