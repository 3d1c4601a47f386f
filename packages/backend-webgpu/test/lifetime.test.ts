import { gather, ones, profile, tensor, zeros, type Tensor } from '@flambeau/core';
import { webgpu, type WebGpuDevice } from '@flambeau/backend-webgpu';
import { describe, expect, it } from 'vitest';
import { open } from '../../conformance/test/webgpu/open.ts';
import { run } from './process.ts';

const gpu = await open();

describe('a device that nobody holds', () => {
  // Dawn's adapter that computes nothing is on every machine; what is read of it means nothing.
  it('an entry of WebGPU that a caller made and dropped lives on with its device', { timeout: 60_000 }, () => {
    const { status, stdout, stderr } = run(
      `import { ones } from '@flambeau/core';
import { webgpu } from '@flambeau/backend-webgpu';
import { create } from 'webgpu';
const device = await webgpu({ gpu: create(['backend=null']) });
for (let i = 0; i < 20; i++) {
  globalThis.gc();
  ones(3, { device }).add(1);
  await device.turn();
}
console.log('lived');`,
      '--expose-gc',
    );
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe('lived');
    expect(status).toBe(0);
  });

  it('is collected with all that it has', { timeout: 60_000 }, () => {
    const { status, stdout, stderr } = run(
      `import { ones } from '@flambeau/core';
import { webgpu } from '@flambeau/backend-webgpu';
import { create } from 'webgpu';
const gpu = create(['backend=null']);
let collected = 0;
const registry = new FinalizationRegistry(() => collected++);
async function use() {
  const device = await webgpu({ gpu });
  registry.register(device);
  ones(3, { device }).add(1);
  await device.turn();
}
// Dispatch remembers the last device alone.
for (let i = 0; i < 6; i++) await use();
for (let i = 0; i < 40 && collected < 5; i++) {
  globalThis.gc();
  await new Promise(setImmediate);
}
console.log(collected);`,
      '--expose-gc',
    );
    expect(stderr).toBe('');
    expect(Number(stdout)).toBeGreaterThanOrEqual(5);
    expect(status).toBe(0);
  });
});

describe.skipIf(gpu === undefined)('a device that is destroyed', () => {
  const lost = expect.objectContaining({ code: 'DEVICE_LOST' }) as unknown;

  it('refuses at once, in the same task', async () => {
    const device = await webgpu();
    const x = ones(4, { device });
    device.destroy();
    expect(() => x.add(1)).toThrow(lost);
    expect(() => zeros(4, { device })).toThrow(lost);
    await expect(x.data()).rejects.toEqual(lost);
    device.destroy();
  });

  it.skipIf(gpu?.info.timestamps !== true)('ends a profile with its own error', async () => {
    const device = await webgpu();
    const x = ones(4, { device });
    const profiled = profile(async () => {
      await x.add(1).data();
      device.destroy();
    });
    await expect(profiled).rejects.toEqual(lost);
  });
});

it.skipIf(gpu === undefined)(
  'an index that the GPU refuses is told by the first read after it, also where a profile has ended in between',
  async () => {
    const table = ones(3, { device: gpu as WebGpuDevice });
    const outside = (): Tensor => gather(table, 0, tensor([7], { dtype: 'int32', device: gpu as WebGpuDevice }));
    const refusal = expect.objectContaining({ code: 'INDEX', op: 'gather', received: '7' }) as unknown;
    const { result } = profile(outside);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(result.data()).rejects.toEqual(refusal);
    const waited = await profile(async () => Promise.resolve([outside()]));
    await expect(waited.result[0].data()).rejects.toEqual(refusal);
    expect(Array.from(await table.data(), Number)).toEqual([1, 1, 1]);
  },
);
