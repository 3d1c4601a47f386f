import { parameterBytes } from './pipelines.ts';

const words = parameterBytes / 4;

/** The numbers of the dispatches of one submission, where shaders find them: each dispatch has a slot. */
export class Parameters {
  readonly buffer: GPUBuffer;
  private readonly queue: GPUQueue;
  private readonly numbers: Int32Array<ArrayBuffer>;
  /** What the buffer holds. */
  private readonly written: Int32Array<ArrayBuffer>;

  constructor(device: GPUDevice, slots: number) {
    // GPUBufferUsage: COPY_DST 8, UNIFORM 64.
    this.buffer = device.createBuffer({ size: slots * parameterBytes, usage: 64 | 8 });
    this.queue = device.queue;
    this.numbers = new Int32Array(slots * words);
    this.written = new Int32Array(slots * words);
  }

  /** Sets the numbers of a dispatch. @returns where they lie, in bytes */
  set(slot: number, numbers: readonly number[]): number {
    this.numbers.set(numbers, slot * words);
    return slot * parameterBytes;
  }

  /** Writes those of the first dispatches, before they are submitted. A loop asks with the same numbers again: what is there already stays. */
  write(slots: number): void {
    const { numbers, written } = this;
    let [first, end] = [0, slots * words];
    while (first < end && numbers[first] === written[first]) first++;
    while (first < end && numbers[end - 1] === written[end - 1]) end--;
    if (first === end) return;
    written.set(numbers.subarray(first, end), first);
    this.queue.writeBuffer(this.buffer, 4 * first, numbers, first, end - first);
  }
}
