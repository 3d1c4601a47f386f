import type { Binding } from './commands.ts';
import { parameterBytes, type Pipeline } from './pipelines.ts';

/** Bind groups that are kept at most: the buffers of a loop take turns, and come back. */
const most = 8192;

interface Known {
  readonly bindings: readonly Binding[];
  readonly group: GPUBindGroup;
}

/** True for the same parts of the same buffers. */
function areSame(a: readonly Binding[], b: readonly Binding[]): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i].region !== b[i].region || a[i].from !== b[i].from || a[i].size !== b[i].size) return false;
  }
  return true;
}

/** Bind groups by pipeline and buffers: making one takes several times as long as a dispatch. */
export class BindGroups {
  private readonly device: GPUDevice;
  private readonly uniforms: GPUBuffer;
  private readonly known = new Map<string, GPUBindGroup>();
  /** What each pipeline had last: in a loop it often has it again. */
  private readonly last = new Map<number, Known>();

  /** @param uniforms - where every dispatch finds its numbers, at an offset of its own */
  constructor(device: GPUDevice, uniforms: GPUBuffer) {
    this.device = device;
    this.uniforms = uniforms;
  }

  of({ layout, id }: Pipeline, bindings: readonly Binding[]): GPUBindGroup {
    const last = this.last.get(id);
    if (last !== undefined && areSame(last.bindings, bindings)) return last.group;
    let key = String(id);
    for (const { region, from, size } of bindings) key += from === undefined ? `,${region.id}` : `,${region.id}:${from}+${size}`;
    const known = this.known.get(key);
    const group = known ?? this.make(layout, bindings);
    if (known === undefined) this.known.set(key, group);
    this.last.set(id, { bindings, group });
    return group;
  }

  private make(layout: GPUBindGroupLayout, bindings: readonly Binding[]): GPUBindGroup {
    // Forgotten all at once when there are many: most belong to buffers of one size that took turns.
    if (this.known.size > most) this.clear();
    return this.device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: this.uniforms, size: parameterBytes } },
        ...bindings.map(({ region, from, size }, i) => ({
          binding: i + 1,
          resource: from === undefined || size === undefined ? { buffer: region.buffer } : { buffer: region.buffer, offset: from, size },
        })),
      ],
    });
  }

  /** Forgets them all, before a buffer is destroyed. */
  clear(): void {
    this.known.clear();
    this.last.clear();
  }
}
