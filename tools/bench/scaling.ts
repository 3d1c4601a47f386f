import { spawn, type ChildProcess } from 'node:child_process';
import { cpus } from 'node:os';
import { Neighbours } from './machine.ts';
import { doubtsOf, ready } from './measure.ts';
import { amount } from './report.ts';
import { verdict, type Repeated } from './runs.ts';
import { quantile, takePairs, type Side } from './sides.ts';
import type { Work } from './work.ts';

/** What several threads make of a work. Times are milliseconds of a call, the medians of the samples. */
export interface Scaled {
  work: string;
  threads: number;
  engine: string;
  /** Whether another process kept one core busy. */
  busy: boolean;
  ours: number;
  /** The same with one thread. */
  single: number;
  unit: 'ms';
  /** The median of the pairs' ratios, several threads' over one's. */
  ratio: number;
  spread: [number, number];
  atMost: number;
  /** Why the row does not count. */
  doubts: string[];
}

/** How threads are compared. */
export interface ScalingSetting {
  readonly threads: number;
  readonly engine: string;
  readonly pairs: number;
  /** A process that keeps a core busy, if one does. */
  readonly spinner: ChildProcess | undefined;
  setNumThreads(count: number): void;
}

/** Several threads may take so much of one's time: alone they never hurt, up to what a measurement tells; beside a busy core a little. */
export const [mostAlone, mostBusy] = [1.05, 1.1];

/** A process that keeps the last core busy, or any one where the system cannot bind it. */
export function keepCoreBusy(): ChildProcess {
  const endless = ['-e', 'for (;;);'];
  const bound = process.platform === 'linux';
  return bound
    ? spawn('taskset', ['-c', String(cpus().length - 1), process.execPath, ...endless], { stdio: 'ignore' })
    : spawn(process.execPath, endless, { stdio: 'ignore' });
}

/** Measures a work with one thread and with several in turns. */
export async function measureScaling(work: Work, { threads, engine, pairs, spinner, setNumThreads }: ScalingSetting): Promise<Scaled> {
  const side = (count: number): Side => {
    setNumThreads(count);
    const { pid, sample } = ready(work);
    return {
      pid,
      sample() {
        setNumThreads(count);
        return sample();
      },
    };
  };
  const [single, several] = [side(1), side(threads)];
  const neighbours = new Neighbours([process.pid, ...(spinner?.pid === undefined ? [] : [spinner.pid])]);
  const { ours, theirs } = await takePairs(pairs, several, single);
  const ratios = ours.map((time, i) => time / theirs[i]);
  return {
    work: work.name,
    threads,
    engine,
    busy: spinner !== undefined,
    ours: quantile(ours, 0.5),
    single: quantile(theirs, 0.5),
    unit: 'ms',
    ratio: quantile(ratios, 0.5),
    spread: [quantile(ratios, 0.1), quantile(ratios, 0.9)],
    atMost: spinner === undefined ? mostAlone : mostBusy,
    doubts: doubtsOf(neighbours.cores()),
  };
}

/** One line about it, and one for each doubt. */
export function scalingLine(row: Repeated<Scaled>): string {
  const { work, threads, busy, ours, single, ratio, spread, doubts } = row;
  const times = `${work.padEnd(36)} ${amount(ours, 'ms').padStart(11)} ${amount(single, 'ms').padStart(11)}`;
  const [low, high] = spread.map((value) => value.toFixed(3));
  return [
    `${times}   ${threads} threads over 1${busy ? ', a core busy' : ''}: ${ratio.toFixed(3)} (${low} to ${high})   ${verdict(row)}`,
    ...doubts.map((doubt) => `  ! ${doubt}`),
  ].join('\n');
}
