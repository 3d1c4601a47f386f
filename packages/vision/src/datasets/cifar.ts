import { fromBytes, ShapeError, showShape, type Device, type Tensor } from '@flambeau/core';
import { Dataset, type WorkerSource } from '@flambeau/data';
import { asPicture } from '../transforms/picture.ts';
import type { Transform } from '../transforms/transform.ts';
import { checkImages, checkRoot, checkTransform, readFolderOptions } from './checks.ts';
import type { DatasetDownload } from './download.ts';
import { rootedSource } from './workerSource.ts';
import { DatasetFileError } from './idx.ts';

/** Options of CIFAR datasets. */
export interface CIFAROptions {
  /** The 50,000 training images, or the 10,000 test images. */
  train?: boolean;
  /** Applied to each image, a uint8 tensor [32, 32, 3]. */
  transform?: Transform;
  /** Where the tensors lie; the default device when missing. */
  device?: Device;
  /** Fetches the archive into `root` when the files are not there. */
  download?: boolean | DatasetDownload;
}

/** The files of a dataset: records of labels and 32·32 red, then green, then blue bytes. */
interface Layout {
  readonly folder: string;
  readonly archive: string;
  readonly md5: string;
  readonly files: Readonly<Record<'true' | 'false', readonly string[]>>;
  /** Bytes of labels before the pixels; the last of them is the class. */
  readonly labelBytes: number;
  readonly classes: number;
}

const pixels = 3 * 32 * 32;

/**
 * Pictures of 32 by 32 pixels in ten classes, from the binary version of the dataset.
 * @see Krizhevsky 2009, Learning multiple layers of features from tiny images
 */
export class CIFAR10 extends Dataset<[Tensor, number]> {
  /** uint8 [N, 32, 32, 3]. */
  readonly images: Tensor;
  /** int32 [N]. */
  readonly targets: Tensor;
  readonly length: number;
  private readonly planes: Tensor;
  private readonly labels: Uint8Array;
  private readonly transform: Transform | undefined;
  override workerSource?: () => WorkerSource;

  protected static readonly layout: Layout = {
    folder: 'cifar-10-batches-bin',
    archive: 'cifar-10-binary.tar.gz',
    md5: 'c32a1d4ab5d03f1284b67883e8d87530',
    files: { true: [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`), false: ['test_batch.bin'] },
    labelBytes: 1,
    classes: 10,
  };

  constructor(images: Tensor, labels: Uint8Array, transform?: Transform) {
    super();
    checkImages('CIFAR10', images, labels);
    if (images.ndim !== 4 || images.shape[0] !== labels.length)
      throw new ShapeError({ op: 'CIFAR10', expected: `images [${labels.length}, H, W, 3]`, received: showShape(images.shape) });
    this.images = images;
    this.planes = images.permute(0, 3, 1, 2).contiguous();
    this.labels = labels;
    this.length = labels.length;
    this.targets = images.newInt32(Int32Array.from(labels));
    this.transform = checkTransform('CIFAR10', transform);
    if (transform === undefined || transform.batch !== undefined) this.getBatch = (indices) => this.pick(indices);
  }

  /** Reads the dataset from `root` or its folder in it. @throws DatasetFileError when a file is missing or damaged, ArgumentError */
  static async load(root: string, options: CIFAROptions = {}): Promise<CIFAR10> {
    const { train, transform, device, download } = readFolderOptions(`${this.name}.load`, options);
    checkRoot(`${this.name}.load`, root);
    const { layout } = this;
    const { readFirst, isThere } = await import('./files.ts');
    const names = layout.files[`${train}`];
    const folders = [root, `${root}/${layout.folder}`];
    if (download !== undefined) {
      // An extraction that was interrupted has left only some of them.
      const there = await Promise.all(names.map((name) => isThere(folders, name)));
      if (there.includes(false)) await fetchArchive(root, layout, download);
    }
    const parts: { bytes: Uint8Array; path: string }[] = [];
    for (const name of names) parts.push(await readFirst(folders, name));
    const record = layout.labelBytes + pixels;
    const count = parts.reduce((n, { bytes }) => n + Math.floor(bytes.length / record), 0);
    const [data, labels] = [new Uint8Array(count * pixels), new Uint8Array(count)];
    let row = 0;
    for (const { bytes, path } of parts) {
      if (bytes.length === 0 || bytes.length % record !== 0)
        throw new DatasetFileError(
          path,
          `a multiple of ${record} bytes`,
          String(bytes.length),
          'The file is cut: delete it and download it again.',
        );
      for (let start = 0; start < bytes.length; start += record, row++) {
        labels[row] = bytes[start + layout.labelBytes - 1];
        if (labels[row] >= layout.classes)
          throw new DatasetFileError(path, `labels below ${layout.classes}`, `${labels[row]} at byte ${start}`);
        data.set(bytes.subarray(start + layout.labelBytes, start + record), row * pixels);
      }
    }
    // Planes of colors are seen as pixels: [N, 3, 32, 32] → [N, 32, 32, 3], which transforms see as planes again without a copy.
    const images = fromBytes(data, [count, 3, 32, 32], 'uint8', device, this.name).permute(0, 2, 3, 1);
    const made = new this(images, labels, transform);
    const rooted = rootedSource(this.name, root, { train }, transform);
    if (rooted !== undefined) made.workerSource = () => rooted;
    return made;
  }

  get(index: number): [Tensor, number] {
    const image = asPicture(this.images.select(0, index));
    return [this.transform === undefined ? image : this.transform.apply(image), this.labels[index]];
  }

  private pick(indices: readonly number[]): [Tensor, Tensor] {
    const picks = this.images.newInt32(Int32Array.from(indices));
    const images = asPicture(this.planes.indexSelect(0, picks).permute(0, 2, 3, 1));
    return [this.transform?.batch?.(images) ?? images, this.targets.indexSelect(0, picks)];
  }
}

/** The same pictures' larger sister, in a hundred classes. */
export class CIFAR100 extends CIFAR10 {
  protected static override readonly layout: Layout = {
    folder: 'cifar-100-binary',
    archive: 'cifar-100-binary.tar.gz',
    md5: '03b5dce01913d631647c71ecec9e9cb8',
    files: { true: ['train.bin'], false: ['test.bin'] },
    labelBytes: 2,
    classes: 100,
  };
}

async function fetchArchive(root: string, layout: Layout, options: DatasetDownload): Promise<void> {
  const { download } = await import('./download.ts');
  const { readFirst } = await import('./files.ts');
  const { mkdir, writeFile } = await import('node:fs/promises');
  const { basename, join } = await import('node:path');
  const { parseTar } = await import('nanotar');
  const { mirrors = ['https://www.cs.toronto.edu/~kriz/'], ...how } = options;
  await download({ mirrors, name: layout.archive, md5: layout.md5 }, root, how);
  const { bytes } = await readFirst([root], layout.archive.replace(/\.gz$/, ''));
  await mkdir(join(root, layout.folder), { recursive: true });
  for (const entry of parseTar(bytes)) {
    // Only the names that are known are taken, whatever path the archive gives them.
    const name = basename(entry.name);
    const known = [...layout.files.true, ...layout.files.false].includes(name);
    if (known && entry.data !== undefined) await writeFile(join(root, layout.folder, name), entry.data);
  }
}
