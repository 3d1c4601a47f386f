import { ArgumentError, ShapeError, showShape, type Tensor } from '@flambeau/core';
import { functional as F } from '@flambeau/nn';
import { below, chance, heightAndWidth, uniform, type Transform } from './transform.ts';

// Transforms that move pixels. Images are [..., C, H, W].

/** A number for both sides, or height and width. */
export type ImageSize = number | readonly [height: number, width: number];
const pair = (size: ImageSize): readonly [number, number] => (typeof size === 'number' ? [size, size] : size);

/** Cuts out `height` by `width` pixels from row `top` and column `left`. */
const crop = (image: Tensor, top: number, left: number, height: number, width: number): Tensor =>
  image.narrow(-2, top, height).narrow(-1, left, width);

/** Scales to a height and width, bilinear; the work is done in float32 and rounded for integers. */
function scale(image: Tensor, height: number, width: number): Tensor {
  const lead = image.shape.slice(0, -3);
  const batch = image.ndim === 4 ? image : image.reshape([-1, ...image.shape.slice(-3)]);
  const resized = F.interpolate(batch.to('float32'), { size: [height, width], mode: 'bilinear', alignCorners: false, antialias: true });
  const shaped = resized.reshape([...lead, image.size(-3), height, width]);
  return image.dtype === 'uint8' ? shaped.round().clamp(0, 255).to('uint8') : shaped.to(image.dtype);
}

/** Scales the shorter side to a number of pixels, or to height and width. */
export class Resize implements Transform {
  private readonly size: ImageSize;

  constructor(size: ImageSize) {
    this.size = size;
  }

  apply(image: Tensor): Tensor {
    const [h, w] = heightAndWidth(image);
    if (typeof this.size !== 'number') return scale(image, this.size[0], this.size[1]);
    const [short, long] = [Math.min(h, w), Math.max(h, w)];
    const grown = Math.trunc((this.size * long) / short);
    const [height, width] = h <= w ? [this.size, grown] : [grown, this.size];
    return height === h && width === w ? image : scale(image, height, width);
  }

  batch(images: Tensor): Tensor {
    return this.apply(images);
  }
}

/** Surrounds the image: one number for all sides, or [left, top, right, bottom]. */
export class Pad implements Transform {
  private readonly padding: readonly number[];
  private readonly fill: number;

  constructor(padding: number | readonly number[], fill = 0) {
    const list =
      typeof padding === 'number'
        ? [padding, padding, padding, padding]
        : padding.length === 2
          ? [padding[0], padding[1], padding[0], padding[1]]
          : padding;
    if (list.length !== 4) throw new ArgumentError({ op: 'Pad', expected: 'one, two or four numbers', received: String(padding) });
    this.padding = list;
    this.fill = fill;
  }

  apply(image: Tensor): Tensor {
    const [left, top, right, bottom] = this.padding;
    return F.pad(image, [left, right, top, bottom], 'constant', this.fill);
  }

  batch(images: Tensor): Tensor {
    return this.apply(images);
  }
}

/** Adds zeros on all sides until the image is at least as large as a crop. */
function growTo(image: Tensor, height: number, width: number): Tensor {
  const [h, w] = heightAndWidth(image);
  const [dy, dx] = [Math.max(0, height - h), Math.max(0, width - w)];
  return dy + dx === 0 ? image : F.pad(image, [Math.floor(dx / 2), Math.ceil(dx / 2), Math.floor(dy / 2), Math.ceil(dy / 2)]);
}

/** The middle of the image, padded with zeros where it is too small. */
export class CenterCrop implements Transform {
  private readonly size: ImageSize;

  constructor(size: ImageSize) {
    this.size = size;
  }

  apply(image: Tensor): Tensor {
    const [height, width] = pair(this.size);
    const grown = growTo(image, height, width);
    const [h, w] = heightAndWidth(grown);
    // Halves round to even, as Python rounds.
    const middle = (n: number): number => (n % 2 === 0 ? n / 2 : Math.floor(n / 2) % 2 === 0 ? Math.floor(n / 2) : Math.ceil(n / 2));
    return crop(grown, middle(h - height), middle(w - width), height, width);
  }

  batch(images: Tensor): Tensor {
    return this.apply(images);
  }
}

/** A part at a random place, after padding. @throws ShapeError when the image is smaller than the part */
export class RandomCrop implements Transform {
  private readonly size: ImageSize;
  private readonly pad: Pad | undefined;

  constructor(size: ImageSize, options: { padding?: number | readonly number[]; fill?: number } = {}) {
    this.size = size;
    this.pad = options.padding === undefined ? undefined : new Pad(options.padding, options.fill);
  }

  apply(image: Tensor): Tensor {
    const padded = this.pad?.apply(image) ?? image;
    const [height, width] = pair(this.size);
    const [h, w] = heightAndWidth(padded);
    if (h < height || w < width)
      throw new ShapeError({
        op: 'RandomCrop',
        expected: `an image of at least ${height} by ${width}`,
        received: showShape(padded.shape),
        hint: 'Give it padding.',
      });
    if (h === height && w === width) return padded;
    const top = below(h - height + 1);
    return crop(padded, top, below(w - width + 1), height, width);
  }
}

/** Mirrors left and right with probability p. */
export class RandomHorizontalFlip implements Transform {
  private readonly p: number;

  constructor(p = 0.5) {
    this.p = p;
  }

  apply(image: Tensor): Tensor {
    return chance(this.p) ? image.flip(-1) : image;
  }
}

/** Mirrors top and bottom with probability p. */
export class RandomVerticalFlip implements Transform {
  private readonly p: number;

  constructor(p = 0.5) {
    this.p = p;
  }

  apply(image: Tensor): Tensor {
    return chance(this.p) ? image.flip(-2) : image;
  }
}

/** A part of random area and shape, scaled to a size. @see Szegedy et al. 2015 */
export class RandomResizedCrop implements Transform {
  private readonly size: ImageSize;
  private readonly area: readonly [number, number];
  private readonly ratio: readonly [number, number];

  constructor(size: ImageSize, options: { scale?: readonly [number, number]; ratio?: readonly [number, number] } = {}) {
    this.size = size;
    this.area = options.scale ?? [0.08, 1];
    this.ratio = options.ratio ?? [3 / 4, 4 / 3];
  }

  apply(image: Tensor): Tensor {
    const [top, left, height, width] = this.choose(...heightAndWidth(image));
    return scale(crop(image, top, left, height, width), ...pair(this.size));
  }

  private choose(h: number, w: number): [number, number, number, number] {
    for (let attempt = 0; attempt < 10; attempt++) {
      const target = h * w * uniform(...this.area);
      const ratio = Math.exp(uniform(Math.log(this.ratio[0]), Math.log(this.ratio[1])));
      const [width, height] = [Math.round(Math.sqrt(target * ratio)), Math.round(Math.sqrt(target / ratio))];
      if (width > 0 && width <= w && height > 0 && height <= h) {
        const top = below(h - height + 1);
        return [top, below(w - width + 1), height, width];
      }
    }
    // No luck in ten tries: the middle, as near to the wanted ratios as the image allows.
    const [height, width] =
      w / h < this.ratio[0] ? [Math.round(w / this.ratio[0]), w] : w / h > this.ratio[1] ? [h, Math.round(h * this.ratio[1])] : [h, w];
    return [Math.floor((h - height) / 2), Math.floor((w - width) / 2), height, width];
  }
}
