import { transformFrom } from '../transforms/recipes.ts';
import type { TransformRecipe } from '../transforms/transform.ts';
import * as cifar from './cifar.ts';
import { ImageFolder as Folder, type ListedFolder } from './folder.ts';
import * as mnist from './mnist.ts';

// What a worker of a DataLoader loads: makers of datasets from plain data, under the names of their classes.

interface Rooted {
  readonly train: boolean;
}
const made = (recipe: TransformRecipe | undefined): { transform?: ReturnType<typeof transformFrom> } =>
  recipe === undefined ? {} : { transform: transformFrom(recipe) };

type Loader<Dataset> = { load(root: string, options: Rooted): Promise<Dataset> };
const reloaded =
  <Dataset>(loader: Loader<Dataset>) =>
  (root: string, { train }: Rooted, recipe: TransformRecipe | undefined): Promise<Dataset> =>
    loader.load(root, { train, ...made(recipe) });

/** MNIST, read again from its folder. */
export const MNIST: (root: string, options: Rooted, recipe: TransformRecipe | undefined) => Promise<mnist.MNIST> = reloaded(mnist.MNIST);
/** Fashion-MNIST, read again from its folder. */
export const FashionMNIST: typeof MNIST = reloaded(mnist.FashionMNIST);
/** CIFAR-10, read again from its folder. */
export const CIFAR10: (root: string, options: Rooted, recipe: TransformRecipe | undefined) => Promise<cifar.CIFAR10> = reloaded(
  cifar.CIFAR10,
);
/** CIFAR-100, read again from its folder. */
export const CIFAR100: typeof CIFAR10 = reloaded(cifar.CIFAR100);

/** An image folder of files that are listed already. */
export const ImageFolder = (_: string, listed: ListedFolder, recipe: TransformRecipe | undefined): Folder =>
  Folder.fromListed(listed, recipe === undefined ? undefined : transformFrom(recipe));
