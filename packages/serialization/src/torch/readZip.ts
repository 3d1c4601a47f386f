import { bytesOf } from '@flambeau/core';
import { FileError } from '../errors.ts';
import type { ByteSource } from '../files/source.ts';
import { Work } from '../files/work.ts';
import type { StoredFile } from '../stored.ts';
import { swapBytes, tensorOfBytes } from '../tensors.ts';
import { openZip, readEntry, type ZipArchive } from '../zip/read.ts';
import { PickleReader } from './pickle.ts';
import { StorageRef, torchHandlers } from './rebuild.ts';

/** A pickle of a model is small; one of this size is no such thing. */
const maxPickle = 512 * 2 ** 20;

/** True when an archive is laid out as torch.save does: `name/data.pkl` beside the storages `name/data/0`, ... */
export const findPickle = (archive: ZipArchive): string | undefined =>
  [...archive.entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));

/** Reads the structure of a `.pt` file in the zip format (PyTorch 1.6 and later). */
export async function openTorchZip(source: ByteSource, opened?: ZipArchive): Promise<StoredFile> {
  const file = source.name;
  const archive = opened ?? (await openZip(source));
  const pickleName = findPickle(archive);
  const entry = pickleName === undefined ? undefined : archive.entries.get(pickleName);
  if (pickleName === undefined || entry === undefined)
    throw new FileError('FILE_FORMAT', { file }, { expected: 'an archive that torch.save wrote, with data.pkl', received: 'none' });
  const folder = pickleName.slice(0, -'data.pkl'.length);
  if (archive.entries.has(`${folder}constants.pkl`) || [...archive.entries.keys()].some((name) => name.startsWith(`${folder}code/`)))
    throw new FileError('FILE_NOT_SUPPORTED', { file }, { expected: 'a state dict', received: 'a TorchScript program', hint: 'Save it with torch.save(model.state_dict(), path).' }); // prettier-ignore
  if (entry.size > maxPickle) throw new FileError('FILE_LIMIT', { file, byte: entry.headerOffset }, { expected: `a pickle of at most ${maxPickle} bytes`, received: String(entry.size) }); // prettier-ignore
  const quiet = new Work('load', file, {});
  const order = archive.entries.get(`${folder}byteorder`);
  const bigEndian = order !== undefined && order.size < 16 && new TextDecoder().decode(await readEntry(archive, order, quiet)) === 'big';
  const storages = new Map<string, StorageRef>();
  const bytes = await readEntry(archive, entry, quiet);
  const root = new PickleReader(
    bytes,
    0,
    { file: `${file}: ${pickleName}`, base: 0 },
    torchHandlers(`${file}: ${pickleName}`, storages),
  ).read();
  for (const storage of storages.values()) attach(storage, archive, `${folder}data/${storage.key}`, bigEndian);
  return { format: 'pt', metadata: {}, root };
}

function attach(storage: StorageRef, archive: ZipArchive, name: string, bigEndian: boolean): void {
  const { dtype, length } = storage;
  const entry = archive.entries.get(name);
  const file = archive.source.name;
  if (entry === undefined) throw new FileError('FILE_FORMAT', { file }, { expected: `an entry ${name}`, received: 'none' });
  const place = { file, byte: entry.headerOffset };
  if (entry.size !== length * bytesOf(dtype))
    throw new FileError('FILE_SHAPE', place, {
      expected: `${length * bytesOf(dtype)} bytes in ${name} for ${length} ${dtype}`,
      received: String(entry.size),
    });
  storage.read = async ({ device, work }) => {
    const bytes = await readEntry(archive, entry, work);
    return tensorOfBytes(bigEndian ? swapBytes(bytes, bytesOf(dtype)) : bytes, [length], dtype, device, place);
  };
}
