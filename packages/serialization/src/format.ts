import { ArgumentError, describe } from '@flambeau/core';
import { FileError } from './errors.ts';
import type { ByteSource } from './files/source.ts';
import { isNpy, openNpy } from './numpy/npy.ts';
import { isNpz, openNpz } from './numpy/npz.ts';
import { openSafetensors } from './safetensors/read.ts';
import { checkNesting, type StoredFile } from './stored.ts';
import { openTorchLegacy } from './torch/readLegacy.ts';
import { findPickle, openTorchZip } from './torch/readZip.ts';
import { openZip } from './zip/read.ts';

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

/** @throws ArgumentError unless `format` is one of those that can be written */
export function checkFormat(op: string, format: unknown): FileFormat | undefined {
  if (format === undefined || [...byExtension.values()].includes(format as FileFormat)) return format as FileFormat | undefined;
  throw new ArgumentError({ op, expected: "format 'safetensors', 'pt', 'npy' or 'npz'", received: describe(format) });
}

/** Opens a file by the format that it is said to have, or else by its first bytes. Its structure is read and checked, its tensors are not. */
export async function openStored(source: ByteSource, format: FileFormat | undefined): Promise<StoredFile> {
  let stored: StoredFile;
  try {
    stored = await openAs(source, format ?? formatOfName(source.name));
  } catch (error) {
    // Memory or stack that a broken file asked for; nothing else reaches here without a code.
    if (error instanceof RangeError) throw new FileError('FILE_LIMIT', { file: source.name }, { expected: 'a structure that fits into memory', received: error.message, cause: error }); // prettier-ignore
    throw error;
  }
  checkNesting(stored.root, source.name);
  return stored;
}

async function openAs(source: ByteSource, format: FileFormat | undefined): Promise<StoredFile> {
  const head = await source.read(0, Math.min(8, source.size));
  const isZip = head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
  switch (format) {
    case 'safetensors':
      return openSafetensors(source);
    case 'npy':
      return { format: 'npy', metadata: {}, root: await openNpy(source) };
    case 'npz':
      return openNpz(source);
    case 'pt':
      return isZip ? openTorchZip(source) : openTorchLegacy(source);
    default:
  }
  if (isZip) {
    const archive = await openZip(source);
    return findPickle(archive) === undefined && isNpz(archive) ? openNpz(source, archive) : openTorchZip(source, archive);
  }
  if (isNpy(head)) return { format: 'npy', metadata: {}, root: await openNpy(source) };
  // The length of a safetensors header may begin with any byte, that of a pickle among them.
  if (head[0] === 0x80 && !(await startsAsSafetensors(head, source))) return openTorchLegacy(source);
  return openSafetensors(source);
}

/** A length that fits into the file, and an object in JSON after it. */
async function startsAsSafetensors(head: Uint8Array, source: ByteSource): Promise<boolean> {
  if (source.size < 10) return false;
  const length = new DataView(head.buffer, head.byteOffset, head.byteLength).getBigUint64(0, true);
  return length <= BigInt(source.size - 8) && (await source.read(8, 1))[0] === 0x7b;
}
