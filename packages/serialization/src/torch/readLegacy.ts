import { bytesOf } from '@flambeau/core';
import { describeValue as describe, FileError } from '../errors.ts';
import { readLong, readRange, type ByteSource } from '../files/source.ts';
import type { StoredFile } from '../stored.ts';
import { tensorOfBytes } from '../tensors.ts';
import { PickleReader } from './pickle.ts';
import { StorageRef, torchHandlers } from './rebuild.ts';

/** What the first pickle of a legacy file holds, and the version in the second. */
const magic = 0x1950a86a20f9469cfc6cn;
const version = 1001;
const maxHead = 512 * 2 ** 20;

/**
 * Reads the structure of a `.pt` file in the format before PyTorch 1.6: five pickles (magic number, version, system, object, keys of the
 * storages), then for each key 8 bytes of length and the elements.
 */
export async function openTorchLegacy(source: ByteSource): Promise<StoredFile> {
  const file = source.name;
  // How long the pickles are is known only when they have been read: the window grows until they fit.
  for (let size = Math.min(source.size, 2 ** 20); ; size = Math.min(source.size, size * 4)) {
    const bytes = await readRange(source, 0, size, 'the pickles');
    try {
      return await readHead(bytes, source);
    } catch (error) {
      const cut = error instanceof FileError && error.code === 'FILE_TRUNCATED' && size < source.size && size < maxHead;
      if (!cut || (error.byte ?? 0) > size) throw error;
    }
    if (size >= source.size)
      throw new FileError('FILE_TRUNCATED', { file, byte: size }, { expected: 'whole pickles', received: 'a cut file' });
  }
}

async function readHead(bytes: Uint8Array, source: ByteSource): Promise<StoredFile> {
  const file = source.name;
  const storages = new Map<string, StorageRef>();
  const reader = new PickleReader(bytes, { file, packed: bytes.length }, torchHandlers(file, storages));
  const found = reader.read();
  if (found !== magic)
    throw new FileError('FILE_FORMAT', { file, byte: 0 }, { expected: 'the magic number of torch.save', received: describe(found), hint: 'A bare pickle is not read: save with torch.save.' }); // prettier-ignore
  const second = reader.position;
  const saved = reader.read();
  if (saved !== version)
    throw new FileError(
      'FILE_NOT_SUPPORTED',
      { file, byte: second },
      { expected: `version ${version} of the format`, received: describe(saved) },
    );
  const third = reader.position;
  const system = reader.read() as { little_endian?: unknown } | null;
  if (system?.little_endian === false)
    throw new FileError('FILE_NOT_SUPPORTED', { file, byte: third }, { expected: 'a little-endian file', received: 'big-endian' });
  const place = { file, byte: reader.position };
  const root = reader.read();
  const keys = reader.read();
  if (!Array.isArray(keys))
    throw new FileError('FILE_FORMAT', { file, byte: reader.position }, { expected: 'a list of storage keys', received: describe(keys) });
  let at = reader.position;
  const placed = new Set<StorageRef>();
  for (const key of keys as unknown[]) {
    const storage = storages.get(String(key));
    if (storage === undefined || placed.has(storage))
      throw new FileError(
        'FILE_FORMAT',
        { file, byte: at },
        { expected: 'each storage that the object needs, once', received: describe(key) },
      );
    placed.add(storage);
    const head = await readRange(source, at, 8, 'the length of a storage');
    const length = Number(new DataView(head.buffer, head.byteOffset, 8).getBigInt64(0, true));
    if (length !== storage.counted)
      throw new FileError(
        'FILE_SHAPE',
        { file, byte: at },
        { expected: `${storage.counted} elements in the storage ${String(key)}`, received: String(length) },
      );
    const begin = at + 8;
    const size = storage.length * bytesOf(storage.dtype);
    if (begin + size > source.size)
      throw new FileError(
        'FILE_TRUNCATED',
        { file, byte: source.size },
        { expected: `${size} bytes for the storage ${String(key)}`, received: String(source.size - begin) },
      );
    storage.read = async ({ device, work }) =>
      tensorOfBytes(await readLong(source, begin, size, `the storage ${String(key)}`, work), [storage.length], storage.dtype, device, {
        file,
        byte: begin,
      });
    at = begin + size;
  }
  const missing = [...storages.values()].find((storage) => !placed.has(storage));
  if (missing !== undefined)
    throw new FileError('FILE_FORMAT', { file, byte: at }, { expected: `the storage ${missing.key}`, received: 'none' });
  return { format: 'pt', metadata: {}, root, place };
}
