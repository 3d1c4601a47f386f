import { OutOfMemoryError } from '@flambeau/core';
import type { Block, Memory } from './block.ts';
import { HostHeap, type Home } from './hostHeap.ts';
import { classBytes, sizeClass } from './sizes.ts';

/** What the arena needs of WebAssembly.Memory. */
export interface LinearMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}

/** A stretch of the arena, between its neighbours by address. */
interface Segment {
  address: number;
  size: number;
  /** Who lives here; undefined where it is free. */
  block: WasmBlock | undefined;
  previous: Segment | undefined;
  next: Segment | undefined;
  /** True while it waits in the pool of its size. */
  pooled: boolean;
}

interface WasmBlock extends Block {
  segment: Segment | undefined;
  /** While the arena has no room for it: the buffer that has the bytes, where in it, and its accounts. */
  away: ArrayBuffer | undefined;
  awayOffset: number;
  home: Home | undefined;
  /** The last call that addressed it. */
  call: number;
  readonly index: number;
}

const pageBytes = 65536;
/** Bytes that are cleared at a time. */
const windowBytes = 65536;
/** The arena's size before anybody has to leave. */
const leastArena = 2 * 2 ** 20;
/** Addresses that WebAssembly has. */
const addressLimit = 2 ** 32 - pageBytes;

/**
 * Memory of the WASM engine. WebAssembly sees only its own memory, and V8 does not collect what lies there; so that memory is an arena for
 * storages in use: a ring. A cursor goes round; where it comes to storages that were allocated a whole round ago, their bytes are copied out
 * into buffers of V8, which collects those that nobody holds. A storage that is used again comes back; the arena grows when many do, so that
 * its size follows the storages in use. Released stretches are reused at once.
 */
export class WasmMemory implements Memory {
  private readonly memory: LinearMemory;
  /** Called when the memory's buffer was replaced. */
  private readonly onGrow: () => void;
  /** The arena grows up to here for the sake of storages that keep coming back. */
  private readonly limit: number;
  /** Bytes that came back in this round. */
  private returned = 0;
  private readonly first: Segment;
  private last: Segment;
  private cursor: Segment;
  private readonly pool: Segment[][] = [];
  /** Entries of a pool at which those that are no longer true are dropped. */
  private readonly poolSizes: number[] = [];
  private bytesView: Uint8Array<ArrayBuffer>;
  private call = 0;
  private inUse = 0;
  private resident = 0;
  private pooled = 0;
  private peak = 0;
  /** Where storages are while they are away. */
  private readonly heap = new HostHeap(() => 0);

  constructor(memory: LinearMemory, base: number, limit: number, onGrow: () => void) {
    this.memory = memory;
    this.onGrow = onGrow;
    this.limit = limit;
    this.bytesView = new Uint8Array(memory.buffer);
    const start = Math.ceil(base / 64) * 64;
    const size = Math.max(0, memory.buffer.byteLength - start);
    this.first = { address: start, size, block: undefined, previous: undefined, next: undefined, pooled: false };
    this.last = this.first;
    this.cursor = this.first;
  }

  allocate(byteLength: number): Block {
    const index = sizeClass(byteLength);
    const block: WasmBlock = {
      address: 0,
      capacity: classBytes(index),
      segment: undefined,
      away: undefined,
      awayOffset: 0,
      home: undefined,
      call: this.call,
      index,
    };
    this.place(block);
    return block;
  }

  scratch(byteLength: number): Block {
    return this.allocate(byteLength);
  }

  /** Finds room for a block in the arena. */
  private place(block: WasmBlock): void {
    const segment = this.pooledSegment(block.index) ?? this.sweep(block.capacity);
    segment.block = block;
    block.segment = segment;
    block.address = segment.address;
    this.resident++;
    this.inUse += segment.size;
    if (this.inUse > this.peak) this.peak = this.inUse;
  }

  private pooledSegment(index: number): Segment | undefined {
    const list = this.pool[index];
    while (list !== undefined && list.length > 0) {
      const segment = list.pop() as Segment;
      // The cursor takes segments without looking for their entries here: an entry counts only while it is true.
      if (segment.pooled && segment.size === classBytes(index)) {
        this.unpool(segment);
        return segment;
      }
    }
    return undefined;
  }

  private unpool(segment: Segment): void {
    if (!segment.pooled) return;
    segment.pooled = false;
    this.pooled -= segment.size;
  }

  private repool(segment: Segment, index: number): void {
    segment.pooled = true;
    this.pooled += segment.size;
    const list = (this.pool[index] ??= []);
    if (list.length < (this.poolSizes[index] ?? 256)) list.push(segment);
    else {
      const size = classBytes(index);
      const current = [...new Set(list)].filter((entry) => entry.pooled && entry.size === size && entry !== segment);
      current.push(segment);
      this.pool[index] = current;
      this.poolSizes[index] = Math.max(256, 2 * current.length);
    }
  }

  /** Moves the cursor on until it has cleared `size` bytes in one piece. */
  private sweep(size: number): Segment {
    let start: Segment | undefined = this.cursor;
    let wraps = 0;
    while (true) {
      // Storages of the call that is being written stay.
      while (start !== undefined && start.block !== undefined && start.block.call === this.call) start = start.next;
      if (start !== undefined) {
        const end = this.reach(start, size);
        if (end.bytes >= size) return this.split(this.clear(start, end.last, end.bytes), size);
        start = end.last.next;
        if (start !== undefined) continue;
      }
      // The end of the arena. It grows when much of what had to leave came back, or nothing else helps; else the next round begins.
      const held = this.memory.buffer.byteLength;
      const tight = held < leastArena || (held < this.limit && this.returned * 4 > held);
      this.returned = 0;
      if (tight || wraps > 0) {
        this.grow(size);
        start = this.last;
      } else {
        start = this.first;
        wraps++;
      }
    }
  }

  /** How far one could clear from `start` on: as much as `size`, and some more, so that many small storages leave together. */
  private reach(start: Segment, size: number): { last: Segment; bytes: number } {
    let last = start;
    let bytes = start.size;
    // What the last window left is used up first: a copy, with an entry in V8's registry, for every few bytes would cost more than it frees.
    const wanted = start.block === undefined && bytes >= size ? size : Math.max(size, windowBytes);
    while (bytes < wanted && last.next !== undefined && !(last.next.block !== undefined && last.next.block.call === this.call)) {
      last = last.next;
      bytes += last.size;
    }
    return { last, bytes };
  }

  /** Makes one free segment of those from `first` to `last`; the storages there leave in one copy, which V8 collects when nobody holds them. */
  private clear(first: Segment, last: Segment, bytes: number): Segment {
    let copy: ArrayBuffer | undefined;
    let home: Home | undefined;
    const after = last.next;
    for (let segment: Segment = first, next = segment.next; ; segment = next as Segment, next = segment.next) {
      this.unpool(segment);
      const { block } = segment;
      if (block !== undefined) {
        if (copy === undefined || home === undefined) {
          // From the first that is in use to the end.
          const byteLength = last.address + last.size - segment.address;
          copy = this.memory.buffer.slice(segment.address, segment.address + byteLength);
          home = { byteLength, address: segment.address, outstanding: 0 };
          this.heap.adopt(copy, home);
        }
        home.outstanding++;
        this.heap.outstanding++;
        block.home = home;
        block.away = copy;
        block.awayOffset = segment.address - home.address;
        block.segment = undefined;
        block.address = 0;
        this.vacate(segment);
      }
      // A pool may still hold the swallowed segment; with its links that one entry would hold every segment that was ever swallowed after it.
      if (segment !== first) segment.previous = segment.next = undefined;
      if (segment === last) break;
    }
    first.size = bytes;
    first.next = after;
    if (after !== undefined) after.previous = first;
    else this.last = first;
    return first;
  }

  /** Cuts what is not needed off a free segment; the cursor goes there. */
  private split(segment: Segment, size: number): Segment {
    if (segment.size > size) {
      const rest: Segment = {
        address: segment.address + size,
        size: segment.size - size,
        block: undefined,
        previous: segment,
        next: segment.next,
        pooled: false,
      };
      if (segment.next !== undefined) segment.next.previous = rest;
      else this.last = rest;
      segment.next = rest;
      segment.size = size;
    }
    this.cursor = segment.next ?? this.first;
    return segment;
  }

  private grow(size: number): void {
    const before = this.memory.buffer.byteLength;
    const free = this.last.block === undefined ? this.last.size : 0;
    const needed = Math.ceil((size - free) / pageBytes) * pageBytes;
    const doubled = Math.min(Math.max(before, leastArena - before), this.limit - before);
    const more = Math.max(needed, Math.floor(doubled / pageBytes) * pageBytes, 0);
    if (before + more > addressLimit) throw noRoom(size);
    try {
      this.memory.grow(more / pageBytes);
    } catch (cause) {
      throw noRoom(size, cause);
    }
    this.bytesView = new Uint8Array(this.memory.buffer);
    this.onGrow();
    if (this.last.block === undefined) {
      this.unpool(this.last);
      this.last.size += more;
    } else {
      const end: Segment = { address: before, size: more, block: undefined, previous: this.last, next: undefined, pooled: false };
      this.last.next = end;
      this.last = end;
    }
  }

  private vacate(segment: Segment): void {
    segment.block = undefined;
    this.resident--;
    this.inUse -= segment.size;
  }

  private forgetAway(block: WasmBlock): void {
    if (block.home === undefined) return;
    block.home.outstanding--;
    this.heap.outstanding--;
    block.away = undefined;
    block.home = undefined;
  }

  release(block: Block): void {
    const { segment, index } = block as WasmBlock;
    this.forgetAway(block as WasmBlock);
    if (segment === undefined) return;
    (block as WasmBlock).segment = undefined;
    this.vacate(segment);
    this.repool(segment, index);
  }

  beginCall(): void {
    this.call++;
  }

  address(block: Block): number {
    const mine = block as WasmBlock;
    mine.call = this.call;
    if (mine.segment === undefined) this.bringBack(mine);
    return mine.address;
  }

  private bringBack(block: WasmBlock): void {
    const { away } = block;
    this.returned += block.capacity;
    if (away === undefined) throw new Error('backend-cpu: a released storage was used');
    this.place(block);
    this.bytesView.set(new Uint8Array(away, block.awayOffset, block.capacity), block.address);
    this.forgetAway(block);
  }

  bytes(block: Block, byteOffset: number, byteLength: number): Uint8Array<ArrayBuffer> {
    const { away, awayOffset, address } = block as WasmBlock;
    if (away !== undefined) return new Uint8Array(away, awayOffset + byteOffset, byteLength);
    return new Uint8Array(this.memory.buffer, address + byteOffset, byteLength);
  }

  /** Bytes of storages in the arena, and of the buffers that hold others and are not yet collected. */
  get liveBytes(): number {
    return this.inUse + this.heap.liveBytes;
  }

  get peakBytes(): number {
    return (this.peak = Math.max(this.peak, this.liveBytes));
  }

  get liveCount(): number {
    return this.resident + this.heap.liveCount;
  }

  get pooledBytes(): number {
    return this.pooled;
  }
}

const noRoom = (byteLength: number, cause?: unknown): OutOfMemoryError =>
  new OutOfMemoryError({
    op: 'allocate',
    expected: `room for ${byteLength} more bytes in the memory of WebAssembly`,
    received: 'none',
    hint: 'Release tensors with scope(() => ...), take smaller batches, or use the native engine.',
    cause,
  });
