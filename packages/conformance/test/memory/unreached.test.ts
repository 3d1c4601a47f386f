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

  /** Steps whose gradient is dropped when the next begins; places that their first results had. */
  function stepsOf(weight: Tensor, count: number): number {
    const seen = new Set<number>();
    for (let i = 0; i < count; i++) {
      weight.grad = undefined;
      const y = weight.mul(weight);
      seen.add(address(y));
      y.exp().sum().backward();
    }
    return seen.size;
  }

  it('is found after backward, so that a step works in the memory of the one before', () => {
    const { device } = createCpuDevice('native');
    const held = (): number => memory(device).liveBytes + memory(device).pooledBytes;
    const weight = full([million], 1, { device }).requiresGrad_();
    // While V8 interprets the loop, y is reached until the next takes its place in the frame, and may grow old.
    stepsOf(weight, 150);
    const before = held();
    // Each step makes 12 MB: 480 in all.
    expect(stepsOf(weight, 40)).toBeLessThan(10);
    expect(held() - before).toBeLessThan(24 * million);
  });

  it('is soon found in a loop of small results too, after steps whose gradients were held', () => {
    const { device } = createCpuDevice('native');
    stepsOf(full([million], 1, { device }).requiresGrad_(), 40);
    const seen = new Set<number>();
    for (let i = 0; i < 400; i++) seen.add(address(full([million / 4], 1, { device })));
    // 400 MB in all.
    expect(seen.size).toBeLessThan(100);
  });
});
