import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Row } from './measure.ts';
import { verdict, type Repeated } from './runs.ts';

/** A time or a size for people. */
export function amount(value: number, unit: Row['unit']): string {
  if (unit === 'MB') return `${value.toFixed(0)} MB`;
  if (value >= 1000) return `${(value / 1000).toFixed(2)} s`;
  return value >= 1 ? `${value.toFixed(2)} ms` : `${(value * 1000).toFixed(value < 0.01 ? 2 : 1)} µs`;
}

/** One line about a row, and one for each doubt. */
export function line(row: Repeated<Row>): string {
  const ours = `${row.work.padEnd(36)} ${amount(row.ours, row.unit).padStart(11)}`;
  if (row.pytorch === undefined || row.ratio === undefined || row.spread === undefined) return ours;
  const ratio = `ratio ${row.ratio.toFixed(3)} (${row.spread.map((r) => r.toFixed(3)).join(' to ')}), of bests ${row.best?.toFixed(3)}`;
  return [
    `${ours} ${amount(row.pytorch, row.unit).padStart(11)}   ${ratio}   ${verdict(row)}`.trimEnd(),
    ...row.doubts.map((doubt) => `  ! ${doubt}`),
  ].join('\n');
}

const head = ['| work | Flambeau | PyTorch | ratio | 10 % to 90 % | of bests | at most | |', '|---|---|---|---|---|---|---|---|'];

function tableLine(row: Repeated<Row>): string {
  const cells = [
    row.work,
    amount(row.ours, row.unit),
    row.pytorch === undefined ? '' : amount(row.pytorch, row.unit),
    row.ratio?.toFixed(3) ?? '',
    row.spread?.map((r) => r.toFixed(3)).join(' to ') ?? '',
    row.best?.toFixed(3) ?? '',
    row.atMost === undefined ? '' : String(row.atMost),
    row.doubts.length > 0 ? 'noisy' : verdict(row).replace(/^.*: /, ''),
  ];
  return `| ${cells.join(' | ')} |`;
}

/**
 * Puts the rows as a table into a Markdown text, between the line `<!-- bench: native, 1 thread -->` (engine and threads of the rows) and the
 * next `<!-- end -->`; rows that stand there and were not measured now stay. Without such lines the table is the text.
 */
export function intoMarkdown(text: string, rows: readonly Repeated<Row>[]): string {
  const nameOf = (tableRow: string): string => tableRow.split(' | ')[0].slice(2);
  const lines = rows.map(tableLine);
  const start = rows.length === 0 ? -1 : text.indexOf(`<!-- bench: ${keyOf(rows[0])} -->\n`);
  if (start < 0) return `${[...head, ...lines].join('\n')}\n`;
  const from = text.indexOf('\n', start) + 1;
  const to = text.indexOf('<!-- end -->', from);
  const byName = new Map(lines.map((tableRow) => [nameOf(tableRow), tableRow]));
  // Whatever a formatter makes of the line under the head: it has no letters.
  const standing = text.slice(from, to).split('\n').filter((tableRow) => tableRow.startsWith('|') && /[a-z]/i.test(tableRow)).slice(1); // prettier-ignore
  const kept = standing.map((tableRow) => byName.get(nameOf(tableRow)) ?? tableRow);
  const added = lines.filter((tableRow) => !standing.some((old) => nameOf(old) === nameOf(tableRow)));
  return `${text.slice(0, from)}\n${[...head, ...kept, ...added].join('\n')}\n\n${text.slice(to)}`;
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
