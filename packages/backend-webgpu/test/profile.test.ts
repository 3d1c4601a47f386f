import { profile, rand, type Tensor } from '@flambeau/core';
import { webgpu, type WebGpuDevice } from '@flambeau/backend-webgpu';
import { describe, expect, it } from 'vitest';
import { open } from '../../conformance/test/webgpu/open.ts';

const gpu = await open();

describe.skipIf(gpu === undefined)('profile on the GPU', () => {
  it.skipIf(gpu?.info.timestamps !== true)('tells what each op took by the GPU’s own clock', async () => {
    const device = gpu as WebGpuDevice;
    const a = rand([256, 256], { device });
    const body = async (): Promise<number> => a.matmul(a).add(1).reshape(-1).narrow(0, 0, 4).sum().item();
    await body(); // compiles
    const { profile: report, result } = await profile(body);
    expect(result).toBeGreaterThan(4);
    const row = (name: string): number | undefined => report.ops.find(({ op }) => op === name)?.deviceTime;
    expect(row('matmul')).toBeGreaterThan(0);
    expect(row('add')).toBeGreaterThan(0);
    // A view asks nothing of the GPU.
    expect(row('narrow') ?? row('slice')).toBe(0);
    const text = String(report);
    expect(text.split('\n')[0]).toMatch(/total ms +device ms +allocated$/);
    expect(text).not.toContain('times of asking');
    expect(report.chromeTrace()).toContain('deviceMilliseconds');
    // What follows is submitted together again.
    const before = device.counters;
    await body();
    expect(device.counters.submissions - before.submissions).toBe(1);
  });

  it('says where the times are those of asking: for what is not awaited, and where the adapter has no clock', async () => {
    const text = 'webgpu computes beside the program and told no times of its own: these are the times of asking';
    const at = (device: WebGpuDevice): Tensor => rand([8, 8], { device });
    const x = at(gpu as WebGpuDevice);
    const { profile: asked } = profile(() => x.add(1));
    expect(asked.runs[0].deviceTime).toBeUndefined();
    expect(String(asked)).toContain(text);

    const plain = await webgpu({ timestamps: false });
    expect(plain.info.timestamps).toBe(false);
    const y = at(plain);
    const { profile: report } = await profile(async () => y.add(1).data());
    expect(report.runs.map(({ deviceTime }) => deviceTime)).toEqual([undefined]);
    expect(String(report)).toContain(text);
    plain.destroy();
  });
});
