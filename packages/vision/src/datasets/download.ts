import { ArgumentError, describe } from '@flambeau/core';
import { DatasetFileError } from './idx.ts';

/** How a download goes, for a progress bar. */
export interface DownloadProgress {
  readonly file: string;
  readonly receivedBytes: number;
  /** Undefined when the server does not say. */
  readonly totalBytes: number | undefined;
}

/** Options of downloads. */
export interface DownloadOptions {
  /** Called as bytes arrive; once a second on the console when missing. */
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Ends the download when it is aborted. */
  readonly signal?: AbortSignal;
  /** Milliseconds without a byte after which a server counts as stalled; 30,000 by default. */
  readonly stallTimeout?: number;
}

/** How a dataset's files are fetched. */
export interface DatasetDownload extends DownloadOptions {
  /** Addresses of folders that have the files, tried in order; the known ones when missing. */
  readonly mirrors?: readonly string[];
}

/** A file to fetch: the mirrors that carry it and the checksum of what they carry. */
export interface RemoteFile {
  readonly mirrors: readonly string[];
  readonly name: string;
  readonly md5: string;
}

/** @throws ArgumentError unless there is a file to fetch and a folder to put it into */
function checkRemote(remote: RemoteFile, folder: string): void {
  const { mirrors, name, md5 } = (remote ?? {}) as { readonly [field in keyof RemoteFile]?: unknown };
  if (!Array.isArray(mirrors) || typeof name !== 'string' || typeof md5 !== 'string')
    throw new ArgumentError({ op: 'download', expected: 'a file { mirrors, name, md5 }', received: describe(remote) });
  if (typeof folder !== 'string') throw new ArgumentError({ op: 'download', expected: 'the path of a folder', received: describe(folder) });
}

/** A line on the console when a file takes longer than a second. */
function consoleProgress(): (progress: DownloadProgress) => void {
  let last = Date.now();
  return ({ file, receivedBytes, totalBytes }) => {
    if (Date.now() - last < 1000) return;
    last = Date.now();
    const megabytes = (bytes: number): string => (bytes / 1e6).toFixed(1);
    console.log(`downloading ${file}: ${megabytes(receivedBytes)}${totalBytes === undefined ? '' : ` of ${megabytes(totalBytes)}`} MB`);
  };
}

/**
 * Fetches a file into a folder, from the first mirror that delivers it with the right checksum. What an interrupted download left in
 * `name.part` is continued where the server allows it; the file appears under its name only when it is whole.
 * @returns its path
 * @throws DatasetFileError that says what each mirror answered
 */
export async function download(remote: RemoteFile, folder: string, options: DownloadOptions = {}): Promise<string> {
  checkRemote(remote, folder);
  const { mkdir, rename, rm } = await import('node:fs/promises');
  const { existsSync } = await import('node:fs');
  const { join } = await import('node:path');
  const path = join(folder, remote.name);
  if (existsSync(path) && (await md5Of(path)) === remote.md5) return path;
  await mkdir(folder, { recursive: true });
  const part = `${path}.part`;
  const report = options.onProgress ?? consoleProgress();
  const failures: string[] = [];
  for (const mirror of remote.mirrors) {
    const url = `${mirror}${remote.name}`;
    // A part that does not give the checksum was damaged: it is fetched once more from its beginning.
    for (let attempt = 0; attempt < 2; attempt++) {
      try {
        await fetchInto(url, part, remote.name, report, options);
      } catch (error) {
        if (options.signal?.aborted)
          throw new DatasetFileError(path, 'a download that goes on to its end', 'an abort', 'Call it again: it continues where it was.');
        failures.push(`${url}: ${error instanceof Error ? error.message : String(error)}`);
        break;
      }
      const md5 = await md5Of(part);
      if (md5 === remote.md5) {
        await rename(part, path);
        return path;
      }
      failures.push(`${url}: checksum ${md5} instead of ${remote.md5}`);
      await rm(part, { force: true });
    }
  }
  throw new DatasetFileError(
    path,
    'a mirror that delivers the file',
    failures.join('; '),
    `Put the file into ${folder} by hand, or try again later.`,
  );
}

async function md5Of(path: string): Promise<string> {
  const { createHash } = await import('node:crypto');
  const { createReadStream } = await import('node:fs');
  const hash = createHash('md5');
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

async function fetchInto(
  url: string,
  part: string,
  name: string,
  report: (progress: DownloadProgress) => void,
  options: DownloadOptions,
): Promise<void> {
  const { open, stat } = await import('node:fs/promises');
  const { stallTimeout = 30_000, signal } = options;
  const have = await stat(part).then((s) => s.size, () => 0); // prettier-ignore
  const controller = new AbortController();
  const abort = (): void => controller.abort(signal?.reason);
  if (signal?.aborted) abort();
  signal?.addEventListener('abort', abort);
  let stalled = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const alive = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      stalled = true;
      controller.abort();
    }, stallTimeout);
  };
  alive();
  try {
    const response = await fetch(url, { signal: controller.signal, headers: have > 0 ? { range: `bytes=${have}-` } : {} });
    // 416: the part is as long as the file or longer; the checksum will tell.
    if (response.status === 416) return;
    if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
    const continues = response.status === 206;
    const length = response.headers.get('content-length');
    let received = continues ? have : 0;
    const total = length === null ? undefined : received + Number(length);
    const file = await open(part, continues ? 'a' : 'w');
    try {
      for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
        alive();
        await file.write(chunk);
        received += chunk.length;
        report({ file: name, receivedBytes: received, totalBytes: total });
      }
    } finally {
      await file.close();
    }
    if (total !== undefined && received !== total) throw new Error(`the connection ended after ${received} of ${total} bytes`);
  } catch (error) {
    throw stalled ? new Error(`no byte came for ${stallTimeout / 1000} s`) : error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
