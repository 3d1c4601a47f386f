import type { Device } from './seam.ts';

/** The bytes behind one or more tensors. Views share it, and with it the version that autograd compares. */
export class Storage {
  readonly device: Device;
  readonly byteLength: number;
  /** What the device made; nobody else looks inside. */
  handle: unknown;
  /** How often the content was changed in place. */
  version = 0;
  released = false;
  /** How many entries of a tape, or pending cotangents, need the content. */
  pins = 0;
  /** True when no caller can hold it: it is released when the last pin goes. */
  internal = false;
  /** True when a caller or a module holds it beyond every scope. */
  kept = false;
  /** The op that made it, for messages. */
  readonly origin: string;

  constructor(device: Device, byteLength: number, origin: string, handle: unknown = device.allocate(byteLength, origin)) {
    this.device = device;
    this.byteLength = byteLength;
    this.handle = handle;
    this.origin = origin;
  }

  release(): void {
    if (this.released) return;
    this.released = true;
    this.device.release(this);
    this.handle = undefined;
  }

  pin(): void {
    this.pins++;
  }

  unpin(): void {
    if (--this.pins === 0 && this.internal && !this.kept) this.release();
  }
}
