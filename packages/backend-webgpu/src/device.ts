import { ArgumentError, Storage, type Device, type DType } from '@flambeau/core';
import { openGpu, type WebGpuOptions } from './gpu.ts';
import { makeKernels } from './kernels.ts';
import { BufferPool, type Block } from './pool.ts';
import { CommandQueue } from './queue.ts';

/** A GPU as a device of Flambeau. */
export interface WebGpuDevice extends Device {
  /** What the adapter says of itself. */
  readonly info: string;
}

/** Stored in 16 bits, computed in float32. */
const storedOnly: readonly DType[] = ['float16', 'bfloat16'];
const missing: readonly DType[] = ['int64', 'float64'];

/**
 * Opens a GPU: the browser's own, or in Node one through the npm package `webgpu`. Values are read with `await`; errors that only
 * the GPU can see, such as an index out of range, are thrown by the next read.
 * @throws NotSupportedError where there is no WebGPU, DeviceError where there is no adapter
 */
export async function webgpu(options: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const { maxBytes = Infinity } = options;
  if (!(maxBytes > 0)) throw new ArgumentError({ op: 'webgpu', expected: 'maxBytes above 0', received: String(maxBytes) });
  const { device: gpu, description } = await openGpu(options);
  const queue = new CommandQueue(gpu);
  const pool = new BufferPool(gpu, maxBytes);

  const device: WebGpuDevice = {
    name: 'webgpu',
    info: description,
    synchronous: false,
    randomSource: 'device',
    supports: (dtype) => !missing.includes(dtype),
    computes: (dtype) => !missing.includes(dtype) && !storedOnly.includes(dtype),
    allocate(byteLength) {
      queue.check();
      return pool.take(byteLength);
    },
    release(storage) {
      pool.release(storage.handle as Block);
    },
    upload(storage, bytes, byteOffset) {
      if (bytes.byteLength === 0) return;
      const { region } = storage.handle as Block;
      const whole = byteOffset + bytes.byteLength === storage.byteLength;
      if (byteOffset % 4 === 0 && (bytes.byteLength % 4 === 0 || whole)) {
        queue.write(region, byteOffset, inWords(bytes));
        return;
      }
      // Words that other bytes share are written by a kernel.
      const between = new Storage(device, bytes.byteLength, 'upload');
      queue.write((between.handle as Block).region, 0, inWords(bytes));
      const span = { dtype: 'uint8', shape: [bytes.byteLength], strides: [1], count: bytes.byteLength } as const;
      device.kernels.copy({ ...span, storage: between, offset: 0 }, { ...span, storage, offset: byteOffset });
      between.release();
    },
    async download(storage, byteOffset, byteLength) {
      const { region } = storage.handle as Block;
      const first = byteOffset - (byteOffset % 4);
      const words = await queue.read(region, first, Math.ceil((byteOffset + byteLength - first) / 4) * 4);
      return words.slice(byteOffset - first, byteOffset - first + byteLength);
    },
    synchronize: () => queue.synchronize(),
    memory: () => pool.memory(),
    kernels: makeKernels(queue, () => device),
    optional: {},
  };
  return device;
}

/** The bytes in memory of their own, padded to whole words. */
function inWords(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const words = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  words.set(bytes);
  return words;
}
