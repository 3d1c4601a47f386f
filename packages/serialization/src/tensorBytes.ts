import { bytesOf, isContiguous, ReleasedError, Tensor } from '@flambeau/core';

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
