import { ArgumentError, bytesOf, describe, Tensor } from '@flambeau/core';
import { gather, outputName, writeOutput, type FileOutput } from './files/target.ts';
import { Work, type WorkOptions } from './files/work.ts';
import { checkFormat, formatOfName, type FileFormat } from './format.ts';
import { npyBytes } from './numpy/npy.ts';
import { namedForNpz, writeNpz } from './numpy/npz.ts';
import { writeSafetensors } from './safetensors/write.ts';
import { writeTorch } from './torch/write.ts';

/** How something is saved. */
export interface SaveOptions extends WorkOptions {
  /** The format; told by the extension when missing, and safetensors where that says nothing. */
  format?: FileFormat;
  /** Strings to keep beside the tensors; safetensors only. */
  metadata?: Readonly<Record<string, string>>;
  /** Deflates the arrays of an npz file. */
  compress?: boolean;
}

interface Writing {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly byteLength: number;
}

async function* once(bytes: Promise<Uint8Array>): AsyncIterable<Uint8Array> {
  yield await bytes;
}

function write(value: unknown, format: FileFormat, options: SaveOptions): Writing {
  const { metadata, compress = false } = options;
  if (metadata !== undefined && format !== 'safetensors')
    throw new ArgumentError({
      op: 'save',
      expected: 'metadata in a safetensors file',
      received: `format ${format}`,
      hint: 'Put it into the saved object.',
    });
  switch (format) {
    case 'safetensors':
      return writeSafetensors(value, metadata);
    case 'pt':
      return writeTorch(value);
    case 'npz': {
      const byteLength = [...namedForNpz(value).values()].reduce((n, x) => n + x.count * bytesOf(x.dtype), 0);
      return { chunks: writeNpz(value, compress), byteLength };
    }
    case 'npy':
      if (!(value instanceof Tensor))
        throw new ArgumentError({
          op: 'save',
          expected: 'one tensor in an npy file',
          received: describe(value),
          hint: 'Use npz for several.',
        });
      return { chunks: once(npyBytes(value)), byteLength: value.count * bytesOf(value.dtype) };
    default:
      return format satisfies never;
  }
}

/**
 * Saves tensors, state dicts, optimizer states and checkpoints of them (plain objects, arrays, Maps, numbers, strings, booleans, null, bigints,
 * Uint8Arrays) to a path, a `file:` URL or a web stream. The format follows the extension: `.safetensors`, `.pt`, `.npz`, `.npy`.
 * A file is written beside the old one and takes its place only when it is whole.
 * @throws ArgumentError for a value that the format cannot hold, FileError when it cannot be written, AbortedError when the signal fires
 */
export async function save(value: unknown, output: FileOutput, options: SaveOptions = {}): Promise<void> {
  const name = outputName(output);
  const format = checkFormat('save', options.format) ?? formatOfName(name) ?? 'safetensors';
  const work = new Work('save', name, options);
  const { chunks, byteLength } = write(value, format, options);
  work.totalBytes = byteLength;
  await writeOutput(output, chunks, work);
}

/** The bytes of the file that `save` would write; safetensors unless `format` says otherwise. */
export async function toBytes(value: unknown, options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const format = checkFormat('toBytes', options.format) ?? 'safetensors';
  const work = new Work('save', 'bytes', options);
  const { chunks, byteLength } = write(value, format, options);
  work.totalBytes = byteLength;
  return gather(chunks, work);
}
