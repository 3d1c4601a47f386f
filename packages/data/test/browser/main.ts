import { manualSeed, type Tensor } from '@flambeau/core';
import { DataLoader, type DataLoaderOptions } from '@flambeau/data';
import { Counting, Noise, Squares, type Trap } from './datasets.ts';

// What the test calls in the page.

/** The batches of a seeded pass as plain values. */
export async function batches(options: DataLoaderOptions, trap: Trap = 'none', abortAfter?: number): Promise<unknown[]> {
  manualSeed(1);
  const controller = new AbortController();
  if (abortAfter !== undefined) setTimeout(() => controller.abort(new Error('enough')), abortAfter);
  const out: unknown[] = [];
  const loader = new DataLoader(new Squares(11, trap), { ...options, ...(abortAfter !== undefined && { signal: controller.signal }) });
  for await (const [x, y] of loader) out.push([await x.toArray(), await (y as unknown as Tensor).toArray()]);
  return out;
}

/** Two passes with workers that stay. */
export async function persistentPasses(): Promise<number[][]> {
  manualSeed(1);
  const loader = new DataLoader(new Squares(8), { batchSize: 4, shuffle: true, numWorkers: 2, persistentWorkers: true });
  const passes: number[][] = [];
  for (let pass = 0; pass < 2; pass++) {
    const labels: number[][] = [];
    for await (const [, y] of loader) labels.push((await (y as unknown as Tensor).toArray()) as number[]);
    passes.push(labels.flat());
  }
  await loader.close();
  return passes;
}

/** The random numbers of two workers. */
export async function noise(): Promise<number[]> {
  manualSeed(3);
  const out: number[] = [];
  for await (const x of new DataLoader(new Noise(), { numWorkers: 2 })) out.push(await x.item());
  return out;
}

/** The batches of an IterableDataset that two workers share. */
export async function shared(): Promise<unknown[]> {
  const out: unknown[] = [];
  for await (const x of new DataLoader(new Counting(), { batchSize: 2, numWorkers: 2 })) out.push(await x.toArray());
  return out;
}

/** A plain loop over a loader with workers. */
export const plainFor = (): unknown => [...new DataLoader(new Squares(3), { numWorkers: 1 })];
