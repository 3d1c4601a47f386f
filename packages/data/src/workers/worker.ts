import { ArgumentError, hasDefaultDevice, manualSeed, setDefaultDevice, type Device, type DeviceSource } from '@flambeau/core';
import { defaultCollate } from '../collate.ts';
import type { Dataset, IterableDataset } from '../dataset.ts';
import { setWorkerInfo } from './info.ts';
import { partOf, type Part } from './part.ts';
import { pack, type FromWorker, type Request, type ToWorker, type WorkerSource, type WorkerStart } from './messages.ts';

// The program of one worker: makes the dataset, then batches of it, one message each.

type Collate = (samples: readonly unknown[]) => unknown;
type Post = (message: FromWorker, transfer: ArrayBuffer[]) => void;

async function load({ module, name }: Pick<WorkerSource, 'module' | 'name'>): Promise<(...args: never[]) => unknown> {
  const exports = (await import(module)) as Record<string, unknown>;
  const found = exports[name];
  if (typeof found !== 'function')
    throw new ArgumentError({
      op: 'DataLoader',
      expected: `an export ${name} of ${module}`,
      received: found === undefined ? 'none' : typeof found,
    });
  return found as (...args: never[]) => unknown;
}

const isClass = (f: (...args: never[]) => unknown): boolean => /^class\b/.test(Function.prototype.toString.call(f));

/** Makes what a source names. */
async function make(source: WorkerSource): Promise<unknown> {
  const found = await load(source);
  if (isClass(found)) return new (found as unknown as new (...args: unknown[]) => unknown)(...source.args);
  return (found as unknown as (...args: unknown[]) => unknown)(...source.args);
}

/** An error with the index of the sample that threw it. */
class SampleError extends Error {
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.index = index;
    if (cause instanceof Error && cause.stack !== undefined) this.stack = cause.stack;
  }
}

/** The error of a batch that was made at once, with the index of the sample that it belongs to: the first that also fails alone. */
async function blamed(dataset: Dataset<unknown>, indices: readonly number[], error: unknown): Promise<unknown> {
  for (const index of indices) {
    try {
      await dataset.get(index);
    } catch {
      return new SampleError(index, error);
    }
  }
  return error;
}

async function batchOf(dataset: Dataset<unknown>, indices: readonly number[], collate: Collate | undefined): Promise<unknown> {
  if (collate === undefined && dataset.getBatch !== undefined) {
    try {
      return await dataset.getBatch(indices);
    } catch (error) {
      throw await blamed(dataset, indices, error);
    }
  }
  // Asked for side by side, as without workers: promises of samples may wait for disks and networks together.
  const asked = indices.map((index) => {
    try {
      return { index, sample: dataset.get(index) };
    } catch (error) {
      throw new SampleError(index, error);
    }
  });
  for (const { sample } of asked) if (sample instanceof Promise) sample.catch(() => undefined);
  const samples: unknown[] = [];
  for (const { index, sample } of asked) {
    try {
      samples.push(await sample);
    } catch (error) {
      throw new SampleError(index, error);
    }
  }
  return (collate ?? defaultCollate)(samples);
}

/** Makes a device of the loader's kind the default one. Workers compute side by side, so each of them in one thread, as in PyTorch. */
async function takeDevice({ module, name }: DeviceSource): Promise<void> {
  const exports = (await import(/* @vite-ignore */ module)) as Record<string, unknown>;
  const { setNumThreads } = exports;
  if (typeof setNumThreads === 'function') (setNumThreads as (count: number) => void)(1);
  setDefaultDevice(exports[name] as Device);
}

/** Answers messages until the thread ends. */
export function serve(post: Post): (message: ToWorker) => Promise<void> {
  let dataset: Dataset<unknown> | IterableDataset<unknown> | undefined;
  let started: WorkerStart | undefined;
  let collate: Collate | undefined;
  /** Where the pass over an IterableDataset is. */
  let part: Part | undefined;
  const seedWith = (start: WorkerStart, seed: bigint): void => {
    manualSeed(seed);
    setWorkerInfo({ id: start.id, numWorkers: start.count, seed, dataset });
  };
  const begin = async (start: WorkerStart): Promise<void> => {
    started = start;
    seedWith(start, start.seed);
    if (start.init !== undefined) await (await load(start.init))(...([start.id, start.count] as never[]));
    if (start.collate !== undefined) collate = (await load(start.collate)) as unknown as Collate;
    // The dataset's own module may choose the device; it is loaded before the dataset is made.
    await load(start.source);
    if (!hasDefaultDevice() && start.device !== undefined) await takeDevice(start.device);
    manualSeed(start.seed);
    dataset = (await make(start.source)) as Dataset<unknown> | IterableDataset<unknown>;
  };
  const batch = async (indices: Request): Promise<{ batch: unknown } | undefined> => {
    if (dataset === undefined) throw new Error('no dataset was made');
    if (indices !== undefined) return { batch: await batchOf(dataset as Dataset<unknown>, indices, collate) };
    const samples = await part?.next();
    return samples && { batch: (collate ?? defaultCollate)(samples) };
  };
  const handle = async (message: ToWorker): Promise<void> => {
    try {
      if (message.kind === 'start') {
        await begin(message.start);
        post({ kind: 'ready' }, []);
      } else if (started === undefined || dataset === undefined) return;
      else if (message.kind === 'epoch') {
        seedWith(started, message.seed + BigInt(started.id));
        if (started.cut !== undefined) part = partOf(dataset as IterableDataset<unknown>, started.cut);
      } else {
        const made = await batch(message.indices);
        const transfer: ArrayBuffer[] = [];
        if (made === undefined) post({ kind: 'end', order: message.order }, []);
        else post({ kind: 'batch', order: message.order, batch: pack(made.batch, transfer) }, transfer);
      }
    } catch (error) {
      const index = error instanceof SampleError ? error.index : undefined;
      const { message: text, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
      post({ kind: 'error', order: message.kind === 'batch' ? message.order : -1, index, message: text, stack: stack ?? '' }, []);
    }
  };
  // One after the other: batches that were made side by side would share the worker's random numbers in an order of chance.
  let last = Promise.resolve();
  return (message) => (last = last.then(() => handle(message)));
}
