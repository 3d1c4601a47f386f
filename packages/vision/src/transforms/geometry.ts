import { ArgumentError, checkInteger, checkNumber, describe, readOptions, ShapeError, showShape, type Tensor } from '@flambeau/core';
import { functional as F } from '@flambeau/nn';
import { checkProbability, checkRange, checkSize, type ImageSize } from './checks.ts';
import { heightAndWidth, onChannelsFirst, spatialSize } from './picture.ts';
import { allPlaces, cut, mirrored, rearrange, type Places } from './places.ts';
import { below, chance, uniform, type Transform, type TransformRecipe } from './transform.ts';

// Transforms that move pixels, of tensors [..., C, H, W] and of pictures [H, W, C].

/** A transform that works on images with their channels first. */
abstract class Moving implements Transform {
  readonly recipe: TransformRecipe;

  constructor(recipe: TransformRecipe) {
    this.recipe = recipe;
  }

  protected abstract move(image: Tensor): Tensor;

  apply(image: Tensor): Tensor {
    return onChannelsFirst(image, 0, (x) => this.move(x));
  }
}

/** One that does the same to every image, and so to a batch at once. */
abstract class Fixed extends Moving {
  batch(images: Tensor): Tensor {
    return onChannelsFirst(images, 1, (x) => this.move(x));
  }
}

/** A random one that decides before it touches pixels, so that it changes a batch at once, each image by its own decision. */
abstract class Drawing<Decision> extends Moving {
  abstract draw(height: number, width: number): Decision;
  abstract placed(places: Places, drawn: unknown): Places;
  abstract readonly fill: number;

  private moved(images: Tensor, drawn: readonly unknown[]): Tensor {
    const whole = allPlaces(...heightAndWidth(images));
    return rearrange(images, drawn.map((decision) => this.placed(whole, decision)), this.fill); // prettier-ignore
  }

  protected move(image: Tensor): Tensor {
    return this.moved(image.unsqueeze(0), [this.draw(...heightAndWidth(image))]).squeeze(0);
  }

  applyDrawn(images: Tensor, drawn: readonly unknown[]): Tensor {
    return onChannelsFirst(images, 1, (x) => this.moved(x, drawn));
  }

  batch(images: Tensor): Tensor {
    const [height, width] = spatialSize(images, 1);
    return this.applyDrawn(images, Array.from({ length: images.size(0) }, () => this.draw(height, width))); // prettier-ignore
  }
}

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
export class Resize extends Fixed {
  private readonly size: ImageSize;

  constructor(size: ImageSize) {
    super(['Resize', size]);
    this.size = checkSize('Resize', size);
  }

  sizeAfter(h: number, w: number): readonly [number, number] {
    if (typeof this.size !== 'number') return this.size;
    const [short, long] = [Math.min(h, w), Math.max(h, w)];
    const grown = Math.trunc((this.size * long) / short);
    return h <= w ? [this.size, grown] : [grown, this.size];
  }

  protected move(image: Tensor): Tensor {
    const [h, w] = heightAndWidth(image);
    const [height, width] = this.sizeAfter(h, w);
    return height === h && width === w ? image : scale(image, height, width);
  }
}

/** Surrounds the image: one number for all sides, or [left, top, right, bottom]. */
export class Pad extends Fixed {
  private readonly padding: readonly number[];
  readonly fill: number;

  constructor(padding: number | readonly number[], fill = 0) {
    super(['Pad', padding, fill]);
    const list =
      typeof padding === 'number'
        ? [padding, padding, padding, padding]
        : Array.isArray(padding) && padding.length === 2
          ? [padding[0], padding[1], padding[0], padding[1]]
          : padding;
    if (!Array.isArray(list) || list.length !== 4)
      throw new ArgumentError({ op: 'Pad', expected: 'one, two or four numbers', received: describe(padding) });
    this.padding = list.map((margin) => checkInteger('Pad', 'the padding', margin));
    this.fill = checkNumber('Pad', 'fill', fill);
  }

  /** What it adds on the left and at the top. */
  get before(): readonly [left: number, top: number] {
    return [this.padding[0], this.padding[1]];
  }

  sizeAfter(height: number, width: number): readonly [number, number] {
    const [left, top, right, bottom] = this.padding;
    return [height + top + bottom, width + left + right];
  }

  protected move(image: Tensor): Tensor {
    const [left, top, right, bottom] = this.padding;
    return F.pad(image, [left, right, top, bottom], 'constant', this.fill);
  }
}

/** Adds zeros on all sides until the image is at least as large as a crop. */
function growTo(image: Tensor, height: number, width: number): Tensor {
  const [h, w] = heightAndWidth(image);
  const [dy, dx] = [Math.max(0, height - h), Math.max(0, width - w)];
  return dy + dx === 0 ? image : F.pad(image, [Math.floor(dx / 2), Math.ceil(dx / 2), Math.floor(dy / 2), Math.ceil(dy / 2)]);
}

/** The middle of the image, padded with zeros where it is too small. */
export class CenterCrop extends Fixed {
  private readonly size: ImageSize;

  constructor(size: ImageSize) {
    super(['CenterCrop', size]);
    this.size = checkSize('CenterCrop', size);
  }

  sizeAfter(): readonly [number, number] {
    return pair(this.size);
  }

  protected move(image: Tensor): Tensor {
    const [height, width] = pair(this.size);
    const grown = growTo(image, height, width);
    const [h, w] = heightAndWidth(grown);
    // Halves round to even, as Python rounds.
    const middle = (n: number): number => (n % 2 === 0 ? n / 2 : Math.floor(n / 2) % 2 === 0 ? Math.floor(n / 2) : Math.ceil(n / 2));
    return crop(grown, middle(h - height), middle(w - width), height, width);
  }
}

type Corner = readonly [top: number, left: number];

/** A part at a random place, after padding. @throws ShapeError when the image is smaller than the part */
export class RandomCrop extends Drawing<Corner> {
  private readonly size: ImageSize;
  private readonly pad: Pad | undefined;

  constructor(size: ImageSize, options: { padding?: number | readonly number[]; fill?: number } = {}) {
    super(['RandomCrop', size, options]);
    const { padding, fill } = readOptions<typeof options>('RandomCrop', options, ['padding', 'fill']);
    this.size = checkSize('RandomCrop', size);
    this.pad = padding === undefined ? undefined : new Pad(padding, fill);
  }

  sizeAfter(): readonly [number, number] {
    return pair(this.size);
  }

  draw(given: number, across: number): Corner {
    const [height, width] = pair(this.size);
    const [h, w] = this.pad?.sizeAfter(given, across) ?? [given, across];
    if (h < height || w < width)
      throw new ShapeError({
        op: 'RandomCrop',
        expected: `an image of at least ${height} by ${width}`,
        received: showShape([h, w]),
        hint: 'Give it padding.',
      });
    if (h === height && w === width) return [0, 0];
    const top = below(h - height + 1);
    return [top, below(w - width + 1)];
  }

  get fill(): number {
    return this.pad?.fill ?? 0;
  }

  placed({ rows, columns }: Places, drawn: unknown): Places {
    const [top, left] = drawn as Corner;
    const [height, width] = pair(this.size);
    const [x, y] = this.pad?.before ?? [0, 0];
    return { rows: cut(rows, top - y, height), columns: cut(columns, left - x, width) };
  }
}

/** A mirror along a dimension, with probability p. */
abstract class Mirror extends Drawing<boolean> {
  private readonly p: number;
  private readonly dim: -1 | -2;
  readonly fill = 0;

  constructor(recipe: TransformRecipe, p: number, dim: -1 | -2) {
    super(recipe);
    this.p = p;
    this.dim = dim;
  }

  draw(): boolean {
    return chance(this.p);
  }

  placed(places: Places, drawn: unknown): Places {
    if (drawn !== true) return places;
    const { rows, columns } = places;
    return this.dim === -1 ? { rows, columns: mirrored(columns) } : { rows: mirrored(rows), columns };
  }
}

/** Mirrors left and right with probability p. */
export class RandomHorizontalFlip extends Mirror {
  constructor(p = 0.5) {
    super(['RandomHorizontalFlip', p], checkProbability('RandomHorizontalFlip', p), -1);
  }
}

/** Mirrors top and bottom with probability p. */
export class RandomVerticalFlip extends Mirror {
  constructor(p = 0.5) {
    super(['RandomVerticalFlip', p], checkProbability('RandomVerticalFlip', p), -2);
  }
}

/** A part of random area and shape, scaled to a size. @see Szegedy et al. 2015 */
export class RandomResizedCrop extends Moving {
  private readonly size: ImageSize;
  private readonly area: readonly [number, number];
  private readonly ratio: readonly [number, number];

  constructor(size: ImageSize, options: { scale?: readonly [number, number]; ratio?: readonly [number, number] } = {}) {
    const op = 'RandomResizedCrop';
    super([op, size, options]);
    const { scale: area = [0.08, 1], ratio = [3 / 4, 4 / 3] } = readOptions<typeof options>(op, options, ['scale', 'ratio']);
    this.size = checkSize(op, size);
    this.area = checkRange(op, 'scale', area, 0);
    this.ratio = checkRange(op, 'ratio', ratio, Number.MIN_VALUE);
  }

  protected move(image: Tensor): Tensor {
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
