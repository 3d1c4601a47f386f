import {
  bytesOf,
  contiguousStrides,
  fromBytes,
  isContiguous,
  numel,
  ReleasedError,
  Tensor,
  type Device,
  type DType,
  type Shape,
} from '@flambeau/core';
import { FileError, type FilePlace } from './errors.ts';

/** A tensor over the same elements without a history, so that reading it records nothing. */
const plain = (x: Tensor): Tensor => new Tensor(x.storage, x.dtype, x.shape, x.strides, x.offset, x.count);

/** A copy of the bytes of a tensor's elements in row-major order. */
export async function bytesOfTensor(x: Tensor): Promise<Uint8Array> {
  if (x.storage.released)
    throw new ReleasedError({
      op: 'save',
      expected: 'tensors that are still alive',
      received: `one made by ${x.storage.origin} that was released`,
      hint: 'Keep them until the promise resolves: keep(tensor), or save outside the scope.',
    });
  const own = isContiguous(x) ? plain(x) : plain(x).contiguous();
  const width = bytesOf(own.dtype);
  const { device, storage } = own;
  const [offset, length] = [own.offset * width, own.count * width];
  if (length === 0) return new Uint8Array(0);
  // The window of a synchronous device is valid only until the next call.
  const bytes =
    device.downloadSync === undefined
      ? await device.download(storage, offset, length)
      : device.downloadSync(storage, offset, length).slice();
  if (own.storage !== x.storage) own.dispose();
  return bytes;
}

/** A copy of all bytes of a tensor's storage, whatever part of it the tensor sees. */
export async function bytesOfStorage(x: Tensor): Promise<Uint8Array> {
  const count = Math.floor(x.storage.byteLength / bytesOf(x.dtype));
  return bytesOfTensor(new Tensor(x.storage, x.dtype, [count], [1], 0, count));
}

/** Swaps the bytes of each element, in a copy. */
export function swapBytes(bytes: Uint8Array, width: number): Uint8Array {
  const out = bytes.slice();
  for (let at = 0; at + width <= out.length; at += width) out.subarray(at, at + width).reverse();
  return out;
}

/**
 * A tensor of bytes from a file. Where the device has no int64, values that fit become int32, the integer that it counts with.
 * @throws FileError when they do not fit, DTypeError when the device cannot store the dtype.
 */
export function tensorOfBytes(bytes: Uint8Array, shape: Shape, dtype: DType, device: Device, place: FilePlace): Tensor {
  if (bytes.byteLength !== numel(shape) * bytesOf(dtype)) {
    throw new FileError('FILE_SHAPE', place, {
      expected: `${numel(shape) * bytesOf(dtype)} bytes for ${dtype} [${shape.join(', ')}]`,
      received: String(bytes.byteLength),
    });
  }
  if (dtype !== 'int64' || device.supports('int64'))
    return fromBytes(dtype === 'bool' ? truths(bytes) : bytes, shape, dtype, device, 'load');
  const wide = new BigInt64Array(bytes.slice().buffer);
  const outside = wide.find((value) => value < -(2n ** 31n) || value >= 2n ** 31n);
  if (outside !== undefined) {
    throw new FileError('FILE_NOT_SUPPORTED', place, {
      expected: `integers of 32 bits, for the device ${device.name} has no int64`,
      received: `${outside}`,
      hint: 'Load it on the CPU: load(file, { device: cpu }).',
    });
  }
  return fromBytes(new Uint8Array(Int32Array.from(wide, Number).buffer), shape, 'int32', device, 'load');
}

/** Bools are 0 or 1 in every kernel; a file may hold any byte. */
const truths = (bytes: Uint8Array): Uint8Array => (bytes.some((byte) => byte > 1) ? bytes.map((byte) => (byte === 0 ? 0 : 1)) : bytes);

/** Checks that a list of sizes is a shape whose elements can be counted. @throws FileError otherwise */
export function checkFileShape(sizes: readonly unknown[], place: FilePlace): number[] {
  const shape: number[] = [];
  let count = 1;
  for (const size of sizes) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
      throw new FileError('FILE_SHAPE', place, { expected: 'sizes that are non-negative integers', received: String(size) });
    shape.push(size);
    count *= Math.max(size, 1);
  }
  if (shape.length > 64 || count > Number.MAX_SAFE_INTEGER)
    throw new FileError('FILE_LIMIT', place, {
      expected: 'at most 64 dimensions and 2^53 elements',
      received: `${shape.length} dimensions, ${count} elements`,
    });
  return shape;
}

export const rowMajor = (shape: Shape): number[] => contiguousStrides(shape);
