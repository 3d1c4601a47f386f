export { type Transform, type TransformRecipe } from './transform.ts';
export { transformFrom } from './recipes.ts';
export { asPicture, isPicture } from './picture.ts';
export { Compose, ConvertImageDtype, Lambda, Normalize, RandomApply, ToTensor } from './basic.ts';
export { CenterCrop, Pad, RandomCrop, RandomHorizontalFlip, RandomResizedCrop, RandomVerticalFlip, Resize } from './geometry.ts';
export { ColorJitter, Grayscale, RandomErasing } from './color.ts';
