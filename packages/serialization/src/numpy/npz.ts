import { ArgumentError, describe, Tensor } from '@flambeau/core';
import { FileError } from '../errors.ts';
import { bytesSource, type ByteSource } from '../files/source.ts';
import { Work } from '../files/work.ts';
import { entriesOf, StoredTensor, type StoredFile } from '../stored.ts';
import { openZip, readEntry, type ZipArchive } from '../zip/read.ts';
import { writeZip, type ZipInput } from '../zip/write.ts';
import { npyBytes, openNpy } from './npy.ts';

/** True when every entry of an archive is an npy file. */
export const isNpz = (archive: ZipArchive): boolean =>
  archive.entries.size > 0 && [...archive.entries.keys()].every((name) => name.endsWith('.npy'));

/** Reads the structure of an npz file: npy files in a zip archive, deflated or not. */
export async function openNpz(source: ByteSource, opened?: ZipArchive): Promise<StoredFile> {
  const archive = opened ?? (await openZip(source));
  const root = new Map<string, StoredTensor>();
  const quiet = new Work('load', source.name, {});
  for (const [name, entry] of archive.entries) {
    if (!name.endsWith('.npy')) throw new FileError('FILE_FORMAT', { file: source.name, byte: entry.headerOffset }, { expected: 'npy files in the archive', received: name }); // prettier-ignore
    // A deflated entry can only be read whole; its elements are thrown away again until they are asked for.
    const open = async (work: Work): Promise<StoredTensor> =>
      openNpy(bytesSource(await readEntry(archive, entry, work), `${source.name}: ${name}`));
    const { dtype, shape, byteLength } = await open(quiet);
    root.set(
      name.slice(0, -4),
      new StoredTensor(dtype, shape, byteLength, async (context) =>
        (await open(context.work)).read({ ...context, work: new Work('load', source.name, {}) }),
      ),
    );
  }
  return { format: 'npz', metadata: {}, root };
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

/** The chunks of an npz file. */
export function writeNpz(value: unknown, compress: boolean): AsyncIterable<Uint8Array> {
  const inputs: ZipInput[] = [...namedForNpz(value)].map(([name, x]) => ({ name: `${name}.npy`, bytes: () => npyBytes(x) }));
  return writeZip(inputs, { align: compress ? 1 : 64, compress });
}
