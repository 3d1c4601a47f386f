import { ArgumentError, DTypeError, isFloat, limits, ShapeError, showShape, tensor, type DType, type Tensor } from '@flambeau/core';
import { chance, type Transform } from './transform.ts';

/** uint8 pixels [H, W] or [H, W, C] from 0 to 255 as float32 [C, H, W] from 0 to 1. */
export class ToTensor implements Transform {
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
  private readonly dtype: DType;

  constructor(dtype: DType) {
    this.dtype = dtype;
  }

  apply(image: Tensor): Tensor {
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
  private readonly mean: readonly number[];
  private readonly std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
    if (std.some((value) => value === 0))
      throw new ArgumentError({ op: 'Normalize', expected: 'standard deviations that are not 0', received: std.join(', ') });
    this.mean = mean;
    this.std = std;
  }

  apply(image: Tensor): Tensor {
    const column = (values: readonly number[]): Tensor => tensor(values, { dtype: image.dtype, device: image.device }).reshape([-1, 1, 1]);
    return image.sub(column(this.mean)).div(column(this.std));
  }

  batch(images: Tensor): Tensor {
    return this.apply(images);
  }
}

/** A function of yours as a transform. */
export class Lambda implements Transform {
  readonly apply: (image: Tensor) => Tensor;

  constructor(apply: (image: Tensor) => Tensor) {
    this.apply = apply;
  }
}

/** Transforms one after the other. */
export class Compose implements Transform {
  private readonly transforms: readonly Transform[];
  batch?: (images: Tensor) => Tensor;

  constructor(transforms: readonly Transform[]) {
    this.transforms = transforms;
    if (transforms.every((t) => t.batch !== undefined)) this.batch = (images) => transforms.reduce((x, t) => t.batch?.(x) ?? x, images);
  }

  apply(image: Tensor): Tensor {
    return this.transforms.reduce((x, transform) => transform.apply(x), image);
  }
}

/** Transforms that are applied with probability p, all or none. */
export class RandomApply implements Transform {
  private readonly transforms: Compose;
  private readonly p: number;

  constructor(transforms: readonly Transform[], p = 0.5) {
    this.transforms = new Compose(transforms);
    this.p = p;
  }

  apply(image: Tensor): Tensor {
    return chance(this.p) ? this.transforms.apply(image) : image;
  }
}
