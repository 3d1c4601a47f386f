import { expect, it } from 'vitest';
import { judge, knownAmong, ownCases } from '../src/known.ts';
import { superviseFile } from '../src/supervise.ts';

it('the image programs print PyTorch’s losses on the reference', async () => {
  const outcomes = await superviseFile('reference', ownCases, 'random', { only: /(?:cnn|lstm) losses/ });
  expect(judge(outcomes, knownAmong(ownCases, 'reference')).unknown).toEqual([]);
  expect(outcomes.length).toBe(4);
});
