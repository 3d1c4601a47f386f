import {
  checkArray,
  checkIterable,
  describe,
  ArgumentError,
  defaultGenerator,
  Generator,
  generatorOf,
  multinomialValues,
  permutationValues,
  type Generator as GeneratorType,
} from '@flambeau/core';

/** An order of indices. */
export interface Sampler extends Iterable<number> {
  readonly length: number;
}

/** @throws ArgumentError unless `source` has a length */
function lengthOf(op: string, source: { readonly length: number }): number {
  if (Number.isInteger(source?.length)) return source.length;
  throw new ArgumentError({ op, expected: 'something with a length', received: describe(source) });
}

/** 0, 1, 2, ... */
export class SequentialSampler implements Sampler {
  readonly length: number;

  constructor(source: { readonly length: number }) {
    this.length = lengthOf('SequentialSampler', source);
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
    const count = lengthOf('RandomSampler', source);
    const { replacement = false, numSamples = count, generator } = options ?? {};
    if (!Number.isInteger(numSamples) || numSamples < 0)
      throw new ArgumentError({ op: 'RandomSampler', expected: 'a non-negative number of samples', received: String(numSamples) });
    this.count = source.length;
    this.length = numSamples;
    this.replacement = replacement;
    this.generator = generator === undefined ? undefined : generatorOf('RandomSampler', generator);
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
    this.indices = checkArray('SubsetRandomSampler', 'the indices', indices);
    this.length = indices.length;
    this.generator = generatorOf('SubsetRandomSampler', options?.generator);
  }

  *[Symbol.iterator](): Iterator<number> {
    for (const i of permutationValues(this.length, this.generator)) yield this.indices[i];
  }
}

/** Indices drawn by weight: index i comes with probability weights[i] / Σ weights. */
export class WeightedRandomSampler implements Sampler {
  readonly length: number;
  private readonly weights: readonly number[];
  private readonly replacement: boolean;
  private readonly generator: GeneratorType;

  constructor(weights: Iterable<number>, numSamples: number, options: { replacement?: boolean; generator?: GeneratorType } = {}) {
    const { replacement = true, generator } = options ?? {};
    this.weights = checkIterable('WeightedRandomSampler', 'the weights', weights);
    if (!this.weights.every((w) => w >= 0 && Number.isFinite(w)) || !this.weights.some((w) => w > 0)) {
      throw new ArgumentError({
        op: 'WeightedRandomSampler',
        expected: 'non-negative weights, not all zero',
        received: this.weights.slice(0, 8).join(', '),
      });
    }
    const most = replacement ? Infinity : this.weights.filter((w) => w > 0).length;
    if (!Number.isInteger(numSamples) || numSamples < 1 || numSamples > most) {
      throw new ArgumentError({ op: 'WeightedRandomSampler', expected: `between 1 and ${most} samples`, received: String(numSamples) });
    }
    this.length = numSamples;
    this.replacement = replacement;
    this.generator = generatorOf('WeightedRandomSampler', generator);
  }

  *[Symbol.iterator](): Iterator<number> {
    yield* multinomialValues(this.weights, this.length, this.replacement, this.generator);
  }
}

/**
 * The share of one process among several that train together: every index goes to one of them, in an order that all know from the seed
 * and the epoch. The last round is filled up from the beginning, so that every process has as many (or cut, with dropLast).
 */
export class DistributedSampler implements Sampler {
  readonly length: number;
  private readonly count: number;
  private readonly numReplicas: number;
  private readonly rank: number;
  private readonly shuffle: boolean;
  private readonly seed: number;
  private epoch = 0;

  constructor(
    source: { readonly length: number },
    options: { numReplicas: number; rank: number; shuffle?: boolean; seed?: number; dropLast?: boolean },
  ) {
    const { numReplicas, rank, shuffle = true, seed = 0, dropLast = false } = options ?? {};
    lengthOf('DistributedSampler', source);
    if (!Number.isInteger(numReplicas) || numReplicas < 1 || !Number.isInteger(rank) || rank < 0 || rank >= numReplicas) {
      throw new ArgumentError({
        op: 'DistributedSampler',
        expected: 'a rank below numReplicas',
        received: `rank ${rank} of ${numReplicas}`,
      });
    }
    this.count = source.length;
    this.numReplicas = numReplicas;
    this.rank = rank;
    this.shuffle = shuffle;
    this.seed = seed;
    const rounds = source.length / numReplicas;
    this.length = dropLast ? Math.floor(rounds) : Math.ceil(rounds);
  }

  /** Chooses the order of the next pass; call it with the epoch's number, the same in every process. */
  setEpoch(epoch: number): void {
    this.epoch = epoch;
  }

  *[Symbol.iterator](): Iterator<number> {
    const { count, numReplicas, rank, length } = this;
    const order = this.shuffle
      ? permutationValues(count, new Generator().manualSeed(this.seed + this.epoch))
      : Int32Array.from({ length: count }, (_, i) => i);
    for (let round = 0; round < length; round++) yield order[(round * numReplicas + rank) % count];
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
