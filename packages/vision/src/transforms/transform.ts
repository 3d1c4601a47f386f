import { defaultGenerator, uniformValues, type Tensor } from '@flambeau/core';

/** Makes an image of an image. Random ones draw from the default generator, in the order that torchvision does. */
export interface Transform {
  apply(image: Tensor): Tensor;
  /** The same for a batch of images at once, where that gives what single images give; dimension 0 is the batch. */
  batch?(images: Tensor): Tensor;
}

// Decisions are drawn on the host, one float32 or one integer each, as torchvision draws its scalar tensors.

/** A uniform number in [from, to). */
export const uniform = (from: number, to: number): number => uniformValues(1, 'float32', defaultGenerator, from, to)[0];
/** True with probability p. */
export const chance = (p: number): boolean => uniform(0, 1) < p;
/** An integer in [0, end). */
export const below = (end: number): number => defaultGenerator.below(end);

/** Height and width of an image [..., H, W]. */
export const heightAndWidth = (image: Tensor): [number, number] => [image.size(-2), image.size(-1)];
