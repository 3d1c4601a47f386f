import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BundledPage } from '../../../../tools/browser/bundle.ts';
import { hasChromium } from '../../../../tools/browser/chromium.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

describe.skipIf(!hasChromium)('a loader with Web Workers in Chromium', () => {
  let page: BundledPage;
  beforeAll(async () => {
    page = await BundledPage.open({
      // The worker's entry lies beside the bundle, where the loader looks for it.
      entries: { main: here('main.ts'), datasets: here('datasets.ts'), webEntry: here('../../src/workers/webEntry.ts') },
      external: ['node:*', 'hyparquet'],
    });
  });
  afterAll(() => page?.close());

  it('gives the order that it gives without, for every number of workers', async () => {
    const plain = await page.call('batches', { batchSize: 3, shuffle: true });
    expect(plain).toHaveLength(4);
    for (const numWorkers of [1, 2, 3]) expect(await page.call('batches', { batchSize: 3, shuffle: true, numWorkers })).toEqual(plain);
  });

  it('keeps its workers when it is told to, and shuffles anew', async () => {
    const [first, second] = await page.call<number[][]>('persistentPasses');
    expect(second).not.toEqual(first);
    expect(second.sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('gives each worker random numbers of its own, the same for the same seed', async () => {
    const first = await page.call<number[]>('noise');
    expect(new Set(first).size).toBe(4);
    expect(await page.call('noise')).toEqual(first);
  });

  it("tells the sample and the worker's stack of an error", async () => {
    const error = await page.call('batches', { batchSize: 3, numWorkers: 2 }, 'throw').catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'WORKER', index: 5, worker: 1, workerStack: expect.stringMatching(/at Squares\.get/) as unknown });
    expect((error as Error).message).toMatch(/sample five is broken at sample 5/);
  });

  it('ends with an error when a worker dies, and when one does not answer in time', async () => {
    await expect(page.call('batches', { batchSize: 1, numWorkers: 2 }, 'die')).rejects.toThrow(
      /end of the worker: it was closed or killed/,
    );
    await expect(page.call('batches', { batchSize: 3, numWorkers: 2, timeout: 800 }, 'stall')).rejects.toThrow(/nothing within 800 ms/);
  });

  it('shares an IterableDataset out by getWorkerInfo', async () => {
    expect(await page.call('shared')).toEqual([[0, 2], [1, 3], [4, 6], [5, 7], [8]]);
  });

  it('stops at an abort', async () => {
    await expect(page.call('batches', { batchSize: 3, numWorkers: 1 }, 'stall', 500)).rejects.toThrow(/enough/);
  });

  it('refuses a plain for', async () => {
    await expect(page.call('plainFor')).rejects.toThrow(/for await/);
  });
});
