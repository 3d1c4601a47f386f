import { FileError } from '../errors.ts';
import type { ByteSource } from './source.ts';

// What needs a file system. Node's modules are loaded when a path is first used, so that the package bundles for the browser.

type Fs = typeof import('node:fs/promises');

async function fileSystem(file: string): Promise<{ fs: Fs; path: typeof import('node:path') }> {
  const [fs, path] = ['node:fs/promises', 'node:path'];
  try {
    // The names stand in variables, so that a bundler does not try to resolve them.
    return { fs: (await import(/* @vite-ignore */ fs)) as Fs, path: (await import(/* @vite-ignore */ path)) as typeof import('node:path') };
  } catch (cause) {
    throw new FileError(
      'FILE_IO',
      { file },
      {
        expected: 'a platform with a file system',
        hint: 'In the browser pass bytes, a Blob, a File or a URL, and save with toBytes.',
        cause,
      },
    );
  }
}

/** The path of a `file:` URL. */
export async function pathOfUrl(href: string): Promise<string> {
  const url = 'node:url';
  const { fileURLToPath } = (await import(/* @vite-ignore */ url)) as typeof import('node:url');
  return fileURLToPath(href);
}

function ioError(file: string, expected: string, cause: unknown): FileError {
  const { code } = cause as { code?: string };
  const missing = code === 'ENOENT' || code === 'ENOTDIR';
  return new FileError(missing ? 'FILE_NOT_FOUND' : 'FILE_IO', { file }, { expected, received: code ?? String(cause), cause });
}

/** Opens a file for reading by range. */
export async function openPath(file: string): Promise<ByteSource> {
  const { fs } = await fileSystem(file);
  let handle: Awaited<ReturnType<Fs['open']>>;
  try {
    handle = await fs.open(file, 'r');
  } catch (cause) {
    throw ioError(file, 'a file that can be opened', cause);
  }
  const stat = await handle.stat();
  if (!stat.isFile()) {
    await handle.close();
    throw new FileError('FILE_IO', { file }, { expected: 'a regular file', received: stat.isDirectory() ? 'a folder' : 'something else' });
  }
  return {
    name: file,
    size: stat.size,
    async read(offset, length) {
      const bytes = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        let bytesRead: number;
        try {
          ({ bytesRead } = await handle.read(bytes, done, length - done, offset + done));
        } catch (cause) {
          throw ioError(file, 'a file that can be read', cause);
        }
        if (bytesRead === 0)
          throw new FileError(
            'FILE_TRUNCATED',
            { file, byte: offset + done },
            { expected: `${length} bytes`, received: `${done}`, hint: 'The file was cut while it was being read.' },
          );
        done += bytesRead;
      }
      return bytes;
    },
    close: () => handle.close(),
  };
}

/**
 * Writes a file so that it is there whole or not at all: into a new file beside it, flushed to the disk, then renamed over the old one.
 * Whatever stops the writing, a kill included, leaves the old file as it was.
 */
export async function writePath(file: string, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  const { fs, path } = await fileSystem(file);
  // A link is followed, so that the file that it names is replaced and not the link.
  const target = await fs.realpath(file).catch(() => file);
  const folder = path.dirname(target);
  const suffix = Math.random().toString(36).slice(2, 10);
  const temporary = path.join(folder, `.${path.basename(target)}.${suffix}.part`);
  let handle: Awaited<ReturnType<Fs['open']>>;
  try {
    const mode = await fs.stat(target).then((stat) => stat.mode & 0o777, () => 0o666); // prettier-ignore
    handle = await fs.open(temporary, 'wx', mode);
  } catch (cause) {
    throw ioError(file, 'a folder that can be written to', cause);
  }
  try {
    try {
      for await (const chunk of chunks) await handle.writeFile(chunk);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fs.rename(temporary, target);
  } catch (cause) {
    await fs.rm(temporary, { force: true });
    throw (cause as { syscall?: unknown }).syscall === undefined ? cause : ioError(file, 'a file that can be written', cause);
  }
  await syncFolder(fs, folder);
}

/** Makes the rename itself last through a power cut, where the platform can flush a folder. */
async function syncFolder(fs: Fs, folder: string): Promise<void> {
  try {
    const handle = await fs.open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch {
    // Windows cannot open folders; there the rename is as lasting as the system makes it.
  }
}
