import { DeviceError, FlambeauError } from '@flambeau/core';
import type { Complaint } from './commands.ts';
import { Complaints } from './complaints.ts';
import { DeviceLostError } from './errors.ts';

/**
 * What went wrong on a device, kept for who asks next. It holds no device: what waits for a device to tell something lives as long as that does, and
 * would keep it from being collected.
 */
export class Faults {
  private failure: FlambeauError | undefined;
  private refusal: FlambeauError | undefined;
  private readonly complaints = new Complaints();
  /** What kernels reported last, and the last read that was asked for before it was known: what such reads bring may hang on it. */
  private reported: { readonly error: FlambeauError; readonly until: number } | undefined;

  constructor(device: GPUDevice) {
    void device.lost.then(({ reason, message }) => this.lose(message === '' ? reason : `${reason}: ${message.split('\n')[0]}`));
    device.onuncapturederror = (event) => {
      const { error } = event as unknown as { error: { message: string } };
      this.fail(new DeviceError({ op: 'webgpu', expected: 'commands that the GPU takes', received: error.message }));
    };
  }

  /** True once something went wrong for good. */
  get failed(): boolean {
    return this.failure !== undefined;
  }

  /** Throws what went wrong for good. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  /** Keeps an error after which nothing works any more; the first one counts. */
  fail(error: FlambeauError): void {
    this.failure ??= error;
  }

  /** Keeps that the device is lost, which stands before all else that went wrong. */
  lose(how: string): void {
    this.failure = new DeviceLostError({
      op: 'webgpu',
      expected: 'a GPU that works',
      received: `one that was lost (${how})`,
      hint: 'Open a new device with await webgpu() and load the weights again.',
    });
  }

  /** Keeps an error that concerns one computation: the next read throws it, and then goes on. */
  complain(error: unknown): void {
    this.refusal ??=
      error instanceof FlambeauError
        ? error
        : new DeviceError({ op: 'webgpu', expected: 'a computation that ends', received: String(error), cause: error });
  }

  /** The number under which a kernel reports values that it refuses. */
  codeOf(complaint: Complaint): number {
    return this.complaints.codeOf(complaint);
  }

  /** Throws what a read has to tell: `code` and `value` are what kernels reported before it, `reads` is how many were asked for by now. */
  tell(number: number, reads: number, [code, value]: Int32Array): void {
    this.check();
    const { refusal } = this;
    this.refusal = undefined;
    if (refusal !== undefined) throw refusal;
    if (code !== 0) this.reported = { error: this.complaints.errorOf(code, value), until: reads };
    if (this.reported !== undefined && number <= this.reported.until) throw this.reported.error;
  }

  /** Why a buffer cannot be read. */
  async refused(cause: unknown): Promise<FlambeauError> {
    // What really happened is told a moment later.
    await new Promise((resolve) => setTimeout(resolve, 0));
    return this.failure ?? new DeviceError({ op: 'webgpu', expected: 'a buffer that can be read', received: 'a refusal', cause });
  }
}
