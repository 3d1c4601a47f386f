import { FileError } from '../errors.ts';
import type { ByteSource } from './source.ts';

// What needs a file system. Node's modules are loaded when a path is first used, so that the package bundles for the browser.

type Fs = typeof import('node:fs/promises');

async function fileSystem(file: string): Promise<{ fs: Fs; path: typeof import('node:path'); os: typeof import('node:os') }> {
  const [fs, path, os] = ['node:fs/promises', 'node:path', 'node:os'];
  try {
    // The names stand in variables, so that a bundler does not try to resolve them.
    return {
      fs: (await import(/* @vite-ignore */ fs)) as Fs,
      path: (await import(/* @vite-ignore */ path)) as typeof import('node:path'),
      os: (await import(/* @vite-ignore */ os)) as typeof import('node:os'),
    };
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
  const { fs, path, os } = await fileSystem(file);
  // A link is followed, so that the file that it names is replaced and not the link.
  const target = await fs.realpath(file).catch(() => file);
  const folder = path.dirname(target);
  // The name tells who writes, so that what a killed process left can be told from what another one is writing.
  const writer = os.hostname().replace(/[^A-Za-z0-9-]/g, '-');
  const before = `.${path.basename(target)}.${writer}.`;
  const temporary = path.join(folder, `${before}${process.pid}.${Math.random().toString(36).slice(2, 10)}.part`);
  await removeStale(fs, path, folder, before);
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

/** Removes the unfinished files that processes of this machine left beside a file when they were killed. */
async function removeStale(fs: Fs, path: typeof import('node:path'), folder: string, before: string): Promise<void> {
  // A folder that cannot be listed is left as it is: whether it can be written to is found out right after.
  const names = await fs.readdir(folder).catch(() => []);
  for (const name of names) {
    const writer = name.startsWith(before) ? /^(\d{1,10})\.[a-z0-9]{1,8}\.part$/.exec(name.slice(before.length)) : null;
    if (writer === null) continue;
    const file = path.join(folder, name);
    if (await isStale(fs, Number(writer[1]), file)) await fs.rm(file, { force: true }).catch(() => undefined);
  }
}

async function isStale(fs: Fs, id: number, file: string): Promise<boolean> {
  if (id === process.pid) {
    // In a container every run may have the same number: what is older than this process is not its own.
    const modified = await fs.stat(file).then((stat) => stat.mtimeMs, () => Infinity); // prettier-ignore
    return modified < Date.now() - process.uptime() * 1000 - 1000;
  }
  try {
    process.kill(id, 0);
    return false;
  } catch (error) {
    return (error as { code?: unknown }).code === 'ESRCH';
  }
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
