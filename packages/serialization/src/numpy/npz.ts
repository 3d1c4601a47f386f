import { ArgumentError, describe, Tensor } from '@flambeau/core';
import { FileError } from '../errors.ts';
import { bytesSource, type ByteSource } from '../files/source.ts';
import { Work } from '../files/work.ts';
import { entriesOf, StoredTensor, type StoredFile } from '../stored.ts';
import { readEntry, readEntryStart, type ZipArchive } from '../zip/read.ts';
import { writeZip, type ZipInput } from '../zip/write.ts';
import { headerReach, npyBytes, npyLength, openNpy } from './npy.ts';

/** True when every entry of an archive is an npy file. */
export const isNpz = (archive: ZipArchive): boolean =>
  archive.entries.size > 0 && [...archive.entries.keys()].every((name) => name.endsWith('.npy'));

/** Reads the structure of an npz file: npy files in a zip archive, deflated or not. */
export async function openNpz(archive: ZipArchive, opening: Work): Promise<StoredFile> {
  const { source } = archive;
  const root = new Map<string, StoredTensor>();
  for (const [name, entry] of archive.entries) {
    if (!name.endsWith('.npy')) throw new FileError('FILE_FORMAT', { file: source.name, byte: entry.headerOffset }, { expected: 'npy files in the archive', received: name }); // prettier-ignore
    const place = `${source.name}: ${name}`;
    // The header alone tells dtype and shape; an entry is read whole, and its checksum compared, when its elements are asked for.
    const start = await readEntryStart(archive, entry, headerReach);
    const head: ByteSource = { ...bytesSource(start, place), size: entry.size };
    const { dtype, shape } = await openNpy(head);
    await opening.turn(start.length);
    root.set(
      name.slice(0, -4),
      new StoredTensor(dtype, shape, entry.size, async (context) => {
        const whole = bytesSource(await readEntry(archive, entry, context.work), place);
        return (await openNpy(whole)).read({ ...context, source: whole, work: new Work('load', source.name, {}) });
      }),
    );
  }
  return { format: 'npz', metadata: {}, root, place: { file: source.name, byte: archive.directoryOffset } };
}

/** Tensors by the names that they get in an npz file. @throws ArgumentError for a value that is no tensor */
export function namedForNpz(value: unknown): Map<string, Tensor> {
  const named = new Map<string, Tensor>();
  const walk = (item: unknown, path: string): void => {
    if (item instanceof Tensor) {
      named.set(path === '' ? 'arr_0' : path, item);
      return;
    }
    const entries = entriesOf(item);
    if (entries === undefined || path.length > 10_000)
      throw new ArgumentError({
        op: 'save',
        expected: 'tensors, and Maps, plain objects or arrays of them, in an npz file',
        received: `${describe(item)} at ${path === '' ? 'the top' : path}`,
        hint: 'Use safetensors or .pt, which also hold numbers and strings.',
      });
    for (const [key, inner] of entries) walk(inner, path === '' ? key : `${path}.${key}`);
  };
  walk(value, '');
  return named;
}

/** The chunks of an npz file, and the bytes of its arrays before they are packed. */
export function writeNpz(value: unknown, compress: boolean, work: Work): { chunks: AsyncIterable<Uint8Array>; byteLength: number } {
  const named = [...namedForNpz(value)];
  const inputs: ZipInput[] = named.map(([name, x]) => ({ name: `${name}.npy`, bytes: () => npyBytes(x) }));
  const byteLength = named.reduce((n, [, x]) => n + npyLength(x), 0);
  return { chunks: writeZip(inputs, { align: compress ? 1 : 64, compress, work }), byteLength };
}
