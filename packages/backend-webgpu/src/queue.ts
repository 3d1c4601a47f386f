import { OutOfMemoryError } from '@flambeau/core';
import { BindGroups } from './bindGroups.ts';
import type { Binding, Command, Counters, Dispatch, Piece, Reading } from './commands.ts';
import { Faults } from './faults.ts';
import { Parameters } from './parameters.ts';
import { PipelineCache } from './pipelines.ts';
import type { Region } from './pool.ts';
import { Readback, readInRounds } from './readback.ts';
import { Shelf } from './shelf.ts';
import type { Timestamps } from './timing.ts';

/** Dispatches of one submission, at most. */
export const slots = 64;

/**
 * Records commands in the order in which they are asked for, and encodes them as soon as their pipelines are compiled. They are submitted
 * when there are enough of them, at a read, and when the task ends. What goes wrong on the device is kept and thrown by the next read.
 */
export class CommandQueue {
  readonly device: GPUDevice;
  readonly faults: Faults;
  readonly pipelines: PipelineCache;
  /** Times the dispatches while it is there. */
  timestamps: Timestamps | undefined;
  private pending: Command[] = [];
  /** Resolves when the command that the next ones wait for is done. */
  private waiting: Promise<void> | undefined;
  private scheduled = false;
  /** What records the dispatch that was put off, and the run of the timer that it counts under. */
  private deferred: { readonly emit: () => void; readonly run: number | undefined } | undefined;
  /** Called when what a task has recorded is submitted. */
  onTaskEnd: (() => void) | undefined;
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  private recorded = 0;
  /** How many commands there were, and how many at the last turn. */
  private asked = 0;
  private turned = 0;
  /** Resolves when what the last turn submitted is done. */
  private running: Promise<unknown> = Promise.resolve();
  private dispatches = 0;
  private submissions = 0;
  private readonly parameters: Parameters;
  private readonly flags: Region;
  private readonly bindGroups: BindGroups;
  private readonly flagPiece: Piece;
  /** True while a dispatch since the last read may have reported values. */
  private flagged = false;
  /** How many reads were asked for. */
  private reads = 0;
  private readonly readback: Readback;
  /** Bytes that are read through one buffer, beside the flags. */
  private readonly most: number;

  constructor(device: GPUDevice, maxBufferSize = device.limits.maxBufferSize) {
    this.device = device;
    this.faults = new Faults(device);
    this.pipelines = new PipelineCache(device, this.faults);
    this.parameters = new Parameters(device, slots);
    this.bindGroups = new BindGroups(device, this.parameters.buffer);
    this.readback = new Readback(device);
    // GPUBufferUsage: COPY_SRC 4, COPY_DST 8, STORAGE 128.
    this.flags = { buffer: device.createBuffer({ size: 256, usage: 4 | 8 | 128 }), size: 256, id: -1, home: new Shelf() };
    this.flagPiece = { region: this.flags, offset: 0, length: 16 };
    this.most = Math.max(256, 4 * Math.floor((maxBufferSize - this.flagPiece.length) / 4));
  }

  get counters(): Counters {
    const { dispatches, submissions, pipelines } = this;
    return { dispatches, submissions, pipelines: pipelines.size };
  }

  /** The buffer in which kernels report values that they refuse. */
  get flagBinding(): Binding {
    return { region: this.flags, access: 'write', from: undefined, size: undefined };
  }

  /** Gives the device back. Dawn tells of it in a later task; what is asked from here on is refused at once. */
  close(): void {
    this.faults.lose('destroyed: device was destroyed');
    this.device.destroy();
  }

  /** A buffer for tensors; that there was no memory for a large one is thrown by the next read. */
  createBuffer(size: number): GPUBuffer {
    const usage = 4 | 8 | 128;
    if (size < 1 << 20) return this.device.createBuffer({ size, usage });
    const { device, faults } = this;
    device.pushErrorScope('out-of-memory');
    const made = device.createBuffer({ size, usage });
    device.popErrorScope().then(
      (error) => {
        if (error === null) return;
        const received = error.message === '' ? 'a refusal' : error.message;
        const hint = 'Use smaller batches, release tensors with dispose() or scope(), and open a new device with await webgpu().';
        faults.fail(new OutOfMemoryError({ op: 'webgpu', expected: `${size} bytes of memory on the GPU`, received, hint }));
      },
      () => undefined,
    );
    return made;
  }

  /** Destroys a buffer when the commands that name it are submitted. */
  destroy(region: Region): void {
    this.record({ kind: 'destroy', region });
  }

  dispatch(call: Dispatch): void {
    this.faults.check();
    this.dispatches++;
    this.record({ kind: 'dispatch', call, run: this.timestamps?.run });
  }

  /** Writes whole words, after everything that was recorded. */
  write(region: Region, offset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.faults.check();
    this.record({ kind: 'write', region, offset, bytes });
  }

  /** Copies the first bytes of a buffer to another. */
  copy(from: Region, to: Region, bytes: number): void {
    this.faults.check();
    this.record({ kind: 'copy', from, to, bytes });
  }

  /** Runs on the host once everything recorded before is submitted; what comes after waits for it. */
  host(run: () => Promise<void>): void {
    this.faults.check();
    this.record({ kind: 'host', run });
  }

  /**
   * Puts off the last dispatch, so that what follows can join it: `emit`, the same function for all that can join, is called before the next
   * command that is recorded, before another dispatch is put off, or when the task ends.
   */
  defer(emit: () => void): void {
    if (this.deferred !== undefined && this.deferred.emit !== emit) this.emitDeferred();
    // It counts under the op that asked for it, whichever runs when it is emitted.
    this.deferred = { emit, run: this.timestamps?.run };
    this.schedule();
  }

  private emitDeferred(): void {
    const { deferred, timestamps } = this;
    this.deferred = undefined;
    if (deferred === undefined) return;
    const later = timestamps?.run ?? 0;
    if (timestamps !== undefined) timestamps.run = deferred.run ?? 0;
    try {
      deferred.emit();
    } catch (error) {
      // Whoever asked for it has gone on.
      this.faults.complain(error);
    }
    if (timestamps !== undefined) timestamps.run = later;
  }

  private record(command: Command): void {
    if (this.deferred !== undefined) this.emitDeferred();
    this.asked++;
    this.pending.push(command);
    if (this.pending.length >= slots && this.waiting === undefined) this.flush();
    this.schedule();
  }

  private schedule(): void {
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.flush();
      this.onTaskEnd?.();
    });
  }

  /** Submits what was recorded, up to the first command that has to wait. */
  flush(): void {
    if (this.deferred !== undefined) this.emitDeferred();
    if (this.waiting !== undefined) return;
    const { pending } = this;
    for (let i = 0; i < pending.length; i++) {
      const wait = this.encode(pending[i]);
      if (wait === undefined) continue;
      this.submit();
      this.pending = pending.slice(wait.again ? i : i + 1);
      this.waiting = wait.until.then(() => {
        this.waiting = undefined;
        this.flush();
      });
      return;
    }
    this.pending = [];
    this.submit();
  }

  /** Encodes one command; says what the following ones have to wait for, and whether this one must be tried again then. */
  private encode(command: Command): { until: Promise<void>; again: boolean } | undefined {
    // After a loss there is nothing to encode for; reads tell.
    if (this.faults.failed && command.kind !== 'read') return undefined;
    switch (command.kind) {
      case 'dispatch': {
        if (command.call.pipeline.compiled === undefined) return { until: command.call.pipeline.ready, again: true };
        this.encodeDispatch(command.call, command.call.pipeline.compiled, command.run);
        return undefined;
      }
      case 'write': {
        // It would overtake what is encoded and not submitted.
        this.submit();
        this.device.queue.writeBuffer(command.region.buffer, command.offset, command.bytes);
        return undefined;
      }
      case 'copy': {
        this.outsidePass().copyBufferToBuffer(command.from.buffer, 0, command.to.buffer, 0, command.bytes);
        return undefined;
      }
      case 'read': {
        command.done(this.encodeRead(command.pieces, command.number));
        return undefined;
      }
      case 'host':
        this.submit();
        return { until: command.run(), again: false };
      case 'destroy': {
        this.submit();
        this.bindGroups.clear();
        command.region.buffer.destroy();
        return undefined;
      }
      default:
        return command satisfies never;
    }
  }

  private outsidePass(): GPUCommandEncoder {
    this.pass?.end();
    this.pass = undefined;
    return (this.encoder ??= this.device.createCommandEncoder());
  }

  private encodeDispatch({ pipeline, bindings, words, groups }: Dispatch, compiled: GPUComputePipeline, run: number | undefined): void {
    if (this.recorded === slots) this.submit();
    const at = this.parameters.set(this.recorded, words);
    this.encoder ??= this.device.createCommandEncoder();
    const { timestamps } = this;
    if (timestamps !== undefined && run !== undefined) {
      this.pass?.end();
      this.pass = timestamps.beginPass(this.encoder, run);
    }
    this.pass ??= this.encoder.beginComputePass();
    this.pass.setPipeline(compiled);
    this.pass.setBindGroup(0, this.bindGroups.of(pipeline, bindings), [at]);
    this.flagged ||= bindings.at(-1)?.region === this.flags;
    this.pass.dispatchWorkgroups(groups[0], groups[1]);
    this.recorded++;
  }

  private submit(): void {
    if (this.encoder === undefined) return;
    this.pass?.end();
    this.timestamps?.keep(this.encoder);
    this.parameters.write(this.recorded);
    this.device.queue.submit([this.encoder.finish()]);
    this.submissions++;
    this.encoder = undefined;
    this.pass = undefined;
    this.recorded = 0;
  }

  /** Copies the flags and pieces of buffers to a buffer that can be mapped, lowers the flags, and submits. */
  private encodeRead(pieces: readonly Piece[], number: number): Reading {
    const encoder = this.outsidePass();
    const staging = this.readback.encode(encoder, [this.flagPiece, ...pieces]);
    // In the order of the commands: what is reported from here on belongs to the next read.
    if (this.flagged) encoder.clearBuffer(this.flags.buffer, 0, this.flagPiece.length);
    this.flagged = false;
    this.submit();
    return { staging, pieces, number };
  }

  /** Copies of whole words of buffers, once everything before is done. */
  read(pieces: readonly Piece[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return readInRounds(pieces, this.most, (round) => this.readOnce(round));
  }

  private async readOnce(pieces: readonly Piece[]): Promise<Uint8Array<ArrayBuffer>[]> {
    this.faults.check();
    const reading = await new Promise<Reading>((done) => {
      this.record({ kind: 'read', pieces, number: ++this.reads, done });
      this.flush();
    });
    return this.take(reading);
  }

  /** The same in the middle of a host command, when everything before is submitted. */
  readNow(pieces: readonly Piece[]): Promise<Uint8Array<ArrayBuffer>[]> {
    return readInRounds(pieces, this.most, (round) => this.take(this.encodeRead(round, ++this.reads)));
  }

  /** Writes in the middle of a host command. */
  writeNow(region: Region, bytes: Uint8Array<ArrayBuffer>): void {
    this.device.queue.writeBuffer(region.buffer, 0, bytes);
  }

  private async take({ staging, pieces, number }: Reading): Promise<Uint8Array<ArrayBuffer>[]> {
    let bytes: Uint8Array<ArrayBuffer>;
    try {
      bytes = await this.readback.bytes(staging, [this.flagPiece, ...pieces]);
    } catch (cause) {
      throw await this.faults.refused(cause);
    }
    this.faults.tell(number, this.reads, new Int32Array(bytes.buffer, 0, 2));
    let at = this.flagPiece.length;
    return pieces.map(({ length }) => bytes.subarray(at, (at += length)));
  }

  /**
   * Resolves when what was asked for since the last turn is submitted, which takes a while where pipelines are being compiled, and what was asked
   * for before is done: so the host stays one turn ahead. @returns false where there is nothing to wait for
   */
  async turn(): Promise<boolean> {
    this.flush();
    if (this.asked === this.turned || this.faults.failed) return false;
    this.turned = this.asked;
    await this.submitted();
    const before = this.running;
    this.running = this.device.queue.onSubmittedWorkDone();
    await before;
    return true;
  }

  /** Resolves when everything that was asked for is submitted, which takes a while where pipelines are being compiled. */
  async submitted(): Promise<void> {
    this.flush();
    while (this.waiting !== undefined) await this.waiting;
  }

  /** Resolves when everything is done. */
  async synchronize(): Promise<void> {
    await this.read([]);
  }
}
