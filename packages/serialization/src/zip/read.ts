import { FlambeauError } from '@flambeau/core';
import { FileError, type FileErrorCode } from '../errors.ts';
import { allocate, readLong, readRange, type ByteSource } from '../files/source.ts';
import type { Work } from '../files/work.ts';
import { crc32Long } from './crc32.ts';

/** One file in an archive. */
export interface ZipEntry {
  readonly name: string;
  /** Its bytes when unpacked. */
  readonly size: number;
  readonly compressedSize: number;
  readonly stored: boolean;
  readonly crc: number;
  /** Where its local header begins. */
  readonly headerOffset: number;
  /** Where the next entry, or the directory, begins. */
  readonly limit: number;
}

/** An archive whose directory was read and checked; entries are read when they are asked for. */
export interface ZipArchive {
  readonly source: ByteSource;
  readonly entries: ReadonlyMap<string, ZipEntry>;
  /** Where the list of the entries begins. */
  readonly directoryOffset: number;
}

const signatures = { local: 0x04034b50, central: 0x02014b50, end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 } as const;
/** Deflate packs at most 1032 bytes into one. */
const deflateLimit = 1032;
const maxEntries = 1_000_000;
/** What deflated entries may unpack to where nobody said how much: a hundred times their bytes, at least 1 GiB and at most 16. */
const unasked = { ratio: 100, least: 2 ** 30, most: 16 * 2 ** 30 } as const;

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/**
 * Reads the directory of a zip archive, zip64 included.
 * @param maxBytes - the most bytes that all entries may come to when they are unpacked
 * @throws FileError when entries overlap, lead out of the archive, come twice, are encrypted, or claim more than they can hold
 */
export async function openZip(source: ByteSource, maxBytes?: number): Promise<ZipArchive> {
  const end = await findEnd(source);
  const bytes = await readRange(source, end.directoryOffset, end.directorySize, 'a zip directory');
  const entries = withLimits(parseDirectory(bytes, end, source), end.directoryOffset, source);
  checkUnpacked(entries, maxBytes, end.directoryOffset, source);
  return { source, entries: new Map(entries.map((entry) => [entry.name, entry])), directoryOffset: end.directoryOffset };
}

/** What is stored takes as much of the file, and only counts against a bound that was asked for. */
function checkUnpacked(entries: readonly ZipEntry[], maxBytes: number | undefined, byte: number, source: ByteSource): void {
  const deflated = entries.filter(({ stored }) => !stored);
  const packed = deflated.reduce((n, { compressedSize }) => n + compressedSize, 0);
  const limit = maxBytes ?? Math.min(unasked.most, Math.max(unasked.least, unasked.ratio * packed));
  const size = (maxBytes === undefined ? deflated : entries).reduce((n, entry) => n + entry.size, 0);
  if (size > limit) throw failure(source, 'FILE_LIMIT', byte, `an archive that unpacks to at most ${limit} bytes`, String(size), 'Raise maxBytes if you trust the file.'); // prettier-ignore
}

interface End {
  readonly count: number;
  readonly directorySize: number;
  readonly directoryOffset: number;
}

function failure(source: ByteSource, code: FileErrorCode, byte: number, expected: string, received?: string, hint?: string): FileError {
  return new FileError(
    code,
    { file: source.name, byte },
    { expected, ...(received !== undefined && { received }), ...(hint !== undefined && { hint }) },
  );
}

/** The end record lies in the last 22 bytes, or before a comment of at most 65535. */
async function findEnd(source: ByteSource): Promise<End> {
  const tailLength = Math.min(source.size, 22 + 0xffff + 20);
  const tailStart = source.size - tailLength;
  const tail = await readRange(source, tailStart, tailLength, 'the end of a zip archive');
  const view = viewOf(tail);
  for (let at = tail.length - 22; at >= 0; at--) {
    if (view.getUint32(at, true) !== signatures.end || at + 22 + view.getUint16(at + 20, true) !== tail.length) continue;
    const byte = tailStart + at;
    const count = view.getUint16(at + 10, true);
    const directorySize = view.getUint32(at + 12, true);
    const directoryOffset = view.getUint32(at + 16, true);
    if (view.getUint16(at + 4, true) !== 0 || view.getUint16(at + 6, true) !== 0)
      throw failure(source, 'FILE_NOT_SUPPORTED', byte, 'an archive in one file', 'one in several parts');
    const wide =
      at >= 20 && view.getUint32(at - 20, true) === signatures.locator64 ? await readEnd64(source, view, at - 20, byte - 20) : undefined;
    const found = wide ?? { count, directorySize, directoryOffset };
    const limit = wide === undefined ? byte : byte - 20;
    if (found.directoryOffset + found.directorySize > limit)
      throw failure(
        source,
        'FILE_FORMAT',
        byte,
        'a directory before the end record',
        `${found.directorySize} bytes from ${found.directoryOffset}`,
      );
    if (found.count > maxEntries || found.count * 46 > found.directorySize)
      throw failure(source, 'FILE_LIMIT', byte, `as many entries as ${found.directorySize} bytes can hold`, String(found.count));
    return found;
  }
  throw failure(source, 'FILE_TRUNCATED', source.size, 'the end record of a zip archive', 'none', 'Copy or download the file again.');
}

async function readEnd64(source: ByteSource, view: DataView, at: number, byte: number): Promise<End> {
  const offset = Number(view.getBigUint64(at + 8, true));
  if (offset + 56 > byte) throw failure(source, 'FILE_FORMAT', byte, 'a zip64 end record before its locator', `offset ${offset}`);
  const record = viewOf(await readRange(source, offset, 56, 'a zip64 end record'));
  if (record.getUint32(0, true) !== signatures.end64) throw failure(source, 'FILE_FORMAT', offset, 'a zip64 end record');
  return {
    count: Number(record.getBigUint64(32, true)),
    directorySize: Number(record.getBigUint64(40, true)),
    directoryOffset: Number(record.getBigUint64(48, true)),
  };
}

type Listed = Omit<ZipEntry, 'limit'>;

function parseDirectory(bytes: Uint8Array, end: End, source: ByteSource): Listed[] {
  const view = viewOf(bytes);
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const entries: Listed[] = [];
  const names = new Set<string>();
  let at = 0;
  for (let i = 0; i < end.count; i++) {
    const byte = end.directoryOffset + at;
    if (at + 46 > bytes.length || view.getUint32(at, true) !== signatures.central)
      throw failure(source, 'FILE_FORMAT', byte, 'a directory entry');
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const nameLength = view.getUint16(at + 28, true);
    const extraLength = view.getUint16(at + 30, true);
    const commentLength = view.getUint16(at + 32, true);
    const next = at + 46 + nameLength + extraLength + commentLength;
    if (next > bytes.length) throw failure(source, 'FILE_TRUNCATED', byte, 'a whole directory entry');
    let name: string;
    try {
      name = decoder.decode(bytes.subarray(at + 46, at + 46 + nameLength));
    } catch {
      throw failure(source, 'FILE_FORMAT', byte, 'entry names in UTF-8');
    }
    checkName(name, byte, source);
    if (names.has(name)) throw failure(source, 'FILE_FORMAT', byte, 'each entry once', `${name} twice`);
    names.add(name);
    if ((flags & 1) !== 0) throw failure(source, 'FILE_NOT_SUPPORTED', byte, 'entries that are not encrypted', name);
    if (method !== 0 && method !== 8)
      throw failure(source, 'FILE_NOT_SUPPORTED', byte, 'entries that are stored or deflated', `method ${method} for ${name}`);
    const wide = widen(
      view,
      { size: view.getUint32(at + 24, true), compressedSize: view.getUint32(at + 20, true), headerOffset: view.getUint32(at + 42, true) },
      at + 46 + nameLength,
      extraLength,
    );
    if (method === 0 && wide.size !== wide.compressedSize)
      throw failure(source, 'FILE_FORMAT', byte, `equal sizes for the stored entry ${name}`, `${wide.size} and ${wide.compressedSize}`);
    if (wide.size > wide.compressedSize * deflateLimit + 1024)
      throw failure(
        source,
        'FILE_LIMIT',
        byte,
        `an entry that ${wide.compressedSize} packed bytes can hold`,
        `${wide.size} bytes for ${name}`,
      );
    if (wide.headerOffset + 30 + wide.compressedSize > end.directoryOffset)
      throw failure(
        source,
        'FILE_TRUNCATED',
        byte,
        `${name} before the directory`,
        `${wide.compressedSize} bytes from ${wide.headerOffset}`,
      );
    entries.push({ name, ...wide, stored: method === 0, crc: view.getUint32(at + 16, true) });
    at = next;
  }
  return entries;
}

/** Takes 64-bit values from the extra field for those that are all ones. */
function widen<T extends { size: number; compressedSize: number; headerOffset: number }>(
  view: DataView,
  fields: T,
  start: number,
  length: number,
): T {
  const out = { ...fields };
  for (let at = start; at + 4 <= start + length;) {
    const id = view.getUint16(at, true);
    const size = view.getUint16(at + 2, true);
    if (id === 1) {
      let from = at + 4;
      for (const key of ['size', 'compressedSize', 'headerOffset'] as const) {
        if (fields[key] !== 0xffffffff || from + 8 > Math.min(at + 4 + size, start + length)) continue;
        out[key] = Number(view.getBigUint64(from, true));
        from += 8;
      }
    }
    at += 4 + size;
  }
  return out;
}

function checkName(name: string, byte: number, source: ByteSource): void {
  const parts = name.split('/');
  if (name === '' || name.startsWith('/') || /[\\\0]|^[A-Za-z]:/.test(name) || parts.includes('..') || parts.includes('.'))
    throw failure(source, 'FILE_PATH', byte, 'entry names that stay in the archive', JSON.stringify(name));
}

/** Entries must lie one after the other: shared bytes are how a small archive pretends to be a huge one. */
function withLimits(entries: readonly Listed[], directoryOffset: number, source: ByteSource): ZipEntry[] {
  const limits = new Map<Listed, number>();
  const ordered = [...entries].sort((p, q) => p.headerOffset - q.headerOffset);
  ordered.forEach((entry, i) => {
    const next = ordered[i + 1];
    const limit = next?.headerOffset ?? directoryOffset;
    if (entry.headerOffset + 30 + entry.compressedSize > limit)
      throw failure(
        source,
        'FILE_OVERLAP',
        entry.headerOffset,
        'entries that lie apart',
        `${entry.name} over ${next?.name ?? 'the directory'}`,
      );
    limits.set(entry, limit);
  });
  return entries.map((entry) => ({ ...entry, limit: limits.get(entry) ?? directoryOffset }));
}

/** Where the bytes of an entry begin. */
async function dataOffset({ source }: ZipArchive, entry: ZipEntry): Promise<number> {
  const header = await readRange(source, entry.headerOffset, 30, 'a local header');
  const view = viewOf(header);
  if (view.getUint32(0, true) !== signatures.local)
    throw failure(source, 'FILE_FORMAT', entry.headerOffset, `a local header for ${entry.name}`);
  const nameLength = view.getUint16(26, true);
  const name = await readRange(source, entry.headerOffset + 30, nameLength, 'an entry name');
  if (new TextDecoder().decode(name) !== entry.name)
    throw failure(source, 'FILE_FORMAT', entry.headerOffset, `the name ${entry.name} in its local header`);
  const offset = entry.headerOffset + 30 + nameLength + view.getUint16(28, true);
  if (offset + entry.compressedSize > entry.limit)
    throw failure(source, 'FILE_OVERLAP', offset, `${entry.name} to end before the next entry`);
  return offset;
}

/** The bytes of an entry, unpacked and compared with their checksum. */
export async function readEntry(archive: ZipArchive, entry: ZipEntry, work: Work): Promise<Uint8Array> {
  const { bytes, offset } = await unpackEntry(archive, entry, work);
  await checkEntry(archive, entry, offset, bytes, work);
  return bytes;
}

/** The bytes of an entry, unpacked but not yet compared with their checksum, and where they begin in the archive. */
export async function unpackEntry(archive: ZipArchive, entry: ZipEntry, work: Work): Promise<{ bytes: Uint8Array; offset: number }> {
  const { source } = archive;
  const offset = await dataOffset(archive, entry);
  // Progress counts unpacked bytes.
  const packed = await readLong(source, offset, entry.compressedSize, `the entry ${entry.name}`, entry.stored ? work : work.quiet());
  const bytes = entry.stored ? packed : await inflate(packed, entry, offset, source, work);
  return { bytes, offset };
}

/** @throws FileError `FILE_CHECKSUM` when bytes are not those that the archive was made of */
export async function checkEntry({ source }: ZipArchive, entry: ZipEntry, offset: number, bytes: Uint8Array, work: Work): Promise<void> {
  const crc = await crc32Long(bytes, work);
  if (crc !== entry.crc)
    throw failure(
      source,
      'FILE_CHECKSUM',
      offset,
      `the checksum ${hex(entry.crc)} for ${entry.name}`,
      hex(crc),
      'Copy or download the file again.',
    );
}

const hex = (n: number): string => n.toString(16).padStart(8, '0');

/** As many of the first bytes of an entry as `count` says, or all that it has; they are not compared with the checksum. */
export async function readEntryStart(archive: ZipArchive, entry: ZipEntry, count: number): Promise<Uint8Array> {
  const { source } = archive;
  const offset = await dataOffset(archive, entry);
  // Deflate never makes bytes much longer, so that these packed ones hold at least `count` others.
  const packed = await readRange(source, offset, Math.min(entry.compressedSize, count + 1024), `the start of ${entry.name}`);
  if (entry.stored) return packed.subarray(0, count);
  const out = new Uint8Array(Math.min(count, entry.size));
  let filled = 0;
  const { Inflate } = await import('fflate');
  const stream = new Inflate((chunk) => {
    const part = chunk.subarray(0, out.length - filled);
    out.set(part, filled);
    filled += part.length;
  });
  try {
    for (let at = 0; at < packed.length && filled < out.length; at += 4096) stream.push(packed.subarray(at, at + 4096), false);
  } catch (cause) {
    throw notDeflated(entry, offset, source, cause);
  }
  return out.subarray(0, filled);
}

const notDeflated = (entry: ZipEntry, offset: number, source: ByteSource, cause: unknown): FileError =>
  new FileError(
    'FILE_FORMAT',
    { file: source.name, byte: offset },
    { expected: `deflated bytes in ${entry.name}`, received: (cause as Error).message, cause },
  );

/** Unpacks piece by piece and stops as soon as more comes than the directory said, or a signal fires. */
async function inflate(packed: Uint8Array, entry: ZipEntry, offset: number, source: ByteSource, work: Work): Promise<Uint8Array> {
  const out = allocate(entry.size, { file: source.name, byte: entry.headerOffset }, `the entry ${entry.name}`);
  let filled = 0;
  const { Inflate } = await import('fflate');
  const stream = new Inflate((chunk) => {
    if (filled + chunk.length > out.length) throw failure(source, 'FILE_LIMIT', offset, `${entry.size} bytes in ${entry.name}`, 'more');
    out.set(chunk, filled);
    filled += chunk.length;
  });
  try {
    for (let at = 0; at < packed.length; at += 16384) {
      const before = filled;
      stream.push(packed.subarray(at, at + 16384), at + 16384 >= packed.length);
      work.advance(filled - before);
      await work.turn(Math.max(filled - before, 16384));
    }
  } catch (cause) {
    if (cause instanceof FlambeauError) throw cause;
    throw notDeflated(entry, offset, source, cause);
  }
  if (filled !== out.length) throw failure(source, 'FILE_TRUNCATED', offset, `${entry.size} bytes in ${entry.name}`, String(filled));
  return out;
}
