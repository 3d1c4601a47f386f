import { bytesOf } from '@flambeau/core';
import { FileError } from '../errors.ts';
import type { Work } from '../files/work.ts';
import type { StoredFile } from '../stored.ts';
import { swapBytes } from '../tensorBytes.ts';
import { tensorOfBytes } from '../tensors.ts';
import { checkEntry, readEntry, unpackEntry, type ZipArchive } from '../zip/read.ts';
import { PickleReader } from './pickle.ts';
import { StorageRef, torchHandlers } from './rebuild.ts';

/** A pickle of a model is small; one of this size is no such thing. */
const maxPickle = 512 * 2 ** 20;
/** A deflated pickle may unpack to so many times its bytes, and a first MiB. */
const maxRatio = 100;

/** True when an archive is laid out as torch.save does: `name/data.pkl` beside the storages `name/data/0`, ... */
export const findPickle = (archive: ZipArchive): string | undefined =>
  [...archive.entries.keys()].find((name) => /^[^/]+\/data\.pkl$/.test(name));

/** Reads the structure of a `.pt` file in the zip format (PyTorch 1.6 and later). */
export async function openTorchZip(archive: ZipArchive, opening: Work): Promise<StoredFile> {
  const file = archive.source.name;
  const directory = { file, byte: archive.directoryOffset };
  const pickleName = findPickle(archive);
  const entry = pickleName === undefined ? undefined : archive.entries.get(pickleName);
  if (pickleName === undefined || entry === undefined)
    throw new FileError('FILE_FORMAT', directory, { expected: 'an archive that torch.save wrote, with data.pkl', received: 'none' });
  const folder = pickleName.slice(0, -'data.pkl'.length);
  if (archive.entries.has(`${folder}constants.pkl`) || [...archive.entries.keys()].some((name) => name.startsWith(`${folder}code/`)))
    throw new FileError('FILE_NOT_SUPPORTED', directory, { expected: 'a state dict', received: 'a TorchScript program', hint: 'Save it with torch.save(model.state_dict(), path).' }); // prettier-ignore
  const most = Math.min(maxPickle, entry.stored ? maxPickle : 2 ** 20 + maxRatio * entry.compressedSize);
  if (entry.size > most) throw new FileError('FILE_LIMIT', { file, byte: entry.headerOffset }, { expected: `a pickle of at most ${most} bytes`, received: String(entry.size) }); // prettier-ignore
  const order = archive.entries.get(`${folder}byteorder`);
  const bigEndian = order !== undefined && order.size < 16 && new TextDecoder().decode(await readEntry(archive, order, opening)) === 'big';
  const storages = new Map<string, StorageRef>();
  const { bytes, offset } = await unpackEntry(archive, entry, opening);
  const place = { file: `${file}: ${pickleName}`, byte: 0 };
  let root: unknown;
  try {
    root = new PickleReader(bytes, { ...place, packed: entry.compressedSize }, torchHandlers(place.file, storages)).read();
  } catch (error) {
    // What is too much is not summed up first; what is otherwise wrong may be so because the bytes are not those that were written.
    if (!(error instanceof FileError && error.code === 'FILE_LIMIT')) await checkEntry(archive, entry, offset, bytes, opening);
    throw error;
  }
  await checkEntry(archive, entry, offset, bytes, opening);
  for (const storage of storages.values()) attach(storage, archive, `${folder}data/${storage.key}`, bigEndian);
  return { format: 'pt', metadata: {}, root, place };
}

function attach(storage: StorageRef, archive: ZipArchive, name: string, bigEndian: boolean): void {
  const { dtype, length } = storage;
  const entry = archive.entries.get(name);
  const file = archive.source.name;
  if (entry === undefined)
    throw new FileError('FILE_FORMAT', { file, byte: archive.directoryOffset }, { expected: `an entry ${name}`, received: 'none' });
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
