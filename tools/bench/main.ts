// The benchmark itself; `pnpm bench` (run.mjs) compiles the packages, bundles this file and starts it with the workspace's folder first.
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { manualSeed, setDefaultDevice } from '@flambeau/core';
import { epochs, mnistFolder } from './epochs.ts';
import { fused } from './fused.ts';
import { processor } from './machine.ts';
import { measureCourse, measureProgram, measureWork, type Row, type Setting } from './measure.ts';
import { networks } from './networks.ts';
import { programs } from './programs.ts';
import { line, markdown, readBaseline, regressions, writeBaseline } from './report.ts';
import { singleOps } from './singleOps.ts';
import { startTwin } from './twin.ts';

const [root, folder, ...args] = process.argv.slice(2);
const { values: options } = parseArgs({
  args,
  options: {
    only: { type: 'string', default: '' },
    threads: { type: 'string', default: '1' },
    engine: { type: 'string' },
    pytorch: { type: 'string' },
    json: { type: 'string' },
    markdown: { type: 'string' },
    pairs: { type: 'string', default: '30' },
    baseline: { type: 'boolean', default: false },
    'write-baseline': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`pnpm bench [options]
  --only REGEX       works whose name matches
  --threads N        threads for both sides (1)
  --engine NAME      native or wasm
  --pytorch PYTHON   runs the twin in this interpreter, pair by pair
  --pairs N          pairs for each work, and parts of an epoch (30)
  --json FILE        writes the rows
  --markdown FILE    writes the rows as a table
  --baseline         compares ratios with tools/bench/baseline.json; fails where one is worse by more than 20 %
  --write-baseline   writes the ratios there`);
  process.exit(0);
}
const threads = Number(options.threads);
const pairs = Number(options.pairs);
if (!Number.isInteger(threads) || threads < 1) throw new Error(`--threads: expected a positive integer, got ${options.threads}`);
if (!Number.isInteger(pairs) || pairs < 1) throw new Error(`--pairs: expected a positive integer, got ${options.pairs}`);
if (options.baseline && options.pytorch === undefined) throw new Error('--baseline compares ratios: it needs --pytorch');
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

const setting: Setting = { threads, engine: info.engine, pairs, twin, python };
const rows: Row[] = [];
async function measureAll<T extends { readonly name: string }>(
  works: readonly T[],
  measure: (work: T, setting: Setting) => Promise<Row>,
): Promise<void> {
  const pattern = new RegExp(options.only, 'i');
  for (const work of works) {
    if (!pattern.test(work.name)) continue;
    try {
      const row = await measure(work, setting);
      rows.push(row);
      console.log(line(row));
    } catch (error) {
      // The other works are measured nevertheless.
      process.exitCode = 1;
      console.log(`${work.name}: FAILED`, error);
    }
  }
}
await measureAll(networks, measureWork);
await measureAll(epochs(root), measureCourse);
await measureAll([...singleOps, ...fused], measureWork);
twin?.close();
await measureAll(programs(root, threads), measureProgram);

if (options.json !== undefined) writeFileSync(resolve(folder, options.json), `${JSON.stringify(rows, null, 2)}\n`);
if (options.markdown !== undefined) writeFileSync(resolve(folder, options.markdown), `${markdown(rows)}\n`);
const file = join(root, 'tools/bench/baseline.json');
if (options.baseline) {
  const worse = regressions(readBaseline(file), rows);
  for (const sentence of worse) console.log(`WORSE  ${sentence}`);
  console.log(`baseline: ${worse.length} of ${rows.length} rows are worse by more than 20 %`);
  if (worse.length > 0) process.exitCode = 1;
}
if (options['write-baseline']) writeBaseline(file, rows);
