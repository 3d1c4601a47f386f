import { writeFileSync } from 'node:fs';
import { getDefaultDevice, randn, zeros, type Tensor } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { load, save, toBytes, type FileFormat, type Progress, type SaveOptions } from '../src/index.ts';
import { tensorOfBytes } from '../src/tensors.ts';
import { codeOf, scratchFile } from './helpers.ts';

/** Bytes that take their time: each read lasts 30 ms. */
const slowly = (bytes: Uint8Array): { size: number; slice: (start: number, end: number) => { arrayBuffer: () => Promise<ArrayBuffer> } } => ({
  size: bytes.length,
  slice: (start, end) => ({
    arrayBuffer: () => new Promise((resolve) => setTimeout(() => resolve(new Uint8Array(bytes.subarray(start, end)).buffer), 30)),
  }),
}); // prettier-ignore

/** What progress must be: in one unit, rising, never beyond the total, and at its end exactly there. */
function expectWhole(seen: readonly Progress[]): void {
  expect(seen.length).toBeGreaterThan(2);
  const [{ totalBytes }] = seen;
  expect(totalBytes).toBeGreaterThan(0);
  expect(seen.map((progress) => progress.totalBytes)).toEqual(seen.map(() => totalBytes));
  const bytes = seen.map((progress) => progress.bytes);
  expect(bytes).toEqual([...bytes].sort((a, b) => a - b));
  expect(bytes[bytes.length - 1]).toBe(totalBytes);
  // Not only at the end: something was reported on the way.
  expect(bytes[0]).toBeLessThan(totalBytes);
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
    const seen: Progress[] = [];
    const bytes = await toBytes(state(), options);
    // So many small tensors that more than a second of reads lies before the last.
    const many = options.format === 'safetensors' || options.format === 'pt' ? await toBytes(Array.from({ length: 4 }, state), options) : bytes;
    await load(slowly(many), { format: options.format, onProgress: (progress) => seen.push(progress) });
    expectWhole(seen);
    expect(seen[0].operation).toBe('load');
  }); // prettier-ignore

  it.each(forms)('of loading some tensors of %s ends at the total of those', async (_, options) => {
    const seen: Progress[] = [];
    const length = options.format === 'safetensors' ? 60 : 20;
    const many = await toBytes(Object.fromEntries(Array.from({ length }, (_item, i) => [`x${i}`, randn(10 + i)])), options);
    const only = (name: string): boolean => name !== 'x3';
    await load(slowly(many), { format: options.format, only, onProgress: (progress) => seen.push(progress) });
    expectWhole(seen);
  });

  it.each(forms)('of saving %s ends at its total', async (_, options) => {
    const seen: Progress[] = [];
    const slow = new WritableStream<Uint8Array>({ write: () => new Promise((resolve) => setTimeout(resolve, 40)) });
    const length = options.format === 'safetensors' ? 60 : 20;
    const many = Object.fromEntries(Array.from({ length }, (_item, i) => [`x${i}`, i % 2 === 0 ? zeros(5000 + i) : randn(50 + i)]));
    await save(many, slow, { ...options, onProgress: (progress) => seen.push(progress) });
    expectWhole(seen);
    expect(seen[0].operation).toBe('save');
  });
});

describe('an AbortSignal', () => {
  const megabytes = 256;
  const bytesOf = (count: number): Tensor =>
    tensorOfBytes(new Uint8Array(count * 2 ** 20), [count * 2 ** 20], 'uint8', getDefaultDevice(), { file: 'zeros' });
  const wide = (): Tensor => bytesOf(megabytes);
  const files: readonly (readonly [string, SaveOptions & { format: FileFormat }])[] = [
    ['one deflated entry', { format: 'npz', compress: true }],
    ['one stored entry, whose checksum takes its time', { format: 'npz' }],
  ];

  for (const [what, options] of files)
    it(`that a timer fires stops the loading of ${what}, from bytes and from a path`, async () => {
      const bytes = await toBytes({ x: wide() }, options);
      const path = scratchFile('wide.npz');
      writeFileSync(path, bytes);
      for (const input of [bytes, path]) {
        const controller = new AbortController();
        let fired = Infinity;
        setTimeout(() => {
          fired = performance.now();
          controller.abort(new Error('enough'));
        }, 10);
        const error: unknown = await load(input, { format: 'npz', signal: controller.signal }).catch((caught: unknown) => caught);
        expect(error).toMatchObject({ code: 'ABORTED', cause: new Error('enough') });
        // The timer had its turn while the load went on, and the load ended soon after.
        expect(performance.now() - fired).toBeLessThan(500);
      }
    }, 60_000);

  it('that a timer fires stops the loading of many tensors in memory', async () => {
    const part = bytesOf(1);
    const bytes = await toBytes(Object.fromEntries(Array.from({ length: megabytes }, (_, i) => [`x${i}`, part])), { format: 'safetensors' });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 5);
    expect(await codeOf(load(bytes, { signal: controller.signal }))).toBe('ABORTED');
  }, 60_000); // prettier-ignore

  it('that a timer fires stops the packing of one large array', async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    expect(await codeOf(toBytes({ x: wide() }, { format: 'npz', compress: true, signal: controller.signal }))).toBe('ABORTED');
  }, 60_000); // prettier-ignore
});
