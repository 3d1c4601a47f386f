import { ArgumentError, checkDevice, checkTensor, describe, getDefaultDevice, readOptions, type Device, type Tensor } from '@flambeau/core';
import { checkTransforms } from '../transforms/checks.ts';
import type { Transform } from '../transforms/transform.ts';
import type { DatasetDownload } from './download.ts';

/** What a dataset in a folder takes. */
interface FolderOptions {
  /** The training part, or the test part. */
  train?: boolean;
  /** What every image goes through. */
  transform?: Transform;
  /** Where the tensors are made. */
  device?: Device;
  /** Whether what is missing is fetched, and how. */
  download?: boolean | DatasetDownload;
}

/** The same with its defaults. `download` is undefined where nothing may be fetched. */
interface ReadFolderOptions {
  /** The training part, or the test part. */
  readonly train: boolean;
  /** What every image goes through. */
  readonly transform: Transform | undefined;
  /** Where the tensors are made. */
  readonly device: Device;
  /** Whether what is missing is fetched, and how. */
  readonly download: DatasetDownload | undefined;
}

/** @throws ArgumentError unless `value` names a folder, or is the address of one */
export function checkRoot(op: string, value: unknown): string {
  if (typeof value === 'string' && value !== '') return value;
  throw new ArgumentError({ op, expected: 'root to be the path or the address of a folder', received: describe(value) });
}

/** @throws ArgumentError unless a dataset gets images as a tensor and labels as bytes */
export function checkImages(op: string, images: Tensor, labels: Uint8Array): void {
  checkTensor(op, 'the images', images);
  if (!(labels instanceof Uint8Array)) throw new ArgumentError({ op, expected: 'the labels as a Uint8Array', received: describe(labels) });
}

/** @throws ArgumentError unless `value` is a transform, or undefined */
export const checkTransform = (op: string, value: Transform | undefined): Transform | undefined =>
  value === undefined ? undefined : checkTransforms(op, [value])[0];

/** Reads what `load` of a dataset is given. @throws ArgumentError for an unknown option or one of the wrong kind */
export function readFolderOptions(op: string, options: FolderOptions): ReadFolderOptions {
  const { train = true, transform, device = getDefaultDevice(), download = false } = readOptions<FolderOptions>(op, options, ['train', 'transform', 'device', 'download']); // prettier-ignore
  if (typeof train !== 'boolean') throw new ArgumentError({ op, expected: 'train to be true or false', received: describe(train) });
  if (typeof download !== 'boolean' && typeof download !== 'object')
    throw new ArgumentError({ op, expected: 'download to be true, false or its options', received: describe(download) });
  return {
    train,
    transform: checkTransform(op, transform),
    device: checkDevice(op, device),
    download: download === false ? undefined : download === true ? {} : download,
  };
}
