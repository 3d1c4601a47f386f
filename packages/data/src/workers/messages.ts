import { bytesOf, DeviceError, fromBytes, getDefaultDevice, Tensor, type DeviceSource, type DType } from '@flambeau/core';

/**
 * How a worker makes a dataset anew, since an object with methods cannot be sent to it: the export `name` of `module`, which is a class to
 * construct or a function to call (and await) with `args`.
 * @example
 * class Images extends Dataset<[Tensor, number]> {
 *   workerSource() { return { module: import.meta.url, name: 'Images', args: [this.folder] } }
 * }
 */
export interface WorkerSource {
  readonly module: string;
  readonly name: string;
  readonly args: readonly unknown[];
}

/** What a worker is told when it starts. */
export interface WorkerStart {
  readonly source: WorkerSource;
  readonly id: number;
  readonly count: number;
  /** The seed of this worker's random numbers: the loader's base seed plus its id. */
  readonly seed: bigint;
  /** Called in the worker before anything else: the export `name` of `module`, with the worker's id. */
  readonly init: Pick<WorkerSource, 'module' | 'name'> | undefined;
  /** The device of the loader's thread, for a worker whose modules choose none. */
  readonly device: DeviceSource | undefined;
  /** A collate function of the user's, by module and name. */
  readonly collate: Pick<WorkerSource, 'module' | 'name'> | undefined;
  /** How a worker cuts the samples of an IterableDataset into batches; undefined for a dataset with indices. */
  readonly cut: BatchCut | undefined;
}

/** How samples that come one after the other become batches. */
export interface BatchCut {
  readonly batchSize: number;
  /** Leaves out a last batch that is not full. */
  readonly dropLast: boolean;
}

/** The samples of a batch by their indices; undefined for the next ones of an IterableDataset. */
export type Request = readonly number[] | undefined;

export type ToWorker =
  | { readonly kind: 'start'; readonly start: WorkerStart }
  | { readonly kind: 'epoch'; readonly seed: bigint }
  | { readonly kind: 'batch'; readonly order: number; readonly indices: Request };

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'batch'; readonly order: number; readonly batch: unknown }
  // The worker's IterableDataset has no more.
  | { readonly kind: 'end'; readonly order: number }
  | {
      readonly kind: 'error';
      readonly order: number;
      readonly index: number | undefined;
      readonly message: string;
      readonly stack: string;
    };

const tensorMark = '@flambeau/tensor';
/** A tensor on its way between threads. */
interface PackedTensor {
  readonly kind: typeof tensorMark;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Replaces the tensors in a batch by their bytes, and collects the buffers to be moved instead of copied. */
export function pack(value: unknown, transfer: ArrayBuffer[]): unknown {
  if (value instanceof Tensor) {
    const bytes = rawBytes(value);
    transfer.push(bytes.buffer);
    return { kind: tensorMark, bytes, shape: [...value.shape], dtype: value.dtype } satisfies PackedTensor;
  }
  if (Array.isArray(value)) return value.map((item) => pack(item, transfer));
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, pack(item, transfer)]));
  }
  return value;
}

/** The elements as they lie in memory, in row-major order. */
function rawBytes(x: Tensor): Uint8Array<ArrayBuffer> {
  const packed = x.contiguous();
  const width = bytesOf(packed.dtype);
  const { device } = packed;
  if (device.downloadSync === undefined)
    throw new DeviceError({
      op: 'DataLoader',
      expected: 'samples of workers on a device that is read synchronously',
      received: `a tensor on ${device.name}`,
      hint: 'Make samples on the CPU, and move each batch with to(device).',
    });
  // A copy of its own, which leaves the worker: the storage's bytes stay in its pool.
  return device.downloadSync(packed.storage, packed.offset * width, packed.count * width).slice();
}

/** Makes the tensors of a packed batch on the default device. */
export function unpack(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(unpack);
  if (typeof value !== 'object' || value === null) return value;
  if ((value as Partial<PackedTensor>).kind === tensorMark) {
    const { bytes, shape, dtype } = value as PackedTensor;
    return fromBytes(bytes, shape, dtype, getDefaultDevice(), 'DataLoader');
  }
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, unpack(item)]));
}
