import { FlambeauError } from '@flambeau/core';

/** A data source that cannot be read, or not as what it is meant to be. Code `DATA_SOURCE`. */
export class DataSourceError extends FlambeauError {
  constructor(source: string, expected: string, received: string, hint?: string, cause?: unknown) {
    super('DATA_SOURCE', { op: source, expected, received, ...(hint !== undefined && { hint }), ...(cause !== undefined && { cause }) });
  }
}

/** Where data comes from: a path (Node), a URL, bytes, a Blob or File, or a web stream of bytes. */
export type Source = string | URL | Uint8Array | ArrayBuffer | Blob | ReadableStream<Uint8Array>;

/** The name of a source in messages. */
export const nameOf = (source: Source): string =>
  typeof source === 'string' || source instanceof URL
    ? String(source)
    : source instanceof Blob && 'name' in source
      ? String(source.name)
      : 'data';

const isWebAddress = (source: string | URL): boolean => /^(https?|data|blob):/.test(String(source));

/** The bytes of a source as a stream. @throws DataSourceError when it cannot be opened */
export async function openStream(source: Source): Promise<ReadableStream<Uint8Array>> {
  if (source instanceof ReadableStream) return source;
  if (source instanceof Blob) return source.stream() as ReadableStream<Uint8Array>;
  if (source instanceof Uint8Array || source instanceof ArrayBuffer)
    return new Blob([source as ArrayBuffer]).stream() as ReadableStream<Uint8Array>;
  if (isWebAddress(source)) {
    const response = await fetch(source).catch((error: unknown) => {
      throw new DataSourceError(String(source), 'an address that answers', String(error), undefined, error);
    });
    if (!response.ok || response.body === null)
      throw new DataSourceError(String(source), 'an address that answers with data', `status ${response.status}`);
    return response.body as ReadableStream<Uint8Array>;
  }
  const { createReadStream } = await import('node:fs');
  const { stat } = await import('node:fs/promises');
  const { Readable } = await import('node:stream');
  await stat(source).catch((error: unknown) => {
    throw new DataSourceError(
      String(source),
      'a file that can be read',
      (error as Error).message,
      'Check the path; it is relative to the working directory.',
      error,
    );
  });
  return Readable.toWeb(createReadStream(source)) as unknown as ReadableStream<Uint8Array>;
}

/** All bytes of a source. */
export async function readBytes(source: Source): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = (await openStream(source)).getReader();
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    chunks.push(chunk.value);
    length += chunk.value.length;
  }
  const bytes = new Uint8Array(length);
  let start = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, start);
    start += chunk.length;
  }
  return bytes;
}

/** The text of a source, UTF-8. @throws DataSourceError when it is not */
export async function readText(source: Source): Promise<string> {
  const bytes = await readBytes(source);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new DataSourceError(nameOf(source), 'text in UTF-8', 'bytes that are none', undefined, error);
  }
}

/** The lines of a source, one after the other, without holding all of it. */
export async function* readLines(source: Source): AsyncGenerator<string> {
  const reader = (await openStream(source)).getReader();
  const decoder = new TextDecoder();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      rest += value === undefined ? decoder.decode() : decoder.decode(value, { stream: true });
      const lines = rest.split(/\r?\n/);
      rest = lines.pop() ?? '';
      yield* lines;
      if (done) break;
    }
    if (rest !== '') yield rest;
  } finally {
    reader.cancel().catch(() => undefined);
  }
}
