import { ReleasedError } from '@flambeau/core';
import type { Block, Memory } from './block.ts';
import { HostHeap, type Home } from './hostHeap.ts';
import { classBytes, sizeClass } from './sizes.ts';

interface NativeBlock extends Block {
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly home: Home;
  /** The size class; 0 for adopted memory, which is not pooled. */
  readonly index: number;
}

/** Bytes that the pool holds at most; what is released beyond goes to V8's collector. */
const poolLimit = 256 * 2 ** 20;

/**
 * Memory of the native engine: buffers of V8, whose addresses do not change. Released blocks wait in a pool, by size class, for the next
 * request.
 */
export class NativeMemory implements Memory {
  private readonly addressOf: (buffer: ArrayBuffer) => number;
  private readonly heap: HostHeap;
  private readonly pool: NativeBlock[][] = [];
  private pooled = 0;

  constructor(addressOf: (buffer: ArrayBuffer) => number) {
    this.addressOf = addressOf;
    this.heap = new HostHeap(addressOf);
  }

  allocate(byteLength: number): Block {
    const index = sizeClass(byteLength);
    const list = this.pool[index];
    if (list !== undefined && list.length > 0) {
      const block = list.pop() as NativeBlock;
      this.pooled -= block.capacity;
      this.heap.outstanding++;
      block.home.outstanding++;
      return block;
    }
    const { heap } = this;
    const capacity = classBytes(index);
    heap.take(capacity);
    const { buffer, byteOffset, home } = heap;
    const block: NativeBlock = { address: home.address + byteOffset, capacity, buffer, byteOffset, home, index };
    return block;
  }

  release(block: Block): void {
    const { index, capacity, home } = block as NativeBlock;
    this.heap.outstanding--;
    home.outstanding--;
    if (index === 0 || this.pooled + capacity > poolLimit) return;
    this.pooled += capacity;
    (this.pool[index] ??= []).push(block as NativeBlock);
  }

  beginCall(): void {
    // Addresses of V8's buffers hold for good.
  }

  address(block: Block): number {
    if ((block as NativeBlock).index === 0) checkAttached(block as NativeBlock);
    return block.address;
  }

  bytes(block: Block, byteOffset: number, byteLength: number): Uint8Array<ArrayBuffer> {
    checkAttached(block as NativeBlock);
    const { buffer, byteOffset: start } = block as NativeBlock;
    return new Uint8Array(buffer, start + byteOffset, byteLength);
  }

  adopt(bytes: Uint8Array): Block | undefined {
    const { buffer, byteOffset, byteLength } = bytes;
    // Memory that other threads write, or that may move, is copied; so is what is not aligned for its elements.
    if (!(buffer instanceof ArrayBuffer) || (buffer as { resizable?: boolean }).resizable === true || byteLength === 0) return undefined;
    const address = this.addressOf(buffer) + byteOffset;
    if (address % 8 !== 0) return undefined;
    const home: Home = { byteLength, address, outstanding: 1 };
    const block: NativeBlock = { address, capacity: byteLength, buffer, byteOffset, home, index: 0 };
    this.heap.adopt(block, home);
    return block;
  }

  get liveBytes(): number {
    return Math.max(0, this.heap.liveBytes - this.pooled);
  }

  get peakBytes(): number {
    return this.heap.peakBytes;
  }

  get liveCount(): number {
    return this.heap.liveCount;
  }

  get pooledBytes(): number {
    return this.pooled;
  }
}

function checkAttached({ buffer, capacity }: NativeBlock): void {
  if (buffer.byteLength === 0 && capacity > 0) {
    throw new ReleasedError({
      op: 'fromArray',
      expected: 'an ArrayBuffer that is still attached',
      received: 'one that was transferred elsewhere',
      hint: 'Copy the array before transferring it: tensor(array).',
    });
  }
}
