import type { Binding } from './commands.ts';
import { parameterBytes, type Pipeline } from './pipelines.ts';

/** Bind groups that are kept at most: the buffers of a loop take turns, and come back. */
const most = 8192;

/** Bind groups by pipeline and buffers: making one takes several times as long as a dispatch. */
export class BindGroups {
  private readonly device: GPUDevice;
  private readonly uniforms: GPUBuffer;
  private readonly known = new Map<string, GPUBindGroup>();

  /** @param uniforms - where every dispatch finds its numbers, at an offset of its own */
  constructor(device: GPUDevice, uniforms: GPUBuffer) {
    this.device = device;
    this.uniforms = uniforms;
  }

  of({ layout, id }: Pipeline, bindings: readonly Binding[]): GPUBindGroup {
    let key = String(id);
    for (const { region, from, size } of bindings) key += from === undefined ? `,${region.id}` : `,${region.id}:${from}+${size}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    // Forgotten all at once when there are many: most belong to buffers of one size that took turns.
    if (this.known.size > most) this.known.clear();
    const made = this.device.createBindGroup({
      layout,
      entries: [
        { binding: 0, resource: { buffer: this.uniforms, size: parameterBytes } },
        ...bindings.map(({ region, from, size }, i) => ({
          binding: i + 1,
          resource: from === undefined || size === undefined ? { buffer: region.buffer } : { buffer: region.buffer, offset: from, size },
        })),
      ],
    });
    this.known.set(key, made);
    return made;
  }

  /** Forgets them all, before a buffer is destroyed. */
  clear(): void {
    this.known.clear();
  }
}
