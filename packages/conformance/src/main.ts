// `pnpm conformance`: runs PyTorch's samples against a backend and prints what passed.
import { Command, Option } from 'commander';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Outcome } from './cases.ts';
import { judge, readKnownFailures } from './known.ts';
import { backendNames, type BackendName } from './library.ts';
import { caseFiles, count, type Counts } from './run.ts';
import { superviseFile } from './supervise.ts';

interface Options {
  readonly backend: BackendName;
  readonly cases: string;
  readonly only?: string;
  readonly json?: string;
}

const ownCases = fileURLToPath(new URL('../cases', import.meta.url));
const columns: readonly (keyof Counts)[] = ['cases', 'passed', 'wrongValue', 'wrongGradient', 'notImplemented', 'errorMissing', 'crashed', 'notSupported']; // prettier-ignore
const percent = ({ passed, cases }: Counts): string => (cases === 0 ? '' : `${((100 * passed) / cases).toFixed(1)} %`);

function printTable(files: Readonly<Record<string, Counts>>): void {
  const titles = ['', ...columns.map((column) => column.replace(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`)), ''];
  const sum = count([]);
  for (const counts of Object.values(files)) for (const column of columns) sum[column] += counts[column];
  const rows = [...Object.entries(files), ['all', sum] as const].map(([name, counts]) => [name, ...columns.map((column) => String(counts[column])), percent(counts)]); // prettier-ignore
  const widths = titles.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  for (const row of [titles, ...rows]) {
    console.log(row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ').trimEnd()); // prettier-ignore
  }
}

const options = new Command('conformance')
  .description("Runs PyTorch's samples against a backend.")
  .addOption(new Option('--backend <name>', 'what to run them on').choices(backendNames).default('cpu'))
  .option('--cases <directory>', 'a directory of case files', ownCases)
  .option('--only <regex>', 'only cases whose id matches; prints those that fail, with figures')
  .option('--json <file>', 'writes counts and failures')
  .parse()
  .opts<Options>();

const directory = resolve(process.env['INIT_CWD'] ?? '', options.cases);
const only = options.only === undefined ? undefined : new RegExp(options.only);
const started = Date.now();
const files: Record<string, Counts> = {};
const outcomes: Outcome[] = [];
const binding: Outcome[] = [];
console.log(`conformance: ${directory} on ${options.backend}`);
for (const file of caseFiles(directory)) {
  const found = await superviseFile(options.backend, directory, file, only);
  if (only !== undefined && found.length === 0) continue;
  files[file] = count(found);
  outcomes.push(...found);
  if (file !== 'fft') binding.push(...found);
}
const failures = outcomes.filter(({ status }) => status !== 'passed' && status !== 'notSupported');
const known = readKnownFailures(options.backend);
const { unknown, mended } = judge(binding, known);
if (only !== undefined) {
  for (const { id, status, detail } of failures) {
    console.log(`${id}\n    ${status}: ${detail}${known.has(id) ? ` (known: ${known.get(id)})` : ''}`);
  }
}
printTable(files);
console.log(`${((Date.now() - started) / 1000).toFixed(1)} s`);
if (known.size > 0) console.log(`${known.size} known failures, of which ${mended.length} pass by now`);
for (const id of mended) console.log(`    ${id} passes: take it out of known-failures.json`);
if (unknown.length > 0) {
  console.log(
    `${unknown.length} cases fail that are not in known-failures.json${only === undefined ? '; see them with --only REGEX or --json FILE' : ''}`,
  );
}
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify({ files, failures }, undefined, 1)}\n`);
process.exitCode = unknown.length > 0 || mended.length > 0 ? 1 : 0;
