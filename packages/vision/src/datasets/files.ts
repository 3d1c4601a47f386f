import { DatasetFileError } from './idx.ts';

// The part of datasets that needs a file system; loaded only in Node.

/** The bytes of the first of some files that exists, unpacked when it is gzipped. */
export async function readFirst(folders: readonly string[], name: string): Promise<{ bytes: Uint8Array; path: string }> {
  const { readFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  const tried = folders.flatMap((folder) => [join(folder, name), join(folder, `${name}.gz`)]);
  for (const path of tried) {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(path);
    } catch (error) {
      if ((error as { code?: string }).code === 'ENOENT' || (error as { code?: string }).code === 'ENOTDIR') continue;
      throw new DatasetFileError(path, 'a file that can be read', String(error));
    }
    return { bytes: path.endsWith('.gz') ? await unpack(bytes, path) : bytes, path };
  }
  throw new DatasetFileError(
    name,
    'the file in one of the places where it is looked for',
    `none of ${tried.join(', ')}`,
    'Pass { download: true }, or the root that holds it.',
  );
}

/** True when a file, or its gzipped form, lies in one of the folders. */
export async function isThere(folders: readonly string[], name: string): Promise<boolean> {
  const { existsSync } = await import('node:fs');
  const { join } = await import('node:path');
  return folders.some((folder) => existsSync(join(folder, name)) || existsSync(join(folder, `${name}.gz`)));
}

/** No file of these datasets is larger when unpacked. */
const largest = 512 * 1024 * 1024;

async function unpack(bytes: Uint8Array, path: string): Promise<Uint8Array> {
  const { gunzip } = await import('node:zlib');
  return new Promise((resolve, reject) => {
    gunzip(bytes, { maxOutputLength: largest }, (error, out) => {
      if (error) reject(new DatasetFileError(path, 'a whole gzip file', error.message, 'Delete it and download it again.'));
      else resolve(out);
    });
  });
}
