import { memory, ones, tensor, zeros, type Tensor } from '@flambeau/core';
import { webgpu } from '@flambeau/backend-webgpu';
import { describe, expect, it } from 'vitest';
import { open } from '../../conformance/test/webgpu/open.ts';

const gpu = await open();
const kilobyte = 1024;

describe.skipIf(gpu === undefined)('memory on the GPU', () => {
  it('what is released is used again, and told by memory()', async () => {
    const device = await webgpu();
    const x = ones(kilobyte, { device }); // 4 KiB
    expect(memory(device).liveBytes).toBe(4 * kilobyte);
    x.dispose();
    expect(memory(device)).toMatchObject({ liveBytes: 0, liveCount: 0, pooledBytes: 4 * kilobyte });
    zeros(kilobyte, { device });
    expect(memory(device)).toMatchObject({ liveBytes: 4 * kilobyte, liveCount: 1, pooledBytes: 0 });
    device.destroy();
  });

  it('beyond the soft budget, tensors that were not used lately move to the host at an await, and come back', async () => {
    const device = await webgpu({ softBytes: 64 * kilobyte });
    const old = ones(4 * kilobyte, { device }).mul(7); // 16 KiB
    const held: Tensor[] = [old];
    for (let step = 0; step < 40; step++) {
      const x = ones(kilobyte, { device }).add(step); // two tensors of 4 KiB, which nobody releases
      held.push(x);
      expect(await x.sum().item()).toBe(kilobyte * (1 + step));
      // Four turns in use, of two tensors and a sum each, beside the budget.
      expect(memory(device).liveBytes).toBeLessThan(64 * kilobyte + 6 * 9 * kilobyte);
    }
    expect(await old.sum().item()).toBe(7 * 4 * kilobyte);
    expect(await held[1].add(1).sum().item()).toBe(kilobyte * 2);
    // Changed after it came back.
    old.mul_(2);
    expect(await old.sum().item()).toBe(14 * 4 * kilobyte);
    device.destroy();
  });

  it('a loop that never awaits reaches the budget, and is told what to do and which tensors are the largest', async () => {
    const device = await webgpu({ maxBytes: 100 * kilobyte });
    const x = ones(kilobyte, { device });
    const held: Tensor[] = [];
    const loop = (): void => {
      for (let i = 0; i < 100; i++) held.push(x.exp());
    };
    // 100 KiB hold x and 24 results of 4 KiB.
    expect(loop).toThrow(
      expect.objectContaining({
        code: 'OUT_OF_MEMORY',
        op: 'exp',
        received: expect.stringContaining('98304 bytes in 24 made by exp') as unknown,
        hint: expect.stringContaining('Await once a step') as unknown,
      }),
    );
    expect(held).toHaveLength(24);
    device.destroy();
  });

  it('a tensor beyond the whole budget is told its size', async () => {
    const device = await webgpu({ maxBytes: kilobyte });
    expect(() => ones(kilobyte, { device })).toThrow(expect.objectContaining({ code: 'OUT_OF_MEMORY', received: 'a tensor of 4096' }));
    expect(memory(device)).toMatchObject({ liveBytes: 0, liveCount: 0 });
    device.destroy();
  });

  it('what is larger than one buffer, with the flags or together, is read in parts', async () => {
    const device = await webgpu({ limits: { maxBufferSize: 4 * kilobyte }, softBytes: 8 * kilobyte });
    const values = Float32Array.from({ length: kilobyte }, (_, i) => i);
    const held = Array.from({ length: 20 }, (_, k) => tensor(values, { device }).add(k));
    await device.synchronize();
    const before = device.counters.submissions;
    expect([...(await held[0].data())]).toEqual([...values]);
    expect(device.counters.submissions - before).toBe(2);
    // Turns, in which the coldest move to the host together.
    for (let turn = 0; turn < 8; turn++) await zeros(1, { device }).item();
    expect(memory(device).liveBytes).toBeLessThan(9 * kilobyte);
    for (const [k, x] of held.entries()) expect((await x.narrow(0, 1000, 1).item()) - k).toBe(1000);
    device.destroy();
  });
});
