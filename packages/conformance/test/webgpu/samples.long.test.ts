import { describe, expect, it } from 'vitest';
import { isBinding, judge, knownAmong, leavesOutTooMuch, ownCases } from '../../src/known.ts';
import { caseFiles, count } from '../../src/run.ts';
import { superviseFile } from '../../src/supervise.ts';
import { open } from './open.ts';

const gpu = await open();

describe.skipIf(gpu === undefined)('PyTorch’s samples pass on webgpu', () => {
  const known = knownAmong(ownCases, 'webgpu');

  it.each(caseFiles(ownCases).filter(isBinding))('%s.json', { timeout: 1_200_000 }, async (file) => {
    const outcomes = await superviseFile('webgpu', ownCases, file);
    const { unknown, mended } = judge(outcomes, known);
    expect(unknown.map(({ id, status, detail }) => `${id}: ${status}: ${detail}`)).toEqual([]);
    expect(mended).toEqual([]);
    // Only dtypes that the GPU has not are left out, and they are few.
    const counts = count(outcomes);
    expect(leavesOutTooMuch(counts), `${counts.notSupported} beside ${counts.cases}`).toBe(false);
  });
});
