import { ArgumentError, readOptions } from '@flambeau/core';
import { gather, outputName, writeOutput, type FileOutput } from './files/target.ts';
import { Work, workOptions, type WorkOptions } from './files/work.ts';
import { checkFormat, formatToWrite, type FileFormat } from './format.ts';

/** How something is saved. */
export interface SaveOptions extends WorkOptions {
  /** The format; told by the extension when missing, and safetensors where there is none. */
  format?: FileFormat;
  /** Strings to keep beside the tensors; safetensors only. */
  metadata?: Readonly<Record<string, string>>;
  /** Deflates the arrays of an npz file. */
  compress?: boolean;
}

/** Reads what a function that saves is given. @throws ArgumentError for an unknown option */
export const readSaveOptions = (op: string, options: SaveOptions): SaveOptions =>
  readOptions<SaveOptions>(op, options, ['format', 'metadata', 'compress', ...workOptions]);

/** @throws ArgumentError for undefined, which no format has: it is what a forgotten argument is */
function checkValue(op: string, value: unknown): void {
  if (value === undefined) throw new ArgumentError({ op, expected: 'something to save', received: 'undefined' });
}

/**
 * Saves tensors, state dicts, optimizer states and checkpoints of them (plain objects, arrays, Maps, Sets, numbers, strings, booleans, null, bigints,
 * Uint8Arrays) to a path, a `file:` URL or a stream, of the web or of Node (which it ends). The format follows the extension: `.safetensors`, `.pt`, `.npz`, `.npy`.
 * A file is written beside the old one and takes its place only when it is whole.
 * @throws ArgumentError for an extension that is none of these, and for a value that the format cannot hold, FileError when it cannot be written, AbortedError when the signal fires
 */
export async function save(value: unknown, output: FileOutput, options: SaveOptions = {}): Promise<void> {
  const name = outputName(output);
  const given = readSaveOptions('save', options);
  const format = checkFormat('save', given.format) ?? formatToWrite('save', name);
  checkValue('save', value);
  const work = new Work('save', name, given);
  const { write } = await import('./writing.ts');
  const { chunks, byteLength } = write(value, format, given, work);
  work.totalBytes = byteLength;
  await writeOutput(output, chunks, work);
}

/** The bytes of the file that `save` would write; safetensors unless `format` says otherwise. */
export async function toBytes(value: unknown, options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
  const given = readSaveOptions('toBytes', options);
  const format = checkFormat('toBytes', given.format) ?? 'safetensors';
  checkValue('toBytes', value);
  const work = new Work('save', 'bytes', given);
  const { write } = await import('./writing.ts');
  const { chunks, byteLength } = write(value, format, given, work);
  work.totalBytes = byteLength;
  return gather(chunks, work);
}
