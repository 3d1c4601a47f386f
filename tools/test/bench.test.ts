import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { Row } from '../bench/measure.ts';
import { intoMarkdown, line, readBaseline, regressions, writeBaseline } from '../bench/report.ts';
import { measureRuns, verdict, type Repeated } from '../bench/runs.ts';
import { quantile } from '../bench/sides.ts';
import { limitOf } from '../bench/work.ts';

const row = (more: Partial<Repeated<Row>> = {}): Repeated<Row> => ({
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
  ratios: [0.1],
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
  expect(line(row({ ratio: 0.16, ratios: [0.16] }))).toMatch(/DOES NOT HOLD \(in 0 of 1\)$/);
  expect(line(row({ doubts: ['other processes kept 0.50 cores busy'] }))).toMatch(
    /not counted\n {2}! other processes kept 0\.50 cores busy$/,
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

it('a work is measured until two of three runs agree, and runs in doubt are repeated', async () => {
  /** Runs of these ratios in turn; NaN is one that does not count. */
  const runsOf = async (runs: number, ...ratios: readonly number[]): Promise<{ repeated: Repeated<Row>; measured: number }> => {
    let measured = 0;
    const repeated = await measureRuns(runs, async () => {
      const ratio = ratios[measured++ % ratios.length];
      return Number.isNaN(ratio) ? row({ ratio: 0.01, doubts: ['noise'] }) : row({ ratio });
    });
    return { repeated, measured };
  };
  // At most 0.15: two that hold decide, and the worse of them is told.
  const early = await runsOf(3, 0.11, 0.12, 0.9);
  expect(early.measured).toBe(2);
  expect(early.repeated).toMatchObject({ ratio: 0.12, ratios: [0.11, 0.12], doubts: [] });
  expect(verdict(early.repeated)).toBe('at most 0.15: holds in 2 of 2');
  // One above the limit between two within: the median of the three.
  const split = await runsOf(3, 0.11, 0.2, 0.12);
  expect(split.repeated).toMatchObject({ ratio: 0.12, ratios: [0.11, 0.2, 0.12] });
  expect(verdict(split.repeated)).toBe('at most 0.15: holds in 2 of 3');
  expect(verdict((await runsOf(3, 0.2, 0.11, 0.3)).repeated)).toBe('at most 0.15: DOES NOT HOLD (in 1 of 3)');
  // What is in doubt is repeated, twice for each run that is wanted, and never decides.
  expect((await runsOf(1, Number.NaN, 0.1)).measured).toBe(2);
  const noisy = await runsOf(1, Number.NaN);
  expect(noisy.measured).toBe(3);
  expect(verdict(noisy.repeated)).toBe('at most 0.15: not counted');
});

it('each engine has limits of its own', () => {
  const wanted = { name: 'W3 CNN step', atMost: 0.5, atMostOnWasm: 2.5 };
  expect(limitOf(wanted, 'native')).toBe(0.5);
  expect(limitOf(wanted, 'wasm')).toBe(2.5);
  expect(limitOf({ name: 'W1 regression step', atMost: 0.15 }, 'wasm')).toBeUndefined();
});

it('the table has a line for each row, and goes into the page at its place', () => {
  const table = intoMarkdown('', [row()]);
  expect(table.trimEnd().split('\n')).toHaveLength(3);
  expect(intoMarkdown('', [row({ unit: 'MB', ours: 104, pytorch: 329 })])).toContain(
    '| W1 regression step | 104 MB | 329 MB | 0.100 | 0.090 to 0.120 |',
  );
  const place = '<!-- bench: native, 1 thread -->\n<!-- end -->\n';
  const page = intoMarkdown(`# Page\n${place}<!-- bench: native, 2 threads -->\n<!-- end -->\n`, [row(), row({ work: 'W2' })]);
  expect(page).toMatch(/^# Page\n<!-- bench: native, 1 thread -->\n\n\| work[^]*\| W1 [^]*\| W2 [^]*<!-- end -->\n<!-- bench: native, 2 threads -->\n<!-- end -->\n$/); // prettier-ignore
  // Rows that were measured again take the place of their own; the others stay.
  const again = intoMarkdown(page, [row({ work: 'W2', ratio: 0.123 }), row({ work: 'W3' })]);
  expect(again.match(/^\| W\d[^|]*\|/gm)).toEqual(['| W1 regression step |', '| W2 |', '| W3 |']);
  expect(again).toMatch(/\| W2 .* \| 0\.123 \|/);
  // The line under the head is written once, however it stands there.
  const spaced = page.replace(/^\|---.*$/m, (line) => line.replace('|---', '| ---'));
  expect(spaced).not.toBe(page);
  expect(intoMarkdown(spaced, [row()]).match(/^\| ?---/gm)).toHaveLength(1);
});
