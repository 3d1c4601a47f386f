import { ArgumentError, describe } from '@flambeau/core';
import { FileError, type FilePlace } from '../errors.ts';
import { openPath, pathOfUrl } from './node.ts';
import { openUrl } from './url.ts';
import { stretch, Work, type WorkOptions } from './work.ts';

/** Bytes that can be read from any place. */
export interface ByteSource {
  /** For messages and for telling the format by the extension. */
  readonly name: string;
  readonly size: number;
  /** True when reading is a mere window on bytes in memory. */
  readonly inMemory?: boolean;
  /** A copy of, or a window on, `length` bytes from `offset`; the range lies inside. */
  read(offset: number, length: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** The part of a Blob or File that is used. */
export interface BlobLike {
  readonly size: number;
  readonly name?: string;
  slice(start: number, end: number): { arrayBuffer(): Promise<ArrayBuffer> };
}

/** A web stream of bytes, such as the body of a response. */
export interface ByteStream {
  getReader(): { read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>; cancel(reason?: unknown): Promise<void> };
}

/** Where bytes come from: a path or URL, bytes, a Blob or File, or a stream (of the web or of Node). */
export type FileInput = string | URL | Uint8Array | ArrayBuffer | BlobLike | ByteStream | AsyncIterable<Uint8Array>;

interface URL {
  readonly href: string;
  readonly protocol: string;
}

/** What can be said of an input before it is read. */
export interface SourceOptions extends WorkOptions {
  /** A name for messages, where the input has none. */
  name?: string | undefined;
  /** A stream longer than this is refused, and an archive that unpacks to more; 16 GiB for streams when missing. */
  maxBytes?: number | undefined;
}

const isUrl = (value: unknown): value is URL =>
  typeof value === 'object' && value !== null && typeof (value as URL).href === 'string' && typeof (value as URL).protocol === 'string';
const isBlob = (value: unknown): value is BlobLike =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as BlobLike).slice === 'function' &&
  typeof (value as BlobLike).size === 'number';
const isStream = (value: unknown): value is ByteStream => typeof (value as Partial<ByteStream> | null)?.getReader === 'function';
const isIterable = (value: unknown): value is AsyncIterable<Uint8Array> =>
  typeof (value as Partial<AsyncIterable<Uint8Array>> | null)?.[Symbol.asyncIterator] === 'function';

/** Opens an input. @throws FileError when it cannot be opened, ArgumentError when it is nothing that has bytes. */
export async function openSource(input: FileInput, options: SourceOptions = {}): Promise<ByteSource> {
  const { name, maxBytes = 16 * 2 ** 30 } = options;
  if (typeof input === 'string') return /^(https?|blob|data):/.test(input) ? openUrl(input, maxBytes, options) : openPath(input);
  if (isUrl(input)) return input.protocol === 'file:' ? openPath(await pathOfUrl(input.href)) : openUrl(input.href, maxBytes, options);
  if (input instanceof Uint8Array) return bytesSource(input, name ?? 'bytes');
  if (input instanceof ArrayBuffer) return bytesSource(new Uint8Array(input), name ?? 'bytes');
  if (isBlob(input)) return blobSource(input, name ?? input.name ?? 'blob');
  if (isStream(input) || isIterable(input)) {
    const work = new Work('load', name ?? 'stream', options);
    const chunks = isStream(input) ? readerChunks(input) : input;
    const bytes = await collect(chunks, name ?? 'stream', maxBytes, work);
    work.finish();
    return bytesSource(bytes, name ?? 'stream');
  }
  throw new ArgumentError({ op: 'load', expected: 'a path, a URL, bytes, a Blob or a stream', received: describe(input) });
}

/** Bytes in memory as a source. */
export function bytesSource(bytes: Uint8Array, name: string): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    inMemory: true,
    read: (offset, length) => Promise.resolve(bytes.subarray(offset, offset + length)),
    close: () => Promise.resolve(),
  };
}

function blobSource(blob: BlobLike, name: string): ByteSource {
  return {
    name,
    size: blob.size,
    async read(offset, length) {
      const bytes = new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
      if (bytes.byteLength !== length)
        throw new FileError(
          'FILE_TRUNCATED',
          { file: name, byte: offset },
          { expected: `${length} bytes`, received: `${bytes.byteLength}` },
        );
      return bytes;
    },
    close: () => Promise.resolve(),
  };
}

/** The chunks of a web stream; one that is not read to its end is cancelled. */
export async function* readerChunks(stream: ByteStream): AsyncIterable<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      if (value !== undefined) yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** All chunks in one array. @throws FileError `FILE_LIMIT` as soon as more than `maxBytes` come */
export async function collect(chunks: AsyncIterable<Uint8Array>, name: string, maxBytes: number, work: Work): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new ArgumentError({ op: 'load', expected: 'a stream of bytes', received: describe(chunk) });
    size += chunk.byteLength;
    if (size > maxBytes)
      throw new FileError(
        'FILE_LIMIT',
        { file: name, byte: maxBytes },
        { expected: `a stream of at most ${maxBytes} bytes`, received: 'more' },
      );
    parts.push(chunk);
    work.advance(chunk.byteLength);
    await work.turn(chunk.byteLength);
  }
  if (parts.length === 1) return parts[0];
  const all = allocate(size, { file: name, byte: 0 }, 'a stream');
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  return all;
}

/** Reads a range. @throws FileError `FILE_TRUNCATED` when it reaches beyond the end. */
export async function readRange(source: ByteSource, offset: number, length: number, what: string): Promise<Uint8Array> {
  if (offset < 0 || length < 0 || !Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset + length > source.size) {
    throw new FileError(
      'FILE_TRUNCATED',
      { file: source.name, byte: offset },
      { expected: `${what} of ${length} bytes`, received: `a file of ${source.size} bytes`, hint: 'Copy or download the file again.' },
    );
  }
  const bytes = await source.read(offset, length);
  // The start of a packed file says how long the whole is; its bytes may end before.
  if (bytes.byteLength < length) {
    const expected = `${what} of ${length} bytes`;
    throw new FileError('FILE_TRUNCATED', { file: source.name, byte: offset + bytes.byteLength }, { expected, received: String(bytes.byteLength) }); // prettier-ignore
  }
  return bytes;
}

/** New bytes, all zero. @throws FileError `FILE_LIMIT` when the machine has not as many */
export function allocate(length: number, place: FilePlace, what: string): Uint8Array {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new FileError('FILE_LIMIT', place, { expected: `${what} that fits into memory`, received: `${length} bytes`, cause });
  }
}

/** As `readRange`, in pieces, so that progress shows and a signal stops it. */
export async function readLong(source: ByteSource, offset: number, length: number, what: string, work: Work): Promise<Uint8Array> {
  if (length <= stretch || source.inMemory === true) {
    const bytes = await readRange(source, offset, length, what);
    work.advance(length);
    await work.turn(length);
    return bytes;
  }
  // The range is checked before memory is taken for it.
  await readRange(source, offset + length, 0, what);
  const all = allocate(length, { file: source.name, byte: offset }, what);
  for (let at = 0; at < length; at += stretch) {
    const part = await readRange(source, offset + at, Math.min(stretch, length - at), what);
    all.set(part, at);
    work.advance(part.byteLength);
  }
  return all;
}
