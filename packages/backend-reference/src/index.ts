import { inProcessMemory, type Device } from '@flambeau/core';
import { kernels } from './kernels.ts';

let liveBytes = 0;
let liveCount = 0;
let peakBytes = 0;

// Storages are ordinary typed arrays; the registry only keeps the count true.
const collected = new FinalizationRegistry<number>((byteLength) => {
  liveBytes -= byteLength;
  liveCount--;
});

/**
 * The reference backend: every required kernel in plain TypeScript, accumulating in float64. It is the executable specification that
 * other backends are checked against, and it runs wherever JavaScript does.
 */
export const reference: Device = {
  name: 'reference',
  source: { module: import.meta.url, name: 'reference' },
  synchronous: true,
  randomSource: 'host',
  supports: () => true,
  computes: () => true,
  allocate(byteLength) {
    const bytes = inProcessMemory(byteLength, () => new Uint8Array(byteLength));
    liveBytes += byteLength;
    liveCount++;
    peakBytes = Math.max(peakBytes, liveBytes);
    collected.register(bytes, byteLength, bytes);
    return bytes;
  },
  release(storage) {
    collected.unregister(storage.handle as Uint8Array);
    liveBytes -= storage.byteLength;
    liveCount--;
  },
  upload(storage, bytes, byteOffset) {
    (storage.handle as Uint8Array).set(bytes, byteOffset);
  },
  download: (storage, byteOffset, byteLength) => Promise.resolve((storage.handle as Uint8Array).slice(byteOffset, byteOffset + byteLength)),
  downloadSync: (storage, byteOffset, byteLength) => (storage.handle as Uint8Array).subarray(byteOffset, byteOffset + byteLength),
  synchronize: () => Promise.resolve(),
  memory: () => ({ liveBytes, peakBytes, liveCount, pooledBytes: 0 }),
  kernels,
  optional: {},
};
