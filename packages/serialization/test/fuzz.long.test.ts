import { expect, it } from 'vitest';
import { fuzz } from './fuzzing.ts';

it('answers 100,000 mutations of real files with tensors or with errors of code, file and byte, in bounded time and memory', async () => {
  const { codes, read, slowest, slowestSeed, grown } = await fuzz(100_000, 7);
  const refused = [...codes.values()].reduce((a, b) => a + b, 0);
  expect(read + refused).toBe(100_000);
  expect(slowest, slowestSeed).toBeLessThan(10_000);
  expect(grown).toBeLessThan(2 ** 30);
});
