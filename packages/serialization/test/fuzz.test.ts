import { expect, it } from 'vitest';
import { fuzz } from './fuzzing.ts';

it('answers 2,000 mutations of real files with tensors or with errors of code, file and byte', async () => {
  const { codes, read, grown, seeds } = await fuzz(2000, 20260101);
  const refused = [...codes.values()].reduce((a, b) => a + b, 0);
  expect(read + refused).toBe(2000);
  // Mutations that only touch values are read; the others must be told apart by more than one code.
  expect(read).toBeGreaterThan(0);
  expect(codes.size).toBeGreaterThan(5);
  expect(grown).toBeLessThan(2 ** 30);
  expect([...seeds.keys()]).toEqual(expect.arrayContaining(['cnn.pt', 'cnn.checkpoint.pt', 'zip64', 'legacy.pt', 'npz', 'model pt']));
});
