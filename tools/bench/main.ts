// `pnpm bench`: measures Flambeau's works, and with --pytorch the same works in PyTorch, pair by pair.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { manualSeed, setDefaultDevice } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { networks } from './networks.ts';
import { singleOps } from './singleOps.ts';
import { startTwin, type Twin } from './twin.ts';
import type { Work } from './work.ts';

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    threads: { type: 'string', default: '1' },
    engine: { type: 'string' },
    pytorch: { type: 'string' },
    json: { type: 'string' },
    pairs: { type: 'string', default: '30' },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) {
  console.log(`pnpm bench [options]
  --only REGEX       works whose name matches
  --threads N        threads for both sides (1)
  --engine NAME      native or wasm
  --pytorch PYTHON   runs the twin in this interpreter, pair by pair
  --pairs N          pairs for each work (30)
  --json FILE        writes the rows`);
  process.exit(0);
}
if (options.engine !== undefined) process.env['FLAMBEAU_CPU'] = options.engine;
const { cpu, cpuInfo } = await import('@flambeau/backend-cpu');
setDefaultDevice(cpu);
manualSeed(1);
const threads = Number(options.threads);
const info = cpuInfo();
if (threads !== info.threads) console.log(`note: this engine uses ${info.threads} thread`);

/** The q-th quantile of numbers. */
function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + ((sorted[low + 1] ?? sorted[low]) - sorted[low]) * (at - low);
}

/** Milliseconds that one sample should take: long beside the clock's grain, short beside a disturbance. */
const sampleMs = 3;

function timed(run: () => unknown, count: number): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) run();
  return (performance.now() - start) / count;
}

interface Row {
  work: string;
  threads: number;
  engine: string;
  /** Milliseconds a call, the median. */
  ours: number;
  pytorch?: number;
  unit: 'ms';
  /** The median of the pairs' ratios, with their 10th and 90th percentiles. */
  ratio?: number;
  spread?: [number, number];
  /** The ratio of the fastest samples, which a busy machine disturbs least. */
  best?: number;
}

async function measure(work: Work, twin: Twin | undefined): Promise<Row> {
  const body = work.setup();
  // Plain loops, as a program writes them: nothing is released by hand. Some turns of the event loop let finalizers run.
  const sample = (count: number): number => (work.grad === false ? noGrad(() => timed(body, count)) : timed(body, count));
  sample(3);
  const settle = performance.now();
  let each = sample(2);
  while (performance.now() - settle < 150) each = sample(Math.max(1, Math.floor(5 / each)));
  const count = Math.max(1, Math.round(sampleMs / each));
  const known = twin !== undefined && (await twin.prepare(work.name));
  let theirCount = 1;
  if (known) {
    const seconds = Math.min(await twin.run(3), await twin.run(3));
    theirCount = Math.max(1, Math.round(sampleMs / 1000 / seconds));
    await twin.run(Math.ceil(theirCount * 20));
  }
  const [ours, theirs, ratios]: number[][] = [[], [], []];
  for (let pair = 0; pair < Number(options.pairs); pair++) {
    ours.push(sample(count));
    if (known) {
      theirs.push((await twin.run(theirCount)) * 1000);
      ratios.push(ours[pair] / theirs[pair]);
    } else await new Promise((resolve) => setImmediate(resolve));
  }
  const row: Row = { work: work.name, threads, engine: info.engine, ours: quantile(ours, 0.5), unit: 'ms' };
  if (known) {
    row.pytorch = quantile(theirs, 0.5);
    row.ratio = quantile(ratios, 0.5);
    row.spread = [quantile(ratios, 0.1), quantile(ratios, 0.9)];
    row.best = Math.min(...ours) / Math.min(...theirs);
  }
  return row;
}

const time = (ms: number): string => (ms < 1 ? `${(ms * 1000).toFixed(ms < 0.01 ? 2 : 1)} µs` : `${ms.toFixed(2)} ms`);

const twin = options.pytorch === undefined ? undefined : await startTwin(options.pytorch, threads);
console.log(
  `Node ${process.version}, ${info.engine} ${info.instructionSet}${twin ? `, PyTorch ${twin.version}` : ''}, ${threads} thread${threads === 1 ? '' : 's'}`,
);
const pattern = new RegExp(options.only, 'i');
const rows: Row[] = [];
for (const work of [...networks, ...singleOps]) {
  if (!pattern.test(work.name)) continue;
  const row = await measure(work, twin);
  rows.push(row);
  const beside =
    row.pytorch === undefined || row.ratio === undefined || row.spread === undefined
      ? ''
      : `${time(row.pytorch).padStart(12)}   ratio ${row.ratio.toFixed(3)} (${row.spread.map((r) => r.toFixed(3)).join(' to ')}), of bests ${row.best?.toFixed(3)}`;
  console.log(`${work.name.padEnd(30)} ${time(row.ours).padStart(12)} ${beside}`);
}
twin?.close();
if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(rows, null, 2)}\n`);
