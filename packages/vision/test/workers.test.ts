import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { manualSeed, randint, setDefaultDevice, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { DataLoader, WorkerError, type DataLoaderOptions } from '@flambeau/data';
import { CIFAR10, ImageFolder, MNIST, transforms } from '@flambeau/vision';

setDefaultDevice(reference);
const root = mkdtempSync(join(tmpdir(), 'flambeau-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const pixels = (count: number): Uint8Array => randint(256, [count], { dtype: 'uint8' }).dataSync() as Uint8Array;

beforeAll(async () => {
  manualSeed(1);
  for (const name of ['ant', 'bee', 'cat']) {
    mkdirSync(join(root, 'images', name), { recursive: true });
    for (let i = 0; i < 5; i++)
      await sharp(pixels(20 * 24 * 3), { raw: { width: 24, height: 20, channels: 3 } }).png().toFile(join(root, 'images', name, `${i}.png`)); // prettier-ignore
  }
  // Two batches of CIFAR's and MNIST's own form: 1 label and 3072 bytes; a header and 784 bytes.
  for (let i = 1; i <= 5; i++) {
    const bytes = pixels(3 * 3073);
    for (let row = 0; row < 3; row++) bytes[row * 3073] = (i + row) % 10;
    writeFileSync(join(root, `data_batch_${i}.bin`), bytes);
  }
  writeFileSync(join(root, 'train-images-idx3-ubyte'), Uint8Array.of(0, 0, 8, 3, 0, 0, 0, 4, 0, 0, 0, 28, 0, 0, 0, 28, ...pixels(4 * 784)));
  writeFileSync(join(root, 'train-labels-idx1-ubyte'), Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 4, 3, 1, 4, 1));
});

const augment = (): transforms.Transform =>
  new transforms.Compose([
    new transforms.Resize(16),
    new transforms.RandomCrop(12, { padding: 2 }),
    new transforms.RandomHorizontalFlip(),
    new transforms.RandomApply([new transforms.ColorJitter({ brightness: 0.2 })], 0.5),
    new transforms.ToTensor(),
    new transforms.Normalize([0.5, 0.5, 0.5], [0.25, 0.25, 0.25]),
  ]);
const still = (): transforms.Transform =>
  new transforms.Compose([new transforms.Resize([10, 12]), new transforms.CenterCrop(8), new transforms.ToTensor()]);

async function epoch(data: ConstructorParameters<typeof DataLoader>[0], options: DataLoaderOptions): Promise<[number[], number[]][]> {
  manualSeed(5);
  const out: [number[], number[]][] = [];
  for await (const batch of new DataLoader(data, { batchSize: 4, shuffle: true, ...options })) {
    const [x, y] = batch as [Tensor, Tensor];
    out.push([Array.from(x.dataSync(), Number), Array.from(y.dataSync(), Number)]);
  }
  return out;
}

describe('an image folder with workers', () => {
  it('gives the batches that it gives without, where nothing is random', async () => {
    const folder = await ImageFolder.load(join(root, 'images'), { transform: still() });
    const plain = await epoch(folder, {});
    expect(plain.map(([x, y]) => [x.length, y.length])).toEqual([[4 * 3 * 64, 4], [4 * 3 * 64, 4], [4 * 3 * 64, 4], [3 * 3 * 64, 3]]); // prettier-ignore
    expect(await epoch(folder, { numWorkers: 2 })).toEqual(plain);
  });

  it('augments in the workers, the same for the same seed, in the same order of samples', async () => {
    const folder = await ImageFolder.load(join(root, 'images'), { transform: augment() });
    const first = await epoch(folder, { numWorkers: 2 });
    expect(await epoch(folder, { numWorkers: 2 })).toEqual(first);
    expect(first.map(([, y]) => y)).toEqual((await epoch(folder, {})).map(([, y]) => y));
  });

  it('says which image is broken, by its index', async () => {
    const file = join(root, 'broken.png');
    writeFileSync(file, 'no image');
    const folder = ImageFolder.fromFiles({ a: [file] }, { transform: still() });
    const error = await epoch(folder, { numWorkers: 1 }).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(WorkerError);
    expect(error).toMatchObject({ index: 0 });
    expect((error as Error).message).toContain('broken.png');
  });

  it('needs a workerSource for a transform that is a function of yours', async () => {
    const folder = await ImageFolder.load(join(root, 'images'), { transform: new transforms.Lambda((x) => x) });
    expect(() => new DataLoader(folder, { numWorkers: 1 })).toThrow(/workerSource/);
  });

  it('takes files by their classes', async () => {
    const files = { zebra: [join(root, 'images', 'ant', '0.png')], ape: [join(root, 'images', 'bee', '1.png'), join(root, 'images', 'cat', '2.png')] };
    const folder = ImageFolder.fromFiles(files);
    expect(folder.classes).toEqual(['ape', 'zebra']);
    expect(folder.samples.map(([, target]) => target)).toEqual([0, 0, 1]);
    expect((await folder.get(2))[0].shape).toEqual([20, 24, 3]);
    expect(() => ImageFolder.fromFiles({})).toThrow(/each class/);
    expect(() => ImageFolder.fromFiles({ a: [] })).toThrow(/files/);
  }); // prettier-ignore
});

describe('MNIST and CIFAR with workers', () => {
  it('give the batches that they give without', async () => {
    const toTensor = new transforms.ToTensor();
    for (const data of [await MNIST.load(root, { transform: toTensor }), await CIFAR10.load(root, { transform: toTensor })])
      expect(await epoch(data, { numWorkers: 2 })).toEqual(await epoch(data, {}));
  });
});

describe('pictures', () => {
  it('keep their form through transforms of pixels, alone and in batches: [H, W, C] and [H, W]', () => {
    const crop = new transforms.Compose([new transforms.Resize(16), new transforms.CenterCrop([8, 12])]);
    const color = randint(256, [2, 20, 24, 3], { dtype: 'uint8' });
    const one = crop.apply(transforms.asPicture(color.select(0, 1)));
    expect([one.shape, transforms.isPicture(one)]).toEqual([[8, 12, 3], true]);
    const both = crop.batch?.(transforms.asPicture(color.clone()));
    expect(both?.select(0, 1).equal(one)).toBe(true);
    const gray = crop.apply(transforms.asPicture(color.select(0, 0).select(2, 0)));
    expect(gray.shape).toEqual([8, 12]);
    // The same pixels with their channels first give the same.
    expect(
      crop
        .apply(color.select(0, 1).permute(2, 0, 1))
        .permute(1, 2, 0)
        .equal(one),
    ).toBe(true);
  });

  it('are refused by what works on tensors', () => {
    const picture = transforms.asPicture(randint(256, [4, 4, 3], { dtype: 'uint8' }));
    expect(() => new transforms.Normalize([0.5], [0.5]).apply(picture)).toThrow(/Put a ToTensor before it/);
    expect(() => new transforms.RandomErasing().apply(picture)).toThrow(/Put a ToTensor before it/);
    expect(() => transforms.transformFrom(['Nothing'])).toThrow(/one of CenterCrop/);
  });
});
