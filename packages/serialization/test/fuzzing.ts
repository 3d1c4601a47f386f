import { readFileSync } from 'node:fs';
import { manualSeed, randn, tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { FileError, load, loadModel, modelToBytes, toBytes, type FileFormat } from '../src/index.ts';
import { writeTorch } from '../src/torch/write.ts';
import { fixture } from './helpers.ts';
import { mutateStructure } from './structureMutations.ts';

/** A file to mutate, and how it is read. */
interface Seed {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly read: (bytes: Uint8Array) => Promise<unknown>;
}

/** What a run of mutations came to. */
export interface FuzzReport {
  readonly read: number;
  /** How often each code came. */
  readonly codes: ReadonlyMap<string, number>;
  /** Milliseconds of the slowest read. */
  readonly slowest: number;
  readonly slowestSeed: string;
  /** The growth of resident memory at its peak, in bytes, sampled after every mutation. */
  readonly grown: number;
  /** Mutations of each seed. */
  readonly seeds: ReadonlyMap<string, number>;
}

/** Numbers from 0 to 2³² - 1 that depend on the seed alone: xorshift. */
function randomNumbers(seed: number): () => number {
  let state = seed | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}

async function seeds(): Promise<Seed[]> {
  manualSeed(1);
  const small = {
    x: randn(3, 4),
    t: randn(4, 3).t(),
    list: [1, 2.5, 'x', null, true, Uint8Array.of(1, 2)],
    map: new Map([['y', tensor([1n])]]),
  };
  const all: Seed[] = [];
  for (const name of ['dtypes.pt', 'views.pt', 'legacy.pt', 'arrays.npz', 'cnn.pt', 'cnn.checkpoint.pt']) {
    const format: FileFormat = name.endsWith('npz') ? 'npz' : 'pt';
    all.push({ name, bytes: new Uint8Array(readFileSync(fixture(name))), read: (bytes) => load(bytes, { format }) });
  }
  for (const format of ['safetensors', 'pt'] as const)
    all.push({ name: format, bytes: await toBytes(small, { format }), read: (bytes) => load(bytes, { format }) });
  all.push({ name: 'npy', bytes: await toBytes(small.x, { format: 'npy' }), read: (bytes) => load(bytes, { format: 'npy' }) });
  all.push({
    name: 'npz',
    bytes: await toBytes([small.x, small.t], { format: 'npz', compress: true }),
    read: (bytes) => load(bytes, { format: 'npz' }),
  });
  all.push({ name: 'unknown', bytes: await toBytes(small, { format: 'pt' }), read: (bytes) => load(bytes) });
  const wide: Uint8Array[] = [];
  for await (const chunk of writeTorch(small, { wideFrom: 100 }).chunks) wide.push(chunk);
  all.push({ name: 'zip64', bytes: new Uint8Array(Buffer.concat(wide)), read: (bytes) => load(bytes, { format: 'pt' }) });
  const net = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.ReLU());
  for (const format of ['safetensors', 'pt'] as const)
    all.push({ name: `model ${format}`, bytes: await modelToBytes(net, { format }), read: (bytes) => loadModel(bytes, { format }) });
  return all;
}

/** Values that break things: sizes at the edges of their types. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

const joined = (a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.concat([a, b]));

function mutate(original: Uint8Array, next: () => number): Uint8Array {
  let bytes = original.slice();
  // Structure lies at both ends, values between them: half of the changes are made in the first or last 4096 bytes.
  const at = (): number => {
    const length = Math.max(bytes.length, 1);
    const near = next() % Math.min(length, 4096);
    return [next() % length, next() % length, near, length - 1 - near][next() % 4];
  };
  for (let changes = 1 + (next() % 4); changes > 0; changes--) {
    switch (next() % 8) {
      case 0:
        bytes[at()] ^= 1 << (next() % 8);
        break;
      case 1:
        bytes[at()] = next() & 0xff;
        break;
      case 2: {
        // an edge value of 1 to 4 bytes
        const place = at();
        const value = edges[next() % edges.length];
        for (let i = 0; i <= next() % 4 && place + i < bytes.length; i++) bytes[place + i] = (value >>> (8 * i)) & 0xff;
        break;
      }
      case 3: // cut
        bytes = bytes.slice(0, at());
        break;
      case 4: {
        // leave out
        const place = at();
        bytes = joined(bytes.subarray(0, place), bytes.subarray(place + 1 + (next() % 16)));
        break;
      }
      case 5: {
        // repeat
        const place = at();
        bytes = joined(bytes.subarray(0, place + (next() % 32)), bytes.subarray(place));
        break;
      }
      case 6: {
        // copy from elsewhere
        const from = at();
        bytes.copyWithin(at(), from, from + (next() % 64));
        break;
      }
      default: {
        // digits in texts: lengths and offsets of headers
        const from = at();
        const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39;
        const behind = bytes.subarray(from).findIndex(isDigit);
        const place = behind >= 0 ? from + behind : bytes.findIndex(isDigit);
        if (place >= 0) bytes[place] = 0x30 + (next() % 10);
      }
    }
  }
  return bytes;
}

/** Recomputes the checksums of a zip archive, so that mutations reach what lies behind them. */
function mendChecksums(bytes: Uint8Array, crc32: (bytes: Uint8Array) => number): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at + 46 <= bytes.length; at++) {
    if (bytes[at] !== 0x50 || bytes[at + 1] !== 0x4b || bytes[at + 2] !== 1 || bytes[at + 3] !== 2) continue;
    const local = view.getUint32(at + 42, true);
    if (view.getUint16(at + 10, true) !== 0 || local + 30 > bytes.length) continue;
    const begin = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
    view.setUint32(at + 16, crc32(bytes.subarray(begin, begin + view.getUint32(at + 24, true))), true);
  }
}

/** True for an error as every broken file must give it: a stable code, the name of the file, and the byte. */
const isProper = (error: unknown): boolean =>
  error instanceof FileError &&
  /^FILE_[A-Z_]+$/.test(error.code) &&
  error.file.startsWith('bytes') &&
  Number.isSafeInteger(error.byte) &&
  Number(error.byte) >= 0 &&
  error.message.includes(`(byte ${error.byte})`);

/** Reads `count` mutations of real files. @throws whatever is thrown that is no FileError with code, file and byte */
export async function fuzz(count: number, seed: number): Promise<FuzzReport> {
  const { crc32 } = await import('../src/zip/crc32.ts');
  const all = await seeds();
  const next = randomNumbers(seed);
  const codes = new Map<string, number>();
  let [read, slowest, slowestSeed] = [0, 0, ''];
  const before = process.memoryUsage.rss();
  let peak = before;
  const seen = new Map<string, number>();
  for (let i = 0; i < count; i++) {
    const { name, bytes, read: open } = all[i % all.length];
    const byStructure = next() % 2 === 0;
    const mutated = byStructure ? await mutateStructure(bytes, next) : mutate(bytes, next);
    if (!byStructure && next() % 2 === 0) mendChecksums(mutated, crc32);
    const started = performance.now();
    try {
      await open(mutated);
      read++;
    } catch (error) {
      if (!isProper(error)) throw new Error(`mutation ${i} of ${name} (seed ${seed}): ${String(error)}`, { cause: error });
      const { code } = error as FileError;
      codes.set(code, (codes.get(code) ?? 0) + 1);
    }
    const took = performance.now() - started;
    if (took > slowest) [slowest, slowestSeed] = [took, `${name}, mutation ${i}`];
    peak = Math.max(peak, process.memoryUsage.rss());
    seen.set(name, (seen.get(name) ?? 0) + 1);
    if (i % 200 === 199) await new Promise((resolve) => setImmediate(resolve));
  }
  return { read, codes, slowest, slowestSeed, grown: peak - before, seeds: seen };
}
