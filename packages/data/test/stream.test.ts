import { describe, expect, it } from 'vitest';
import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { DataLoader, StreamDataset, streamJsonLines } from '@flambeau/data';

setDefaultDevice(reference);

/** The numbers below `count`, as a web stream. */
const numbers = (count: number, onCancel: () => void = () => undefined): ReadableStream<Tensor> => {
  let next = 0;
  return new ReadableStream<Tensor>({
    pull(controller) {
      if (next === count) controller.close();
      else controller.enqueue(tensor([next++]));
    },
    cancel: onCancel,
  });
};

async function batches(loader: DataLoader<Tensor>, count = Infinity): Promise<number[][]> {
  const out: number[][] = [];
  for await (const x of loader) {
    out.push(Array.from(x.dataSync(), Number));
    if (out.length === count) break;
  }
  return out;
}

describe('a dataset of a stream', () => {
  it('gives its samples in batches, anew in each pass', async () => {
    const loader = new DataLoader(new StreamDataset(() => numbers(5)), { batchSize: 2 });
    for (let pass = 0; pass < 2; pass++) expect(await batches(loader)).toEqual([[0, 1], [2, 3], [4]]);
    expect(await batches(new DataLoader(new StreamDataset(() => numbers(5)), { batchSize: 2, dropLast: true }))).toEqual([[0, 1], [2, 3]]); // prettier-ignore
  });

  it('lets go of the stream when the loop is left', async () => {
    let cancelled = 0;
    await batches(new DataLoader(new StreamDataset(() => numbers(100, () => cancelled++)), { batchSize: 2 }), 1);
    expect(cancelled).toBe(1);
  });

  it('goes on in the middle of a pass from a saved place', async () => {
    const first = new DataLoader(new StreamDataset(() => numbers(7)), { batchSize: 2 });
    const given: number[][] = [];
    for await (const x of first) {
      given.push(Array.from(x.dataSync(), Number));
      if (given.length === 2) break;
    }
    const second = new DataLoader(new StreamDataset(() => numbers(7)), { batchSize: 2 });
    second.loadStateDict(first.stateDict());
    expect(await batches(second)).toEqual([[4, 5], [6]]);
    expect(await batches(second)).toHaveLength(4);
  });

  it('takes async generators, such as the lines of a source', async () => {
    const source = new TextEncoder().encode('{"x": 1}\n{"x": 2}\n{"x": 3}\n');
    const out: unknown[] = [];
    for await (const batch of new DataLoader(new StreamDataset(() => streamJsonLines<{ x: number }>(source)), { batchSize: 2 }))
      out.push((batch as unknown as { x: Tensor }).x.toArraySync());
    expect(out).toEqual([[1, 2], [3]]);
  });

  it('refuses a plain for, what is no stream, and workers, which cannot share one', async () => {
    const data = new StreamDataset(() => numbers(3));
    expect(() => [...new DataLoader(data)]).toThrow(/for await/);
    expect(() => new StreamDataset(numbers(3) as never)).toThrow(/a function/);
    await expect(batches(new DataLoader(new StreamDataset(() => 3 as never)))).rejects.toThrow(/web stream/);
    expect(() => new DataLoader(data, { numWorkers: 1 })).toThrow(/workerSource/);
  });
});
