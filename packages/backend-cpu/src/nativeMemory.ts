import { collectYoung } from '#platform';
import { ReleasedError } from '@flambeau/core';
import type { Block, Memory } from './block.ts';
import { HostHeap, slabBytes, type Home } from './hostHeap.ts';
import type { Addon, Watchlist } from './platform/addon.ts';
import { classBytes, largestSmallClass, sizeClass } from './sizes.ts';

/** Where a block lies, which outlives the block itself. */
interface Place {
  readonly buffer: ArrayBuffer;
  readonly byteOffset: number;
  readonly home: Home;
  /** The size class; 0 for adopted memory, which is not pooled. */
  readonly index: number;
  /** Where it is a part of a slab: what is reached as long as any block in the slab is. */
  readonly slab: Slab | undefined;
}

/** A buffer from which small blocks are carved one after the other, each time that it begins anew. */
class Slab {
  readonly buffer: ArrayBuffer;
  readonly home: Home;
  readonly byteOffset: number;
  used = 0;

  constructor(buffer: ArrayBuffer, byteOffset: number, home: Home) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.home = home;
  }
}

/** Made with `new`, for V8 may come to make the objects of a literal that often live long among its old objects at once, where none is found young. */
class NativeBlock implements Block {
  address: number;
  readonly capacity: number;
  readonly place: Place;
  /** The look before which it was made. */
  readonly look: number;
  /** A large block's slot in the watchlist. */
  slot = -1;

  constructor(address: number, capacity: number, place: Place, look: number) {
    this.address = address;
    this.capacity = capacity;
    this.place = place;
    this.look = look;
  }
}

/** In place of a size class: a whole slab. */
const slabIndex = -1;
/** Bytes that the pool holds at most; beyond, the blocks of sizes that were asked for longest ago go to V8's collector. */
const poolLimit = 256 * 2 ** 20;
/** Bytes of large blocks that are handed out between two looks at who is still reached: few enough that they stay in a shared third cache. */
const leastBudget = 8 * 2 ** 20;
/** The budget of programs that hold on to most of what they make. */
const largestBudget = 512 * 2 ** 20;
/** Bytes that make a look worth its while where much has just become garbage; half of them are to be found. */
const leastReclaimed = 8 * 2 ** 20;

/**
 * Memory of the native engine: buffers of V8, whose addresses do not change. Released blocks wait in a pool, by size class, for the next
 * request. So do large blocks that nobody reaches: V8 alone would find them by collecting its whole heap each time that some 64 MB of buffers
 * were made, and give back memory that has left the caches. Here its young generation, where they are, is collected each time that a budget
 * of bytes was handed out; the pool holds the buffers, and a watchlist tells which blocks are gone.
 */
export class NativeMemory implements Memory {
  private readonly addressOf: (buffer: ArrayBuffer) => number;
  private readonly heap: HostHeap;
  private readonly pool: NativeBlock[][] = [];
  /** When each size class was last asked for: the number of the request, of those that were not small. */
  private readonly asked: number[] = [];
  private requests = 0;
  private readonly watchlist: Watchlist;
  /** The places of large blocks and of slabs (whose size class is `slabIndex`), by their slots in the watchlist. */
  private readonly places: (Place | undefined)[] = [];
  /** The slab of which small blocks are carved. */
  private slab: Slab | undefined;
  /** Slabs of which no block is reached. */
  private readonly spareSlabs: Place[] = [];
  /** Bytes of large blocks and slabs that were handed out since the last look, without those that were given back. */
  private handedOut = 0;
  /** The most that it was since the last backward pass. */
  private most = 0;
  private budget = leastBudget;
  /** The share of what was handed out that looks of `reclaim` find: a mean, of which the last one is a sixteenth. */
  private shareReclaimed = 1;
  private looks = 0;

  constructor(addon: Pick<Addon, 'addressOf' | 'settle' | 'watchlist'>) {
    this.addressOf = addon.addressOf;
    this.heap = new HostHeap(addon.settle);
    this.watchlist = addon.watchlist();
  }

  allocate(byteLength: number): Block {
    if (this.handedOut >= this.budget) this.lookForUnreached();
    return this.scratch(byteLength);
  }

  scratch(byteLength: number): Block {
    const index = sizeClass(byteLength);
    const list = this.pool[index];
    let block: NativeBlock;
    if (list !== undefined && list.length > 0) {
      block = list.pop() as NativeBlock;
      this.heap.setAside(-block.capacity);
      block.place.home.outstanding++;
      // A block that has seen a look may be old, and would not be found with the young ones: its place gets a new one.
      if (block.look < this.looks && index > largestSmallClass) {
        this.unwatch(block);
        block = this.blockAt(block.place);
      }
    } else if (index > largestSmallClass) {
      const { heap } = this;
      heap.take(classBytes(index));
      const { buffer, byteOffset, home } = heap;
      block = this.blockAt({ buffer, byteOffset, home, index, slab: undefined });
    } else block = this.carve(index);
    if (index > largestSmallClass) {
      this.handOut(block.capacity);
      this.asked[index] = ++this.requests;
    }
    return block;
  }

  private handOut(bytes: number): void {
    this.handedOut += bytes;
    if (this.handedOut > this.most) this.most = this.handedOut;
  }

  /** A small block from the slab at hand, or the next one. */
  private carve(index: number): NativeBlock {
    const byteLength = classBytes(index);
    let { slab } = this;
    if (slab === undefined || slab.used + byteLength > slabBytes) slab = this.nextSlab();
    const { buffer, home } = slab;
    const byteOffset = slab.byteOffset + slab.used;
    slab.used += byteLength;
    home.outstanding++;
    this.heap.outstanding++;
    return this.blockAt({ buffer, byteOffset, home, index, slab });
  }

  /**
   * Small blocks that are dropped would cost collections of V8's whole heap in the end, and others would come from memory that is in no cache: so
   * slabs are watched as large blocks are.
   */
  private nextSlab(): Slab {
    let place = this.spareSlabs.pop();
    if (place === undefined) {
      this.heap.takeSlab();
      const { buffer, byteOffset, home } = this.heap;
      place = { buffer, byteOffset, home, index: slabIndex, slab: undefined };
    } else this.heap.takeSlabBack();
    const slab = (this.slab = new Slab(place.buffer, place.byteOffset, place.home));
    this.places[this.watchlist.watch(slab)] = place;
    this.handOut(slabBytes);
    return slab;
  }

  /** A block at a place; a large one is watched. */
  private blockAt(place: Place): NativeBlock {
    const { home, byteOffset, index } = place;
    const block = new NativeBlock(home.address + byteOffset, classBytes(index), place, this.looks);
    if (index > largestSmallClass) {
      block.slot = this.watchlist.watch(block);
      this.places[block.slot] = place;
    }
    return block;
  }

  release(block: Block): void {
    const { capacity, place } = block as NativeBlock;
    place.home.outstanding--;
    if (place.index > largestSmallClass) this.handedOut = Math.max(0, this.handedOut - capacity);
    if (place.index === 0) this.heap.outstanding--;
    else this.putAside(block as NativeBlock);
  }

  private unwatch({ slot }: NativeBlock): void {
    if (slot < 0) return;
    this.watchlist.unwatch(slot);
    this.places[slot] = undefined;
  }

  private putAside(block: NativeBlock): void {
    this.heap.setAside(block.capacity);
    (this.pool[block.place.index] ??= []).push(block);
    if (this.heap.asideBytes > poolLimit) this.shrinkPool();
  }

  /** Lets go of a quarter of the pool: slabs, then whole size classes, those first that were asked for longest ago, and small ones last. */
  private shrinkPool(): void {
    const { heap } = this;
    const enough = (): boolean => heap.asideBytes <= (poolLimit * 3) / 4;
    while (!enough() && this.spareSlabs.length > 0) {
      heap.takeSlabBack();
      heap.letGo((this.spareSlabs.pop() as Place).home);
    }
    const age = (index: number): number => (index > largestSmallClass ? (this.asked[index] ?? 0) : this.requests + 1);
    for (const index of [...this.pool.keys()].sort((a, b) => age(a) - age(b))) {
      if (enough()) return;
      for (const block of this.pool[index]?.splice(0) ?? []) {
        heap.setAside(-block.capacity);
        heap.outstanding--;
        if (index > largestSmallClass) heap.letGo(block.place.home);
        this.unwatch(block);
      }
    }
  }

  reclaim(): void {
    const { handedOut } = this;
    // The next step may make as much: a look in its midst would find little, and what it passes twice is old and not found any more. A loop
    // without such steps soon has its own budget again.
    this.budget = Math.max(leastBudget, Math.min(largestBudget, 2 * this.most));
    this.most = handedOut;
    // It may be little more than gradients, which are held until the next ones come.
    if (handedOut < leastReclaimed || handedOut * this.shareReclaimed < leastReclaimed / 2) return;
    const found = this.look();
    this.most = 0;
    this.shareReclaimed += (Math.min(1, found / handedOut) - this.shareReclaimed) / 16;
  }

  /** Takes back what is not reached; a program that still holds most of it is asked less often. */
  private lookForUnreached(): void {
    const { handedOut } = this;
    const found = this.look();
    if (found < handedOut / 2) this.budget = Math.min(largestBudget, 2 * this.budget);
    else if (found > (handedOut * 3) / 4 && handedOut >= this.budget) this.budget = leastBudget;
  }

  /** Collects what is young and takes back the blocks that were not reached. @returns their bytes */
  private look(): number {
    // It would be old after the next look, and not found any more.
    this.slab = undefined;
    collectYoung();
    this.looks++;
    this.handedOut = 0;
    return this.takeUnreached(false);
  }

  /** Takes back the blocks that V8 has collected, of the young ones at least; returns their bytes. */
  private takeUnreached(all: boolean): number {
    const slots = this.watchlist.collected(all);
    if (slots.length === 0) return 0;
    // All are looked up before the first is watched anew, for that takes their slots.
    const unreached = slots.map((slot) => this.places[slot]);
    for (const slot of slots) this.places[slot] = undefined;
    let bytes = 0;
    for (const place of unreached) {
      if (place === undefined) continue;
      if (place.index === slabIndex) {
        bytes += slabBytes;
        this.heap.setSlabAside(place.home);
        this.spareSlabs.push(place);
        if (this.heap.asideBytes > poolLimit) this.shrinkPool();
        continue;
      }
      bytes += classBytes(place.index);
      place.home.outstanding--;
      this.putAside(this.blockAt(place));
    }
    return bytes;
  }

  beginCall(): void {
    // Addresses of V8's buffers hold for good.
  }

  address(block: Block): number {
    if ((block as NativeBlock).place.index === 0) checkAttached(block as NativeBlock);
    return block.address;
  }

  bytes(block: Block, byteOffset: number, byteLength: number): Uint8Array<ArrayBuffer> {
    checkAttached(block as NativeBlock);
    const { buffer, byteOffset: start } = (block as NativeBlock).place;
    return new Uint8Array(buffer, start + byteOffset, byteLength);
  }

  adopt(bytes: Uint8Array): Block | undefined {
    const { buffer, byteOffset, byteLength } = bytes;
    // Memory that other threads write, or that may move, is copied; so is what is not aligned for its elements.
    if (!(buffer instanceof ArrayBuffer) || (buffer as { resizable?: boolean }).resizable === true || byteLength === 0) return undefined;
    const address = this.addressOf(buffer) + byteOffset;
    if (address % 8 !== 0) return undefined;
    const home: Home = { byteLength, address, outstanding: 1 };
    const block = new NativeBlock(address, byteLength, { buffer, byteOffset, home, index: 0, slab: undefined }, 0);
    this.heap.adopt(block, home);
    return block;
  }

  get liveBytes(): number {
    this.takeUnreached(true);
    return this.heap.liveBytes;
  }

  get peakBytes(): number {
    return this.heap.peakBytes;
  }

  get liveCount(): number {
    this.takeUnreached(true);
    return this.heap.liveCount;
  }

  get pooledBytes(): number {
    return this.heap.asideBytes;
  }
}

function checkAttached({ place, capacity }: NativeBlock): void {
  if (place.buffer.byteLength === 0 && capacity > 0) {
    throw new ReleasedError({
      op: 'fromArray',
      expected: 'an ArrayBuffer that is still attached',
      received: 'one that was transferred elsewhere',
      hint: 'Copy the array before transferring it: tensor(array).',
    });
  }
}
