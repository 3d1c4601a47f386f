import { DeviceError, type MemoryInfo } from '@flambeau/core';

/** A buffer on the GPU, of at least the bytes asked for. */
export interface Region {
  readonly buffer: GPUBuffer;
  readonly size: number;
  readonly id: number;
}

/** What a storage holds: collected with it, the region goes back to the pool. */
export class Block {
  readonly region: Region;

  constructor(region: Region) {
    this.region = region;
  }
}

// GPUBufferUsage: MAP_READ 1, COPY_SRC 4, COPY_DST 8, UNIFORM 64, STORAGE 128.
const storageUsage = 4 | 8 | 128;
/** Small buffers come in steps of 256 bytes, large ones in eighths of a power of two. */
const classOf = (byteLength: number): number => {
  const step = byteLength <= 4096 ? 256 : 2 ** (Math.floor(Math.log2(byteLength)) - 3);
  return Math.max(256, Math.ceil(byteLength / step) * step);
};

/**
 * Buffers by size, used again as soon as they are released: one queue runs everything in the order it was asked for,
 * so a buffer is free when the last command that names it was recorded.
 */
export class BufferPool {
  private readonly device: GPUDevice;
  private readonly maxBytes: number;
  private readonly free = new Map<number, Region[]>();
  private liveBytes = 0;
  private peakBytes = 0;
  private liveCount = 0;
  private pooledBytes = 0;
  private made = 0;
  private readonly collected = new FinalizationRegistry<Region>((region) => {
    this.give(region);
  });

  constructor(device: GPUDevice, maxBytes: number) {
    this.device = device;
    this.maxBytes = maxBytes;
  }

  take(byteLength: number): Block {
    const size = classOf(byteLength);
    const waiting = this.free.get(size)?.pop();
    if (waiting === undefined) {
      if (size > this.device.limits.maxStorageBufferBindingSize || size > this.device.limits.maxBufferSize) {
        throw new DeviceError({
          op: 'webgpu',
          expected: `tensors of at most ${this.device.limits.maxStorageBufferBindingSize} bytes on this adapter`,
          received: `${byteLength}`,
          hint: 'Use smaller batches.',
        });
      }
      if (this.liveBytes + size > this.maxBytes) {
        throw new DeviceError({
          op: 'webgpu',
          expected: `at most ${this.maxBytes} bytes of tensors`,
          received: `${this.liveBytes} in ${this.liveCount} tensors and ${byteLength} more`,
          hint: 'Release tensors with dispose() or scope(), use smaller batches, or raise maxBytes.',
        });
      }
    } else this.pooledBytes -= size;
    const region = waiting ?? { buffer: this.device.createBuffer({ size, usage: storageUsage }), size, id: this.made++ };
    this.liveBytes += size;
    this.liveCount++;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    const block = new Block(region);
    this.collected.register(block, region, block);
    return block;
  }

  release(block: Block): void {
    if (this.collected.unregister(block)) this.give(block.region);
  }

  private give(region: Region): void {
    this.liveBytes -= region.size;
    this.liveCount--;
    this.pooledBytes += region.size;
    const list = this.free.get(region.size);
    if (list === undefined) this.free.set(region.size, [region]);
    else list.push(region);
  }

  memory(): MemoryInfo {
    const { liveBytes, peakBytes, liveCount, pooledBytes } = this;
    return { liveBytes, peakBytes, liveCount, pooledBytes };
  }
}
