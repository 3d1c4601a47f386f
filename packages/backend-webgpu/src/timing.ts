import type { DeviceTimer } from '@flambeau/core';
import type { Faults } from './faults.ts';

// GPUBufferUsage: MAP_READ 1, COPY_SRC 4, COPY_DST 8, QUERY_RESOLVE 512.
const [mapRead, copySource, copyTarget, queryResolve] = [1, 4, 8, 512];

/**
 * Times dispatches by the GPU's clock: each runs in a pass of its own between two timestamps, which are copied out with every submission of at
 * most `most` dispatches.
 */
export class Timestamps {
  private readonly device: GPUDevice;
  private readonly queries: GPUQuerySet;
  private readonly resolved: GPUBuffer;
  /** The numbers of the dispatches that are encoded and not yet submitted. */
  private pending: number[] = [];
  private readonly kept: { readonly staging: GPUBuffer; readonly runs: readonly number[] }[] = [];
  /** The number that dispatches are recorded with from here on. */
  run = 0;

  constructor(device: GPUDevice, most: number) {
    this.device = device;
    this.queries = device.createQuerySet({ type: 'timestamp', count: 2 * most });
    this.resolved = device.createBuffer({ size: 16 * most, usage: queryResolve | copySource });
  }

  /** A pass for one dispatch. */
  beginPass(encoder: GPUCommandEncoder, run: number): GPUComputePassEncoder {
    const first = 2 * (this.pending.push(run) - 1);
    return encoder.beginComputePass({
      timestampWrites: { querySet: this.queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 },
    });
  }

  /** Copies the timestamps of what is encoded out, before it is submitted. */
  keep(encoder: GPUCommandEncoder): void {
    const runs = this.pending;
    if (runs.length === 0) return;
    this.pending = [];
    const size = 16 * runs.length;
    const staging = this.device.createBuffer({ size, usage: mapRead | copyTarget });
    encoder.resolveQuerySet(this.queries, 0, 2 * runs.length, this.resolved, 0);
    encoder.copyBufferToBuffer(this.resolved, 0, staging, 0, size);
    this.kept.push({ staging, runs });
  }

  /** The milliseconds of each number, once everything is submitted; then it is of no more use. */
  async read(): Promise<ReadonlyMap<number, number>> {
    const times = new Map<number, number>();
    for (const { staging, runs } of this.kept) {
      await staging.mapAsync(1);
      const ticks = new BigUint64Array(staging.getMappedRange());
      // Nanoseconds; a clock that was set back in between tells nothing.
      runs.forEach((run, i) => times.set(run, (times.get(run) ?? 0) + Math.max(0, Number(ticks[2 * i + 1] - ticks[2 * i])) / 1e6));
      staging.destroy();
    }
    this.queries.destroy();
    this.resolved.destroy();
    return times;
  }
}

/** What a queue does for a timer. */
interface TimedQueue {
  timestamps: Timestamps | undefined;
  readonly faults: Faults;
  submitted(): Promise<void>;
}

/** Times what is recorded in a queue until `end`; undefined while another timer does. */
export function startTimer(queue: TimedQueue, device: GPUDevice, most: number): DeviceTimer | undefined {
  if (queue.timestamps !== undefined) return undefined;
  const timestamps = new Timestamps(device, most);
  queue.timestamps = timestamps;
  return {
    mark(run) {
      timestamps.run = run;
    },
    async end() {
      await queue.submitted();
      queue.timestamps = undefined;
      queue.faults.check();
      try {
        return await timestamps.read();
      } catch (cause) {
        throw await queue.faults.refused(cause);
      }
    },
  };
}
