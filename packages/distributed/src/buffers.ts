import { bytesOf, fromBytes, internalScope, ReleasedError, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';

/** A tensor's elements as bytes of the host, in row-major order. */
export interface HostBytes {
  readonly bytes: Uint8Array;
  /** Puts what was written into the bytes into the tensor. */
  commit(): void;
  /** Lets the tensor go. */
  release(): void;
}

const nothing = (): void => undefined;

function checkAlive(op: string, x: Tensor): void {
  if (!x.storage.released) return;
  throw new ReleasedError({ op, expected: 'a tensor that is still alive', received: `one made by ${x.storage.origin} that was released` });
}

/** Room that does not move, for bytes that MPI reads or writes. */
export const newBytes = (byteLength: number): Uint8Array => {
  const buffer = Buffer.allocUnsafeSlow(byteLength);
  return new Uint8Array(buffer.buffer, buffer.byteOffset, byteLength);
};

/** Writes bytes into a tensor of any layout, outside of any recording. */
export function writeBytes(x: Tensor, bytes: Uint8Array): void {
  if (x.count === 0) return;
  noGrad(() =>
    internalScope(() => {
      x.detach().copy_(fromBytes(bytes, x.shape, x.dtype, x.device, 'distributed'));
      return [];
    }),
  );
}

/** The bytes of a contiguous tensor's own memory, where the device lets them lie; undefined elsewhere. */
function ownBytes(x: Tensor): HostBytes | undefined {
  const { device, storage } = x;
  if (device.stableBytes !== true || device.downloadSync === undefined || !x.isContiguous()) return undefined;
  const size = bytesOf(x.dtype);
  const bytes = device.downloadSync(storage, x.offset * size, x.count * size);
  storage.pin();
  return {
    bytes,
    commit: () => {
      storage.version++;
    },
    release: () => storage.unpin(),
  };
}

/** Copies the elements of a tensor on a synchronous device into `into`. */
export function readInto(op: string, x: Tensor, into: Uint8Array): void {
  checkAlive(op, x);
  noGrad(() =>
    internalScope(() => {
      const whole = x.detach().contiguous();
      const size = bytesOf(x.dtype);
      const window = x.device.downloadSync?.(whole.storage, whole.offset * size, whole.count * size);
      if (window !== undefined) into.set(window);
      return [];
    }),
  );
}

/** A tensor's bytes on a synchronous device: its own memory where that is possible, else a copy. */
export function hostBytes(op: string, x: Tensor, read: boolean): HostBytes {
  checkAlive(op, x);
  const own = ownBytes(x);
  if (own !== undefined) return own;
  const bytes = newBytes(x.count * bytesOf(x.dtype));
  if (read) readInto(op, x, bytes);
  return { bytes, commit: () => writeBytes(x, bytes), release: nothing };
}

/** The elements of a tensor on any device. */
export async function download(op: string, x: Tensor): Promise<Uint8Array> {
  checkAlive(op, x);
  const whole = noGrad(() => x.detach().contiguous());
  const size = bytesOf(x.dtype);
  return x.count === 0 ? newBytes(0) : x.device.download(whole.storage, whole.offset * size, whole.count * size);
}
