import {
  ArgumentError,
  checkDType,
  checkFunction,
  DTypeError,
  isFloat,
  limits,
  ShapeError,
  showShape,
  tensor,
  type DType,
  type Tensor,
} from '@flambeau/core';
import { checkNumbers, checkProbability, checkTransforms } from './checks.ts';
import { checkTensorImage, isPicture, onChannelsFirst, spatialSize } from './picture.ts';
import { allPlaces, canRearrange, rearrange } from './places.ts';
import { chance, type Transform, type TransformRecipe } from './transform.ts';

/** uint8 pixels [H, W] or [H, W, C] from 0 to 255 as float32 [C, H, W] from 0 to 1. */
export class ToTensor implements Transform {
  readonly recipe: TransformRecipe = ['ToTensor'];

  apply(image: Tensor): Tensor {
    if (image.dtype !== 'uint8') throw new DTypeError({ op: 'ToTensor', expected: 'uint8 pixels', received: image.dtype });
    if (image.ndim !== 2 && image.ndim !== 3)
      throw new ShapeError({ op: 'ToTensor', expected: '[H, W] or [H, W, C]', received: showShape(image.shape) });
    const channelsFirst = image.ndim === 2 ? image.unsqueeze(0) : image.permute(2, 0, 1).contiguous();
    return channelsFirst.to('float32').div(255);
  }

  batch(images: Tensor): Tensor {
    const channelsFirst = images.ndim === 3 ? images.unsqueeze(1) : images.permute(0, 3, 1, 2).contiguous();
    return channelsFirst.to('float32').div(255);
  }
}

/** Another dtype, scaled so that white stays white: uint8 255 becomes 1.0. */
export class ConvertImageDtype implements Transform {
  readonly recipe: TransformRecipe;
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

/** Where the transforms from `start` on end that only put rows and columns elsewhere, with one value for the padding of all. */
function runOfPlaces(transforms: readonly Transform[], start: number): number {
  let end = start;
  let fill: number | undefined;
  for (const { placed, fill: own } of transforms.slice(start)) {
    if (placed === undefined || (own !== undefined && !(Number.isInteger(own) && own >= 0 && own <= 255 && own === (fill ?? own)))) break;
    fill ??= own;
    end++;
  }
  return end;
}

/** Transforms one after the other. */
export class Compose implements Transform {
  readonly recipe: TransformRecipe | undefined;
  private readonly transforms: readonly Transform[];
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
      const end = canRearrange(x) || isPicture(x) ? runOfPlaces(transforms, k) : k;
      if (end > k) x = this.rearranged(x, drawn, k, end);
      else x = (transforms[k].draw === undefined ? transforms[k].batch?.(x) : transforms[k].applyDrawn?.(x, drawn[k])) ?? x;
      k = Math.max(end, k + 1);
    }
    return x;
  }

  /** Transforms from `start` to `end`, which only put rows and columns elsewhere, in one pass. */
  private rearranged(images: Tensor, drawn: readonly unknown[][], start: number, end: number): Tensor {
    const run = this.transforms.slice(start, end);
    return onChannelsFirst(images, 1, (x) => {
      if (!canRearrange(x)) return run.reduce((y, t, k) => t.applyDrawn?.(y, drawn[start + k]) ?? y, x);
      const whole = allPlaces(x.size(-2), x.size(-1));
      const places = Array.from({ length: x.size(0) }, (_, i) =>
        run.reduce((at, t, k) => t.placed?.(at, drawn[start + k][i]) ?? at, whole),
      );
      return rearrange(x, places, Math.max(...run.map(({ fill = 0 }) => fill)));
    });
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
