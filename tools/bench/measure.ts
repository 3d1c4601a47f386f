import { noGrad } from '@flambeau/autograd';
import { Neighbours } from './machine.ts';
import { quantile, takePairs, type Samples, type Side } from './sides.ts';
import type { Twin } from './twin.ts';
import { limitOf, type Course, type Program, type Work } from './work.ts';

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

/** Milliseconds that one sample should take: long beside the clock's grain, short beside a disturbance. */
const sampleMs = 10;
/** Of a sample's calls as many as this come before it without being timed: threads wake, caches fill, the processor's clock rises. */
const warmShare = 1 / 3;
/** A warm-up takes at least this long, and longer until the work has run so often, up to a limit. */
const [leastWarmMs, warmCalls, mostWarmMs] = [200, 20_000, 1000];
/** PyTorch's 90th percentile over its 10th, beyond which a row does not count. */
const largestSpread = 1.5;
/** Cores that others may keep busy while a row is measured. */
const largestLoad = 0.15;

function summarize(
  { name, ...limits }: Work | Course | Program,
  unit: 'ms' | 'MB',
  { ours, theirs }: Samples,
  { threads, engine }: Setting,
  load: number | undefined,
  whole: boolean,
): Row {
  const total = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);
  const row: Row = { work: name, threads, engine, ours: whole ? total(ours) : quantile(ours, 0.5), unit, pairs: ours.length, doubts: [] };
  if (theirs.length === 0) return row;
  const ratios = ours.map((time, i) => time / theirs[i]);
  row.pytorch = whole ? total(theirs) : quantile(theirs, 0.5);
  row.ratio = quantile(ratios, 0.5);
  row.spread = [quantile(ratios, 0.1), quantile(ratios, 0.9)];
  row.best = Math.min(...ours) / Math.min(...theirs);
  const atMost = limitOf({ name, ...limits }, engine);
  if (atMost !== undefined) row.atMost = atMost;
  const spread = quantile(theirs, 0.9) / quantile(theirs, 0.1);
  if (spread > largestSpread) row.doubts.push(`PyTorch's side spread by ${spread.toFixed(2)} (90th over 10th percentile)`);
  row.doubts.push(...doubtsOf(load));
  return row;
}

/** What speaks against a measurement beside which others computed on so many cores. */
export const doubtsOf = (load: number | undefined): string[] =>
  load !== undefined && load > largestLoad ? [`other processes kept ${load.toFixed(2)} cores busy`] : [];

const processesOf = ({ twin }: Setting): number[] => (twin === undefined ? [process.pid] : [process.pid, twin.pid]);

/** Sets a work up and runs it until it is warm. */
export function ready(work: Work): Side {
  const body = work.setup();
  // Plain loops, as a program writes them: nothing is released by hand.
  const loop = (count: number): number => {
    const start = performance.now();
    for (let i = 0; i < count; i++) body();
    return (performance.now() - start) / count;
  };
  const run = (count: number): number => (work.grad === false ? noGrad(() => loop(count)) : loop(count));
  run(3);
  const settle = performance.now();
  let each = run(2);
  let calls = 0;
  // V8 compiles what runs often, on threads that a busy machine keeps waiting: calls count as well as time.
  for (let time = 0; time < leastWarmMs || (calls < warmCalls && time < mostWarmMs); time = performance.now() - settle) {
    const turn = Math.max(1, Math.floor(5 / each));
    each = run(turn);
    calls += turn;
  }
  const count = Math.max(1, Math.round(sampleMs / each));
  return {
    pid: process.pid,
    sample() {
      run(Math.ceil(count * warmShare));
      return run(count);
    },
  };
}

/** The same for the twin; undefined where it does not know the work. */
async function readyTwin(twin: Twin | undefined, name: string): Promise<Side | undefined> {
  if (twin === undefined || !(await twin.prepare(name))) return undefined;
  const seconds = Math.min(await twin.run(0, 3), await twin.run(0, 3));
  const count = Math.max(1, Math.round(sampleMs / 1000 / seconds));
  await twin.run(0, Math.ceil((count * leastWarmMs) / sampleMs));
  return { pid: twin.pid, sample: async () => (await twin.run(Math.ceil(count * warmShare), count)) * 1000 };
}

/** Measures work that is repeated, after a warm-up of both sides. */
export async function measureWork(work: Work, setting: Setting): Promise<Row> {
  const ours = ready(work);
  const theirs = await readyTwin(setting.twin, work.name);
  const neighbours = new Neighbours(processesOf(setting));
  const samples = await takePairs(setting.pairs, ours, theirs);
  return summarize(work, 'ms', samples, setting, neighbours.cores(), false);
}

/** Measures work that is done once, in as many parts as there are pairs, ours and PyTorch's in turns. */
export async function measureCourse(course: Course, setting: Setting): Promise<Row> {
  const { twin, pairs } = setting;
  const part = await course.setup(pairs);
  const known = twin !== undefined && (await twin.prepare(course.name));
  const ours: Side = {
    pid: process.pid,
    async sample() {
      const start = performance.now();
      await part();
      return performance.now() - start;
    },
  };
  const theirs: Side | undefined = known ? { pid: twin.pid, sample: async () => (await twin.run(0, 1)) * 1000 } : undefined;
  const neighbours = new Neighbours(processesOf(setting));
  const samples = await takePairs(pairs, ours, theirs);
  return summarize(course, 'ms', samples, setting, neighbours.cores(), true);
}

/** Measures a program that is started anew for each sample. */
export async function measureProgram(program: Program, setting: Setting): Promise<Row> {
  const { python } = setting;
  const ours: Side = { pid: process.pid, sample: program.ours };
  const theirs: Side | undefined = python === undefined ? undefined : { pid: process.pid, sample: () => program.theirs(python) };
  // The first start of each reads files that later ones find in memory.
  await ours.sample();
  await theirs?.sample();
  const samples = await takePairs(Math.min(setting.pairs, program.samples), ours, theirs);
  // The programs' own processes are gone when the load could be asked for, so it is not.
  return summarize(program, program.unit, samples, setting, undefined, false);
}
