import { readFileSync } from 'node:fs';
import { FlambeauError, manualSeed, randn, tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { load, loadModel, modelToBytes, toBytes, type FileFormat } from '../src/index.ts';
import { fixture } from './helpers.ts';

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
  /** The growth of resident memory, in bytes. */
  readonly grown: number;
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
  for (const name of ['dtypes.pt', 'views.pt', 'legacy.pt', 'arrays.npz']) {
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
  const net = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3), new nn.ReLU());
  for (const format of ['safetensors', 'pt'] as const)
    all.push({ name: `model ${format}`, bytes: await modelToBytes(net, { format }), read: (bytes) => loadModel(bytes, { format }) });
  return all;
}

/** Values that break things: sizes at the edges of their types. */
const edges = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

function mutate(original: Uint8Array, next: () => number): Uint8Array {
  let bytes = original.slice();
  const at = (): number => next() % Math.max(bytes.length, 1);
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
        bytes = Uint8Array.from([...bytes.subarray(0, place), ...bytes.subarray(place + 1 + (next() % 16))]);
        break;
      }
      case 5: {
        // repeat
        const place = at();
        bytes = Uint8Array.from([...bytes.subarray(0, place + (next() % 32)), ...bytes.subarray(place)]);
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
        const digits = [...bytes.keys()].filter((i) => bytes[i] >= 0x30 && bytes[i] <= 0x39);
        if (digits.length > 0) bytes[digits[next() % digits.length]] = 0x30 + (next() % 10);
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

/** Reads `count` mutations of real files. @throws whatever is thrown that is no FlambeauError */
export async function fuzz(count: number, seed: number): Promise<FuzzReport> {
  const { crc32 } = await import('../src/zip/crc32.ts');
  const all = await seeds();
  const next = randomNumbers(seed);
  const codes = new Map<string, number>();
  let [read, slowest, slowestSeed] = [0, 0, ''];
  const before = process.memoryUsage().rss;
  for (let i = 0; i < count; i++) {
    const { name, bytes, read: open } = all[i % all.length];
    const mutated = mutate(bytes, next);
    if (next() % 2 === 0) mendChecksums(mutated, crc32);
    const started = performance.now();
    try {
      await open(mutated);
      read++;
    } catch (error) {
      if (!(error instanceof FlambeauError)) throw new Error(`mutation ${i} of ${name} (seed ${seed}): ${String(error)}`, { cause: error });
      codes.set(error.code, (codes.get(error.code) ?? 0) + 1);
    }
    const took = performance.now() - started;
    if (took > slowest) [slowest, slowestSeed] = [took, `${name}, mutation ${i}`];
    if (i % 200 === 199) await new Promise((resolve) => setImmediate(resolve));
  }
  return { read, codes, slowest, slowestSeed, grown: process.memoryUsage().rss - before };
}
