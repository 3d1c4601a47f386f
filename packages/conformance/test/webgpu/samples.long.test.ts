import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judge, readKnownFailures } from '../../src/known.ts';
import { caseFiles, count } from '../../src/run.ts';
import { superviseFile } from '../../src/supervise.ts';
import { open } from './open.ts';

const directory = fileURLToPath(new URL('../../cases', import.meta.url));
const gpu = await open();
// The cases run in processes of their own, whose loader of shared libraries looks here.
process.env.LD_LIBRARY_PATH = [process.env.LD_LIBRARY_PATH, '/usr/lib/chromium'].filter(Boolean).join(':');

describe.skipIf(gpu === undefined)('PyTorch’s samples pass on webgpu', () => {
  const known = readKnownFailures('webgpu');

  it.each(caseFiles(directory).filter((file) => file !== 'fft'))('%s.json', { timeout: 1_200_000 }, async (file) => {
    const outcomes = await superviseFile('webgpu', directory, file, undefined);
    const { unknown, mended } = judge(outcomes, known);
    expect(unknown.map(({ id, status, detail }) => `${id}: ${status}: ${detail}`)).toEqual([]);
    expect(mended).toEqual([]);
    // Only dtypes that the GPU has not are left out, and they are few.
    const { cases, notSupported } = count(outcomes);
    expect(notSupported).toBeLessThanOrEqual(0.03 * (cases + notSupported));
  });
});
