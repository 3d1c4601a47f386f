import { AbortedError, FileError } from '../errors.ts';
import { bytesSource, collect, readerChunks, type ByteSource, type ByteStream } from './source.ts';
import { Work, type AbortSignalLike, type WorkOptions } from './work.ts';

interface FetchedResponse {
  readonly ok: boolean;
  readonly status: number;
  readonly body: ByteStream | null;
  readonly headers: { get(name: string): string | null };
}
type Fetch = (url: string, options: { headers: Record<string, string>; signal?: AbortSignalLike }) => Promise<FetchedResponse>;
declare const fetch: Fetch | undefined;

/** What small reads fetch at once, aligned, so that the header of a file and its neighbours take one request. */
const blockSize = 256 * 1024;
const keptBlocks = 64;

/** One file of a server. */
class Remote {
  readonly name: string;
  private readonly url: string;
  private readonly signal: AbortSignalLike | undefined;

  constructor(url: string, signal: AbortSignalLike | undefined) {
    this.url = url;
    this.signal = signal;
    this.name = url.startsWith('data:') ? 'data URL' : (url.split(/[?#]/)[0] ?? url);
  }

  error(code: 'FILE_IO' | 'FILE_NOT_FOUND' | 'FILE_TRUNCATED', expected: string, received: string, byte?: number): FileError {
    return new FileError(code, { file: this.name, byte }, { expected, received });
  }

  async request(headers: Record<string, string>): Promise<FetchedResponse> {
    const { signal } = this;
    if (typeof fetch !== 'function')
      throw new FileError('FILE_IO', { file: this.name }, { expected: 'a platform with fetch', hint: 'Fetch it yourself and pass the bytes.' }); // prettier-ignore
    // Only a real AbortSignal is known to fetch; others are looked at between the chunks.
    const stops = typeof (signal as { addEventListener?: unknown } | undefined)?.addEventListener === 'function';
    try {
      return await fetch(this.url, { headers, ...(signal !== undefined && stops && { signal }) });
    } catch (cause) {
      throw this.failed(cause);
    }
  }

  /** An abort as such, and anything else as a failure of the network. */
  failed(cause: unknown): Error {
    if (cause instanceof FileError || cause instanceof AbortedError) return cause;
    if (this.signal?.aborted === true) return new AbortedError(`load(${this.name})`, this.signal.reason);
    return new FileError('FILE_IO', { file: this.name }, { expected: 'a URL that can be fetched', received: String(cause), cause });
  }

  /** The bytes of a body of at most `limit` bytes. */
  async body(response: FetchedResponse, limit: number, work: Work): Promise<Uint8Array> {
    if (response.body === null) return new Uint8Array(0);
    try {
      return await collect(readerChunks(response.body), this.name, limit, work);
    } catch (cause) {
      throw this.failed(cause);
    }
  }
}

const drop = (response: FetchedResponse): Promise<void> =>
  response.body === null ? Promise.resolve() : response.body.getReader().cancel().catch(() => undefined); // prettier-ignore

/** `bytes 0-99/1234`: where a part begins and ends (inclusive), and the size of the whole. */
function contentRange(response: FetchedResponse): { first: number; last: number; size: number } | undefined {
  const found = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(response.headers.get('content-range') ?? '');
  return found === null ? undefined : { first: Number(found[1]), last: Number(found[2]), size: Number(found[3]) };
}

/**
 * Opens a URL. Where the server gives ranges, only what is asked for is read; else the whole body is, up to `maxBytes`.
 * @throws FileError when it cannot be fetched, changes while it is read, or is larger than `maxBytes`; AbortedError when the signal fires
 */
export async function openUrl(url: string, maxBytes: number, options: WorkOptions): Promise<ByteSource> {
  const remote = new Remote(url, options.signal);
  const work = new Work('load', remote.name, options);
  const quiet = new Work('load', remote.name, { signal: options.signal });
  const plain = !/^https?:/.test(url);
  let response = await remote.request(plain ? {} : { range: `bytes=0-${blockSize - 1}`, 'accept-encoding': 'identity' });
  if (response.status === 206) {
    const range = contentRange(response);
    const coding = response.headers.get('content-encoding') ?? 'identity';
    if (range !== undefined && range.first === 0 && coding === 'identity') {
      const head = await remote.body(response, range.last + 1, quiet);
      if (head.length === range.last + 1 && range.last < range.size) return rangedSource(remote, head, range.size, response, quiet);
    } else await drop(response);
    // A part that cannot be placed is of no use.
    response = await remote.request({});
  } else if (response.status === 416) {
    // No byte satisfies the range of an empty file; whatever else it means, the whole tells.
    await drop(response);
    response = await remote.request({});
  }
  if (!response.ok) {
    await drop(response);
    throw remote.error(response.status === 404 || response.status === 410 ? 'FILE_NOT_FOUND' : 'FILE_IO', 'a response with a body', `status ${response.status}`); // prettier-ignore
  }
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  if (length > maxBytes) {
    await drop(response);
    throw new FileError('FILE_LIMIT', { file: remote.name }, { expected: `at most ${maxBytes} bytes`, received: `${length}`, hint: 'Raise maxBytes.' }); // prettier-ignore
  }
  work.totalBytes = Number.isFinite(length) ? length : 0;
  const bytes = await remote.body(response, maxBytes, work);
  work.finish();
  return bytesSource(bytes, remote.name);
}

/** A file that is read by ranges: large reads by themselves, small ones through a few blocks that are kept. */
function rangedSource(remote: Remote, head: Uint8Array, size: number, first: FetchedResponse, work: Work): ByteSource {
  const tag = first.headers.get('etag');
  // A weak tag does not promise equal bytes; the size, which every part names, is compared anyway.
  const condition: Record<string, string> = tag !== null && !tag.startsWith('W/') ? { 'if-range': tag } : {};
  const blocks = new Map<number, Promise<Uint8Array>>([[0, Promise.resolve(head)]]);

  const fetchRange = async (offset: number, length: number): Promise<Uint8Array> => {
    work.check();
    const response = await remote.request({ ...condition, range: `bytes=${offset}-${offset + length - 1}`, 'accept-encoding': 'identity' });
    const range = contentRange(response);
    if (response.status !== 206 || range?.size !== size || range.first !== offset) {
      await drop(response);
      const received = response.ok ? 'another file than at first' : `status ${response.status}`;
      throw remote.error('FILE_IO', `bytes ${offset} to ${offset + length} of the same file`, received, offset);
    }
    const bytes = await remote.body(response, length, work);
    if (bytes.length !== length) throw remote.error('FILE_TRUNCATED', `${length} bytes`, `${bytes.length}`, offset);
    return bytes;
  };

  const block = (index: number): Promise<Uint8Array> => {
    const known = blocks.get(index);
    // What was used last stands last.
    blocks.delete(index);
    const bytes = known ?? fetchRange(index * blockSize, Math.min(blockSize, size - index * blockSize));
    blocks.set(index, bytes);
    bytes.catch(() => blocks.delete(index));
    if (blocks.size > keptBlocks) for (const oldest of [...blocks.keys()].slice(0, blocks.size - keptBlocks)) blocks.delete(oldest);
    return bytes;
  };

  return {
    name: remote.name,
    size,
    async read(offset, length) {
      if (length === 0) return new Uint8Array(0);
      if (length >= blockSize) return fetchRange(offset, length);
      const [from, to] = [Math.floor(offset / blockSize), Math.floor((offset + length - 1) / blockSize)];
      const start = offset - from * blockSize;
      const bytes = await block(from);
      if (from === to) return bytes.subarray(start, start + length);
      const out = new Uint8Array(length);
      out.set(bytes.subarray(start));
      out.set((await block(to)).subarray(0, length - (bytes.length - start)), bytes.length - start);
      return out;
    },
    close: () => {
      blocks.clear();
      return Promise.resolve();
    },
  };
}
