import { ArgumentError, manualSeed } from '@flambeau/core';
import { defaultCollate } from '../collate.ts';
import type { Dataset } from '../dataset.ts';
import { pack, type FromWorker, type ToWorker, type WorkerSource, type WorkerStart } from './messages.ts';

// The program of one worker: makes the dataset, then batches of it, one message each.

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

async function batchOf(
  dataset: Dataset<unknown>,
  indices: readonly number[],
  collate: ((samples: readonly unknown[]) => unknown) | undefined,
): Promise<unknown> {
  if (collate === undefined && dataset.getBatch !== undefined) return dataset.getBatch(indices);
  const samples: unknown[] = [];
  for (const index of indices) {
    try {
      samples.push(await dataset.get(index));
    } catch (error) {
      throw new SampleError(index, error);
    }
  }
  return (collate ?? defaultCollate)(samples);
}

/** Answers messages until the thread ends. */
export function serve(post: Post): (message: ToWorker) => Promise<void> {
  let dataset: Promise<Dataset<unknown>> | undefined;
  let collate: ((samples: readonly unknown[]) => unknown) | undefined;
  let id = 0;
  const begin = async (start: WorkerStart): Promise<Dataset<unknown>> => {
    id = start.id;
    manualSeed(start.seed);
    if (start.init !== undefined) await (await load(start.init))(...([start.id, start.count] as never[]));
    if (start.collate !== undefined) collate = (await load(start.collate)) as unknown as (samples: readonly unknown[]) => unknown;
    return (await make(start.source)) as Dataset<unknown>;
  };
  return async (message) => {
    try {
      if (message.kind === 'start') {
        dataset = begin(message.start);
        await dataset;
        post({ kind: 'ready' }, []);
      } else if (message.kind === 'epoch') manualSeed(message.seed + BigInt(id));
      else if (dataset !== undefined) {
        const transfer: ArrayBuffer[] = [];
        const batch = pack(await batchOf(await dataset, message.indices, collate), transfer);
        post({ kind: 'batch', order: message.order, batch }, transfer);
      }
    } catch (error) {
      const index = error instanceof SampleError ? error.index : undefined;
      const { message: text, stack } = error instanceof Error ? error : { message: String(error), stack: undefined };
      post({ kind: 'error', order: message.kind === 'batch' ? message.order : -1, index, message: text, stack: stack ?? '' }, []);
    }
  };
}
