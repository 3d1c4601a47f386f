import { ArgumentError, describe } from '@flambeau/core';
import { pathOfUrl, writePath } from './node.ts';
import type { Work } from './work.ts';

/** A web stream that takes bytes, such as one from a file picker or a TransformStream. */
export interface ByteSink {
  getWriter(): { write(chunk: Uint8Array): Promise<void>; close(): Promise<void>; abort(reason?: unknown): Promise<void> };
}

/** The part of Node's Writable that is used: a file stream, a socket, the response of a server. */
export interface NodeSink {
  write(chunk: Uint8Array, done: (error?: Error | null) => void): unknown;
  end(done: () => void): unknown;
  destroy(error?: Error): unknown;
  on(event: 'error' | 'close', run: (error?: Error) => void): unknown;
  removeListener(event: 'error' | 'close', run: (error?: Error) => void): unknown;
}

/** Where bytes go: a path, a `file:` URL, or a stream, of the web or of Node. `toBytes` gives them in memory. */
export type FileOutput = string | { readonly href: string } | ByteSink | NodeSink;

const isSink = (value: unknown): value is ByteSink => typeof (value as Partial<ByteSink> | null)?.getWriter === 'function';
const isNodeSink = (value: unknown): value is NodeSink => {
  const { write, end, destroy, on } = (value ?? {}) as Partial<NodeSink>;
  return [write, end, destroy, on].every((method) => typeof method === 'function');
};

/** What to call an output in messages. */
export const outputName = (output: FileOutput): string => {
  if (typeof output === 'string') return output;
  const { href } = (output ?? {}) as { readonly href?: unknown };
  return typeof href === 'string' ? href : 'stream';
};

/** Sends chunks to an output. A file appears whole or not at all. */
export async function writeOutput(output: FileOutput, chunks: AsyncIterable<Uint8Array>, work: Work): Promise<void> {
  if (typeof output === 'string') await writePath(output, chunks);
  else if (typeof (output as { href?: unknown } | null)?.href === 'string')
    await writePath(await pathOfUrl((output as { href: string }).href), chunks);
  else if (isSink(output)) await writeStream(output, chunks);
  else if (isNodeSink(output)) await writeNodeStream(output, chunks);
  else throw new ArgumentError({ op: 'save', expected: 'a path, a file URL or a writable stream', received: describe(output) });
  work.finish();
}

/** Bytes in pieces, each of which counts once it was taken. */
export async function* pieces(bytes: Uint8Array, work: Work): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += chunkSize) {
    const part = bytes.subarray(at, at + chunkSize);
    yield part;
    work.advance(part.byteLength);
    await work.turn(part.byteLength);
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

/** Writes to a stream of Node and ends it. What it fails with, a write after its end among them, is what the saving fails with. */
async function writeNodeStream(output: NodeSink, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  let fail: (error: Error) => void = () => undefined;
  const failed = new Promise<never>((_, reject) => (fail = reject));
  // It may come when nobody waits for it.
  failed.catch(() => undefined);
  const onError = (error?: Error): void => fail(error ?? new Error('the stream failed'));
  const onClose = (): void => fail(new Error('the stream was closed'));
  output.on('error', onError);
  output.on('close', onClose);
  const settled = (run: (done: (error?: Error | null) => void) => void): Promise<void> =>
    Promise.race([failed, new Promise<void>((resolve, reject) => run((error) => (error ? reject(error) : resolve())))]);
  try {
    for await (const chunk of chunks) await settled((done) => void output.write(chunk, done));
    await settled((done) => void output.end(done));
  } catch (error) {
    output.destroy();
    throw error;
  } finally {
    output.removeListener('close', onClose);
    // Destroying may still tell of an error later; without a listener it would end the process.
    setTimeout(() => output.removeListener('error', onError), 0);
  }
}
declare const setTimeout: (run: () => void, milliseconds: number) => unknown;

/** All chunks in one array. */
export async function gather(chunks: AsyncIterable<Uint8Array>, work: Work): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
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
