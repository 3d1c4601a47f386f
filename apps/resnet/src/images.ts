// A folder of images as those of CIFAR-10 are shaped, for a machine that has none: ten textures, 32 by 32 pixels, in a folder for each.
import { existsSync } from 'node:fs';
import { mkdir, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { arange, Generator, rand, randn, type Tensor } from '@flambeau/core';
import sharp from 'sharp';

const size = 32;

/** How bright a texture is at row y and column x, for a period and a shift in pixels: about -1 to 1. */
type Texture = (y: Tensor, x: Tensor, period: number, shift: number) => Tensor;
const wave = (x: Tensor, period: number, shift: number): Tensor => x.add(shift).mul((2 * Math.PI) / period).sin(); // prettier-ignore
const radius = (y: Tensor, x: Tensor): Tensor => y.sub(size / 2).square().add(x.sub(size / 2).square()).sqrt(); // prettier-ignore

const textures: Readonly<Record<string, Texture>> = {
  checks: (y, x, period, shift) =>
    wave(x, period, shift)
      .sign()
      .mul(wave(y, period, shift).sign()),
  columns: (y, x, period, shift) => wave(x.add(y.mul(0)), period, shift),
  diagonals: (y, x, period, shift) => wave(x.add(y), period, shift),
  disc: (y, x, period) => radius(y, x).lt(period + 4).float().mul(2).sub(1), // prettier-ignore
  dots: (y, x, period, shift) => wave(x, period, shift).mul(wave(y, period, shift)),
  frame: (y, x, period) => y.sub(size / 2).abs().maximum(x.sub(size / 2).abs()).gt(period + 2).float().mul(2).sub(1), // prettier-ignore
  gradient: (y, x, period, shift) => y.mul((2 - period / 20) / size).sub(1).add(x.mul(0)).add(shift / 100), // prettier-ignore
  rings: (y, x, period, shift) => wave(radius(y, x), period, shift),
  rows: (y, x, period, shift) => wave(y.add(x.mul(0)), period, shift),
  slopes: (y, x, period, shift) => wave(x.sub(y), period, shift),
};

/** The pixels of one picture, uint8 [32, 32, 3]: a texture of a random period in a random color, with noise. */
function picture(texture: Texture, generator: Generator): Tensor {
  const [period, shift] = rand(2, { generator }).toArraySync() as [number, number];
  const [y, x] = [arange(size).reshape([size, 1]), arange(size).reshape([1, size])];
  const bright = texture(y, x, 6 + 6 * period, 12 * shift).expand([size, size]).unsqueeze(2); // prettier-ignore
  const color = rand([1, 1, 3], { generator }).mul(80).add(20);
  const base = rand([1, 1, 3], { generator }).mul(60).add(100);
  return bright.mul(color).add(base).add(randn([size, size, 3], { generator }).mul(12)).clamp(0, 255).to('uint8'); // prettier-ignore
}

/** Writes `perClass` pictures of each texture under `root/train`, and a fifth as many under `root/test`, unless there is such a folder. */
export async function drawImages(root: string, perClass: number, log: (text: string) => void): Promise<void> {
  if (existsSync(join(root, 'train'))) return;
  log(`drawing ${perClass} pictures of ${Object.keys(textures).length} textures into ${root}`);
  const generator = new Generator().manualSeed(7);
  const fresh = `${root}.${process.pid}.part`;
  for (const [part, count] of [['train', perClass], ['test', Math.ceil(perClass / 5)]] as const) {
    for (const [name, texture] of Object.entries(textures)) {
      const folder = join(fresh, part, name);
      await mkdir(folder, { recursive: true });
      for (let i = 0; i < count; i++) {
        const pixels = picture(texture, generator).dataSync() as Uint8Array;
        await sharp(pixels, { raw: { width: size, height: size, channels: 3 } }).png().toFile(join(folder, `${String(i).padStart(4, '0')}.png`));
      }
    }
  }
  // The folder appears whole: a run that is stopped in between leaves none that looks so.
  await mkdir(dirname(root), { recursive: true });
  await rename(fresh, root);
} // prettier-ignore
