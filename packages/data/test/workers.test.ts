import { describe, expect, it } from 'vitest';
import { manualSeed, type Tensor } from '@flambeau/core';
import { ChainDataset, DataLoader, getWorkerInfo, WorkerError, type DataLoaderOptions } from '@flambeau/data';
import { Counting, Leaving, Noise, Squares, Ticker, Together } from './workerDatasets.ts';

const module = new URL('./workerDatasets.ts', import.meta.url).href;

async function collect(options: DataLoaderOptions, data = new Squares(11)): Promise<unknown[]> {
  manualSeed(1);
  const out: unknown[] = [];
  for await (const [x, y] of new DataLoader(data, options)) out.push([x.toArraySync(), (y as unknown as Tensor).toArraySync()]);
  return out;
}

describe('a loader with workers', () => {
  it('gives the order that it gives without, for every number of workers', async () => {
    const plain = await collect({ batchSize: 3, shuffle: true });
    for (const numWorkers of [1, 2, 3]) expect(await collect({ batchSize: 3, shuffle: true, numWorkers })).toEqual(plain);
  });

  it('keeps its workers when it is told to, and shuffles anew', async () => {
    manualSeed(1);
    const loader = new DataLoader(new Squares(8), { batchSize: 4, shuffle: true, numWorkers: 2, persistentWorkers: true });
    const passes: unknown[] = [];
    for (let pass = 0; pass < 2; pass++) {
      const labels: unknown[] = [];
      for await (const [, y] of loader) labels.push((y as unknown as Tensor).toArraySync());
      passes.push(labels);
    }
    await loader.close();
    expect(passes[0]).not.toEqual(passes[1]);
    expect((passes[1] as number[][]).flat().sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('gives each worker random numbers of its own, the same for the same seed', async () => {
    const draw = async (): Promise<number[]> => {
      manualSeed(3);
      const out: number[] = [];
      for await (const x of new DataLoader(new Noise(), { numWorkers: 2 })) out.push(x.itemSync());
      return out;
    };
    const first = await draw();
    expect(new Set(first).size).toBe(4);
    expect(await draw()).toEqual(first);
  });

  it.each([
    ['one by one', Squares],
    ['in whole batches', Together],
  ])('tells the sample and the stack of an error where samples are made %s', async (_, Made) => {
    const error = await collect({ batchSize: 3, numWorkers: 2 }, new Made(11, 'throw')).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(WorkerError);
    expect(error).toMatchObject({ code: 'WORKER', index: 5, worker: 1 });
    expect((error as WorkerError).message).toMatch(/sample five is broken at sample 5/);
    expect((error as WorkerError).workerStack).toMatch(/workerDatasets/);
  });

  it('ends with an error when a worker dies, and when one does not answer in time', async () => {
    await expect(collect({ batchSize: 3, numWorkers: 2 }, new Squares(11, 'exit'))).rejects.toThrow(/exited with code 3/);
    await expect(collect({ batchSize: 3, numWorkers: 2, timeout: 1500 }, new Squares(11, 'stall'))).rejects.toThrow(
      /nothing within 1500 ms/,
    );
  });

  it('stops at an abort', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new Error('enough')), 800);
    await expect(collect({ batchSize: 3, numWorkers: 1, signal: controller.signal }, new Squares(11, 'stall'))).rejects.toThrow(/enough/);
  });

  it('collates and initializes by exports of a module', async () => {
    const sums: number[] = [];
    const options = {
      batchSize: 4,
      numWorkers: 2,
      workerCollate: { module, name: 'sumLabels' },
      workerInit: { module, name: 'noteWorker' },
    };
    for await (const total of new DataLoader(new Squares(6), options) as unknown as AsyncIterable<Tensor>) sums.push(total.itemSync());
    // 0 + 1 + 2 + 3 = 6 and 4 + 5 = 9
    expect(sums).toEqual([6, 9]);
  });

  it('lets every worker iterate its copy of an IterableDataset, batch for batch in turn, and shares it out by getWorkerInfo', async () => {
    const pass = async (loader: DataLoader<[number, number]>): Promise<unknown[]> => {
      const out: unknown[] = [];
      for await (const [numbers, workers] of loader) out.push([numbers.toArraySync(), [...new Set(workers.toArraySync() as number[])]]);
      return out;
    };
    const whole = [[[0, 2], [0]], [[1, 3], [1]], [[4, 6], [0]], [[5], [1]]]; // prettier-ignore
    const staying = new DataLoader(new Counting(7), { batchSize: 2, numWorkers: 2, persistentWorkers: true });
    expect(await pass(staying)).toEqual(whole);
    expect(await pass(staying)).toEqual(whole);
    await staying.close();
    // Each worker leaves out its own last batch that is not full, as in PyTorch.
    expect(await pass(new DataLoader(new Counting(7), { batchSize: 2, numWorkers: 2, dropLast: true }))).toEqual(whole.slice(0, 3));
    // Without sharing every worker gives all of it.
    const twice = await pass(new DataLoader(new Counting(3, false), { batchSize: 2, numWorkers: 2 }));
    expect(twice).toEqual([[[0, 1], [0]], [[0, 1], [1]], [[2], [0]], [[2], [1]]]); // prettier-ignore
    // More workers than samples: those without any are at their end at once.
    expect(await pass(new DataLoader(new Counting(1), { batchSize: 2, numWorkers: 3 }))).toEqual([[[0], [0]]]);
    expect(getWorkerInfo()).toBeUndefined();
  });

  it('goes on in the middle of an IterableDataset, and shares out a stream', async () => {
    const options = { batchSize: 2, numWorkers: 2 };
    const loader = new DataLoader(new Counting(9), options);
    let state = loader.stateDict();
    const first: unknown[] = [];
    for await (const [numbers] of loader) {
      first.push(numbers.toArraySync());
      if (first.length === 2) state = loader.stateDict();
    }
    const resumed = new DataLoader(new Counting(9), options);
    resumed.loadStateDict(state);
    const rest: unknown[] = [];
    for await (const [numbers] of resumed) rest.push(numbers.toArraySync());
    expect(rest).toEqual(first.slice(2));
    const ticks: unknown[] = [];
    for await (const numbers of new DataLoader(new Ticker(5), options)) ticks.push(numbers.toArraySync());
    expect(ticks).toEqual([[0, 2], [1, 3], [4]]);
  });

  it('moves the bytes of a batch to the loader instead of copying them', async () => {
    const told: unknown[] = [];
    for await (const counts of new DataLoader(new Leaving(), { batchSize: 2, numWorkers: 1, prefetchFactor: 1 }))
      told.push(counts.toArraySync());
    // The first batch, of 2 x 3 float32 elements, has left when the second is made; nothing of it stays behind.
    expect(told).toEqual([[[0, 0, 0], [0, 0, 0]], [[1, 24, 0], [1, 24, 0]]]); // prettier-ignore
  });

  it('refuses a plain for, datasets that no worker can make, and functions that cannot be sent', () => {
    expect(() => [...new DataLoader(new Squares(3), { numWorkers: 1 })]).toThrow(/for await/);
    expect(() => new DataLoader({ length: 1, get: () => 1 } as never, { numWorkers: 1 })).toThrow(/workerSource/);
    expect(() => new DataLoader(new Squares(3), { numWorkers: 1, collate: (samples) => samples })).toThrow(/workerCollate/);
    expect(() => [...new DataLoader(new Counting(3), { numWorkers: 1 })]).toThrow(/for await/);
    expect(() => new DataLoader(new ChainDataset([new Counting(3)]), { numWorkers: 1 })).toThrow(/workerSource.*ChainDataset/);
    expect(() => new DataLoader(new Squares(3), { numWorkers: -1 })).toThrow(/numWorkers >= 0/);
  });
});
