import type { Dataset, IterableDataset } from '../dataset.ts';

/** What a worker of a DataLoader knows of itself. */
export interface WorkerInfo {
  /** From 0 to numWorkers - 1. */
  readonly id: number;
  readonly numWorkers: number;
  /** The seed of this worker's random numbers in this pass. */
  readonly seed: bigint;
  /** The worker's own copy of the dataset; undefined as long as it is being made. */
  readonly dataset: Dataset<unknown> | IterableDataset<unknown> | undefined;
}

// By a name on globalThis: a worker's program and the dataset's module may each have a copy of this file, as where one of them is bundled.
const place = Symbol.for('@flambeau/data.workerInfo');
const holder = globalThis as { [place]?: WorkerInfo };

/**
 * What the worker that runs this knows of itself; undefined outside the workers of a DataLoader. An IterableDataset shares its samples out with
 * it, for every worker iterates a copy of its own.
 * @example
 * class Numbers extends IterableDataset<number> {
 *   *[Symbol.iterator]() {
 *     const { id, numWorkers } = getWorkerInfo() ?? { id: 0, numWorkers: 1 };
 *     for (let i = id; i < 100; i += numWorkers) yield i;
 *   }
 * }
 */
export const getWorkerInfo = (): WorkerInfo | undefined => holder[place];

/** Says to this thread which worker it is. */
export function setWorkerInfo(info: WorkerInfo): void {
  holder[place] = info;
}
