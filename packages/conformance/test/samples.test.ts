import { describe, expect, it } from 'vitest';
import { isBinding, judge, knownAmong, ownCases } from '../src/known.ts';
import { caseFiles, count } from '../src/run.ts';
import { superviseFile } from '../src/supervise.ts';
import { hasAddon } from './engines.ts';

/** Ten training steps of the image programs take the reference a minute; the long tests run them. */
const withoutImages = /^(?!random#\d+\.(?:cnn|lstm) losses)/;

const runs = [
  { backend: 'reference', engine: undefined, only: withoutImages },
  { backend: 'cpu', engine: 'native', only: undefined },
  { backend: 'cpu', engine: 'wasm', only: undefined },
] as const;

describe.each(runs)('PyTorch’s samples pass on $backend, engine $engine', ({ backend, engine, only }) => {
  const known = knownAmong(ownCases, backend);
  const cannotRun = engine === 'native' && !hasAddon;

  it.skipIf(cannotRun).each(caseFiles(ownCases).filter(isBinding))('%s.json', { timeout: 240_000 }, async (file) => {
    const engines: string[] = [];
    const outcomes = await superviseFile(backend, ownCases, file, {
      only,
      ...(engine === undefined ? {} : { engine }),
      onEngine: (text) => engines.push(text),
    });
    const { unknown, mended } = judge(outcomes, known);
    expect(unknown.map(({ id, status, detail }) => `${id}: ${status}: ${detail}`)).toEqual([]);
    expect(mended).toEqual([]);
    const { cases, passed, notSupported } = count(outcomes);
    expect(cases).toBeGreaterThan(0);
    expect([passed, notSupported]).toEqual([cases, 0]);
    // One process ran them all, on the engine of that name: `native avx512`, `wasm simd128`.
    expect(engines.map((text) => text.split(' ')[0])).toEqual([engine ?? '']);
  });
});
