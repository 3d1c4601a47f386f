import { noGrad } from '@flambeau/autograd';
import { Neighbours } from './machine.ts';
import type { Twin } from './twin.ts';
import type { Course, Program, Work } from './work.ts';

/** What was measured of one work. Times are milliseconds. */
export interface Row {
  work: string;
  threads: number;
  engine: string;
  /** A call, the median of the samples; for a course the time of the whole. */
  ours: number;
  pytorch?: number;
  unit: 'ms' | 'MB';
  /** The median of the pairs' ratios, ours over PyTorch's. */
  ratio?: number;
  /** The 10th and 90th percentiles of the pairs' ratios. */
  spread?: [number, number];
  /** The ratio of the fastest samples, which a busy machine disturbs least. */
  best?: number;
  atMost?: number;
  pairs: number;
  /** Why the row does not count: its reasons, empty when it does. */
  doubts: string[];
}

/** How rows are measured. */
export interface Setting {
  readonly threads: number;
  readonly engine: string;
  readonly pairs: number;
  readonly twin: Twin | undefined;
  readonly python: string | undefined;
}

/** The q-th quantile of numbers. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + ((sorted[low + 1] ?? sorted[low]) - sorted[low]) * (at - low);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Milliseconds that one sample should take: long beside the clock's grain, short beside a disturbance. */
const sampleMs = 3;
/** A warm-up takes at least this long, and longer until the work has run so often, up to a limit. */
const [leastWarmMs, warmCalls, mostWarmMs] = [200, 20_000, 2000];
/** PyTorch's 90th percentile over its 10th, beyond which a row does not count. */
const largestSpread = 1.5;
/** Cores that others may keep busy while a row is measured. */
const largestLoad = 0.15;

/** Samples of both sides, taken in turns. */
interface Samples {
  readonly ours: number[];
  readonly theirs: number[];
}

async function takePairs(
  pairs: number,
  ours: () => number | Promise<number>,
  theirs: (() => Promise<number>) | undefined,
): Promise<Samples> {
  const samples: Samples = { ours: [], theirs: [] };
  for (let pair = 0; pair < pairs; pair++) {
    samples.ours.push(await ours());
    if (theirs !== undefined) samples.theirs.push(await theirs());
    // A turn of the event loop lets finalizers run, as in a program that awaits now and then.
    else await new Promise((resolve) => setImmediate(resolve));
  }
  return samples;
}

function summarize(
  name: string,
  unit: 'ms' | 'MB',
  { ours, theirs }: Samples,
  setting: Setting,
  neighbours: Neighbours,
  whole: boolean,
): Row {
  const { threads, engine } = setting;
  const row: Row = { work: name, threads, engine, ours: whole ? sum(ours) : quantile(ours, 0.5), unit, pairs: ours.length, doubts: [] };
  if (theirs.length === 0) return row;
  const ratios = ours.map((time, i) => time / theirs[i]);
  row.pytorch = whole ? sum(theirs) : quantile(theirs, 0.5);
  row.ratio = quantile(ratios, 0.5);
  row.spread = [quantile(ratios, 0.1), quantile(ratios, 0.9)];
  row.best = Math.min(...ours) / Math.min(...theirs);
  const spread = quantile(theirs, 0.9) / quantile(theirs, 0.1);
  if (spread > largestSpread) row.doubts.push(`PyTorch's side spread by ${spread.toFixed(2)} (90th over 10th percentile)`);
  const load = neighbours.cores();
  if (unit === 'ms' && load !== undefined && load > largestLoad) row.doubts.push(`other processes kept ${load.toFixed(2)} cores busy`);
  return row;
}

const limited = (row: Row, { atMost }: { readonly atMost?: number }): Row => (atMost === undefined ? row : { ...row, atMost });

const processesOf = ({ twin }: Setting): number[] => (twin === undefined ? [process.pid] : [process.pid, twin.pid]);

function timed(run: () => unknown, count: number): number {
  const start = performance.now();
  for (let i = 0; i < count; i++) run();
  return (performance.now() - start) / count;
}

/** Measures work that is repeated: samples of about 3 ms, after a warm-up of both sides. */
export async function measureWork(work: Work, setting: Setting): Promise<Row> {
  const { twin } = setting;
  const body = work.setup();
  // Plain loops, as a program writes them: nothing is released by hand.
  const sample = (count: number): number => (work.grad === false ? noGrad(() => timed(body, count)) : timed(body, count));
  sample(3);
  const settle = performance.now();
  let each = sample(2);
  let calls = 0;
  // V8 compiles what runs often, on threads that a busy machine keeps waiting: calls count as well as time.
  for (let time = 0; time < leastWarmMs || (calls < warmCalls && time < mostWarmMs); time = performance.now() - settle) {
    const turn = Math.max(1, Math.floor(5 / each));
    each = sample(turn);
    calls += turn;
  }
  const count = Math.max(1, Math.round(sampleMs / each));
  let theirs: (() => Promise<number>) | undefined;
  if (twin !== undefined && (await twin.prepare(work.name))) {
    const seconds = Math.min(await twin.run(3), await twin.run(3));
    const theirCount = Math.max(1, Math.round(sampleMs / 1000 / seconds));
    await twin.run(Math.ceil(theirCount * 20));
    theirs = async () => (await twin.run(theirCount)) * 1000;
  }
  const neighbours = new Neighbours(processesOf(setting));
  const samples = await takePairs(setting.pairs, () => sample(count), theirs);
  return limited(summarize(work.name, 'ms', samples, setting, neighbours, false), work);
}

/** Measures work that is done once, in as many parts as there are pairs, ours and PyTorch's in turns. */
export async function measureCourse(course: Course, setting: Setting): Promise<Row> {
  const { twin, pairs } = setting;
  const part = await course.setup(pairs);
  const known = twin !== undefined && (await twin.prepare(course.name));
  const neighbours = new Neighbours(processesOf(setting));
  const samples = await takePairs(
    pairs,
    async () => {
      const start = performance.now();
      await part();
      return performance.now() - start;
    },
    known ? async () => (await twin.run(1)) * 1000 : undefined,
  );
  return limited(summarize(course.name, 'ms', samples, setting, neighbours, true), course);
}

/** Measures a program that is started anew for each sample. */
export async function measureProgram(program: Program, setting: Setting): Promise<Row> {
  const { python } = setting;
  const theirs = python === undefined ? undefined : () => program.theirs(python);
  // The first start of each reads files that later ones find in memory.
  await program.ours();
  await theirs?.();
  const samples = await takePairs(Math.min(setting.pairs, program.samples), program.ours, theirs);
  // The programs' own processes are gone when the load could be asked for, so it is not.
  const neighbours = new Neighbours([]);
  const row = summarize(program.name, program.unit, samples, setting, neighbours, false);
  return limited({ ...row, doubts: row.doubts.filter((doubt) => doubt.startsWith('PyTorch')) }, program);
}
