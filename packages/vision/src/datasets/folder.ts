import { Dataset, type WorkerSource } from '@flambeau/data';
import { ArgumentError, checkArray, checkFunction, describe, isPlainObject, readOptions, type Tensor } from '@flambeau/core';
import type { Transform } from '../transforms/transform.ts';
import { checkRoot, checkTransform } from './checks.ts';
import { DatasetFileError } from './idx.ts';
import { readImage } from './image.ts';
import { rootedSource } from './workerSource.ts';

const extensions = ['.jpg', '.jpeg', '.png', '.ppm', '.bmp', '.pgm', '.tif', '.tiff', '.webp'];

/** Options of image folders. */
export interface ImageFolderOptions {
  /** Applied to each image, a uint8 picture [H, W, 3]. */
  transform?: Transform;
  /** Which files count; by their endings when missing. */
  isValidFile?: (path: string) => boolean;
}

/** A file that decodes to an image: a path in Node, a Blob or File, or an address in the browser. */
export type ImageFile = string | Blob;

/** A folder whose files are known: plain data, which can be sent to a worker. */
export interface ListedFolder {
  readonly root: string;
  readonly classes: readonly string[];
  readonly samples: readonly (readonly [file: ImageFile, target: number])[];
}

/**
 * Images in a folder for each class: `root/cat/1.png`, `root/dog/2.png`. A sample is a promise of an image and its class,
 * for decoding is asynchronous: loop with `for await`. With `numWorkers` the workers decode, where the transforms are this package's;
 * for one of yours give the dataset a `workerSource`.
 */
export class ImageFolder extends Dataset<Promise<[Tensor, number]>> {
  readonly root: string;
  readonly classes: readonly string[];
  /** Files and classes in the order of samples. */
  readonly samples: readonly (readonly [file: ImageFile, target: number])[];
  readonly length: number;
  private readonly transform: Transform | undefined;
  private last: Promise<unknown> = Promise.resolve();
  override workerSource?: () => WorkerSource;

  private constructor(listed: ListedFolder, transform: Transform | undefined) {
    super();
    if (!isPlainObject(listed))
      throw new ArgumentError({
        op: 'ImageFolder',
        expected: 'a list of files',
        received: describe(listed),
        hint: 'Call ImageFolder.load.',
      });
    const { root, classes, samples } = listed;
    checkArray('ImageFolder', 'samples', samples);
    this.root = root;
    this.classes = classes;
    this.samples = samples;
    this.length = samples.length;
    this.transform = transform;
    const source = rootedSource('ImageFolder', root, { root, classes, samples }, transform);
    if (source !== undefined) this.workerSource = () => source;
  }

  /** Lists a folder. @throws DatasetFileError when it has no classes, or a class no images */
  static async load(root: string, options: ImageFolderOptions = {}): Promise<ImageFolder> {
    checkRoot('ImageFolder.load', root);
    const { transform, isValidFile } = readOptions<ImageFolderOptions>('ImageFolder.load', options, ['transform', 'isValidFile']);
    if (isValidFile !== undefined) checkFunction('ImageFolder.load', 'isValidFile', isValidFile);
    const { readdir } = await import('node:fs/promises');
    const { extname, join } = await import('node:path');
    const isValid = isValidFile ?? ((path: string) => extensions.includes(extname(path).toLowerCase()));
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
    return new ImageFolder({ root, classes, samples }, checkTransform('ImageFolder.load', transform));
  }

  /**
   * A folder by its files: in the browser, those of `<input type="file" webkitdirectory>` or addresses by the names of their classes.
   * @example ImageFolder.fromFiles({ cat: [file1, file2], dog: [file3] })
   * @throws DatasetFileError when there is no class, or a class without files
   */
  static fromFiles(
    files: Readonly<Record<string, readonly ImageFile[]>>,
    options: Pick<ImageFolderOptions, 'transform'> = {},
  ): ImageFolder {
    const op = 'ImageFolder.fromFiles';
    if (!isPlainObject(files))
      throw new ArgumentError({ op, expected: 'an object with a list of files for each class', received: describe(files) });
    const { transform } = readOptions<Pick<ImageFolderOptions, 'transform'>>(op, options, ['transform']);
    const classes = Object.keys(files).sort();
    if (classes.length === 0) throw new DatasetFileError('files', 'a list of files for each class', 'none');
    const empty = classes.find((name) => checkArray(op, `the files of ${name}`, files[name]).length === 0);
    if (empty !== undefined) throw new DatasetFileError(empty, 'files', 'none');
    const samples = classes.flatMap((name, target) => files[name].map((file) => [file, target] as const));
    return new ImageFolder({ root: '', classes, samples }, checkTransform(op, transform));
  }

  /** A folder that was listed elsewhere, as workers get it. */
  static fromListed(listed: ListedFolder, transform?: Transform): ImageFolder {
    return new ImageFolder(listed, transform);
  }

  /** Several may be asked for at once: they are decoded side by side, and transformed in the order of asking, so that random numbers are too. */
  get(index: number): Promise<[Tensor, number]> {
    const [file, target] = this.samples[index];
    const decoding = readImage(file);
    const { transform } = this;
    const sample = this.last.then(async (): Promise<[Tensor, number]> => {
      const image = await decoding;
      return [transform === undefined ? image : transform.apply(image), target];
    });
    // A broken image rejects its own sample only, and is nobody's unhandled rejection before its turn.
    decoding.catch(() => undefined);
    this.last = sample.catch(() => undefined);
    return sample;
  }
}
