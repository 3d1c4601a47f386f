import { closeSync, openSync, writeSync } from 'node:fs';
import { constants, deflateRawSync } from 'node:zlib';
import { tensor, zeros } from '@flambeau/core';
import { describe, expect, it } from 'vitest';
import { load, openFile, toBytes, type FileError } from '../src/index.ts';
import { PickleWriter } from '../src/torch/pickleWriter.ts';
import { writeZip } from '../src/zip/write.ts';
import { codeOf, scratchFile } from './helpers.ts';

// Files that do what they announce, but announce too much. Nothing here lies about a length: what is refused is the work that reading would be.

async function archive(entries: Readonly<Record<string, Uint8Array>>, compress: boolean): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const inputs = Object.entries(entries).map(([name, bytes]) => ({ name, bytes: () => bytes }));
  for await (const chunk of writeZip(inputs, { compress })) chunks.push(chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

const million = 1_000_000;

const withPickle = (pickle: Uint8Array, compress = false): Promise<Uint8Array> => archive({ 'archive/data.pkl': pickle }, compress);

/** The archive of a pickle of a million bytes many times over, deflated; `stored` is the same archive as it is when stored. */
async function deflated(opcode: number, millions: number, stored: Uint8Array): Promise<Uint8Array> {
  // Deflated blocks can be put one after the other: the million is deflated once.
  const flush = { finishFlush: constants.Z_FULL_FLUSH };
  const part = deflateRawSync(new Uint8Array(million).fill(opcode), flush);
  const parts = [
    deflateRawSync(Uint8Array.of(0x80, 2), flush),
    ...Array.from({ length: millions }, () => part),
    deflateRawSync(Uint8Array.of(0x2e)),
  ];
  const whole = await withPickle(new Uint8Array(Buffer.concat(parts)));
  const [view, before] = [whole, stored].map((bytes) => new DataView(bytes.buffer, bytes.byteOffset));
  const directory = Buffer.from(whole.buffer, whole.byteOffset).lastIndexOf(Uint8Array.of(0x50, 0x4b, 1, 2));
  // Method, checksum and size stand in both headers.
  for (const [method, sum, size] of [[8, 14, 22], [directory + 10, directory + 16, directory + 24]] as const) {
    view.setUint16(method, 8, true);
    view.setUint32(sum, before.getUint32(14, true), true);
    view.setUint32(size, millions * million + 3, true);
  } // prettier-ignore
  return whole;
}

/** PROTO 2, one byte over and over, STOP. */
function repeated(opcode: number, count: number): Uint8Array {
  const pickle = new Uint8Array(count + 3).fill(opcode);
  pickle.set([0x80, 2]);
  pickle[count + 2] = 0x2e;
  return pickle;
}

/** How a load of bytes ends, and by how many bytes memory grew at its peak. How much was done is told by the byte of the error. */
async function refusal(input: Uint8Array | string): Promise<{ error: FileError; grown: number }> {
  const before = process.memoryUsage().rss;
  let peak = before;
  // Reading gives timers their turn, so that the peak is seen.
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 1);
  const error = await load(input, { format: 'pt' }).then(
    () => new Error('it was loaded'),
    (caught: unknown) => caught,
  );
  clearInterval(timer);
  return { error: error as FileError, grown: Math.max(peak, process.memoryUsage().rss) - before };
}

const half = 512 * 2 ** 20;

describe('pickles that are bombs', () => {
  it.each([
    ['empty lists', 0x5d],
    ['None', 0x4e],
  ] as const)('refuses 200 MB of %s, packed before they are unpacked and stored after two million, within half a GiB', async (_, opcode) => {
    const bytes = await withPickle(repeated(opcode, 200 * million));
    const packed = await refusal(await deflated(opcode, 200, bytes));
    expect(packed.error).toMatchObject({ code: 'FILE_LIMIT', file: 'bytes', byte: 0, message: expect.stringContaining('a pickle of at most') });
    const stored = await refusal(bytes);
    // PROTO takes two bytes and one operation, and each of the others one.
    expect(stored.error).toMatchObject({ code: 'FILE_LIMIT', file: 'bytes: archive/data.pkl', byte: 2 * million + 1 });
    expect(Math.max(packed.grown, stored.grown)).toBeLessThan(half);
  }, 60_000); // prettier-ignore

  it('refuses a stored list of five million items, from bytes and from a path', async () => {
    // ] ( N N N ... e: a list of None, whole and well formed
    const pickle = new Uint8Array(5 * million + 6).fill(0x4e);
    pickle.set([0x80, 2, 0x5d, 0x28]);
    pickle.set([0x65, 0x2e], pickle.length - 2);
    const bytes = await withPickle(pickle);
    const path = scratchFile('list.pt');
    const file = openSync(path, 'w');
    writeSync(file, bytes);
    closeSync(file);
    for (const input of [bytes, path]) {
      const { error, grown } = await refusal(input);
      expect(error).toMatchObject({ code: 'FILE_LIMIT', byte: 2 * million + 1 });
      expect(grown).toBeLessThan(half);
    }
  });

  it('bounds the operations by the packed bytes', async () => {
    // 900,000 bytes that deflate to about 900 stay below the bound on their size, but ask for more than 65,536 + 64 · 900 operations.
    const bytes = await withPickle(repeated(0x4e, 900_000), true);
    const { error } = await refusal(bytes);
    expect(error.code).toBe('FILE_LIMIT');
    expect(error.byte).toBeLessThan(200_000);
    expect(error.byte).toBeGreaterThan(65_536);
    // The same pickle stored is as many operations for as many bytes: only STOP finds more than one value, of which it takes the last.
    expect(await load<unknown>(await withPickle(repeated(0x4e, 900_000)))).toBeNull();
  });

  it.each(['OrderedDict', 'set', 'encode'])('refuses to copy one value over and over by %s', async (name) => {
    // A list or string of 100,000, memoized, and 100,000 calls upon it: ten thousand million elements from half a megabyte.
    const writer = new PickleWriter();
    const big = name === 'encode' ? 'x'.repeat(100_000) : undefined;
    if (big !== undefined) writer.string(big);
    else writer.list(Array.from({ length: 100_000 }), () => writer.none());
    const start = writer.end().slice(0, -1);
    const call = { OrderedDict: 'ccollections\nOrderedDict\n', set: 'cbuiltins\nset\n', encode: 'c_codecs\nencode\n' }[name] ?? '';
    // put 9; the global; put 8; then ( get 8, get 9, TUPLE1, REDUCE, POP ) again and again
    const calls = Array.from({ length: 100_000 }, () => [0x68, 8, 0x68, 9, 0x85, 0x52, 0x30]).flat();
    const pickle = Uint8Array.from([...start, 0x71, 9, ...new TextEncoder().encode(call), 0x71, 8, ...calls, 0x2e]);
    const { error } = await refusal(await withPickle(pickle));
    // None is no pair, so that the first OrderedDict is refused.
    expect(error.code).toBe(name === 'OrderedDict' ? 'FILE_FORMAT' : 'FILE_LIMIT');
    // A call takes 7 bytes. 65,536 + 16 · 800,000 elements are 128 copies of 100,000, and some more for the list's own bytes.
    const before = Number(error.byte) - (pickle.length - 1 - calls.length);
    expect(before).toBeGreaterThan(0);
    expect(before).toBeLessThan(7 * 150);
  });

  it('refuses names that a long key makes long over and over', async () => {
    // {'xxx…': [t, t, …]}: a key of 9,000 characters before 5,000 names comes to 45 million characters from 200 kB.
    const bytes = await toBytes({ ['x'.repeat(9000)]: Array.from({ length: 5000 }, () => tensor(1)) }, { format: 'pt' });
    const { error } = await refusal(bytes);
    expect(error).toMatchObject({ code: 'FILE_LIMIT', byte: 0, message: expect.stringContaining('in all') });
  });

  it('describes a list that doubles itself forty times without spelling it out', async () => {
    // x0 = [], x(i+1) = [xi, xi]; then a call of x40, which is no function
    const pickle = [0x80, 2, 0x5d, 0x71, 0];
    for (let i = 1; i <= 40; i++) pickle.push(0x30, 0x5d, 0x71, i, 0x68, i - 1, 0x61, 0x68, i - 1, 0x61);
    for (const rest of [[0x29, 0x52, 0x2e], [0x7d, 0x62, 0x2e], [0x51, 0x2e]]) {
      // 2⁴⁰ words would never come to an end.
      const { error } = await refusal(await withPickle(Uint8Array.from([...pickle, ...rest])));
      expect(error.byte).toBeGreaterThan(pickle.length - 1);
    } // prettier-ignore
  });

  it('does not write what it would not read', async () => {
    const list = Array.from({ length: million }, () => null);
    expect(await codeOf(toBytes([...list, null], { format: 'pt' }))).toBe('ARGUMENT');
    expect(await codeOf(toBytes([...list, null], { format: 'safetensors' }))).toBe('ARGUMENT');
  });
});

describe('archives that are bombs', () => {
  it('unpack to no more than maxBytes, from bytes, a path, a stream and a URL', async () => {
    const bytes = await toBytes({ x: zeros(1000, 1000), y: zeros(500, 1000) }, { format: 'npz', compress: true });
    // 6,000,000 bytes and two headers of 128 are more than they look: the file has fewer than a hundredth of them.
    expect(bytes.length).toBeLessThan(60_000);
    const path = scratchFile('zeros.npz');
    const file = openSync(path, 'w');
    writeSync(file, bytes);
    closeSync(file);
    const inputs = (): readonly (string | Uint8Array | Blob | ReadableStream<Uint8Array>)[] => [
      bytes,
      path,
      new Blob([Buffer.from(bytes)]),
      new Blob([Buffer.from(bytes)]).stream(),
      `data:application/octet-stream;base64,${Buffer.from(bytes).toString('base64')}`,
    ];
    for (const input of inputs()) {
      const refused = openFile(input as Uint8Array, { maxBytes: 6_000_000 });
      await expect(refused).rejects.toMatchObject({ code: 'FILE_LIMIT', byte: expect.any(Number), message: expect.stringContaining('maxBytes') });
    } // prettier-ignore
    for (const input of inputs()) expect((await load(input as Uint8Array, { maxBytes: 6_000_256 })).get('x')?.shape).toEqual([1000, 1000]);
  });

  it('count their stored entries too, where a bound was asked for', async () => {
    const bytes = await toBytes({ x: zeros(1000) }, { format: 'pt' });
    expect(await codeOf(load(bytes, { maxBytes: 3000 }))).toBe('FILE_LIMIT');
    expect(await codeOf(load(bytes, { maxBytes: 10_000 }))).toBe('no error');
  });

  it('unpack to at most a hundred times their bytes, and a GiB, where no bound was asked for', async () => {
    // Sixteen entries, each of which says that it unpacks to 100 MB: 1.6 GB from 1.7 MB.
    const entry = new Uint8Array(105_000);
    for (let from = 0; from < entry.length; from += 35_000) crypto.getRandomValues(entry.subarray(from, from + 35_000));
    const bytes = await archive(Object.fromEntries(Array.from({ length: 16 }, (_, i) => [`a${i}.npy`, entry])), true);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = 0; at + 46 < bytes.length; at++)
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 100 * million, true);
    await expect(openFile(bytes, { format: 'npz' })).rejects.toMatchObject({
      code: 'FILE_LIMIT',
      message: expect.stringContaining('unpacks to at most 1073741824 bytes'),
    });
  });
});
