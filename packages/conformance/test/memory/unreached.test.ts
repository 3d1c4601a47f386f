import { describe, expect, it } from 'vitest';
import { full, memory, type Device, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { createCpuDevice } from '@flambeau/backend-cpu';

const million = 2 ** 20;
const native = ((): Device | undefined => {
  try {
    return createCpuDevice('native').device;
  } catch {
    return undefined;
  }
})();
const address = (x: Tensor): number => (x.storage.handle as { address: number }).address;

// The native engine hands memory out again that no tensor reaches, in the middle of synchronous programs too.
describe.skipIf(native === undefined)('unreached memory in programs with gradients', () => {
  const device = native as Device;

  it('is not handed out while a view, what a derivative keeps, or a gradient reaches it', () => {
    const weight = full([million], 3, { device }).requiresGrad_();
    const view = full([million], 5, { device }).view(1024, 1024).at(':', '2:4');
    const loss = weight
      .mul(full([million], 2, { device }))
      .exp()
      .sum();
    for (let i = 0; i < 50; i++) full([million], -1, { device });
    expect(view.mean().itemSync()).toBe(5);
    loss.backward();
    for (let i = 0; i < 50; i++) full([million], -1, { device });
    // d/dw exp(2w) = 2 exp(2w), at w = 3.
    expect(weight.grad?.mean().itemSync()).toBeCloseTo(2 * Math.exp(6), 2);
  });

  it('is found after backward, so that a step works in the memory of the one before', () => {
    const { device } = createCpuDevice('native');
    const weight = full([million], 1, { device }).requiresGrad_();
    const seen = new Set<number>();
    for (let i = 0; i < 40; i++) {
      weight.grad = undefined;
      const y = weight.mul(weight);
      seen.add(address(y));
      y.exp().sum().backward();
    }
    // Each step makes 12 MB: 480 in all. A few blocks grow old while V8 compiles, and are not found any more: 7 to 10 places were seen.
    expect(seen.size).toBeLessThan(16);
    const { liveBytes, pooledBytes } = memory(device);
    expect(liveBytes + pooledBytes).toBeLessThan(64 * million);
  });

  it('is soon found in a loop of small results too, after steps whose gradients were held', () => {
    const { device } = createCpuDevice('native');
    const weight = full([4 * million], 1, { device }).requiresGrad_();
    for (let i = 0; i < 20; i++) {
      weight.mul(2).sum().backward();
      weight.grad = undefined;
    }
    const seen = new Set<number>();
    for (let i = 0; i < 400; i++) seen.add(address(full([million / 4], 1, { device })));
    // 400 MB in all.
    expect(seen.size).toBeLessThan(100);
  });
});
