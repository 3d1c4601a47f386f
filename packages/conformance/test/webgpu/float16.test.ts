import { cat, linear, profile, tensor, where, zeros, type Device, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { webgpu, type WebGpuDevice } from '@flambeau/backend-webgpu';
import * as nn from '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { open } from './open.ts';

const gpu = await open();
const withoutF16 = gpu === undefined ? undefined : await open({ float16: false });

/** Values of many sizes, in float16. */
const values = (shape: readonly number[], device: Device, seed = 1): Tensor => {
  const count = shape.reduce((product, n) => product * n, 1);
  const list = Array.from({ length: count }, (_, i) => Math.sin(seed * 7 + i * 1.7) * (i % 5 === 0 ? 20 : 1.5));
  return tensor(list, { device, dtype: 'float16' }).reshape([...shape]);
};

const { functional: F } = nn;
const programs: Readonly<Record<string, (device: Device) => Tensor>> = {
  'sums of tensors and numbers': (d) => values([5, 7], d).add(values([7], d, 2)).mul(0.3),
  'functions of one tensor': (d) => cat([values([9], d).exp(), values([9], d).abs().sqrt(), values([9], d).tanh(), values([9], d).relu()]),
  'a choice': (d) => where(values([3, 5], d).gt(0), values([3, 5], d, 2), -1),
  'a strided view written in place': (d) => {
    // Neighbours share words of memory, which no thread may take from another.
    const x = zeros([4, 9], { device: d, dtype: 'float16' });
    x.narrow(1, 1, 7).copy_(values([4, 7], d));
    return x;
  },
  'numbers too large, too small and not a number': (d) => tensor([65504, 65520, 1e-8, 6e-8, NaN, -Infinity], { device: d }).to('float16').mul(1),
  'reductions': (d) => cat([values([6, 50], d).sum(1), values([6, 50], d).amax(1), values([6, 50], d).mean(0)]),
  'a running sum': (d) => values([3, 40], d).cumsum(1),
  'sorting': (d) => values([3, 11], d).sort(1)[0],
  'a product': (d) => values([19, 33], d).matmul(values([33, 18], d, 2)),
  'a product with a long inside, in chunks': (d) => values([3, 1024], d).matmul(values([1024, 5], d, 2)),
  'a linear map': (d) => linear(values([6, 20], d), values([9, 20], d, 2), values([9], d, 3)),
  // Sums that would stop growing if each step were rounded.
  'many values added to one place': (d) =>
    zeros([4], { device: d, dtype: 'float16' }).scatterAdd(0, tensor(Array.from({ length: 900 }, (_, i) => i % 3), { device: d, dtype: 'int32' }), values([900], d).square()),
  'overlapping windows': (d) => F.fold(values([1, 4, 9], d), [4, 4], 2),
  'softmax': (d) => values([4, 10], d).softmax(1),
  'gradients': (d) => {
    const x = values([5, 6], d).requiresGrad_();
    F.gelu(linear(x, values([4, 6], d, 2))).square().mean().backward();
    return x.grad as Tensor;
  },
}; // prettier-ignore

/** One rounding of 11 bits, and one more where float32 functions of two devices differ in their last bit. */
const tolerance = 2 ** -10;

async function expectNear(got: Tensor, want: Tensor, name: string): Promise<void> {
  expect(got.dtype, name).toBe('float16');
  const [ours, theirs] = [Array.from(await got.contiguous().data(), Number), Array.from(want.contiguous().dataSync(), Number)];
  const scale = Math.max(...theirs.filter(Number.isFinite).map(Math.abs));
  theirs.forEach((v, i) => {
    const near = Object.is(ours[i], v) || ours[i] === v || Math.abs(ours[i] - v) <= tolerance * Math.max(Math.abs(v), scale / 16);
    if (!near) expect.fail(`${name}: element ${i} is ${ours[i]}, expected ${v}`);
  });
}

describe.skipIf(gpu === undefined)('float16 as the adapter has it', () => {
  it.each(['threads', 'workgroups'] as const)('gives what float32 gives, rounded once, computed by %s', async (kernels) => {
    const device = (await open({ kernels })) as WebGpuDevice;
    for (const [name, program] of Object.entries(programs)) await expectNear(program(device), program(reference), name);
    device.destroy();
  });

  it('is read and written by the kernels themselves where shaders know it, and by way of float32 tensors where they do not', () => {
    const device = gpu as WebGpuDevice;
    const [x, weight, bias] = [values([6, 20], device), values([9, 20], device, 2), values([9], device, 3)];
    const before = device.counters.dispatches;
    const { profile: report } = profile(() => [x.add(1), linear(x, weight, bias)]);
    const widened = report.runs.filter(({ route }) => route === 'wider dtype').map(({ op }) => op);
    expect(device.computes('float16')).toBe(device.info.float16);
    expect(widened).toEqual(device.info.float16 ? [] : ['add']);
    if (device.info.float16) expect(device.counters.dispatches - before).toBe(2);
    else expect(device.counters.dispatches - before).toBeGreaterThan(2); // the casts
  });
});

describe.skipIf(gpu === undefined)('float16 where shaders do not know it', () => {
  it('is stored in 16 bits and computed in float32', async () => {
    const device = withoutF16 as WebGpuDevice;
    expect([device.info.float16, device.supports('float16'), device.computes('float16')]).toEqual([false, true, false]);
    for (const [name, program] of Object.entries(programs)) await expectNear(program(device), program(reference), name);
  });
});

// No software adapter has 16-bit floats, but Dawn has one that has everything and computes nothing: it compiles and checks each shader.
describe('float16 where shaders know it', () => {
  it.each(['threads', 'workgroups'] as const)('has shaders that Dawn accepts, computed by %s', async (kernels) => {
    const { create } = await import('webgpu');
    const device = await webgpu({ kernels, gpu: create(['backend=null']) });
    expect([device.info.float16, device.computes('float16')]).toEqual([true, true]);
    for (const [name, program] of Object.entries(programs)) {
      const { result, profile: report } = profile(() => program(device));
      expect(
        report.runs.filter(({ route }) => route === 'wider dtype').map(({ op }) => op),
        name,
      ).toEqual([]);
      result.contiguous();
      // What is read of such a device says nothing, not even its flags; a shader that does not compile is told to the next op.
      for (let i = 0; i < 2; i++) await device.turn?.();
      expect(() => zeros([2], { device }).add(1), name).not.toThrow();
    }
    device.destroy();
  });
});
