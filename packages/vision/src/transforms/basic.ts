import {
  arange,
  ArgumentError,
  checkDType,
  checkFunction,
  DTypeError,
  isFloat,
  keep,
  limits,
  ShapeError,
  showShape,
  tensor,
  type DType,
  type Tensor,
} from '@flambeau/core';
import { checkNumbers, checkProbability, checkTransforms } from './checks.ts';
import { checkTensorImage, isPicture, onChannelsFirst, spatialSize } from './picture.ts';
import { lookUp } from './lookUp.ts';
import { allPlaces, rearrange } from './places.ts';
import { chance, type Transform, type TransformRecipe } from './transform.ts';

/** [H, W] or [H, W, C] as [C, H, W]; `lead` counts the dimensions of a batch in front. */
const channelsFirst = (image: Tensor, lead: 0 | 1): Tensor =>
  image.ndim === lead + 2 ? image.unsqueeze(-3) : image.movedim(-1, -3).contiguous();

/** uint8 pixels [H, W] or [H, W, C] from 0 to 255 as float32 [C, H, W] from 0 to 1. */
export class ToTensor implements Transform {
  readonly recipe: TransformRecipe = ['ToTensor'];

  readonly pointwise = true;

  apply(image: Tensor): Tensor {
    return this.convert(image, 0);
  }

  batch(images: Tensor): Tensor {
    return this.convert(images, 1);
  }

  private convert(image: Tensor, lead: 0 | 1): Tensor {
    if (image.dtype !== 'uint8') throw new DTypeError({ op: 'ToTensor', expected: 'uint8 pixels', received: image.dtype });
    if (image.ndim !== lead + 2 && image.ndim !== lead + 3)
      throw new ShapeError({ op: 'ToTensor', expected: '[H, W] or [H, W, C]', received: showShape(image.shape.slice(lead)) });
    return channelsFirst(image, lead).to('float32').div_(255);
  }
}

/** Another dtype, scaled so that white stays white: uint8 255 becomes 1.0. */
export class ConvertImageDtype implements Transform {
  readonly recipe: TransformRecipe;
  readonly pointwise = true;
  private readonly dtype: DType;

  constructor(dtype: DType) {
    this.recipe = ['ConvertImageDtype', dtype];
    this.dtype = checkDType('ConvertImageDtype', dtype);
  }

  apply(image: Tensor): Tensor {
    checkTensorImage('ConvertImageDtype', image);
    if (image.dtype === this.dtype) return image;
    if (isFloat(this.dtype)) return isFloat(image.dtype) ? image.to(this.dtype) : image.to(this.dtype).div(limits(image.dtype).max);
    if (!isFloat(image.dtype)) return image.to(this.dtype);
    return image.mul(limits(this.dtype).max + 1 - 1e-3).to(this.dtype);
  }

  batch(images: Tensor): Tensor {
    return this.apply(images);
  }
}

/** (x - mean) / std for each channel of [..., C, H, W]. */
export class Normalize implements Transform {
  readonly recipe: TransformRecipe;
  readonly pointwise = true;
  private readonly mean: readonly number[];
  private readonly std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
    checkNumbers('Normalize', 'the means', mean);
    if (checkNumbers('Normalize', 'the standard deviations', std).some((value) => value === 0))
      throw new ArgumentError({ op: 'Normalize', expected: 'standard deviations that are not 0', received: std.join(', ') });
    this.recipe = ['Normalize', mean, std];
    this.mean = mean;
    this.std = std;
  }

  apply(image: Tensor): Tensor {
    checkTensorImage('Normalize', image);
    if (!isFloat(image.dtype))
      throw new DTypeError({ op: 'Normalize', expected: 'a tensor of floats', received: image.dtype, hint: 'Put a ToTensor before it.' });
    const { length } = this.mean.length > 1 ? this.mean : this.std;
    const channels = image.size(-3);
    if (length !== channels && length !== 1 && channels !== 1)
      throw new ShapeError({ op: 'Normalize', expected: `images of ${length} channels`, received: `${channels} channels` });
    const column = (values: readonly number[]): Tensor => tensor(values, { dtype: image.dtype, device: image.device }).reshape([-1, 1, 1]);
    return image.sub(column(this.mean)).div_(column(this.std));
  }

  batch(images: Tensor): Tensor {
    return this.apply(images);
  }
}

/** A function of yours as a transform. */
export class Lambda implements Transform {
  readonly apply: (image: Tensor) => Tensor;

  constructor(apply: (image: Tensor) => Tensor) {
    this.apply = checkFunction('Lambda', 'the transform', apply);
  }
}

/** The recipe of a transform that holds others; undefined where one of them has none. */
function recipeOf(name: string, transforms: readonly Transform[], ...rest: readonly unknown[]): TransformRecipe | undefined {
  const inner = transforms.map(({ recipe }) => recipe);
  return inner.includes(undefined) ? undefined : [name, { transforms: inner }, ...rest];
}

/** How many transforms, from `start` on, only put rows and columns elsewhere, with one value for the padding of all. */
function runOfPlaces(transforms: readonly Transform[], start: number): number {
  const others = transforms.slice(start).findIndex(({ placed, fill }) => placed === undefined || fill !== transforms[start].fill);
  return others < 0 ? transforms.length - start : others;
}

/** Transforms one after the other. */
export class Compose implements Transform {
  readonly recipe: TransformRecipe | undefined;
  private readonly transforms: readonly Transform[];
  private readonly tables = new Map<number, { table: Tensor; end: number }>();
  batch?: (images: Tensor) => Tensor;

  constructor(transforms: readonly Transform[]) {
    this.recipe = recipeOf('Compose', checkTransforms('Compose', transforms));
    this.transforms = transforms.flatMap((t) => (t instanceof Compose ? t.transforms : [t])); // prettier-ignore
    if (transforms.every((t) => t.batch !== undefined)) this.batch = (images) => this.together(images);
  }

  apply(image: Tensor): Tensor {
    return this.transforms.reduce((x, transform) => transform.apply(x), image);
  }

  /** All decisions for one image are drawn before those for the next, as when they come one by one; then each transform takes the batch. */
  private together(images: Tensor): Tensor {
    const { transforms } = this;
    const drawn = transforms.map((): unknown[] => []);
    const first = spatialSize(images, 1);
    if (transforms.some((t) => t.draw !== undefined)) {
      for (let i = 0; i < images.size(0); i++) {
        let size = first;
        transforms.forEach((t, k) => {
          if (t.draw !== undefined) drawn[k].push(t.draw(...size));
          size = t.sizeAfter?.(...size) ?? size;
        });
      }
    }
    let x = images;
    for (let k = 0; k < transforms.length;) {
      const places = runOfPlaces(transforms, k);
      const values = isPicture(x) && x.dtype === 'uint8' && transforms[k] instanceof ToTensor ? this.tableFrom(k, x) : undefined;
      if (places > 1) {
        x = this.rearranged(x, drawn, k, k + places);
        k += places;
      } else if (values !== undefined) {
        x = lookUp(channelsFirst(x, 1), values.table);
        k = values.end;
      } else {
        x = (transforms[k].draw === undefined ? transforms[k].batch?.(x) : transforms[k].applyDrawn?.(x, drawn[k])) ?? x;
        k++;
      }
    }
    return x;
  }

  /** Transforms from `start` to `end`, which only put rows and columns elsewhere, at once. */
  private rearranged(images: Tensor, drawn: readonly unknown[][], start: number, end: number): Tensor {
    const run = this.transforms.slice(start, end);
    return onChannelsFirst(images, 1, (x) => {
      const whole = allPlaces(x.size(-2), x.size(-1));
      const places = drawn[start].map((_, i) => run.reduce((at, t, k) => t.placed?.(at, drawn[start + k][i]) ?? at, whole));
      return rearrange(x, places, run[0].fill ?? 0);
    });
  }

  /**
   * What ToTensor at `start` and the transforms of single values after it make of each byte, [C, 256]: they are asked once for all bytes, and not once
   * for each pixel. Undefined where they make something else of a byte than a float32 of the same channel.
   */
  private tableFrom(start: number, pictures: Tensor): { table: Tensor; end: number } | undefined {
    const { device } = pictures;
    const channels = pictures.ndim === 3 ? 1 : pictures.size(-1);
    const known = this.tables.get(start);
    if (known?.table.device === device && known.table.size(0) === channels) return known;
    const other = this.transforms.findIndex(({ pointwise }, k) => k >= start && pointwise !== true);
    const end = other < 0 ? this.transforms.length : other;
    if (end - start < 2) return undefined;
    const bytes = arange(256, { dtype: 'uint8', device }).reshape([256, 1, 1]).expand([256, 1, channels]);
    const table = this.transforms.slice(start, end).reduce((x, t) => t.apply(x), bytes);
    if (table.dtype !== 'float32' || table.size(0) !== channels) return undefined;
    // The next batch needs it too, whatever scope this one is loaded in.
    const made = { table: keep(table.reshape([channels, 256])), end };
    this.tables.set(start, made);
    return made;
  }
}

/** Transforms that are applied with probability p, all or none. */
export class RandomApply implements Transform {
  readonly recipe: TransformRecipe | undefined;
  private readonly transforms: Compose;
  private readonly p: number;

  constructor(transforms: readonly Transform[], p = 0.5) {
    this.recipe = recipeOf('RandomApply', checkTransforms('RandomApply', transforms), p);
    this.transforms = new Compose(transforms);
    this.p = checkProbability('RandomApply', p);
  }

  apply(image: Tensor): Tensor {
    return chance(this.p) ? this.transforms.apply(image) : image;
  }
}
