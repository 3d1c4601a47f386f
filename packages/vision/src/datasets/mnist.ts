import { DTypeError, fromBytes, getDefaultDevice, ShapeError, showShape, type Device, type Tensor } from '@flambeau/core';
import { Dataset } from '@flambeau/data';
import type { Transform } from '../transforms/transforms.ts';
import { DatasetFileError, parseIdx } from './idx.ts';

/** Options of MNIST and its like. */
export interface MNISTOptions {
  /** The 60,000 training images, or the 10,000 test images. */
  train?: boolean;
  /** Applied to each image, a uint8 tensor [28, 28]. */
  transform?: Transform;
  device?: Device;
}

const stems = { true: 'train', false: 't10k' };

/**
 * Handwritten digits: images of 28 by 28 pixels and their classes 0 to 9. A sample is an image, as `transform` makes it, and its label.
 * @see LeCun et al. 1998
 */
export class MNIST extends Dataset<[Tensor, number]> {
  /** The images as they lie in the file: uint8 [N, 28, 28]. */
  readonly images: Tensor;
  /** The classes: int32 [N]. */
  readonly targets: Tensor;
  readonly length: number;
  readonly classes: readonly string[] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'];
  private readonly labels: Uint8Array;
  private readonly transform: Transform | undefined;

  constructor(images: Tensor, labels: Uint8Array, transform?: Transform) {
    super();
    if (images.dtype !== 'uint8') throw new DTypeError({ op: 'MNIST', expected: 'uint8 images', received: images.dtype });
    if (images.ndim !== 3 || images.shape[0] !== labels.length)
      throw new ShapeError({ op: 'MNIST', expected: `images [${labels.length}, H, W]`, received: showShape(images.shape) });
    this.images = images;
    this.labels = labels;
    this.length = labels.length;
    this.targets = images.newInt32(Int32Array.from(labels));
    this.transform = transform;
    if (transform === undefined || transform.batch !== undefined) this.getBatch = (indices) => this.pick(indices);
  }

  /**
   * Reads the dataset from a folder: IDX files, plain or gzipped, in `root`, `root/MNIST/raw` or `root/raw`.
   * @throws DatasetFileError when a file is missing (it says where it was looked for) or damaged
   */
  static async load(root: string, options: MNISTOptions = {}): Promise<MNIST> {
    const { train = true, transform, device = getDefaultDevice() } = options;
    const { readFirst } = await import('./files.ts');
    const stem = stems[`${train}`];
    const folders = [root, `${root}/${this.folder}/raw`, `${root}/raw`];
    const [imageFile, labelFile] = [
      await readFirst(folders, `${stem}-images-idx3-ubyte`),
      await readFirst(folders, `${stem}-labels-idx1-ubyte`),
    ];
    const images = parseIdx(imageFile.bytes, imageFile.path, 3);
    const labels = parseIdx(labelFile.bytes, labelFile.path, 1);
    if (labels.shape[0] !== images.shape[0])
      throw new DatasetFileError(labelFile.path, `${images.shape[0]} labels`, String(labels.shape[0]));
    const wrong = labels.data.find((label) => label > 9);
    if (wrong !== undefined) throw new DatasetFileError(labelFile.path, 'labels from 0 to 9', String(wrong));
    return new this(fromBytes(images.data, images.shape, 'uint8', device, 'MNIST'), labels.data.slice(), transform);
  }

  /** The folder below `root` where PyTorch keeps the files. */
  protected static readonly folder: string = 'MNIST';

  get(index: number): [Tensor, number] {
    const image = this.images.select(0, index);
    return [this.transform === undefined ? image : this.transform.apply(image), this.labels[index]];
  }

  private pick(indices: readonly number[]): [Tensor, Tensor] {
    const picks = this.images.newInt32(Int32Array.from(indices));
    const images = this.images.indexSelect(0, picks);
    return [this.transform?.batch?.(images) ?? images, this.targets.indexSelect(0, picks)];
  }
}

/** Pictures of clothes in ten classes, in the form of MNIST. @see Xiao et al. 2017 */
export class FashionMNIST extends MNIST {
  protected static override readonly folder: string = 'FashionMNIST';
  override readonly classes: readonly string[] = [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ];
}
