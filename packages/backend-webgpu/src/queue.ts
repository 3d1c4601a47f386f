import { DeviceError, IndexError, ValueError, type FlambeauError } from '@flambeau/core';
import type { Region } from './pool.ts';

/** Bytes of the numbers that one dispatch gets. */
export const parameterBytes = 512;
const slots = 64;
const workgroup = 64;
const widest = 65535;

/** A buffer as a shader binds it. */
export interface Binding {
  readonly region: Region;
  readonly access: 'read' | 'write';
}

/** Values that a kernel refuses: what the error says when the device found one. */
export interface Complaint {
  readonly kind: 'index' | 'division';
  readonly op: string;
  readonly expected: string;
}

interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  readonly id: number;
}

/**
 * Records dispatches into one pass and submits it when it is full, at a read, or when the task ends. What goes wrong on the device
 * is kept and thrown by the next read.
 */
export class CommandQueue {
  readonly device: GPUDevice;
  private failure: FlambeauError | undefined;
  private encoder: GPUCommandEncoder | undefined;
  private pass: GPUComputePassEncoder | undefined;
  private recorded = 0;
  private scheduled = false;
  private readonly parameters = new Int32Array((slots * parameterBytes) / 4);
  private readonly uniforms: GPUBuffer;
  private readonly flags: Region;
  private readonly complaints: Complaint[] = [];
  private readonly complaintIds = new Map<string, number>();
  private readonly pipelines = new Map<string, Pipeline>();
  private readonly bindGroups = new Map<string, GPUBindGroup>();

  constructor(device: GPUDevice) {
    this.device = device;
    this.uniforms = device.createBuffer({ size: slots * parameterBytes, usage: 64 | 8 });
    this.flags = { buffer: device.createBuffer({ size: 256, usage: 4 | 8 | 128 }), size: 256, id: -1 };
    void device.lost.then(({ reason, message }) => {
      this.failure = new DeviceError({
        op: 'webgpu',
        expected: 'a GPU that works',
        received: `one that was lost (${reason}${message === '' ? '' : `: ${message}`})`,
        hint: 'Open a new device with await webgpu() and load the weights again.',
      });
    });
    device.onuncapturederror = (event) => {
      const { error } = event as unknown as { error: { message: string } };
      this.failure ??= new DeviceError({ op: 'webgpu', expected: 'commands that the GPU takes', received: error.message });
    };
  }

  /** The number under which a kernel reports values that it refuses. */
  complaint(complaint: Complaint): number {
    const key = `${complaint.kind} ${complaint.op} ${complaint.expected}`;
    const known = this.complaintIds.get(key);
    if (known !== undefined) return known;
    this.complaints.push(complaint);
    this.complaintIds.set(key, this.complaints.length);
    return this.complaints.length;
  }

  /** Throws what went wrong for good. */
  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  private pipeline(source: string, bindings: readonly Binding[]): Pipeline {
    const known = this.pipelines.get(source);
    if (known !== undefined) return known;
    const { device } = this;
    const layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: 4, buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: parameterBytes } },
        ...bindings.map(({ access }, i): GPUBindGroupLayoutEntry => ({
          binding: i + 1,
          visibility: 4,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        })),
      ],
    });
    const pipeline = device.createComputePipeline({
      layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
      compute: { module: device.createShaderModule({ code: source }), entryPoint: 'main' },
    });
    const made = { pipeline, layout, id: this.pipelines.size };
    this.pipelines.set(source, made);
    return made;
  }

  private bindGroup({ layout, id }: Pipeline, bindings: readonly Binding[]): GPUBindGroup {
    let key = String(id);
    for (const { region } of bindings) key += `,${region.id}`;
    const known = this.bindGroups.get(key);
    if (known !== undefined) return known;
    // Forgotten all at once when there are many: most belong to buffers of one size that took turns.
    if (this.bindGroups.size > 4096) this.bindGroups.clear();
    const made = this.device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: this.uniforms, size: parameterBytes } },
        ...bindings.map(({ region }, i) => ({ binding: i + 1, resource: { buffer: region.buffer } })),
      ],
    });
    this.bindGroups.set(key, made);
    return made;
  }

  /** Runs `threads` threads of a shader; with `flagged` the buffer of complaints is its last binding. */
  dispatch(source: string, bindings: readonly Binding[], words: readonly number[], threads: number, flagged: boolean): void {
    this.check();
    if (threads === 0) return;
    const all = flagged ? [...bindings, { region: this.flags, access: 'write' as const }] : bindings;
    const pipeline = this.pipeline(source, all);
    const group = this.bindGroup(pipeline, all);
    if (this.recorded === slots) this.flush();
    this.parameters.set(words, (this.recorded * parameterBytes) / 4);
    this.encoder ??= this.device.createCommandEncoder();
    this.pass ??= this.encoder.beginComputePass();
    this.pass.setPipeline(pipeline.pipeline);
    this.pass.setBindGroup(0, group, [this.recorded * parameterBytes]);
    const groups = Math.ceil(threads / workgroup);
    this.pass.dispatchWorkgroups(Math.min(groups, widest), Math.ceil(groups / widest));
    this.recorded++;
    if (this.scheduled) return;
    this.scheduled = true;
    queueMicrotask(() => {
      this.scheduled = false;
      this.flush();
    });
  }

  /** Submits what was recorded. */
  flush(): void {
    if (this.encoder === undefined) return;
    this.pass?.end();
    this.device.queue.writeBuffer(this.uniforms, 0, this.parameters, 0, (this.recorded * parameterBytes) / 4);
    this.device.queue.submit([this.encoder.finish()]);
    this.encoder = undefined;
    this.pass = undefined;
    this.recorded = 0;
  }

  /** Writes whole words, after everything that was recorded. */
  write(region: Region, byteOffset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.check();
    this.flush();
    this.device.queue.writeBuffer(region.buffer, byteOffset, bytes);
  }

  /** A copy of whole words (none for a size of 0), once everything before is done. */
  async read(region: Region, byteOffset: number, byteLength: number): Promise<Uint8Array<ArrayBuffer>> {
    this.check();
    this.flush();
    const staging = this.device.createBuffer({ size: byteLength + 16, usage: 1 | 8 });
    const encoder = this.device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.flags.buffer, 0, staging, 0, 16);
    if (byteLength > 0) encoder.copyBufferToBuffer(region.buffer, byteOffset, staging, 16, byteLength);
    this.device.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(1);
    } catch (cause) {
      // What really happened is told a moment later.
      await new Promise((resolve) => setTimeout(resolve, 0));
      this.check();
      throw new DeviceError({ op: 'webgpu', expected: 'a buffer that can be read', received: 'a refusal', cause });
    }
    const bytes = new Uint8Array(staging.getMappedRange().slice(0));
    staging.destroy();
    this.check();
    const [code, value] = new Int32Array(bytes.buffer, 0, 2);
    if (code !== 0) {
      this.device.queue.writeBuffer(this.flags.buffer, 0, new Uint8Array(16));
      const { kind, op, expected } = this.complaints[code - 1];
      if (kind === 'index') throw new IndexError({ op, expected, received: String(value) });
      throw new ValueError({ op, expected, received: '0', hint: 'Cast to float32 for infinities.' });
    }
    return bytes.subarray(16);
  }

  /** Resolves when everything is done. */
  async synchronize(): Promise<void> {
    await this.read(this.flags, 0, 0);
  }
}
