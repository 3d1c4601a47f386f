import { OutOfMemoryError, type MemoryInfo } from '@flambeau/core';
import { LimitError } from './errors.ts';
import { Shelf } from './shelf.ts';

/** A buffer on the GPU, of at least the bytes asked for. */
export interface Region {
  readonly buffer: GPUBuffer;
  readonly size: number;
  readonly id: number;
  /** Where it waits to be used again. */
  readonly home: Shelf;
}

/** What a tensor's memory is, and where: on the GPU, or on the host after it was moved out. */
export interface Lease {
  region: Region | undefined;
  host: Uint8Array<ArrayBuffer> | undefined;
  readonly size: number;
  readonly origin: string;
  /** The turn of the loop in which it was last used. */
  lastUsed: number;
  /** True once it was released or collected. */
  ended: boolean;
}

/** What a storage holds: collected with it, the lease ends. */
export class Block {
  readonly lease: Lease;
  /** True once V8 tells of its end. */
  watched = false;

  constructor(lease: Lease) {
    this.lease = lease;
  }
}

/** How much memory tensors may take. */
export interface Budget {
  /** Bytes beyond which an allocation throws. */
  readonly maxBytes: number;
  /** Bytes beyond which tensors that were not used lately are moved to the host. */
  readonly softBytes: number;
}

/** What the pool needs of the GPU. */
export interface BufferSource {
  createBuffer(size: number): GPUBuffer;
  readonly maxBufferSize: number;
  /** Destroys a buffer once every command that names it has run. */
  destroy(region: Region): void;
}

/** Tensors beyond which those that were not used lately are moved out: small ones cost more than their bytes. */
const softCount = 2048;
/** Turns in which a tensor counts as in use: a training step may take a few of them. */
const turnsKept = 4;
/**
 * Bytes up to which an op keeps the buffers of its results to itself. In a loop it then gets the same ones in each step, so that what binds
 * them is made once, whenever V8 gives back those that the caller held; and small ones may wait.
 */
const ownedSize = 65_536;
/** New blocks that are watched at once. */
const freshCount = 1024;
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
  private readonly source: BufferSource;
  private readonly budget: Budget;
  /** Buffers that wait, by size; small ones by the op that they were made for and by size. */
  private readonly large = new Map<number, Shelf>();
  private readonly owned = new Map<string, Map<number, Shelf>>();
  /** Blocks of this turn that V8's collector is not yet asked to watch: most are released before. */
  private fresh: Block[] = [];
  /** Leases that have a buffer. */
  private readonly live = new Set<Lease>();
  /** How many are on the host. */
  private away = 0;
  private liveBytes = 0;
  private peakBytes = 0;
  private pooledBytes = 0;
  private made = 0;
  private turn = 0;
  private readonly collected = new FinalizationRegistry<Lease>((lease) => {
    this.end(lease);
  });

  constructor(source: BufferSource, budget: Budget) {
    this.source = source;
    this.budget = budget;
  }

  take(byteLength: number, origin: string): Block {
    const size = classOf(byteLength);
    const lease: Lease = { region: this.region(size, origin), host: undefined, size, origin, lastUsed: this.turn, ended: false };
    this.live.add(lease);
    const block = new Block(lease);
    if (this.fresh.push(block) >= freshCount) this.watch();
    return block;
  }

  /** Asks V8 to tell when what is left of the new blocks is collected. Until then they are held, and V8 would tell in a later task anyway. */
  watch(): void {
    for (const block of this.fresh) {
      if (block.lease.ended) continue;
      block.watched = true;
      this.collected.register(block, block.lease, block);
    }
    this.fresh = [];
  }

  /** A buffer of a size class. */
  private region(size: number, origin: string): Region {
    const home = this.homeOf(size, origin);
    const waiting = home.pop();
    if (waiting !== undefined) this.pooledBytes -= size;
    else {
      if (size > this.source.maxBufferSize) {
        throw new LimitError({
          op: origin,
          expected: `tensors within this adapter's limit maxBufferSize of ${this.source.maxBufferSize} bytes`,
          received: String(size),
          hint: 'Use smaller batches.',
        });
      }
      if (this.liveBytes + this.pooledBytes + size > this.budget.maxBytes) this.trim(0);
      if (this.liveBytes + size > this.budget.maxBytes) this.refuse(size, origin);
    }
    this.liveBytes += size;
    this.peakBytes = Math.max(this.peakBytes, this.liveBytes);
    return waiting ?? { buffer: this.source.createBuffer(size), size, id: this.made++, home };
  }

  private homeOf(size: number, origin: string): Shelf {
    let shelves = size > ownedSize ? this.large : this.owned.get(origin);
    if (shelves === undefined) this.owned.set(origin, (shelves = new Map()));
    let home = shelves.get(size);
    if (home === undefined) shelves.set(size, (home = new Shelf()));
    return home;
  }

  private refuse(size: number, origin: string): never {
    throw new OutOfMemoryError({
      op: origin,
      expected: `at most ${this.budget.maxBytes} bytes of tensors on the GPU`,
      received:
        this.live.size === 0
          ? `a tensor of ${size}`
          : `${this.liveBytes} bytes in ${this.live.size} tensors and ${size} more. The largest: ${this.largest()}`,
      hint: 'Await once a step (a value, or for await over the loader), so that memory comes back; or wrap the step in scope(), call dispose(), use smaller batches, or raise maxBytes.', // prettier-ignore
    });
  }

  /** The live tensors that take most, by the op that made them. */
  private largest(): string {
    const sums = new Map<string, { count: number; bytes: number }>();
    for (const { origin, size } of this.live) {
      const sum = sums.get(origin) ?? { count: 0, bytes: 0 };
      sums.set(origin, { count: sum.count + 1, bytes: sum.bytes + size });
    }
    const largest = [...sums].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, 5);
    return largest.map(([origin, { count, bytes }]) => `${bytes} bytes in ${count} made by ${origin}`).join(', ');
  }

  /** The buffer of a block, brought back from the host by `upload` where it was moved out. */
  regionOf(block: Block, upload: (region: Region, bytes: Uint8Array<ArrayBuffer>) => void): Region {
    const { lease } = block;
    lease.lastUsed = this.turn;
    if (lease.region !== undefined) return lease.region;
    const region = this.region(lease.size, lease.origin);
    lease.region = region;
    this.live.add(lease);
    this.away--;
    if (lease.host !== undefined) upload(region, lease.host);
    lease.host = undefined;
    return region;
  }

  release(block: Block): void {
    const { lease } = block;
    if (lease.ended) return;
    if (block.watched) this.collected.unregister(block);
    this.end(lease);
  }

  private end(lease: Lease): void {
    if (this.live.delete(lease)) {
      if (lease.region !== undefined) this.give(lease.region);
    } else this.away--;
    lease.region = undefined;
    lease.host = undefined;
    lease.ended = true;
  }

  private give(region: Region): void {
    this.liveBytes -= region.size;
    this.pooledBytes += region.size;
    region.home.push(region);
  }

  /** A new turn of the loop. @returns what was not used in the last ones and should be moved out, coldest first */
  nextTurn(): Lease[] {
    const before = this.turn++;
    const { softBytes } = this.budget;
    if (this.pooledBytes > softBytes) this.trim(softBytes / 2);
    if (this.liveBytes <= softBytes && this.live.size <= softCount) return [];
    const cold = [...this.live].filter(({ lastUsed }) => lastUsed < before - turnsKept).sort((a, b) => a.lastUsed - b.lastUsed);
    const chosen: Lease[] = [];
    let [bytes, count] = [this.liveBytes, this.live.size];
    for (const lease of cold) {
      if (bytes <= softBytes * 0.75 && count <= softCount / 2) break;
      chosen.push(lease);
      bytes -= lease.size;
      count--;
    }
    return chosen;
  }

  /** Keeps the bytes of a lease on the host and gives its buffer back, unless it was used or released meanwhile. */
  moveOut(lease: Lease, since: number, bytes: Uint8Array<ArrayBuffer>): void {
    if (lease.region === undefined || lease.lastUsed !== since) return;
    lease.host = bytes.slice();
    this.live.delete(lease);
    this.away++;
    this.give(lease.region);
    lease.region = undefined;
  }

  /** Destroys waiting buffers until at most `bytes` of them are left. */
  private trim(bytes: number): void {
    for (const shelves of [this.large, ...this.owned.values()]) {
      for (const shelf of shelves.values()) {
        for (let region; this.pooledBytes > bytes && (region = shelf.pop()) !== undefined; this.pooledBytes -= region.size)
          this.source.destroy(region);
        if (this.pooledBytes <= bytes) return;
      }
    }
  }

  memory(): MemoryInfo {
    const { liveBytes, peakBytes, pooledBytes, live, away } = this;
    return { liveBytes, peakBytes, liveCount: live.size + away, pooledBytes };
  }
}
