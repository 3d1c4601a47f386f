import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { getDefaultDevice, randn, zeros, type Tensor } from '@flambeau/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { load, save, toBytes, type FileFormat, type Progress, type SaveOptions } from '../src/index.ts';
import { tensorOfBytes } from '../src/tensors.ts';
import { scratchFile } from './helpers.ts';

afterEach(() => vi.restoreAllMocks());

/** A clock that stands still until the test moves it. */
function clock(): { now: number } {
  const time = { now: 0 };
  vi.spyOn(performance, 'now').mockImplementation(() => time.now);
  return time;
}

const perRead = 30;
const perWrite = 40;

/** Bytes each read of which takes 30 ms of a clock. */
const slowly = (bytes: Uint8Array, time: { now: number }): { size: number; slice: (start: number, end: number) => { arrayBuffer: () => Promise<ArrayBuffer> } } => ({
  size: bytes.length,
  slice: (start, end) => ({
    arrayBuffer: () => {
      time.now += perRead;
      return Promise.resolve(new Uint8Array(bytes.subarray(start, end)).buffer);
    },
  }),
}); // prettier-ignore

/** Collects reports, with the time at which each came. */
function collector(time: { now: number }): { seen: Progress[]; at: number[]; onProgress: (progress: Progress) => void } {
  const [seen, at]: [Progress[], number[]] = [[], []];
  return { seen, at, onProgress: (progress) => void (seen.push(progress), at.push(time.now)) };
}

/** What progress must be: in one unit, rising, never beyond the total, and at its end exactly there; none in the first second, then five a second. */
function expectWhole({ seen, at }: { seen: readonly Progress[]; at: readonly number[] }, step: number): void {
  expect(seen.length).toBeGreaterThan(2);
  const [{ totalBytes }] = seen;
  expect(totalBytes).toBeGreaterThan(0);
  expect(seen.map((progress) => progress.totalBytes)).toEqual(seen.map(() => totalBytes));
  const bytes = seen.map((progress) => progress.bytes);
  expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
  expect(bytes[bytes.length - 1]).toBe(totalBytes);
  // Not only at the end: something was reported on the way.
  expect(bytes[0]).toBeLessThan(totalBytes);
  expect(at[0]).toBeGreaterThanOrEqual(1000);
  // The last report is that of the end, whenever it comes. An entry takes up to three steps, so that looks at the clock lie as far apart.
  for (const gap of at.slice(1, -1).map((time, i) => time - at[i])) {
    expect(gap).toBeGreaterThanOrEqual(200);
    expect(gap).toBeLessThan(200 + 3 * step);
  }
}

/** Sixteen arrays that pack to very different fractions, two of which look at one storage. */
function state(): Record<string, Tensor> {
  const arrays = Object.fromEntries(Array.from({ length: 14 }, (_, i) => [`x${i}`, i % 2 === 0 ? zeros(5000 + i) : randn(50 + i)]));
  const whole = randn(30, 40);
  return { ...arrays, whole, transposed: whole.t() };
}

const forms: readonly (readonly [string, SaveOptions & { format: FileFormat }])[] = [
  ['a compressed npz', { format: 'npz', compress: true }],
  ['an npz', { format: 'npz' }],
  ['a .pt with a shared storage', { format: 'pt' }],
  ['a safetensors file', { format: 'safetensors' }],
];

describe('progress', () => {
  it.each(forms)('of loading %s ends at its total', async (_, options) => {
    // So many small tensors that more than a second of reads lies before the last.
    const bytes = await toBytes(Array.from({ length: 4 }, state), options);
    const time = clock();
    const collected = collector(time);
    await load(slowly(bytes, time), { format: options.format, onProgress: collected.onProgress });
    expectWhole(collected, perRead);
    expect(collected.seen[0].operation).toBe('load');
  });

  it.each(forms)('of loading some tensors of %s ends at the total of those', async (_, options) => {
    const many = await toBytes(Object.fromEntries(Array.from({ length: 60 }, (_item, i) => [`x${i}`, randn(10 + i)])), options);
    const only = (name: string): boolean => name !== 'x3';
    const time = clock();
    const collected = collector(time);
    await load(slowly(many, time), { format: options.format, only, onProgress: collected.onProgress });
    expectWhole(collected, perRead);
  });

  it.each(forms)('of saving %s ends at its total', async (_, options) => {
    const time = clock();
    const collected = collector(time);
    const slow = new WritableStream<Uint8Array>({ write: () => void (time.now += perWrite) });
    const many = Object.fromEntries(Array.from({ length: 60 }, (_item, i) => [`x${i}`, i % 2 === 0 ? zeros(5000 + i) : randn(50 + i)]));
    await save(many, slow, { ...options, onProgress: collected.onProgress });
    expectWhole(collected, perWrite);
    expect(collected.seen[0].operation).toBe('save');
  });
});

describe('an AbortSignal', () => {
  const megabyte = 2 ** 20;
  const bytesOf = (megabytes: number): Tensor =>
    tensorOfBytes(new Uint8Array(megabytes * megabyte), [megabytes * megabyte], 'uint8', getDefaultDevice(), { file: 'zeros' });

  /** How often the work let others have their turn, and how often it read more than a header from a file. */
  async function counter(): Promise<() => number> {
    const turns = vi.spyOn(globalThis, 'setImmediate');
    const handle = await open(process.execPath);
    const reads = vi.spyOn(Object.getPrototypeOf(handle) as { read: (bytes: Uint8Array) => unknown }, 'read');
    await handle.close();
    return () => turns.mock.calls.length + reads.mock.calls.filter(([{ byteLength }]) => byteLength >= megabyte).length;
  }

  /**
   * Runs work to its end, which must take at least `least` steps, and once more with a signal that a timer fires: then at most one step follows.
   * A step is 8 MB at most, one where bytes are packed.
   */
  async function expectStopped(run: (signal?: AbortSignal) => Promise<unknown>, least: number): Promise<void> {
    const steps = await counter();
    await run();
    const whole = steps();
    expect(whole).toBeGreaterThanOrEqual(least);
    const controller = new AbortController();
    let fired = Infinity;
    setTimeout(() => {
      fired = steps() - whole;
      controller.abort(new Error('enough'));
    }, 0);
    const error: unknown = await run(controller.signal).then(
      () => 'it ran to its end',
      (caught: unknown) => caught,
    );
    expect(error).toMatchObject({ code: 'ABORTED', cause: new Error('enough') });
    // The timer had its turn while the work went on, which was not near its end.
    expect(steps() - whole - fired).toBeLessThanOrEqual(1);
    expect(steps() - whole).toBeLessThan(whole);
  }

  const files: readonly (readonly [string, SaveOptions & { format: FileFormat }])[] = [
    ['one deflated entry', { format: 'npz', compress: true }],
    ['one stored entry, whose checksum takes its time', { format: 'npz' }],
  ];

  for (const [what, options] of files)
    for (const from of ['bytes', 'a path'])
      it(`that a timer fires stops the loading of ${what} from ${from}`, async () => {
        const bytes = await toBytes({ x: bytesOf(24) }, options);
        const path = scratchFile('wide.npz');
        if (from === 'a path') writeFileSync(path, bytes);
        // 24 MB are three stretches, and three more for the checksum.
        await expectStopped((signal) => load(from === 'bytes' ? bytes : path, { format: 'npz', ...(signal !== undefined && { signal }) }), 5);
      }); // prettier-ignore

  it('that a timer fires stops the loading of many tensors in memory', async () => {
    const part = bytesOf(1);
    const bytes = await toBytes(Object.fromEntries(Array.from({ length: 32 }, (_, i) => [`x${i}`, part])), { format: 'safetensors' });
    await expectStopped((signal) => load(bytes, { ...(signal !== undefined && { signal }) }), 4);
  });

  it('that a timer fires stops the packing of one large array', async () => {
    const wide = bytesOf(8);
    await expectStopped((signal) => toBytes({ x: wide }, { format: 'npz', compress: true, ...(signal !== undefined && { signal }) }), 8);
  });
});
