import { pieces } from '../files/target.ts';
import { stretch, Work } from '../files/work.ts';
import { crc32Long } from './crc32.ts';

/** A file to put into an archive; its bytes are asked for when their turn comes. */
export interface ZipInput {
  readonly name: string;
  readonly bytes: () => Promise<Uint8Array> | Uint8Array;
}

export interface ZipOptions {
  /** Stored bytes begin at multiples of this, so that a reader can map them into memory; 1 when missing. */
  readonly align?: number;
  /** Deflates the entries; false, the default, stores them as they are. */
  readonly compress?: boolean;
  /** Sizes and offsets from here on stand in 64-bit fields; the largest that 32 bits can say when missing. Lower in tests. */
  readonly wideFrom?: number;
  /** Counts the bytes of the entries as they are before they are packed, and stops the writing. */
  readonly work?: Work;
}

const allOnes = 0xffffffff;
/** 1 January 1980: the same input gives the same file. */
const date = 0x21;
/** The version of the format that a reader has to know: 2.0, or 4.5 for zip64. */
const versions = { plain: 20, wide: 45 } as const;

/** What is known of an entry once its bytes are. */
interface Entry {
  readonly name: Uint8Array;
  readonly crc: number;
  readonly size: number;
  readonly packedSize: number;
  readonly compress: boolean;
  readonly headerOffset: number;
}

/** The chunks of a zip archive. From 4 GiB, or from 65535 entries, on it is a zip64 archive. */
export async function* writeZip(inputs: Iterable<ZipInput>, options: ZipOptions = {}): AsyncIterable<Uint8Array> {
  const { align = 1, compress = false, wideFrom = allOnes, work = new Work('save', 'archive', {}) } = options;
  const directory: Uint8Array[] = [];
  let at = 0;
  for (const input of inputs) {
    const name = new TextEncoder().encode(input.name);
    const bytes = await input.bytes();
    const crc = await crc32Long(bytes, work);
    const packed = compress ? await deflate(bytes, work) : bytes;
    const entry: Entry = { name, crc, size: bytes.length, packedSize: packed.length, compress, headerOffset: at };
    const local = localHeader(entry, align, wideFrom);
    yield local;
    if (compress) yield packed;
    else yield* pieces(packed, work);
    directory.push(directoryEntry(entry, wideFrom));
    at += local.length + packed.length;
  }
  yield* directory;
  const size = directory.reduce((n, entry) => n + entry.length, 0);
  yield endRecords(directory.length, size, at, wideFrom);
}

/** Packs bytes, piece by piece, so that a signal stops it. */
async function deflate(bytes: Uint8Array, work: Work): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  const { Deflate } = await import('fflate');
  const stream = new Deflate((chunk) => void parts.push(chunk));
  // Packing takes far longer than copying: the stretches between two looks at the signal are shorter.
  const step = stretch / 8;
  for (let at = 0; at < bytes.length || at === 0; at += step) {
    const part = bytes.subarray(at, at + step);
    stream.push(part, at + step >= bytes.length);
    work.advance(part.length);
    await work.turn(part.length * 8);
  }
  const all = new Uint8Array(parts.reduce((n, part) => n + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** The extra field of zip64: those of the 64-bit numbers whose 32-bit fields are all ones. */
function wideField(values: readonly number[]): Uint8Array {
  if (values.length === 0) return new Uint8Array(0);
  const field = new Uint8Array(4 + 8 * values.length);
  const view = new DataView(field.buffer);
  view.setUint16(0, 1, true);
  view.setUint16(2, 8 * values.length, true);
  values.forEach((value, i) => view.setBigUint64(4 + 8 * i, BigInt(value), true));
  return field;
}

/** An extra field that fills up to the alignment: its id (FB, as PyTorch's writer names it) and length take 4 bytes. */
function fillField(before: number, align: number): Uint8Array {
  if (align <= 1) return new Uint8Array(0);
  const gap = (align - ((before + 4) % align)) % align;
  const field = new Uint8Array(4 + gap);
  const view = new DataView(field.buffer);
  view.setUint16(0, 0x4246, true);
  view.setUint16(2, gap, true);
  return field.fill(0x5a, 4);
}

/** A local header says both sizes in 64 bits as soon as one of them needs it. */
function localHeader(entry: Entry, align: number, wideFrom: number): Uint8Array {
  const { name, size, packedSize } = entry;
  const wide = size >= wideFrom || packedSize >= wideFrom;
  const sizes = wideField(wide ? [size, packedSize] : []);
  const fill = fillField(entry.headerOffset + 30 + name.length + sizes.length, align);
  const out = new Uint8Array(30 + name.length + sizes.length + fill.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x04034b50, true);
  writeCommon(view, 4, entry, wide, [wide ? allOnes : size, wide ? allOnes : packedSize]);
  view.setUint16(28, sizes.length + fill.length, true);
  out.set(name, 30);
  out.set(sizes, 30 + name.length);
  out.set(fill, 30 + name.length + sizes.length);
  return out;
}

/**
 * A directory entry says size, packed size and offset in 64 bits, in this order, as soon as one of them needs it. (The format would let those that
 * fit stay, but PyTorch before 2.0 misreads an entry whose field holds the offset alone.)
 */
function directoryEntry(entry: Entry, wideFrom: number): Uint8Array {
  const { name, size, packedSize, headerOffset } = entry;
  const values = [size, packedSize, headerOffset];
  const wide = values.some((value) => value >= wideFrom);
  const extra = wideField(wide ? values : []);
  const [shownSize, shownPacked, shownOffset] = wide ? values.map(() => allOnes) : values;
  const out = new Uint8Array(46 + name.length + extra.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, 0x02014b50, true);
  view.setUint16(4, extra.length > 0 ? versions.wide : versions.plain, true);
  writeCommon(view, 6, entry, extra.length > 0, [shownSize, shownPacked]);
  view.setUint16(30, extra.length, true);
  view.setUint32(42, shownOffset, true);
  out.set(name, 46);
  out.set(extra, 46 + name.length);
  return out;
}

/** What local header and directory entry have in common: from the needed version to the length of the name. */
function writeCommon(view: DataView, at: number, entry: Entry, wide: boolean, [size, packedSize]: readonly number[]): void {
  view.setUint16(at, wide ? versions.wide : versions.plain, true);
  view.setUint16(at + 2, 0x0800, true); // names in UTF-8
  view.setUint16(at + 4, entry.compress ? 8 : 0, true);
  view.setUint16(at + 8, date, true);
  view.setUint32(at + 10, entry.crc, true);
  view.setUint32(at + 14, packedSize, true);
  view.setUint32(at + 18, size, true);
  view.setUint16(at + 22, entry.name.length, true);
}

/** The end record; before it, where a number needs 64 bits, that of zip64 and its locator. */
function endRecords(count: number, size: number, offset: number, wideFrom: number): Uint8Array {
  const wide = count >= 0xffff || size >= wideFrom || offset >= wideFrom;
  const out = new Uint8Array((wide ? 56 + 20 : 0) + 22);
  const view = new DataView(out.buffer);
  if (wide) {
    view.setUint32(0, 0x06064b50, true);
    view.setBigUint64(4, 44n, true); // the length of what follows in this record
    view.setUint16(12, versions.wide, true);
    view.setUint16(14, versions.wide, true);
    view.setBigUint64(24, BigInt(count), true);
    view.setBigUint64(32, BigInt(count), true);
    view.setBigUint64(40, BigInt(size), true);
    view.setBigUint64(48, BigInt(offset), true);
    view.setUint32(56, 0x07064b50, true);
    view.setBigUint64(64, BigInt(offset + size), true);
    view.setUint32(72, 1, true); // the number of parts
  }
  const end = new DataView(out.buffer, out.length - 22);
  const shown = (value: number, most: number): number => (wide ? most : value);
  end.setUint32(0, 0x06054b50, true);
  end.setUint16(8, shown(count, 0xffff), true);
  end.setUint16(10, shown(count, 0xffff), true);
  end.setUint32(12, shown(size, allOnes), true);
  end.setUint32(16, shown(offset, allOnes), true);
  return out;
}
