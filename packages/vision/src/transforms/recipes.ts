import { ArgumentError, checkArray, describe } from '@flambeau/core';
import { Compose, ConvertImageDtype, Normalize, RandomApply, ToTensor } from './basic.ts';
import { ColorJitter, Grayscale, RandomErasing } from './color.ts';
import { CenterCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomVerticalFlip, Resize } from './geometry.ts';
import type { Transform, TransformRecipe } from './transform.ts';

/** The transforms that have recipes; `transforms` among the arguments of one are made first. */
const makers: Readonly<Record<string, new (...args: never[]) => Transform>> = {
  CenterCrop,
  ColorJitter,
  Compose,
  ConvertImageDtype,
  Grayscale,
  Normalize,
  Pad,
  RandomApply,
  RandomCrop,
  RandomErasing,
  RandomHorizontalFlip,
  RandomResizedCrop,
  RandomVerticalFlip,
  Resize,
  ToTensor,
};

const holdsTransforms = (arg: unknown): arg is { transforms: readonly TransformRecipe[] } =>
  typeof arg === 'object' && arg !== null && 'transforms' in arg && Array.isArray(arg.transforms);

/** Makes a transform of its recipe. @throws ArgumentError for a name that is none of this package's */
export function transformFrom(recipe: TransformRecipe): Transform {
  const [name, ...args] = checkArray('transformFrom', 'the recipe', recipe);
  const maker = Object.hasOwn(makers, name) ? makers[name] : undefined;
  if (maker === undefined)
    throw new ArgumentError({ op: 'transformFrom', expected: `one of ${Object.keys(makers).join(', ')}`, received: describe(name) });
  return new maker(...(args.map((arg) => (holdsTransforms(arg) ? arg.transforms.map(transformFrom) : arg)) as never[]));
}
