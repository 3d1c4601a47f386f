import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { beforeEach, describe, expect, it } from 'vitest';
import { arange, full, manualSeed, rand, setDefaultDevice, stack, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { DataLoader } from '@flambeau/data';
import { CIFAR10, ImageFolder, readImage, transforms } from '@flambeau/vision';

setDefaultDevice(reference);
beforeEach(() => {
  manualSeed(1);
});
const grid = arange(12).reshape(1, 3, 4);

describe('transforms', () => {
  it('normalize each channel: (0.5 - 0.25) / 0.5 = 0.5', () => {
    expect(new transforms.Normalize([0.25], [0.5]).apply(full([1, 1, 1], 0.5)).toArraySync()).toEqual([[[0.5]]]);
    expect(() => new transforms.Normalize([0], [0])).toThrow(/not 0/);
  });

  it('convert bytes to floats and back so that white stays white', () => {
    const white = tensor([255], { dtype: 'uint8' });
    const one = new transforms.ConvertImageDtype('float32').apply(white);
    expect(one.itemSync()).toBe(1);
    expect(new transforms.ConvertImageDtype('uint8').apply(one).itemSync()).toBe(255);
  });

  it('crop the middle, and pad what is too small', () => {
    expect(new transforms.CenterCrop(2).apply(arange(16).reshape(1, 4, 4)).toArraySync()).toEqual([[[5, 6], [9, 10]]]); // prettier-ignore
    expect(new transforms.CenterCrop([3, 6]).apply(grid).toArraySync()).toEqual([[[0, 0, 1, 2, 3, 0], [0, 4, 5, 6, 7, 0], [0, 8, 9, 10, 11, 0]]]); // prettier-ignore
  });

  it('crop at random inside the image, and refuse what does not fit', () => {
    for (let i = 0; i < 20; i++) {
      const part = new transforms.RandomCrop(2).apply(grid).toArraySync() as number[][][];
      // A window of the grid: its neighbours differ by 1 and by 4.
      expect([part[0][0][1] - part[0][0][0], part[0][1][0] - part[0][0][0]]).toEqual([1, 4]);
    }
    expect(() => new transforms.RandomCrop(5).apply(grid)).toThrow(/at least 5 by 5/);
    expect(new transforms.RandomCrop(5, { padding: 2 }).apply(grid).shape).toEqual([1, 5, 5]);
  });

  it('flip with their probability', () => {
    expect(new transforms.RandomHorizontalFlip(1).apply(grid).at(0, 0).toArraySync()).toEqual([3, 2, 1, 0]);
    expect(new transforms.RandomVerticalFlip(1).apply(grid).at(0, ':', 0).toArraySync()).toEqual([8, 4, 0]);
    expect(new transforms.RandomHorizontalFlip(0).apply(grid).toArraySync()).toEqual(grid.toArraySync());
    const flips = Array.from({ length: 200 }, () =>
      new transforms.RandomHorizontalFlip().apply(grid).at(0, 0, 0).itemSync() === 3 ? 1 : 0,
    ).reduce<number>((a, b) => a + b, 0);
    expect(flips).toBeGreaterThan(70);
    expect(flips).toBeLessThan(130);
  });

  it('resize the shorter side, keeping the shape', () => {
    expect(new transforms.Resize(6).apply(grid).shape).toEqual([1, 6, 8]);
    expect(new transforms.Resize([5, 2]).apply(grid).shape).toEqual([1, 5, 2]);
    // A constant image stays constant.
    expect(
      new transforms.Resize(7)
        .apply(full([3, 4, 5], 0.25))
        .sub(0.25)
        .abs()
        .amax()
        .itemSync(),
    ).toBeLessThan(1e-6);
  });

  it('make gray of colors by luminance: 0.2989 + 0.587 + 0.114', () => {
    const colors = tensor([1, 1, 1]).reshape(3, 1, 1);
    expect(new transforms.Grayscale().apply(colors).itemSync()).toBeCloseTo(0.9999, 4);
    expect(new transforms.Grayscale(3).apply(colors).shape).toEqual([3, 1, 1]);
  });

  it('jitter colors within the range, and turn the hue by a third: red becomes green', () => {
    const image = rand(3, 4, 4);
    const jittered = new transforms.ColorJitter({ brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 }).apply(image);
    expect(jittered.amin().itemSync()).toBeGreaterThanOrEqual(0);
    expect(jittered.amax().itemSync()).toBeLessThanOrEqual(1);
    const red = tensor([1, 0, 0]).reshape(3, 1, 1);
    const green = new transforms.ColorJitter({ hue: [1 / 3, 1 / 3] }).apply(red);
    (green.flatten().toArraySync() as number[]).forEach((value, i) => expect(value).toBeCloseTo([0, 1, 0][i], 5));
    expect(() => new transforms.ColorJitter({ hue: 0.7 })).toThrow(/hue within/);
  });

  it('erase one rectangle', () => {
    const erased = new transforms.RandomErasing({ p: 1, value: -1 }).apply(full([1, 20, 20], 1));
    const count = erased.eq(-1).sum().itemSync();
    // The area is between 2 % and 33 % of 400, give or take the rounding of its sides.
    expect(count).toBeGreaterThan(4);
    expect(count).toBeLessThan(150);
  });

  it('repeat with the same seed', () => {
    const all = new transforms.Compose([
      new transforms.RandomResizedCrop(2),
      new transforms.RandomHorizontalFlip(),
      new transforms.RandomApply([new transforms.Pad(1)]),
    ]);
    const run = (): unknown => {
      manualSeed(5);
      return [0, 1, 2].map(() => all.apply(grid).toArraySync());
    };
    expect(run()).toEqual(run());
  });
});

describe('image folders', () => {
  const folder = async (): Promise<string> => {
    const root = mkdtempSync(join(tmpdir(), 'images-'));
    for (const [name, color] of [
      ['cat', { r: 255, g: 0, b: 0 }],
      ['dog', { r: 0, g: 0, b: 255 }],
    ] as const) {
      mkdirSync(join(root, name));
      for (const i of [1, 2]) await sharp({ create: { width: 4, height: 3, channels: 3, background: color } }).png().toFile(join(root, name, `${i}.png`)); // prettier-ignore
    }
    return root;
  };

  it('give images with the class of their folder', async () => {
    const data = await ImageFolder.load(await folder(), { transform: new transforms.ToTensor() });
    expect([data.classes, data.length]).toEqual([['cat', 'dog'], 4]);
    const batches: [Tensor, Tensor][] = [];
    for await (const [x, y] of new DataLoader(data, { batchSize: 4 })) batches.push([x, y as unknown as Tensor]);
    const [[x, y]] = batches;
    expect([x.shape, y.toArraySync()]).toEqual([
      [4, 3, 3, 4],
      [0, 0, 1, 1],
    ]);
    // Red is channel 0 of the cats, blue channel 2 of the dogs.
    expect([x.at(0, 0, 0, 0).itemSync(), x.at(3, 2, 0, 0).itemSync(), x.at(3, 0, 0, 0).itemSync()]).toEqual([1, 1, 0]);
  });

  it('say what is missing or no image', async () => {
    const root = mkdtempSync(join(tmpdir(), 'images-'));
    await expect(ImageFolder.load(root)).rejects.toThrow(/folder for each class/);
    mkdirSync(join(root, 'empty'));
    await expect(ImageFolder.load(root)).rejects.toThrow(/empty: images/);
    writeFileSync(join(root, 'empty', 'a.png'), 'no image');
    const data = await ImageFolder.load(root);
    await expect(data.get(0)).rejects.toMatchObject({ code: 'DATASET_FILE', file: join(root, 'empty', 'a.png') });
    await expect(readImage(new Uint8Array(10))).rejects.toMatchObject({ code: 'DATASET_FILE' });
    expect(() => [...new DataLoader(data)]).toThrow(/for await/);
  });
});

describe('CIFAR', () => {
  it('reads records of a label and three planes of colors, and refuses cut files', async () => {
    const root = mkdtempSync(join(tmpdir(), 'cifar-'));
    const record = (label: number): Buffer =>
      Buffer.concat([Buffer.from([label]), Buffer.alloc(1024, 10), Buffer.alloc(1024, 20), Buffer.alloc(1024, 30)]);
    writeFileSync(join(root, 'test_batch.bin'), Buffer.concat([record(3), record(9)]));
    const data = await CIFAR10.load(root, { train: false });
    expect([data.length, data.targets.toArraySync(), data.get(0)[0].at(31, 31).toArraySync()]).toEqual([2, [3, 9], [10, 20, 30]]);
    writeFileSync(join(root, 'test_batch.bin'), record(3).subarray(1));
    await expect(CIFAR10.load(root, { train: false })).rejects.toThrow(/multiple of 3073 bytes/);
    writeFileSync(join(root, 'test_batch.bin'), record(10));
    await expect(CIFAR10.load(root, { train: false })).rejects.toThrow(/labels below 10/);
  });
});

describe('a batch at once', () => {
  it.each([
    ['pictures', () => transforms.asPicture(rand(6, 9, 8, 3).mul(255).to('uint8'))],
    ['gray pictures', () => transforms.asPicture(rand(6, 9, 8).mul(255).to('uint8'))],
    ['one picture', () => transforms.asPicture(rand(1, 9, 8, 3).mul(255).to('uint8'))],
  ])('gives what its %s give one by one, and draws as many random numbers', (_, make) => {
    const images = make();
    const augment = new transforms.Compose([
      new transforms.Pad([1, 0, 0, 2]),
      new transforms.Compose([new transforms.RandomCrop([6, 7], { padding: 1 }), new transforms.RandomHorizontalFlip()]),
      new transforms.RandomVerticalFlip(0.3),
      new transforms.Resize(8),
      new transforms.RandomCrop(5),
      new transforms.ToTensor(),
      new transforms.Normalize([0.5], [0.25]),
    ]);
    manualSeed(4);
    const singles = images.unbind(0).map((image) => augment.apply(transforms.asPicture(image)));
    const next = rand(1).itemSync();
    manualSeed(4);
    expect(augment.batch?.(images).sub(stack(singles)).abs().amax().itemSync()).toBe(0);
    expect(rand(1).itemSync()).toBe(next);
    // The random ones alone, of tensors.
    const tensors = stack(singles);
    for (const random of [new transforms.RandomCrop(3), new transforms.RandomVerticalFlip(), new transforms.RandomHorizontalFlip()]) {
      manualSeed(5);
      const apart = stack(tensors.unbind(0).map((x) => random.apply(x)));
      manualSeed(5);
      expect(random.batch(tensors).equal(apart)).toBe(true);
    }
  });
});
