// `pnpm conformance`: runs PyTorch's samples against a backend and prints what passed.
import { Command, InvalidArgumentError, Option } from 'commander';
import { statSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Outcome } from './cases.ts';
import { knownAmong, ownCases, verdict } from './known.ts';
import { backendNames, type BackendName } from './library.ts';
import { count, sortFiles, type Counts } from './run.ts';
import { superviseFiles } from './supervise.ts';

interface Options {
  /** The device that the samples run on. */
  readonly backend: BackendName;
  /** The folder of the sample files. */
  readonly cases: string;
  /** What the ids of the cases have to match; all cases when missing. */
  readonly only?: RegExp;
  /** The file that the figures are written to; none when missing. */
  readonly json?: string;
  /** Seconds after which a case without an answer counts as crashed; by backend when missing. */
  readonly seconds?: number;
}

const columns: readonly (keyof Counts)[] = ['cases', 'passed', 'wrongValue', 'wrongGradient', 'notImplemented', 'errorMissing', 'crashed', 'notSupported']; // prettier-ignore
const percent = ({ passed, cases }: Counts): string => (cases === 0 ? '' : `${((100 * passed) / cases).toFixed(1)} %`);

function printTable(title: string, files: Readonly<Record<string, Counts>>): void {
  const titles = [title, ...columns.map((column) => column.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)), ''];
  const sum = count([]);
  for (const counts of Object.values(files)) for (const column of columns) sum[column] += counts[column];
  const rows = [...Object.entries(files), ['all', sum] as const].map(([name, counts]) => [name, ...columns.map((column) => String(counts[column])), percent(counts)]); // prettier-ignore
  const widths = titles.map((cell, i) => Math.max(cell.length, ...rows.map((row) => row[i].length)));
  for (const row of [titles, ...rows]) {
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd()); // prettier-ignore
  }
}

function readPattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function readSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds > 0 && seconds < 1e6)) throw new InvalidArgumentError('It is a number of seconds.');
  return seconds;
}

const command = new Command('conformance')
  .description("Runs PyTorch's samples against a backend.")
  .addOption(new Option('--backend <name>', 'what to run them on').choices(backendNames).default('cpu'))
  .option('--cases <directory>', 'a directory of case files', ownCases)
  .option('--only <regex>', 'only cases whose id matches; prints those that fail, with figures', readPattern)
  .option('--json <file>', 'writes counts and failures')
  .option('--seconds <number>', 'how long a case may take before it counts as crashed', readSeconds)
  .parse();
const options = command.opts<Options>();
const { backend, only, seconds } = options;

const directory = resolve(process.env['INIT_CWD'] ?? '', options.cases);
if (!(statSync(directory, { throwIfNoEntry: false })?.isDirectory() ?? false)) command.error(`error: ${directory} is no directory`);
const started = Date.now();
const files: Record<string, Counts> = {};
const outcomes = new Map<string, Outcome[]>();
let engine = '';
console.log(`conformance: ${directory}`);
const sorted = sortFiles(directory);
for (const [name, why] of sorted.foreign) console.log(`${name} is no file of cases and is skipped: ${why}`);
const ran = await superviseFiles(backend, directory, sorted.files, { only, seconds, onEngine: (text) => (engine = text) });
for (const [file, found] of ran) {
  if (only !== undefined && found.length === 0) continue;
  files[file] = count(found);
  outcomes.set(file, found);
}
const failures = [...outcomes.values()].flat().filter(({ status }) => status !== 'passed' && status !== 'notSupported');
const known = knownAmong(directory, backend);
if (only !== undefined) {
  for (const { id, status, detail } of failures) {
    console.log(`${id}\n    ${status}: ${detail}${known.has(id) ? ` (known: ${known.get(id)})` : ''}`);
  }
}
printTable(engine === '' ? backend : `${backend} (${engine})`, files);
console.log(`${((Date.now() - started) / 1000).toFixed(1)} s`);
const { notes, exitCode } = verdict(outcomes, files, known, only !== undefined);
for (const note of notes) console.log(note);
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ files, failures }, undefined, 1)}\n`);
process.exitCode = exitCode;
