// The benchmark itself; `pnpm bench` (run.mjs) compiles the packages, bundles this file and starts it with the workspace's folder first.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { manualSeed, setDefaultDevice } from '@flambeau/core';
import { epochs, mnistFolder } from './epochs.ts';
import { fused } from './fused.ts';
import { processor } from './machine.ts';
import { measureCourse, measureProgram, measureWork, type Row, type Setting } from './measure.ts';
import { networks } from './networks.ts';
import { programs } from './programs.ts';
import { intoMarkdown, line, readBaseline, regressions, writeBaseline } from './report.ts';
import { measureRuns, type Repeated } from './runs.ts';
import { keepCoreBusy, measureScaling, scalingLine, type Scaled, type ScalingSetting } from './scaling.ts';
import { singleOps } from './singleOps.ts';
import { startTwin } from './twin.ts';
import type { Work } from './work.ts';

const [root, folder, ...args] = process.argv.slice(2);
const { values: options } = parseArgs({
  args,
  options: {
    only: { type: 'string', default: '' },
    threads: { type: 'string' },
    engine: { type: 'string' },
    pytorch: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    pairs: { type: 'string', default: '30' },
    runs: { type: 'string', default: '1' },
    scaling: { type: 'boolean', default: false },
    busy: { type: 'boolean', default: false },
    baseline: { type: 'boolean', default: false },
    'write-baseline': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`pnpm bench [options]
  --only REGEX       works whose name matches
  --threads N        threads for both sides (1; with --scaling and --busy all that there are)
  --engine NAME      native or wasm
  --pytorch PYTHON   runs the twin in this interpreter, pair by pair
  --pairs N          pairs for each work, and parts of an epoch (30)
  --runs N           runs of each work, until most agree whether its limit holds (1)
  --scaling          compares several threads with one, in place of PyTorch
  --busy             the same while another process keeps a core busy
  --json FILE        writes the rows
  --markdown FILE    writes the rows as a table, or into the page's table for this engine and these threads
  --baseline         compares ratios with tools/bench/baseline.json; fails where one is worse by more than 20 %
  --write-baseline   writes the ratios there`);
  process.exit(0);
}
const positive = (option: 'threads' | 'pairs' | 'runs', value: string): number => {
  const number = Number(value);
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${option}: expected a positive integer, got ${value}`);
  return number;
};
const scaling = options.scaling || options.busy;
const threads = positive('threads', options.threads ?? (scaling ? String(availableParallelism()) : '1'));
const pairs = positive('pairs', options.pairs);
const runs = positive('runs', options.runs);
if (options.baseline && options.pytorch === undefined) throw new Error('--baseline compares ratios: it needs --pytorch');
if (scaling && options.pytorch !== undefined) throw new Error('--scaling and --busy compare threads: they go without --pytorch');
if (options.engine !== undefined) process.env['FLAMBEAU_CPU'] = options.engine;

const backend: typeof import('@flambeau/backend-cpu') & { setNumThreads?: (count: number) => void } = await import('@flambeau/backend-cpu');
setDefaultDevice(backend.cpu);
manualSeed(1);
backend.setNumThreads?.(threads);
const info = backend.cpuInfo();
if (threads !== info.threads) console.log(`note: this engine uses ${info.threads} thread${info.threads === 1 ? '' : 's'}`);

const { pytorch: python } = options;
const twinArguments = [String(threads), mnistFolder(root), String(pairs)];
const twin = python === undefined ? undefined : await startTwin(python, join(root, 'tools/bench/pytorch/twin.py'), twinArguments);
console.log(
  `${processor()}; Node ${process.version}, ${info.engine} ${info.instructionSet}${twin ? `, PyTorch ${twin.version}` : ''}, ${threads} thread${threads === 1 ? '' : 's'}`,
);

const pattern = new RegExp(options.only, 'i');
async function measureAll<T extends { readonly name: string }, R>(
  works: readonly T[],
  measure: (work: T) => Promise<R>,
  tell: (row: R) => string,
): Promise<R[]> {
  const rows: R[] = [];
  for (const work of works) {
    if (!pattern.test(work.name)) continue;
    try {
      const row = await measure(work);
      rows.push(row);
      console.log(tell(row));
    } catch (error) {
      // The other works are measured nevertheless.
      process.exitCode = 1;
      console.log(`${work.name}: FAILED`, error);
    }
  }
  return rows;
}

/** Compares several threads with one. */
async function compareThreads(): Promise<Repeated<Scaled>[]> {
  if (threads < 2 || backend.setNumThreads === undefined)
    throw new Error('--scaling and --busy need an engine and a number of threads above one');
  const { setNumThreads } = backend;
  const spinner = options.busy ? keepCoreBusy() : undefined;
  const setting: ScalingSetting = { threads, engine: info.engine, pairs, spinner, setNumThreads };
  const measure = (work: Work): Promise<Repeated<Scaled>> => measureRuns(runs, () => measureScaling(work, setting));
  const rows = await measureAll([...networks, ...singleOps, ...fused], measure, scalingLine);
  spinner?.kill();
  const worst = rows.filter(({ ratio, atMost }) => ratio > atMost);
  console.log(`${worst.length} of ${rows.length} works take longer with ${threads} threads than they may`);
  if (worst.length > 0) process.exitCode = 1;
  return rows;
}

/** Measures everything, beside PyTorch where there is a twin. */
async function measureWorks(): Promise<Repeated<Row>[]> {
  const setting: Setting = { threads, engine: info.engine, pairs, twin, python };
  const repeated =
    <T>(measure: (work: T, setting: Setting) => Promise<Row>) =>
    (work: T): Promise<Repeated<Row>> =>
      measureRuns(runs, () => measure(work, setting));
  const rows = await measureAll(networks, repeated(measureWork), line);
  rows.push(...(await measureAll(epochs(root), repeated(measureCourse), line)));
  rows.push(...(await measureAll([...singleOps, ...fused], repeated(measureWork), line)));
  twin?.close();
  rows.push(...(await measureAll(programs(root, threads), repeated(measureProgram), line)));

  if (options.markdown !== undefined) {
    const file = resolve(folder, options.markdown);
    writeFileSync(file, intoMarkdown(existsSync(file) ? readFileSync(file, 'utf8') : '', rows));
  }
  const file = join(root, 'tools/bench/baseline.json');
  if (options.baseline) {
    const worse = regressions(readBaseline(file), rows);
    for (const sentence of worse) console.log(`WORSE  ${sentence}`);
    console.log(`baseline: ${worse.length} of ${rows.length} rows are worse by more than 20 %`);
    if (worse.length > 0) process.exitCode = 1;
  }
  if (options['write-baseline']) writeBaseline(file, rows);
  return rows;
}

const rows = scaling ? await compareThreads() : await measureWorks();
if (options.json !== undefined) writeFileSync(resolve(folder, options.json), `${JSON.stringify(rows, null, 2)}\n`);
