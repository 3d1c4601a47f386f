import { setTimeout as sleep } from 'node:timers/promises';
import { computes } from './machine.ts';

/** One of the two that are compared. Times are milliseconds. */
export interface Side {
  /** The process that computes. */
  readonly pid: number;
  /** Calls without timing, then one sample: the time of a call, or of a part. */
  sample(): number | Promise<number>;
}

/** Samples of both sides, taken in turns. */
export interface Samples {
  readonly ours: number[];
  readonly theirs: number[];
}

/**
 * Before each sample nothing is computed for so long. The threads of a pool look out for more work for some milliseconds (those of PyTorch's
 * OpenMP for 7), on the cores that the other side wants.
 */
const pauseMs = 20;
/** The longest wait for threads that go on computing, in pauses: V8 may compile or collect garbage in threads of its own. */
const mostPauses = 10;

/** Pauses, equally long before either side, and longer while other threads of these processes still compute. */
async function rest(sides: readonly Side[]): Promise<void> {
  for (let pause = 0; pause === 0 || (pause < mostPauses && sides.some(({ pid }) => computes(pid))); pause++) await sleep(pauseMs);
}

/** Takes samples of both sides in turns, or of one alone. */
export async function takePairs(pairs: number, ours: Side, theirs: Side | undefined): Promise<Samples> {
  const samples: Samples = { ours: [], theirs: [] };
  const sides = theirs === undefined ? [ours] : [ours, theirs];
  for (let pair = 0; pair < pairs; pair++) {
    // Each is the first in every second pair: what comes back at every second sample, as a collection of garbage may, meets both.
    for (const side of pair % 2 === 0 ? sides : sides.toReversed()) {
      await rest(sides);
      (side === ours ? samples.ours : samples.theirs).push(await side.sample());
    }
  }
  return samples;
}

/** The q-th quantile of numbers. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = Math.floor(at);
  return sorted[low] + ((sorted[low + 1] ?? sorted[low]) - sorted[low]) * (at - low);
}
