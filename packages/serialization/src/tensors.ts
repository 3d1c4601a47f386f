import { bytesOf, fromBytes, numel, type Device, type DType, type Shape, type Tensor } from '@flambeau/core';
import { FileError, type FilePlace } from './errors.ts';

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
