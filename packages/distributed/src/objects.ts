import { ArgumentError } from '@flambeau/core';
import { readFile } from 'node:fs/promises';
import { deserialize, serialize } from 'node:v8';
import { newBytes } from './buffers.ts';
import type { CollectiveOptions } from './collectives.ts';
import { DistributedError } from './error.ts';
import { checkTimeout, groupOf, rankInGroup, type ProcessGroup } from './group.ts';
import type { Kind } from './addon.ts';
import { Work } from './work.ts';

// Bytes and plain data between ranks, without tensors.

/** MPI counts to this. */
const largestCount = 2 ** 31 - 1;

interface Bytes {
  readonly kind: Kind;
  readonly send?: Uint8Array;
  readonly receive?: Uint8Array;
  readonly count: number;
  readonly peer?: number;
}

function move(op: string, group: ProcessGroup, bytes: Bytes, timeout: number | undefined): Work<void> {
  if (bytes.count > largestCount) throw new ArgumentError({ op, expected: `at most ${largestCount} bytes`, received: String(bytes.count) });
  const seconds = (checkTimeout(op, timeout) ?? group.timeout) / 1000;
  const task = { ...bytes, group: group.index, type: 'uint8', seconds, label: `${op} of ${bytes.count} bytes` } as const;
  return group.transport.submit<void>(task, () => undefined, () => undefined); // prettier-ignore
}

/** Equally many bytes of every rank, in their order. */
export function allGatherBytes(op: string, group: ProcessGroup, bytes: Uint8Array): Work<void> & { readonly parts: Uint8Array[] } {
  const send = newBytes(bytes.byteLength);
  send.set(bytes);
  const receive = newBytes(bytes.byteLength * group.size);
  const parts = group.ranks.map((_, i) => receive.subarray(i * bytes.byteLength, (i + 1) * bytes.byteLength));
  return Object.assign(move(op, group, { kind: 'allGather', send, receive, count: bytes.byteLength }, undefined), { parts });
}

/** Bytes of one rank in every rank: their number first, then they themselves. */
async function broadcastBytes(
  op: string,
  group: ProcessGroup,
  root: number,
  bytes: Uint8Array | undefined,
  timeout?: number,
): Promise<Uint8Array> {
  const length = newBytes(8);
  const view = new DataView(length.buffer, length.byteOffset, 8);
  view.setFloat64(0, bytes?.byteLength ?? 0, true);
  await move(op, group, { kind: 'broadcast', receive: length, count: 8, peer: root }, timeout);
  const content = newBytes(view.getFloat64(0, true));
  if (bytes !== undefined) content.set(bytes);
  await move(op, group, { kind: 'broadcast', receive: content, count: content.byteLength, peer: root }, timeout);
  return content;
}

/**
 * Gives every rank the plain data of rank `src` (0): what structuredClone can copy.
 * @example
 * const settings = await broadcastObject(getRank() === 0 ? await readSettings() : undefined);
 */
export async function broadcastObject<T>(value: T, options: CollectiveOptions & { src?: number } = {}): Promise<T> {
  const op = 'broadcastObject';
  const group = groupOf(op, options.group);
  const root = rankInGroup(op, 'src', group, options.src ?? group.ranks[0]);
  const bytes = await broadcastBytes(op, group, root, group.rank === root ? serialize(value) : undefined, options.timeout);
  return deserialize(bytes) as T;
}

/** The plain data of every rank, in their order: what structuredClone can copy. */
export async function allGatherObject<T>(value: T, options: CollectiveOptions = {}): Promise<T[]> {
  const op = 'allGatherObject';
  const group = groupOf(op, options.group);
  const bytes = serialize(value);
  const lengths = allGatherBytes(op, group, new Uint8Array(new Float64Array([bytes.byteLength]).buffer));
  await lengths;
  const sizes = lengths.parts.map((part) => new Float64Array(part.slice().buffer)[0]);
  const padded = newBytes(Math.max(...sizes));
  padded.set(bytes);
  const gathered = allGatherBytes(op, group, padded);
  await gathered;
  return gathered.parts.map((part, i) => deserialize(part.subarray(0, sizes[i])) as T);
}

/** How an outcome of rank 0 reaches the others. */
interface Outcome {
  readonly bytes?: Uint8Array;
  readonly error?: string;
}

async function outcomeOfRankZero(
  op: string,
  options: CollectiveOptions,
  run: () => Promise<Uint8Array | void>,
): Promise<Uint8Array | undefined> {
  const group = groupOf(op, options.group);
  let outcome: Outcome = {};
  let thrown: unknown;
  if (group.rank === 0) {
    try {
      const bytes = await run();
      outcome = bytes === undefined ? {} : { bytes };
    } catch (error) {
      thrown = error;
      outcome = { error: error instanceof Error ? error.message : String(error) };
    }
  }
  const told = await broadcastObject({ error: outcome.error }, options);
  if (thrown !== undefined) throw thrown;
  if (told.error !== undefined) {
    throw new DistributedError({ op, expected: `rank ${group.ranks[0]} to do it for all`, received: `its error: ${told.error}` });
  }
  return outcome.bytes;
}

/**
 * Runs `body` in rank 0 alone, such as the writing of a checkpoint; the others wait for it.
 * @throws what `body` throws in rank 0, and a DistributedError that says it in the others
 * @example
 * await onRankZero(() => save(model.module.stateDict(), 'model.safetensors'));
 */
export async function onRankZero(body: () => Promise<void> | void, options: CollectiveOptions = {}): Promise<void> {
  await outcomeOfRankZero('onRankZero', options, async () => {
    await body();
  });
}

/**
 * The content of a file that only rank 0 needs to be able to read; `load` takes it in place of the file's name.
 * @example
 * model.module.loadStateDict(await load(await readOnRankZero('model.safetensors')));
 */
export async function readOnRankZero(file: string | URL, options: CollectiveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const op = 'readOnRankZero';
  const group = groupOf(op, options.group);
  const bytes = await outcomeOfRankZero(op, options, () => readFile(file));
  return (await broadcastBytes(op, group, 0, bytes, options.timeout)) as Uint8Array<ArrayBuffer>;
}

/** @throws DistributedError in every rank unless all have the same `digest` */
export function checkSame(op: string, group: ProcessGroup, digest: Uint8Array, what: string, hint: string): void {
  const gathered = allGatherBytes(op, group, digest);
  gathered.waitSync();
  const different = gathered.parts.findIndex((part) => Buffer.compare(part, gathered.parts[0]) !== 0);
  if (different < 0) return;
  throw new DistributedError({
    op,
    expected: `the same ${what} in all ranks`,
    received: `rank ${group.ranks[different]} with others than rank ${group.ranks[0]}`,
    hint,
  });
}
