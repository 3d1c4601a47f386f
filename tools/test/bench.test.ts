import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { quantile, type Row } from '../bench/measure.ts';
import { line, markdown, readBaseline, regressions, writeBaseline } from '../bench/report.ts';

const row = (more: Partial<Row> = {}): Row => ({
  work: 'W1 regression step',
  threads: 1,
  engine: 'native',
  ours: 0.02,
  pytorch: 0.2,
  unit: 'ms',
  ratio: 0.1,
  spread: [0.09, 0.12],
  best: 0.1,
  atMost: 0.15,
  pairs: 30,
  doubts: [],
  ...more,
});

it('a quantile lies between its neighbours', () => {
  // Sorted: 1, 2, 4, 8. The median is halfway between 2 and 4; 3 · 0.9 = 2.7 steps are 4 + 0.7 · 4.
  expect(quantile([8, 1, 4, 2], 0.5)).toBe(3);
  expect(quantile([8, 1, 4, 2], 0.9)).toBeCloseTo(6.8);
  expect(quantile([5], 0.9)).toBe(5);
});

it('a line says whether a row holds, and a row in doubt does not count', () => {
  expect(line(row())).toMatch(/20\.0 µs +200\.0 µs +ratio 0\.100 \(0\.090 to 0\.120\).* at most 0\.15: holds$/);
  expect(line(row({ ratio: 0.16 }))).toMatch(/DOES NOT HOLD$/);
  expect(line(row({ doubts: ['other processes kept 0.50 cores busy'] }))).toMatch(
    /not counted\n {2}! other processes kept 0\.50 cores busy: repeat it$/,
  );
});

it('the baseline shows a ratio that is worse by more than a fifth, of the same engine and threads', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flambeau-bench-'));
  const file = join(folder, 'baseline.json');
  writeBaseline(file, [row(), row({ work: 'W2 classification step', ratio: 0.2 })]);
  const baseline = readBaseline(file);
  // 0.1 · 1.2 = 0.12
  expect(regressions(baseline, [row({ ratio: 0.119 })])).toEqual([]);
  expect(regressions(baseline, [row({ ratio: 0.13 })])).toEqual(["W1 regression step: ratio 0.130, 30 % above the baseline's 0.1"]);
  expect(regressions(baseline, [row({ ratio: 0.13, threads: 2 }), row({ ratio: 0.13, engine: 'wasm' })])).toEqual([]);
  // Rows of a later run replace their own and leave the others; what does not count is not written.
  writeBaseline(file, [row({ ratio: 0.08 }), row({ work: 'W2 classification step', ratio: 0.9, doubts: ['a busy machine'] })]);
  expect(readBaseline(file)).toEqual({ 'native, 1 thread': { 'W1 regression step': 0.08, 'W2 classification step': 0.2 } });
  rmSync(folder, { recursive: true });
});

it('the table has a line for each row', () => {
  expect(markdown([row()]).split('\n')).toHaveLength(3);
  expect(markdown([row({ unit: 'MB', ours: 104, pytorch: 329 })])).toContain(
    '| W1 regression step | 104 MB | 329 MB | 0.100 | 0.090 to 0.120 |',
  );
});
