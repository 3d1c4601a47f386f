import { bytesOf, joinTurns, Storage, typedArray, writeElement, readElement, type Device, type DType, type Operand } from '@flambeau/core'; // prettier-ignore
import { openGpu, type GpuInfo, type WebGpuOptions } from './gpu.ts';
import { requiredKernels } from './kernels/index.ts';
import { optionalKernels } from './optional/index.ts';
import { BufferPool, type Block, type Region } from './pool.ts';
import type { Counters } from './commands.ts';
import { CommandQueue, slots } from './queue.ts';
import type { Machine } from './machine.ts';
import { readWebGpuOptions } from './options.ts';
import { startTimer } from './timing.ts';

/** A GPU as a device of Flambeau. */
export interface WebGpuDevice extends Device {
  /** What the adapter says of itself and allows. */
  readonly info: GpuInfo;
  /** How much was asked of the GPU since it was opened. */
  readonly counters: Counters;
  /** Gives the GPU back. Its tensors cannot be used any more. */
  destroy(): void;
}

const missing: readonly DType[] = ['int64', 'float64'];

const wholeWords = (bytes: number): number => Math.ceil(bytes / 4) * 4;

/** The bytes in memory of their own, padded to whole words. */
function inWords(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const words = new Uint8Array(wholeWords(bytes.byteLength));
  words.set(bytes);
  return words;
}

/** The elements of an operand from the bytes of its whole storage. */
function valuesOf(x: Operand, bytes: Uint8Array<ArrayBuffer>): Float64Array {
  const width = bytesOf(x.dtype);
  const own = bytes.slice();
  const stored = typedArray(x.dtype, own.buffer, 0, Math.floor(own.byteLength / width));
  const values = new Float64Array(x.count);
  const index = new Array<number>(x.shape.length).fill(0);
  let at = x.offset;
  for (let i = 0; i < x.count; i++) {
    values[i] = readElement(x.dtype, stored, at);
    for (let d = x.shape.length - 1; d >= 0; d--) {
      at += x.strides[d];
      if (++index[d] < x.shape[d]) break;
      at -= x.strides[d] * x.shape[d];
      index[d] = 0;
    }
  }
  return values;
}

/**
 * Opens a GPU: the browser's own, or in Node one through the npm package `webgpu`. Values are read with `await`; errors that only
 * the GPU can see, such as an index out of range, are thrown by the next read.
 * @throws NotSupportedError where there is no WebGPU, NoAdapterError where there is no adapter, ArgumentError for options that it does not take
 */
export async function webgpu(given: WebGpuOptions = {}): Promise<WebGpuDevice> {
  const options = readWebGpuOptions(given);
  const { device: gpu, info } = await openGpu(options);
  const queue = new CommandQueue(gpu, info.limits.maxBufferSize);
  const pool = new BufferPool(
    {
      createBuffer: (size) => queue.createBuffer(size),
      destroy: (region) => queue.destroy(region),
      maxBufferSize: info.limits.maxBufferSize,
    },
    options,
  );
  queue.onTaskEnd = () => pool.watch();
  const bringBack = (region: Region, bytes: Uint8Array<ArrayBuffer>): void => queue.write(region, 0, bytes);
  const blockRegion = (storage: Storage): Region => pool.regionOf(storage.handle as Block, bringBack);
  const machine: Machine = {
    queue,
    regionOf: (x) => blockRegion(x.storage),
    limits: info.limits,
    software: options.kernels === undefined ? info.software : options.kernels === 'threads',
    float16: info.float16,
  };

  /** Moves tensors that were not used lately to the host, where they are too many. */
  async function moveOutCold(): Promise<void> {
    const cold = pool.nextTurn();
    if (cold.length === 0) return;
    const since = cold.map(({ lastUsed }) => lastUsed);
    const pieces = cold.flatMap(({ region, size }) => (region === undefined ? [] : [{ region, offset: 0, length: size }]));
    const contents = await queue.read(pieces);
    cold.forEach((lease, i) => pool.moveOut(lease, since[i], contents[i]));
  }

  const device: WebGpuDevice = {
    name: 'webgpu',
    info,
    get counters() {
      return queue.counters;
    },
    synchronous: false,
    randomSource: options.random ?? 'device',
    supports: (dtype) => !missing.includes(dtype),
    // What has 16 bits is stored everywhere. Kernels read and write float16 where shaders know it, and compute in the float32 of their registers.
    computes: (dtype) => !missing.includes(dtype) && dtype !== 'bfloat16' && (dtype !== 'float16' || info.float16),
    allocate(byteLength, origin = 'webgpu') {
      queue.faults.check();
      return pool.take(byteLength, origin);
    },
    release(storage) {
      pool.release(storage.handle as Block);
    },
    upload(storage, bytes, byteOffset) {
      if (bytes.byteLength === 0) return;
      const region = blockRegion(storage);
      const whole = byteOffset + bytes.byteLength === storage.byteLength;
      if (byteOffset % 4 === 0 && (bytes.byteLength % 4 === 0 || whole)) {
        queue.write(region, byteOffset, inWords(bytes));
        return;
      }
      // Words that other bytes share are written by a kernel.
      const between = new Storage(device, bytes.byteLength, 'upload');
      queue.write(blockRegion(between), 0, inWords(bytes));
      const span = { dtype: 'uint8', shape: [bytes.byteLength], strides: [1], count: bytes.byteLength } as const;
      device.kernels.copy({ ...span, storage: between, offset: 0 }, { ...span, storage, offset: byteOffset });
      between.release();
    },
    async download(storage, byteOffset, byteLength) {
      const first = byteOffset - (byteOffset % 4);
      const piece = { region: blockRegion(storage), offset: first, length: wholeWords(byteOffset + byteLength - first) };
      const [words] = await queue.read([piece]);
      await moveOutCold();
      return words.slice(byteOffset - first, byteOffset - first + byteLength);
    },
    synchronize: () => queue.synchronize(),
    onHost(inputs, outputs, compute) {
      // The buffers are named now, in the order of the commands; their content comes and goes when it is their turn.
      const pieces = inputs.map((x) => ({ region: blockRegion(x.storage), offset: 0, length: wholeWords(x.storage.byteLength) }));
      const targets = outputs.map((x) => blockRegion(x.storage));
      queue.host(async () => {
        try {
          const contents = await queue.readNow(pieces);
          compute(inputs.map((x, i) => valuesOf(x, contents[i]))).forEach((values, k) => {
            const { dtype, count } = outputs[k];
            const bytes = new Uint8Array(wholeWords(count * bytesOf(dtype)));
            const stored = typedArray(dtype, bytes.buffer, 0, count);
            for (let i = 0; i < count; i++) writeElement(dtype, stored, i, values[i]);
            if (bytes.byteLength > 0) queue.writeNow(targets[k], bytes);
          });
        } catch (error) {
          queue.faults.complain(error);
        }
      });
    },
    async turn() {
      if (await queue.turn()) await moveOutCold();
    },
    ...(info.timestamps && { timer: () => startTimer(queue, gpu, slots) }),
    memory: () => pool.memory(),
    destroy: () => queue.close(),
    kernels: requiredKernels(machine),
    optional: optionalKernels(machine),
  };
  joinTurns(device);
  return device;
}
