import { ArgumentError, describe, FlambeauError } from '@flambeau/core';
import { FileError, type FilePlace } from './errors.ts';
import type { ByteSource, SourceOptions } from './files/source.ts';
import { checkNesting, type StoredFile } from './stored.ts';

/** How a file is laid out. */
export type FileFormat = 'safetensors' | 'pt' | 'npy' | 'npz';

const byExtension: ReadonlyMap<string, FileFormat> = new Map([
  ['safetensors', 'safetensors'],
  ['pt', 'pt'],
  ['pth', 'pt'],
  ['bin', 'pt'],
  ['ckpt', 'pt'],
  ['npy', 'npy'],
  ['npz', 'npz'],
]);

/** The format that a name's extension stands for. */
export const formatOfName = (name: string): FileFormat | undefined =>
  byExtension.get((/\.([A-Za-z0-9]+)$/.exec(name)?.[1] ?? '').toLowerCase());

/**
 * The format of a file that is to be written: safetensors where its name has no extension.
 * @throws ArgumentError for an extension that stands for no format
 */
export function formatToWrite(op: string, name: string): FileFormat {
  const format = formatOfName(name);
  if (format !== undefined) return format;
  const extension = /[^/\\]\.([^./\\]+)$/.exec(name)?.[1];
  if (extension === undefined) return 'safetensors';
  throw new ArgumentError({
    op,
    expected: `a name that ends in ${[...byExtension.keys()].map((known) => `.${known}`).join(', ')}`,
    received: `.${extension}`,
    hint: "Say which format you want: { format: 'safetensors' }.",
  });
}

/** @throws ArgumentError unless `format` is one of those that can be written */
export function checkFormat(op: string, format: unknown): FileFormat | undefined {
  if (format === undefined || [...byExtension.values()].includes(format as FileFormat)) return format as FileFormat | undefined;
  throw new ArgumentError({ op, expected: "format 'safetensors', 'pt', 'npy' or 'npz'", received: describe(format) });
}

/** Opens a file by the format that it is said to have, or else by its first bytes. Its structure is read and checked, its tensors are not. */
export async function openStored(source: ByteSource, format: FileFormat | undefined, options: SourceOptions = {}): Promise<StoredFile> {
  let stored: StoredFile;
  try {
    const { openAs } = await import('./reading.ts');
    stored = await openAs(source, format ?? formatOfName(source.name), options);
  } catch (error) {
    throw withoutMemory(error, { file: source.name, byte: 0 }, 'a structure that fits into memory');
  }
  checkNesting(stored);
  return stored;
}

/** Memory or stack that ran out as a `FILE_LIMIT`; any other error as it is, so that a mistake of ours is not taken for one of the file. */
export function withoutMemory(error: unknown, place: FilePlace, expected: string): unknown {
  const ranOut = /allocation failed|out of memory|Invalid typed array length: \d{9}|call stack size|too much recursion/i;
  if (!(error instanceof Error) || error instanceof FlambeauError || !ranOut.test(error.message)) return error;
  return new FileError('FILE_LIMIT', place, { expected, received: error.message, cause: error });
}
