import { ArgumentError, describe } from '@flambeau/core';
import { pathOfUrl, writePath } from './node.ts';
import type { Work } from './work.ts';

/** A web stream that takes bytes, such as one from a file picker or a TransformStream. */
export interface ByteSink {
  getWriter(): { write(chunk: Uint8Array): Promise<void>; close(): Promise<void>; abort(reason?: unknown): Promise<void> };
}

/** Where bytes go: a path, a `file:` URL, or a web stream. `toBytes` gives them in memory. */
export type FileOutput = string | { readonly href: string } | ByteSink;

/** What to call an output in messages. */
export const outputName = (output: FileOutput): string => (typeof output === 'string' ? output : 'href' in output ? output.href : 'stream');

/** Sends chunks to an output. A file appears whole or not at all. */
export async function writeOutput(output: FileOutput, chunks: AsyncIterable<Uint8Array>, work: Work): Promise<void> {
  const counted = count(chunks, work);
  if (typeof output === 'string') await writePath(output, counted);
  else if (typeof (output as { href?: unknown } | null)?.href === 'string')
    await writePath(await pathOfUrl((output as { href: string }).href), counted);
  else if (typeof (output as Partial<ByteSink> | null)?.getWriter === 'function') await writeStream(output as ByteSink, counted);
  else throw new ArgumentError({ op: 'save', expected: 'a path, a file URL or a WritableStream', received: describe(output) });
  work.finish();
}

async function* count(chunks: AsyncIterable<Uint8Array>, work: Work): AsyncIterable<Uint8Array> {
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; at += chunkSize) {
      const part = chunk.subarray(at, at + chunkSize);
      yield part;
      work.advance(part.byteLength);
    }
  }
}
const chunkSize = 4 * 2 ** 20;

async function writeStream(output: ByteSink, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const writer = output.getWriter();
  try {
    for await (const chunk of chunks) await writer.write(chunk);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => undefined);
    throw error;
  }
}

/** All chunks in one array. */
export async function gather(chunks: AsyncIterable<Uint8Array>, work: Work): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of count(chunks, work)) {
    parts.push(chunk);
    size += chunk.byteLength;
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.byteLength;
  }
  work.finish();
  return all;
}
