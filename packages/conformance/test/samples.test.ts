import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../src/cases.ts';
import { isBinding, judge, knownAmong, ownCases } from '../src/known.ts';
import { caseFiles, count, readJobs } from '../src/run.ts';
import { superviseFiles } from '../src/supervise.ts';
import { hasAddon } from './engines.ts';

/** Ten training steps of the image programs take the reference a minute; the long tests run them. */
const withoutImages = /^(?!random#\d+\.(?:cnn|lstm) losses)/;

const runs = [
  { backend: 'reference', engine: undefined, only: withoutImages },
  { backend: 'cpu', engine: 'native', only: undefined },
  { backend: 'cpu', engine: 'wasm', only: undefined },
] as const;

const files = caseFiles(ownCases).filter(isBinding);

describe.each(runs)('PyTorch’s samples pass on $backend, engine $engine', ({ backend, engine, only }) => {
  const known = knownAmong(ownCases, backend);
  const engines: string[] = [];
  let outcomes: ReadonlyMap<string, readonly Outcome[]>;
  const cannotRun = engine === 'native' && !hasAddon;

  beforeAll(async () => {
    if (cannotRun) return;
    outcomes = await superviseFiles(backend, ownCases, files, {
      only,
      ...(engine === undefined ? {} : { engine }),
      onEngine: (text) => engines.push(text),
    });
  }, 480_000);

  it.skipIf(cannotRun).each(files)('%s.json', (file) => {
    const found = outcomes.get(file) ?? [];
    const { unknown, mended } = judge(found, known);
    expect(unknown.map(({ id, status, detail }) => `${id}: ${status}: ${detail}`)).toEqual([]);
    expect(mended).toEqual([]);
    const { cases, passed, notSupported } = count(found);
    expect(cases).toBe(readJobs(ownCases, file).filter(({ id }) => only?.test(id) ?? true).length); // prettier-ignore
    expect([passed, notSupported]).toEqual([cases, 0]);
    // One process ran them all, on the engine of that name: `native avx512`, `wasm simd128`.
    expect(engines.map((text) => text.split(' ')[0])).toEqual([engine ?? '']);
  });
});
