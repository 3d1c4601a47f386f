import { DTypeError, ShapeError, showShape, tensor, type Tensor } from '@flambeau/core';

/** Makes an image of an image. */
export interface Transform {
  apply(image: Tensor): Tensor;
  /** The same for a batch of images at once, where that is possible; dimension 0 is the batch. */
  batch?(images: Tensor): Tensor;
}

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

/** (x - mean) / std for each channel of [C, H, W]. */
export class Normalize implements Transform {
  private readonly mean: readonly number[];
  private readonly std: readonly number[];

  constructor(mean: readonly number[], std: readonly number[]) {
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
