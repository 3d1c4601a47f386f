import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { judge, readKnownFailures } from '../src/known.ts';
import { caseFiles, count } from '../src/run.ts';
import { superviseFile } from '../src/supervise.ts';

const directory = fileURLToPath(new URL('../cases', import.meta.url));
/** Ten training steps of the image programs take the reference a minute; the long tests run them. */
const quick = { reference: /^(?!random#\d+\.(?:cnn|lstm) losses)/, cpu: undefined };

describe.each(['reference', 'cpu'] as const)('PyTorch’s samples pass on %s', (backend) => {
  const known = readKnownFailures(backend);

  it.each(caseFiles(directory).filter((file) => file !== 'fft'))('%s.json', { timeout: 240_000 }, async (file) => {
    const outcomes = await superviseFile(backend, directory, file, quick[backend]);
    const { unknown, mended } = judge(outcomes, known);
    expect(unknown.map(({ id, status, detail }) => `${id}: ${status}: ${detail}`)).toEqual([]);
    expect(mended).toEqual([]);
    expect(count(outcomes).cases).toBeGreaterThan(0);
  });
});
