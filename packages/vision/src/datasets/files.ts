import { DatasetFileError } from './idx.ts';

// The part of datasets that reads files: of a file system in Node, or from a server by their addresses.

/** True when a dataset's root is the address of a folder on a server. */
export const isAddress = (root: string): boolean => /^https?:/.test(root);

/**
 * The bytes of the first of some files that exists, unpacked when it is gzipped.
 * @throws DatasetFileError when there is none, or it cannot be read
 */
export async function readFirst(folders: readonly string[], name: string): Promise<{ bytes: Uint8Array; path: string }> {
  if (folders.length > 0 && isAddress(folders[0])) return fetchFirst(folders, name);
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

async function fetchFirst(folders: readonly string[], name: string): Promise<{ bytes: Uint8Array; path: string }> {
  // Roots may end in a slash.
  const places = folders.map((folder) => `${folder}/`.replaceAll(/(?<!:)\/+/g, '/'));
  const tried = places.flatMap((place) => [`${place}${name}`, `${place}${name}.gz`]);
  for (const path of tried) {
    const response = await fetch(path).catch((error: unknown) => {
      throw new DatasetFileError(path, 'a file that can be fetched', String(error), 'Check the address and the connection; a server of another origin has to allow it (CORS).'); // prettier-ignore
    });
    if (response.status === 404) continue;
    if (!response.ok) throw new DatasetFileError(path, 'a response with the file', `status ${response.status}`, 'Try again, or open the address in a browser to see what the server says.'); // prettier-ignore
    try {
      const bytes = new Uint8Array(await response.arrayBuffer());
      // By its first bytes, since servers may unpack on the way.
      if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return { bytes, path };
      const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'));
      return { bytes: new Uint8Array(await new Response(unpacked).arrayBuffer()), path };
    } catch (error) {
      throw new DatasetFileError(path, 'a whole file', String(error), 'The connection broke off, or the file is damaged: try again.');
    }
  }
  throw new DatasetFileError(
    name,
    'the file at one of the addresses where it is looked for',
    `none of ${tried.join(', ')}`,
    'Put it there, or pass the address of the folder that holds it.',
  );
}

/** True when a file, or its gzipped form, lies in one of the folders. */
export async function isThere(folders: readonly string[], name: string): Promise<boolean> {
  if (folders.length > 0 && isAddress(folders[0])) return true;
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
