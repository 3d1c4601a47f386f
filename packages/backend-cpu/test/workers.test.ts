import { Worker } from 'node:worker_threads';
import { expect, it } from 'vitest';

interface Answer {
  readonly results: readonly number[];
  /** Sums of products that each worker's own helpers share. */
  readonly shared: readonly number[];
  readonly engine: string;
}

function compute(seed: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./programs/worker.mjs', import.meta.url), {
      workerData: { seed },
      execArgv: ['--conditions=flambeau-source'],
    });
    worker.once('message', resolve);
    worker.once('error', reject);
  });
}

it('several threads of one process use the backend at once, each with an engine of its own', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map(compute));
  expect(new Set(answers.map(({ engine }) => engine)).size).toBe(1);
  for (const [i, { results, shared }] of answers.entries()) {
    const seed = i + 1;
    // 300·300 elements, each a sum of 200 products seed²
    expect(new Set(shared)).toEqual(new Set([300 * 300 * 200 * seed ** 2]));
    // All elements are v = seed·step: 17·17 sums of 23 products v², and 50 times log(exp(seed)).
    for (const [step, result] of results.entries()) {
      const wanted = 17 * 17 * 23 * (seed * step) ** 2 + 50 * seed;
      expect(Math.abs(result - wanted)).toBeLessThanOrEqual(1e-6 * wanted);
    }
  }
});
