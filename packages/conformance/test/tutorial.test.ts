import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

interface Result {
  losses: number[];
  accuracy: number | null;
}
const root = new URL('../../../', import.meta.url).pathname;
const [recorded] = JSON.parse(readFileSync(new URL('../cases/random.json', import.meta.url), 'utf8')) as [
  { 'regression losses': number[]; classification: { loss: number[]; accuracy: number } },
];

/** Runs an app as a user does, and reads what `--json` wrote. */
function runApp(name: string, ...options: string[]): Result {
  const file = join(mkdtempSync(join(tmpdir(), 'flambeau-')), 'result.json');
  const { status, stderr } = spawnSync(process.execPath, ['tools/app.mjs', name, '--json', file, ...options], {
    cwd: root,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return JSON.parse(readFileSync(file, 'utf8')) as Result;
}

function expectLosses(actual: readonly number[], expected: readonly number[], tolerance: (loss: number) => number): void {
  expect(actual.length).toBe(expected.length);
  expected.forEach((loss, i) => expect(Math.abs(actual[i] - loss)).toBeLessThanOrEqual(tolerance(loss)));
}

describe('the apps print PyTorch’s losses with seed 1 on the reference backend', () => {
  it('regression: 100 losses', () => {
    expectLosses(runApp('regression', '--device', 'reference').losses, recorded['regression losses'], (loss) => 1e-4 * loss);
  });

  it('classification: 100 losses and the accuracy', () => {
    const result = runApp('classification', '--device', 'reference');
    expectLosses(result.losses, recorded.classification.loss, (loss) => 1e-4 * loss);
    expect(result.accuracy).toBe(recorded.classification.accuracy);
  });
});
