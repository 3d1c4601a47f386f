import { Dataset, type WorkerSource } from '@flambeau/data';
import type { Tensor } from '@flambeau/core';
import type { Transform } from '../transforms/transform.ts';
import { DatasetFileError } from './idx.ts';
import { readImage } from './image.ts';

const extensions = ['.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp'];

/** Options of image folders. */
export interface ImageFolderOptions {
  /** Applied to each image, a uint8 tensor [H, W, 3]. */
  transform?: Transform;
  /** Which files count; by their endings when missing. */
  isValidFile?: (path: string) => boolean;
}

/**
 * Images in a folder for each class: `root/cat/1.png`, `root/dog/2.png`. A sample is a promise of an image and its class,
 * for decoding is asynchronous: loop with `for await`.
 */
export class ImageFolder extends Dataset<Promise<[Tensor, number]>> {
  readonly root: string;
  readonly classes: readonly string[];
  /** Paths and classes in the order of samples. */
  readonly samples: readonly (readonly [path: string, target: number])[];
  readonly length: number;
  private readonly transform: Transform | undefined;

  private constructor(
    root: string,
    classes: readonly string[],
    samples: readonly (readonly [string, number])[],
    transform: Transform | undefined,
  ) {
    super();
    this.root = root;
    this.classes = classes;
    this.samples = samples;
    this.length = samples.length;
    this.transform = transform;
  }

  /** Lists a folder. @throws DatasetFileError when it has no classes, or a class no images */
  static async load(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
    const { readdir } = await import('node:fs/promises');
    const { extname, join } = await import('node:path');
    const isValid = options.isValidFile ?? ((path: string) => extensions.includes(extname(path).toLowerCase()));
    const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
      throw new DatasetFileError(root, 'a folder that can be read', (error as Error).message);
    });
    const classes = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name).sort(); // prettier-ignore
    if (classes.length === 0) throw new DatasetFileError(root, 'a folder for each class', 'none');
    const samples: [string, number][] = [];
    for (const [target, name] of classes.entries()) {
      const files = (await readdir(join(root, name), { recursive: true })).sort().map((file) => join(root, name, file)).filter(isValid); // prettier-ignore
      if (files.length === 0) throw new DatasetFileError(join(root, name), `images (${extensions.join(', ')})`, 'none');
      for (const file of files) samples.push([file, target]);
    }
    return new ImageFolder(root, classes, samples, options.transform);
  }

  async get(index: number): Promise<[Tensor, number]> {
    const [path, target] = this.samples[index];
    const image = await readImage(path);
    return [this.transform === undefined ? image : this.transform.apply(image), target];
  }

  /** Workers make the folder anew from a function of yours, since a transform cannot be sent: see the README. */
  override workerSource?: () => WorkerSource;
}
