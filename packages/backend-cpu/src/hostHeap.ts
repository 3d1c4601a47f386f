import { arrayBufferBytes, newBuffer } from '#platform';
import { inProcessMemory } from '@flambeau/core';
import { alignment } from './sizes.ts';

/**
 * Blocks from this size on begin at a page: a load whose address ends in the same twelve bits as that of a store before it waits for the store, and
 * so does a loop over two blocks whose beginnings lie a few cache lines apart within a page.
 */
const leastPaged = 65536;
const page = 4096;

/** One buffer of V8. What is counted outlives it, so that its finalizer can take it off. */
export interface Home {
  readonly byteLength: number;
  /** Where the buffer lies; 0 where nobody needs to know. */
  readonly address: number;
  /** Blocks in it that were handed out and not given back. */
  outstanding: number;
}

/** Bytes of a buffer from which small requests are carved. */
export const slabBytes = 65536;
/** Requests up to this are carved from slabs. */
const largestSmall = 4096;
/** Fresh bytes between two looks at what V8 really holds. */
const surveyInterval = 16 * 2 ** 20;

/**
 * Room in buffers of V8, which feels their weight and collects what nobody holds: small requests are carved from slabs, others get a buffer of
 * their own. After `take`, the fields `buffer`, `byteOffset` and `home` say where.
 */
export class HostHeap {
  buffer: ArrayBuffer = new ArrayBuffer(0);
  byteOffset = 0;
  home: Home = { byteLength: 0, address: 0, outstanding: 0 };
  /** Blocks that are out, as far as is known: those of collected buffers are taken off between two tasks of the event loop. */
  outstanding = 0;
  private slab: ArrayBuffer | undefined;
  private slabHome: Home = this.home;
  private slabUsed = 0;
  private held = 0;
  private aside = 0;
  private peak = 0;
  private sinceSurvey = 0;
  private readonly addressOf: (buffer: ArrayBuffer) => number;
  private readonly collected = new FinalizationRegistry<Home>((home) => {
    this.held -= home.byteLength;
    this.outstanding -= home.outstanding;
  });

  /** @param addressOf - where a buffer lies, if blocks are to be aligned in the machine's memory */
  constructor(addressOf: (buffer: ArrayBuffer) => number) {
    this.addressOf = addressOf;
  }

  /** Finds room for a multiple of 64 bytes. @throws OutOfMemoryError */
  take(byteLength: number): void {
    if (byteLength > largestSmall) {
      const buffer = this.newHeld(byteLength, byteLength >= leastPaged ? page : alignment);
      this.outstanding++;
      this.home.outstanding++;
      this.buffer = buffer;
      return;
    }
    if (this.slab === undefined || this.slabUsed + byteLength > this.slab.byteLength) {
      this.takeSlab();
      this.slab = this.buffer;
      this.slabHome = this.home;
      this.slabUsed = this.byteOffset;
    }
    this.outstanding++;
    this.slabHome.outstanding++;
    this.home = this.slabHome;
    this.buffer = this.slab;
    this.byteOffset = this.slabUsed;
    this.slabUsed += byteLength;
  }

  /** Finds room for a slab, of which the caller takes care. @throws OutOfMemoryError */
  takeSlab(): void {
    this.buffer = this.newHeld(slabBytes, alignment);
  }

  /** Takes account of a slab that waits, for no block of it is reached. */
  setSlabAside(home: Home): void {
    this.aside += slabBytes;
    this.outstanding -= home.outstanding;
    home.outstanding = 0;
  }

  /** Takes account of a slab that waited and is used again. */
  takeSlabBack(): void {
    this.aside -= slabBytes;
  }

  /** Takes no more account of a buffer that nothing uses and that goes to V8's collector. */
  letGo(home: Home): void {
    this.held -= home.byteLength;
    this.collected.unregister(home);
  }

  /** Takes account of memory that came from elsewhere; it is counted until `holder` is collected. */
  adopt(holder: object, home: Home): void {
    this.outstanding += home.outstanding;
    this.held += home.byteLength;
    this.collected.register(holder, home);
  }

  /** Takes account of a block that goes into a pool, or with a negative number of bytes leaves it. */
  setAside(byteLength: number): void {
    this.aside += byteLength;
    this.outstanding -= Math.sign(byteLength);
  }

  /** Bytes of blocks that wait in a pool. */
  get asideBytes(): number {
    return this.aside;
  }

  /** A buffer with room for so many bytes from a multiple of `grain` on. */
  private newHeld(room: number, grain: number): ArrayBuffer {
    const byteLength = room + grain;
    const buffer = inProcessMemory(byteLength, () => newBuffer(byteLength));
    this.held += byteLength;
    this.sinceSurvey += byteLength;
    if (this.sinceSurvey > surveyInterval) {
      this.sinceSurvey = 0;
      this.peak = Math.max(this.peak, this.liveBytes);
    }
    const address = this.addressOf(buffer);
    this.home = { byteLength, address, outstanding: 0 };
    this.byteOffset = (grain - (address % grain)) % grain;
    this.collected.register(buffer, this.home, this.home);
    return buffer;
  }

  /**
   * Bytes of the buffers that are not yet collected and not in a pool: as counted here, or as V8 counts all ArrayBuffers of the process, whichever
   * is less. (The count alone would only grow within a synchronous loop, where finalizers do not run.)
   */
  get liveBytes(): number {
    const counted = this.held - this.aside;
    const buffers = arrayBufferBytes();
    return Math.max(0, buffers === undefined ? counted : Math.min(counted, buffers - this.aside));
  }

  /**
   * Blocks that are out. Where buffers were collected whose finalizers have not run yet (they do between two tasks of the event loop), their
   * blocks are taken off in proportion to their bytes: exact while nothing waits for a finalizer, an estimate within a synchronous loop.
   */
  get liveCount(): number {
    const counted = this.held - this.aside;
    return counted <= 0 ? this.outstanding : Math.round((this.outstanding * this.liveBytes) / counted);
  }

  /** The largest that liveBytes was seen to be. */
  get peakBytes(): number {
    return (this.peak = Math.max(this.peak, this.liveBytes));
  }
}
