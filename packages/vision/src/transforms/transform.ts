import { defaultGenerator, uniformValues, type Tensor } from '@flambeau/core';
import type { Places } from './places.ts';

/** A transform of this package by its name and the arguments of its constructor: plain data, which can be sent to a worker. */
export type TransformRecipe = readonly [name: string, ...args: unknown[]];

/** Makes an image of an image. Random ones draw from the default generator, in the order that torchvision does. */
export interface Transform {
  apply(image: Tensor): Tensor;
  /** The same for a batch of images at once, where that gives what single images give; dimension 0 is the batch. */
  batch?(images: Tensor): Tensor;
  /** Of a random transform: draws what it will do to one image of a height and width, before it touches pixels. */
  draw?(height: number, width: number): unknown;
  /** Does to each image of a batch what was drawn for it. */
  applyDrawn?(images: Tensor, drawn: readonly unknown[]): Tensor;
  /** What was drawn for an image as the places that its rows and columns come from; undefined where it is more than that. */
  placed?(places: Places, drawn: unknown): Places;
  /** True where each value is made of the one in the same place and of its channel's number alone, and nothing is drawn. */
  readonly pointwise?: boolean;
  /** What stands where `placed` has no place; 0 when missing. */
  readonly fill?: number;
  /** Height and width of what it makes of an image; those of the image when missing. */
  sizeAfter?(height: number, width: number): readonly [height: number, width: number];
  /** How a worker makes this transform anew; those of this package have one unless they hold a function of yours. */
  readonly recipe?: TransformRecipe | undefined;
}

// Decisions are drawn on the host, one float32 or one integer each, as torchvision draws its scalar tensors.

/** A uniform number in [from, to). */
export const uniform = (from: number, to: number): number => uniformValues(1, 'float32', defaultGenerator, from, to)[0];
/** True with probability p. */
export const chance = (p: number): boolean => uniform(0, 1) < p;
/** An integer in [0, end). */
export const below = (end: number): number => defaultGenerator.below(end);
