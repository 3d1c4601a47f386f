import { ArgumentError } from '@flambeau/core';
import { deflateSync } from 'fflate';
import { crc32 } from './crc32.ts';

/** A file to put into an archive; its bytes are asked for when their turn comes. */
export interface ZipInput {
  readonly name: string;
  readonly bytes: () => Promise<Uint8Array> | Uint8Array;
}

export interface ZipOptions {
  /** Stored bytes begin at multiples of this, so that a reader can map them into memory; 1 when missing. */
  readonly align?: number;
  readonly compress?: boolean;
}

const largest = 0xffffffff;
/** 1 January 1980: the same input gives the same file. */
const date = 0x21;

/** The chunks of a zip archive. @throws ArgumentError above 4 GiB, where a plain zip archive ends */
export async function* writeZip(inputs: Iterable<ZipInput>, options: ZipOptions = {}): AsyncIterable<Uint8Array> {
  const { align = 1, compress = false } = options;
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const input of inputs) {
    const name = new TextEncoder().encode(input.name);
    const bytes = await input.bytes();
    const packed = compress ? deflateSync(bytes) : bytes;
    // An extra field fills up to the alignment; one needs at least 4 bytes, its id (FB, as PyTorch's writer names it) and length.
    const gap = align > 1 ? (align - ((at + 30 + name.length + 4) % align)) % align : 0;
    const extra = new Uint8Array(align > 1 ? 4 + gap : 0);
    if (extra.length > 0) {
      new DataView(extra.buffer).setUint16(0, 0x4246, true);
      new DataView(extra.buffer).setUint16(2, gap, true);
      extra.fill(0x5a, 4);
    }
    if (at + packed.length + 65536 > largest) {
      throw new ArgumentError({
        op: 'save',
        expected: 'an archive of at most 4 GiB',
        received: 'more',
        hint: 'Save it as safetensors, which has no such limit, or in several files.',
      });
    }
    const common = commonFields(bytes, packed, name.length, compress);
    const local = new Uint8Array(30 + name.length + extra.length);
    const localView = new DataView(local.buffer);
    localView.setUint32(0, 0x04034b50, true);
    local.set(common, 4);
    localView.setUint16(28, extra.length, true);
    local.set(name, 30);
    local.set(extra, 30 + name.length);
    yield local;
    yield packed;
    const central = new Uint8Array(46 + name.length);
    const centralView = new DataView(central.buffer);
    centralView.setUint32(0, 0x02014b50, true);
    centralView.setUint16(4, 20, true);
    central.set(common, 6);
    centralView.setUint32(42, at, true);
    central.set(name, 46);
    directory.push(central);
    at += local.length + packed.length;
  }
  yield* directory;
  const size = directory.reduce((n, entry) => n + entry.length, 0);
  const end = new Uint8Array(22);
  const view = new DataView(end.buffer);
  view.setUint32(0, 0x06054b50, true);
  view.setUint16(8, directory.length, true);
  view.setUint16(10, directory.length, true);
  view.setUint32(12, size, true);
  view.setUint32(16, at, true);
  yield end;
}

/** What local header and directory entry have in common: from the needed version to the length of the name. */
function commonFields(bytes: Uint8Array, packed: Uint8Array, nameLength: number, compress: boolean): Uint8Array {
  const out = new Uint8Array(24);
  const view = new DataView(out.buffer);
  view.setUint16(0, 20, true);
  view.setUint16(2, 0x0800, true);
  view.setUint16(4, compress ? 8 : 0, true);
  view.setUint16(8, date, true);
  view.setUint32(10, crc32(bytes), true);
  view.setUint32(14, packed.length, true);
  view.setUint32(18, bytes.length, true);
  view.setUint16(22, nameLength, true);
  return out;
}
