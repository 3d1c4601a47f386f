import { ShaderError } from './errors.ts';
import type { Faults } from './faults.ts';

/** Bytes of the numbers that one dispatch gets. */
export const parameterBytes = 512;

/** How a shader binds a buffer. */
export type Access = 'read' | 'write';

/** A pipeline that is there, is being compiled, or has failed. */
export interface Pipeline {
  readonly id: number;
  readonly name: string;
  readonly layout: GPUBindGroupLayout;
  /** Undefined while it is being compiled, and for good when that failed. */
  compiled: GPUComputePipeline | undefined;
  /** Resolves when it is compiled or has failed. */
  readonly ready: Promise<void>;
}

/** Pipelines by the key of their program, each compiled once, beside the main thread. */
export class PipelineCache {
  private readonly device: GPUDevice;
  private readonly faults: Faults;
  private readonly known = new Map<string, Pipeline>();

  constructor(device: GPUDevice, faults: Faults) {
    this.device = device;
    this.faults = faults;
  }

  get size(): number {
    return this.known.size;
  }

  find(key: string): Pipeline | undefined {
    return this.known.get(key);
  }

  /** Begins to compile a shader whose bindings after the parameters are `accesses`. */
  make(key: string, name: string, source: string, accesses: readonly Access[]): Pipeline {
    const { device } = this;
    const layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: 4, buffer: { type: 'uniform', hasDynamicOffset: true, minBindingSize: parameterBytes } },
        ...accesses.map((access, i): GPUBindGroupLayoutEntry => ({
          binding: i + 1,
          visibility: 4,
          buffer: { type: access === 'read' ? 'read-only-storage' : 'storage' },
        })),
      ],
    });
    // What is wrong with the source is told below, with the line.
    device.pushErrorScope('validation');
    const module = device.createShaderModule({ code: source, label: name });
    void device.popErrorScope().catch(() => undefined);
    const made: Pipeline = {
      id: this.known.size,
      name,
      layout,
      compiled: undefined,
      ready: device
        .createComputePipelineAsync({
          layout: device.createPipelineLayout({ bindGroupLayouts: [layout] }),
          compute: { module, entryPoint: 'main' },
        })
        .then(
          (compiled) => {
            made.compiled = compiled;
          },
          (cause: unknown) => this.explain(name, source, module, cause),
        ),
    };
    this.known.set(key, made);
    return made;
  }

  private async explain(name: string, source: string, module: GPUShaderModule, cause: unknown): Promise<void> {
    const lines = source.split('\n');
    const info = await module.getCompilationInfo().catch(() => undefined);
    const told = info?.messages.filter(({ type }) => type === 'error').map(({ lineNum, message }) => `${message} in \`${(lines[lineNum - 1] ?? '').trim().slice(0, 160)}\``); // prettier-ignore
    this.faults.fail(
      new ShaderError({
        op: name,
        expected: 'a shader that the GPU compiles',
        received: told === undefined || told.length === 0 ? (cause instanceof Error ? cause.message : String(cause)) : told.join('; '),
        hint: 'Update the graphics driver, or use another backend and report this.',
        cause,
      }),
    );
  }
}
