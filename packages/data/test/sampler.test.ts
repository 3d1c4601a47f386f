import { beforeEach, describe, expect, it } from 'vitest';
import { arange, manualSeed, setDefaultDevice, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import {
  BatchSampler,
  ChainDataset,
  ConcatDataset,
  DataLoader,
  Dataset,
  defaultCollate,
  DistributedSampler,
  IterableDataset,
  randomSplit,
  SequentialSampler,
  StackDataset,
  Subset,
  TensorDataset,
  WeightedRandomSampler,
} from '@flambeau/data';

setDefaultDevice(reference);
beforeEach(() => {
  manualSeed(1);
});

class Numbers extends Dataset<number> {
  readonly length: number;
  private readonly start: number;

  constructor(start: number, length: number) {
    super();
    this.start = start;
    this.length = length;
  }

  get(index: number): number {
    return this.start + index;
  }
}
class Stream extends IterableDataset<number> {
  private readonly values: readonly number[];

  constructor(values: readonly number[]) {
    super();
    this.values = values;
  }

  *[Symbol.iterator](): Iterator<number> {
    yield* this.values;
  }
}

describe('samplers give what PyTorch gives for seed 1', () => {
  it('by weight, with and without replacement', () => {
    // list(WeightedRandomSampler([1, 2, 3, 4], 8)) after torch.manual_seed(1)
    expect([...new WeightedRandomSampler([1, 2, 3, 4], 8)]).toEqual([0, 1, 1, 1, 2, 1, 2, 3]);
    manualSeed(1);
    expect([...new WeightedRandomSampler([1, 2, 3, 4, 5, 6], 4, { replacement: false })]).toEqual([5, 3, 0, 2]);
  });

  it('a share of the epoch for each rank, filled up from the beginning', () => {
    const sampler = new DistributedSampler({ length: 10 }, { numReplicas: 3, rank: 1, seed: 5 });
    sampler.setEpoch(2);
    // list(DistributedSampler(range(10), 3, 1, seed=5)) at epoch 2
    expect([...sampler]).toEqual([0, 1, 6, 5]);
    const all = [0, 1, 2].flatMap((rank) => [...new DistributedSampler({ length: 10 }, { numReplicas: 3, rank, shuffle: false })]);
    expect(all.sort((a, b) => a - b)).toEqual([0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('weights that are none are refused', () => {
    expect(() => new WeightedRandomSampler([0, 0], 1)).toThrow(/not all zero/);
    expect(() => new WeightedRandomSampler([1, -1], 1)).toThrow(/non-negative/);
    expect(() => new WeightedRandomSampler([1, 0], 2, { replacement: false })).toThrow(/between 1 and 1 samples/);
  });
});

describe('datasets', () => {
  it('concatenate: index 4 of lengths 3 and 5 is index 1 of the second', () => {
    const both = new ConcatDataset([new Numbers(0, 3), new Numbers(100, 5)]);
    expect([both.length, both.get(2), both.get(4), both.get(-1)]).toEqual([8, 2, 101, 104]);
    expect(() => both.get(8)).toThrow(/index in \[-8, 7\]/);
  });

  it('chain and stack', () => {
    expect([...new ChainDataset([new Stream([1, 2]), new Stream([3])])]).toEqual([1, 2, 3]);
    expect(new StackDataset({ x: new Numbers(0, 2), y: new Numbers(10, 2) }).get(1)).toEqual({ x: 1, y: 11 });
    expect(() => new StackDataset([new Numbers(0, 2), new Numbers(0, 3)])).toThrow(/one length/);
  });

  it('split at random into parts that hold every sample once', () => {
    const parts = randomSplit(new Numbers(0, 10), [0.5, 0.3, 0.2]);
    expect(parts.map((part) => part.length)).toEqual([5, 3, 2]);
    expect(parts.flatMap((part) => [...part.indices]).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(() => randomSplit(new Numbers(0, 10), [4, 4])).toThrow(/sum to 10/);
    expect(() => new Subset(new Numbers(0, 2), [2])).toThrow(/\[0, 1\]/);
  });
});

describe('the loader', () => {
  const rows = new TensorDataset(arange(10), arange(10).mul(2));

  it('gives a last batch that is partial, or drops it', () => {
    const sizes = (dropLast: boolean): number[] => [...new DataLoader(rows, { batchSize: 4, dropLast })].map(([x]) => x.shape[0]);
    expect(sizes(false)).toEqual([4, 4, 2]);
    expect(sizes(true)).toEqual([4, 4]);
    expect(new DataLoader(rows, { batchSize: 4 }).length).toBe(3);
  });

  it('gives batches at once that equal collated samples', () => {
    const fast = [...new DataLoader(rows, { batchSize: 3 })];
    const slow = [...new DataLoader({ length: rows.length, get: (i) => rows.get(i) } as Dataset<Tensor[]>, { batchSize: 3 })];
    expect(fast.map((batch) => batch.map((x) => x.toArraySync()))).toEqual(slow.map((batch) => batch.map((x) => x.toArraySync())));
  });

  it('batches an iterable dataset, and knows no length for it', () => {
    const loader = new DataLoader(new Stream([1, 2, 3]), { batchSize: 2 });
    expect([...loader].map((x) => x.toArraySync())).toEqual([[1, 2], [3]]);
    expect(() => loader.length).toThrow(/IterableDataset/);
    expect(() => new DataLoader(new Stream([1]), { shuffle: true })).toThrow(/no order/);
  });

  it('refuses batch sizes and mixtures that make no sense', () => {
    expect(() => new DataLoader(rows, { batchSize: 0 })).toThrow(/positive batchSize/);
    expect(() => new DataLoader(rows, { shuffle: true, sampler: { length: 1, *[Symbol.iterator]() { yield 0; } } })).toThrow(/both/); // prettier-ignore
  });

  it('gives the same batches to for and to for await', async () => {
    const plain = [...new DataLoader(rows, { batchSize: 4 })].map(([x]) => x.toArraySync());
    const awaited: unknown[] = [];
    for await (const [x] of new DataLoader(rows, { batchSize: 4 })) awaited.push(x.toArraySync());
    expect(awaited).toEqual(plain);
  });
});

describe('BatchSampler', () => {
  it('groups what a sampler gives, with the rest or without, and is what a loader takes', () => {
    const sampler = new SequentialSampler({ length: 7 });
    expect([...new BatchSampler(sampler, 3, false)]).toEqual([[0, 1, 2], [3, 4, 5], [6]]); // prettier-ignore
    expect([...new BatchSampler(sampler, 3, true)]).toEqual([[0, 1, 2], [3, 4, 5]]); // prettier-ignore
    expect([new BatchSampler(sampler, 3, false).length, new BatchSampler(sampler, 3, true).length]).toEqual([3, 2]);
    const loader = new DataLoader(new Numbers(10, 7), { batchSampler: new BatchSampler(sampler, 3, true) });
    expect([...loader].map((batch) => (batch as unknown as Tensor).toArraySync())).toEqual([[10, 11, 12], [13, 14, 15]]); // prettier-ignore
    for (const size of [0, 1.5, -1]) expect(() => new BatchSampler(sampler, size, false)).toThrow(/a positive batch size/);
  });
});

describe('collate', () => {
  it('joins nested records place by place: tensors, numbers, booleans and strings in arrays and objects', () => {
    const sample = (i: number): unknown => ({ image: arange(2).add(i), meta: { id: i, ratio: i / 2, names: [`a${i}`, i > 0] } });
    const made = defaultCollate([sample(0), sample(1), sample(2)]) as {
      image: Tensor;
      meta: { id: Tensor; ratio: Tensor; names: [string[], Tensor] };
    };
    expect(made.image.toArraySync()).toEqual([[0, 1], [1, 2], [2, 3]]); // prettier-ignore
    expect([made.meta.id.dtype, made.meta.id.toArraySync()]).toEqual(['int32', [0, 1, 2]]);
    expect([made.meta.ratio.dtype, made.meta.ratio.toArraySync()]).toEqual(['float32', [0, 0.5, 1]]);
    expect(made.meta.names[0]).toEqual(['a0', 'a1', 'a2']);
    expect(made.meta.names[1].toArraySync()).toEqual([false, true, true]);
  });

  it.each([
    ['a record that is missing', [{ a: 1 }, undefined]],
    ['null for a record', [{ a: { b: 1 } }, { a: null }]],
    ['a record without a key', [{ a: 1, b: 2 }, { a: 1 }]],
    ['arrays of two lengths', [[1, 2], [1]]],
    ['an array where the first has a number', [{ a: 1 }, { a: [1] }]],
    ['a function', [() => 1]],
    ['nothing', undefined],
  ])('refuses %s', (_, samples) => {
    expect(() => defaultCollate(samples as unknown[])).toThrow(expect.objectContaining({ code: expect.any(String) as string }) as Error);
  });
});
