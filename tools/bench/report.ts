import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Row } from './measure.ts';

/** A time or a size for people. */
export function amount(value: number, unit: Row['unit']): string {
  if (unit === 'MB') return `${value.toFixed(0)} MB`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 1 ? `${value.toFixed(2)} ms` : `${(value * 1000).toFixed(value < 0.01 ? 2 : 1)} µs`;
}

const verdict = ({ ratio, atMost, doubts }: Row): string => {
  if (ratio === undefined || atMost === undefined) return '';
  if (doubts.length > 0) return `at most ${atMost}: not counted`;
  return ratio <= atMost ? `at most ${atMost}: holds` : `at most ${atMost}: DOES NOT HOLD`;
};

/** One line about a row, and one for each doubt. */
export function line(row: Row): string {
  const ours = `${row.work.padEnd(36)} ${amount(row.ours, row.unit).padStart(11)}`;
  if (row.pytorch === undefined || row.ratio === undefined || row.spread === undefined) return ours;
  const ratio = `ratio ${row.ratio.toFixed(3)} (${row.spread.map((r) => r.toFixed(3)).join(' to ')}), of bests ${row.best?.toFixed(3)}`;
  return [
    `${ours} ${amount(row.pytorch, row.unit).padStart(11)}   ${ratio}   ${verdict(row)}`.trimEnd(),
    ...row.doubts.map((doubt) => `  ! ${doubt}: repeat it`),
  ].join('\n');
}

/** The rows as a table for docs/benchmarks.md. */
export function markdown(rows: readonly Row[]): string {
  const cells = rows.map((row) =>
    [
      row.work,
      amount(row.ours, row.unit),
      row.pytorch === undefined ? '' : amount(row.pytorch, row.unit),
      row.ratio?.toFixed(3) ?? '',
      row.spread?.map((r) => r.toFixed(3)).join(' to ') ?? '',
      row.best?.toFixed(3) ?? '',
      row.atMost === undefined ? '' : String(row.atMost),
      row.doubts.length === 0 ? '' : 'noisy',
    ].join(' | '),
  );
  return ['work | Flambeau | PyTorch | ratio | 10 % to 90 % | of bests | at most | note', '---|---|---|---|---|---|---|---', ...cells]
    .map((cell) => `| ${cell} |`)
    .join('\n');
}

/** Ratios that were once reached, by threads and engine and work. */
export type Baseline = Record<string, Record<string, number>>;

const keyOf = ({ engine, threads }: Row): string => `${engine}, ${threads} thread${threads === 1 ? '' : 's'}`;

/** Reads a baseline; one that is not there is empty. */
export const readBaseline = (file: string): Baseline => (existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Baseline) : {});

/** Puts the rows' ratios into a baseline and writes it. Rows that do not count are left out. */
export function writeBaseline(file: string, rows: readonly Row[]): void {
  const baseline = readBaseline(file);
  for (const row of rows) {
    if (row.ratio === undefined || row.doubts.length > 0) continue;
    const entries = (baseline[keyOf(row)] ??= {});
    entries[row.work] = Number(row.ratio.toPrecision(3));
  }
  writeFileSync(file, `${JSON.stringify(baseline, null, 2)}\n`);
}

/** How much worse than the baseline a ratio may be. */
export const tolerance = 1.2;

/** A sentence for each row whose ratio is worse than the baseline's by more than a fifth. */
export function regressions(baseline: Baseline, rows: readonly Row[]): string[] {
  return rows.flatMap((row) => {
    const before = baseline[keyOf(row)]?.[row.work];
    if (before === undefined || row.ratio === undefined || row.ratio <= before * tolerance) return [];
    return [`${row.work}: ratio ${row.ratio.toFixed(3)}, ${((row.ratio / before - 1) * 100).toFixed(0)} % above the baseline's ${before}`];
  });
}
