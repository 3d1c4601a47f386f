import { DTypeError, fromBytes, ShapeError, showShape, type Device, type Tensor } from '@flambeau/core';
import { Dataset, type WorkerSource } from '@flambeau/data';
import { asPicture } from '../transforms/picture.ts';
import type { Transform } from '../transforms/transform.ts';
import { checkImages, checkRoot, checkTransform, readFolderOptions } from './checks.ts';
import type { DatasetDownload } from './download.ts';
import { rootedSource } from './workerSource.ts';
import { DatasetFileError, parseIdx } from './idx.ts';

/** Options of MNIST and its like. */
export interface MNISTOptions {
  /** The 60,000 training images, or the 10,000 test images. */
  train?: boolean;
  /** Applied to each image, a uint8 tensor [28, 28]. */
  transform?: Transform;
  /** Where the tensors lie; the default device when missing. */
  device?: Device;
  /** Fetches the files into `root/MNIST/raw` when they are not there. */
  download?: boolean | DatasetDownload;
}

/** Where a dataset in the form of MNIST comes from: mirrors, and the MD5 sums of its gzipped files. */
interface Source {
  readonly folder: string;
  readonly mirrors: readonly string[];
  readonly md5: Readonly<Record<string, string>>;
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
  override workerSource?: () => WorkerSource;

  constructor(images: Tensor, labels: Uint8Array, transform?: Transform) {
    super();
    checkImages('MNIST', images, labels);
    if (images.dtype !== 'uint8') throw new DTypeError({ op: 'MNIST', expected: 'uint8 images', received: images.dtype });
    if (images.ndim !== 3 || images.shape[0] !== labels.length)
      throw new ShapeError({ op: 'MNIST', expected: `images [${labels.length}, H, W]`, received: showShape(images.shape) });
    this.images = images;
    this.labels = labels;
    this.length = labels.length;
    this.targets = images.newInt32(Int32Array.from(labels));
    this.transform = checkTransform('MNIST', transform);
    if (transform === undefined || transform.batch !== undefined) this.getBatch = (indices) => this.pick(indices);
  }

  /**
   * Reads the dataset from a folder, or from a server by the folder's address (http or https): IDX files, plain or gzipped, in `root`,
   * `root/MNIST/raw` or `root/raw`.
   * With `download` the files are fetched from the known mirrors, checked by their checksums, and continued where an earlier try was cut.
   * @throws DatasetFileError when a file is missing (it says where it was looked for), damaged or not to be had; ArgumentError
   */
  static async load(root: string, options: MNISTOptions = {}): Promise<MNIST> {
    const { train, transform, device, download: wanted } = readFolderOptions(`${this.name}.load`, options);
    checkRoot(`${this.name}.load`, root);
    const { readFirst, isThere } = await import('./files.ts');
    const stem = stems[`${train}`];
    const names = [`${stem}-images-idx3-ubyte`, `${stem}-labels-idx1-ubyte`];
    const raw = `${root}/${this.source.folder}/raw`;
    const folders = [root, raw, `${root}/raw`];
    if (wanted !== undefined) {
      const { download } = await import('./download.ts');
      const { mirrors = this.source.mirrors, ...how } = wanted;
      for (const name of names) {
        if (!(await isThere(folders, name))) await download({ mirrors, name: `${name}.gz`, md5: this.source.md5[name] }, raw, how);
      }
    }
    const [imageFile, labelFile] = [await readFirst(folders, names[0]), await readFirst(folders, names[1])];
    const images = parseIdx(imageFile.bytes, imageFile.path, 3);
    const labels = parseIdx(labelFile.bytes, labelFile.path, 1);
    if (labels.shape[0] !== images.shape[0])
      throw new DatasetFileError(labelFile.path, `${images.shape[0]} labels`, String(labels.shape[0]));
    const wrong = labels.data.find((label) => label > 9);
    if (wrong !== undefined) throw new DatasetFileError(labelFile.path, 'labels from 0 to 9', String(wrong));
    const made = new this(fromBytes(images.data, images.shape, 'uint8', device, 'MNIST'), labels.data.slice(), transform);
    const rooted = rootedSource(this.name, root, { train }, transform);
    if (rooted !== undefined) made.workerSource = () => rooted;
    return made;
  }

  protected static readonly source: Source = {
    folder: 'MNIST',
    mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'http://yann.lecun.com/exdb/mnist/'],
    md5: {
      'train-images-idx3-ubyte': 'f68b3c2dcbeaaa9fbdd348bbdeb94873',
      'train-labels-idx1-ubyte': 'd53e105ee54ea40749a09fcbcd1e9432',
      't10k-images-idx3-ubyte': '9fb629c4189551a2d022fa330f9573f3',
      't10k-labels-idx1-ubyte': 'ec29112dd5afa0611ce80d1b7f02629c',
    },
  };

  get(index: number): [Tensor, number] {
    const image = asPicture(this.images.select(0, index));
    return [this.transform === undefined ? image : this.transform.apply(image), this.labels[index]];
  }

  private pick(indices: readonly number[]): [Tensor, Tensor] {
    const picks = this.images.newInt32(Int32Array.from(indices));
    const images = asPicture(this.images.indexSelect(0, picks));
    return [this.transform?.batch?.(images) ?? images, this.targets.indexSelect(0, picks)];
  }
}

/** Pictures of clothes in ten classes, in the form of MNIST. @see Xiao et al. 2017 */
export class FashionMNIST extends MNIST {
  protected static override readonly source: Source = {
    folder: 'FashionMNIST',
    mirrors: ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'],
    md5: {
      'train-images-idx3-ubyte': '8d4fb7e6c68d591d4c3dfef9ec88bf0d',
      'train-labels-idx1-ubyte': '25c81989df183df01b3e8a0aad5dffbe',
      't10k-images-idx3-ubyte': 'bef4ecab320f06d8554ea6380940ec79',
      't10k-labels-idx1-ubyte': 'bb300cfdad3c16e7a12a480ee83cd310',
    },
  };
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
