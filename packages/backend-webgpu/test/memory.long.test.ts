import { full, memory, ones, zeros } from '@flambeau/core';
import { webgpu, type WebGpuDevice } from '@flambeau/backend-webgpu';
import { describe, expect, it } from 'vitest';
import { open } from '../../conformance/test/webgpu/open.ts';

const gpu = await open();

/** Buffers of every adapter hold so much. */
const most = 2 ** 28;

/** An adapter's `name` is `value`, and all else its own. */
const withOwn = <T extends object>(target: T, name: keyof T, value: unknown): T =>
  new Proxy(target, {
    get(_, asked) {
      if (asked === name) return value;
      const own = Reflect.get(target, asked) as unknown;
      return typeof own === 'function' ? (own.bind(target) as unknown) : own;
    },
  });

/** A device whose buffers hold no more. */
async function openSmall(softBytes: number): Promise<WebGpuDevice> {
  const { create } = await import('webgpu');
  const entry = create([]);
  const requestAdapter = async (): Promise<GPUAdapter | null> => {
    const adapter = await entry.requestAdapter();
    return adapter && withOwn(adapter, 'limits', withOwn(adapter.limits, 'maxBufferSize', most));
  };
  return webgpu({ gpu: { requestAdapter }, softBytes });
}

describe.skipIf(gpu === undefined)('memory on the GPU', () => {
  it('moves more than one buffer can hold, and reads a tensor that fills one', { timeout: 300_000 }, async () => {
    const device = await openSmall(most / 2);
    expect(device.info.limits.maxBufferSize).toBe(most);
    const held = Array.from({ length: 3 }, (_, i) => full([2 ** 25], i, { device })); // 128 MiB each
    for (let turn = 0; turn < 8; turn++) expect(await ones(1, { device }).add(turn).item()).toBe(1 + turn);
    expect(memory(device).liveBytes).toBeLessThanOrEqual(most / 2);
    expect(await held[2].narrow(0, 2 ** 25 - 1, 1).item()).toBe(2);
    for (const x of held) x.dispose();
    const bytes = await zeros(most / 4, { device }).data();
    expect(bytes).toHaveLength(most / 4);
    device.destroy();
  });
});
