import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { judge, readKnownFailures } from '../src/known.ts';
import { superviseFile } from '../src/supervise.ts';

it('the image programs print PyTorch’s losses on the reference', async () => {
  const outcomes = await superviseFile('reference', fileURLToPath(new URL('../cases', import.meta.url)), 'random', /(?:cnn|lstm) losses/);
  expect(judge(outcomes, readKnownFailures('reference')).unknown).toEqual([]);
  expect(outcomes.length).toBeGreaterThan(0);
});
