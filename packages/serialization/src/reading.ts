import type { ByteSource, SourceOptions } from './files/source.ts';
import { Work } from './files/work.ts';
import type { FileFormat } from './format.ts';
import { isNpy, openNpy } from './numpy/npy.ts';
import { isNpz, openNpz } from './numpy/npz.ts';
import { openSafetensors } from './safetensors/read.ts';
import type { StoredFile } from './stored.ts';
import { openTorchLegacy } from './torch/readLegacy.ts';
import { findPickle, openTorchZip } from './torch/readZip.ts';
import { openZip } from './zip/read.ts';

// The formats that are read. Programs load them with their first file: most of the package is here, in onnx/ and behind writing.ts.

/** Opens a file in the format that it is said to have, or else by its first bytes. */
export async function openAs(source: ByteSource, format: FileFormat | undefined, options: SourceOptions): Promise<StoredFile> {
  const { maxBytes } = options;
  const work = new Work('load', source.name, { signal: options.signal });
  const place = { file: source.name, byte: 0 };
  const head = await source.read(0, Math.min(8, source.size));
  const isZip = head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4;
  switch (format) {
    case 'safetensors':
      return openSafetensors(source);
    case 'npy':
      return { format: 'npy', metadata: {}, root: await openNpy(source), place };
    case 'npz':
      return openNpz(await openZip(source, maxBytes), work);
    case 'pt':
      return isZip ? openTorchZip(await openZip(source, maxBytes), work) : openTorchLegacy(source);
    default:
  }
  if (isZip) {
    const archive = await openZip(source, maxBytes);
    return findPickle(archive) === undefined && isNpz(archive) ? openNpz(archive, work) : openTorchZip(archive, work);
  }
  if (isNpy(head)) return { format: 'npy', metadata: {}, root: await openNpy(source), place };
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
