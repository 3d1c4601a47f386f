import { add, matmul, memory, normal, ones, sort, tensor, type Tensor } from '@flambeau/core';
import { webgpu, type WebGpuDevice, type WebGpuOptions } from '@flambeau/backend-webgpu';
import { describe, expect, it } from 'vitest';
import { openGpu } from '../src/gpu.ts';
import { CommandQueue } from '../src/queue.ts';
import { open } from '../../conformance/test/webgpu/open.ts';
import { run } from './process.ts';

const gpu = await open();

it('a machine without an adapter is told what to try', async () => {
  await expect(webgpu({ gpu: { requestAdapter: () => Promise.resolve(null) } })).rejects.toMatchObject({
    code: 'NO_ADAPTER',
    hint: expect.stringContaining('backend-cpu') as unknown,
  });
  const cause = new Error('no driver');
  const failing = { requestAdapter: () => Promise.reject(cause) };
  await expect(webgpu({ gpu: failing })).rejects.toMatchObject({ code: 'NO_ADAPTER', received: 'none: no driver', cause });
});

it.each<[string, unknown, string]>([
  ['no object', null, '1, the last one null'],
  ['an unknown option', { maxbytes: 5 }, '"maxbytes"'],
  ['a budget that is none', { maxBytes: '4096' }, '"4096"'],
  ['a budget of NaN', { softBytes: NaN }, 'NaN'],
  ['a soft budget above the hard one', { softBytes: 8192, maxBytes: 4096 }, '8192'],
  ['an unknown source of random numbers', { random: 'gpu' }, '"gpu"'],
  ['an unknown way of kernels', { kernels: 'fast' }, '"fast"'],
  ['an unknown preference', { powerPreference: 'fast' }, '"fast"'],
  ['a flag that is none', { float16: 0 }, '0'],
  ['limits that are none', { limits: 5 }, '5'],
  ['an unknown limit', { limits: { maxStuff: 4 } }, '"maxStuff"'],
  ['a limit of nothing', { limits: { maxBufferSize: 0 } }, '0'],
  ['a limit below 0', { limits: { maxComputeWorkgroupsPerDimension: -1 } }, '-1'],
  ['an entry that is none', { gpu: {} }, 'an object'],
])('options: %s is refused', async (_, options, received) => {
  await expect(webgpu(options as WebGpuOptions)).rejects.toMatchObject({ code: 'ARGUMENT', op: 'webgpu', received });
});

it('a package webgpu that is not there, and one that does not load, are told apart', () => {
  const told = (answer: string): string => {
    const hook = `export const resolve = (name, context, next) => { if (name !== 'webgpu') return next(name, context); ${answer} };`;
    return run(`import { register } from 'node:module';
register('data:text/javascript,${encodeURIComponent(hook).replaceAll("'", '%27')}');
const { webgpu } = await import('@flambeau/backend-webgpu');
await webgpu().catch(({ code, message }) => console.log(code, message));`).stdout;
  };
  expect(told("throw Object.assign(new Error('no such package'), { code: 'ERR_MODULE_NOT_FOUND' })")).toBe(
    'NOT_SUPPORTED webgpu: the npm package webgpu in Node, got none. Install it: npm install webgpu.\n',
  );
  expect(told('return { url: \'data:text/javascript,throw new Error("libX11: not found")\', shortCircuit: true }')).toMatch(
    /^NOT_SUPPORTED webgpu: .*, got one that does not load: libX11: not found\. Install what it misses/,
  );
});

describe.skipIf(gpu === undefined)('what goes wrong on the GPU has an error of its own', () => {
  it('a lost device is named by every read and every new tensor, and nothing hangs', async () => {
    const device = await webgpu();
    const x = ones(4, { device });
    const pending = x.mul(2);
    device.destroy();
    await expect(pending.data()).rejects.toMatchObject({ code: 'DEVICE_LOST', hint: expect.stringContaining('await webgpu()') as unknown });
    await expect(device.synchronize()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    expect(() => ones(4, { device })).toThrow(/lost/);
  });

  it('a shader that does not compile is named with its line', async () => {
    const { device } = await openGpu({});
    const queue = new CommandQueue(device);
    const pipeline = queue.pipelines.make('broken', 'broken', 'fn main() { let x = nothing; }', []);
    queue.dispatch({ pipeline, bindings: [], words: [], groups: [1, 1] });
    await expect(queue.synchronize()).rejects.toMatchObject({
      code: 'SHADER',
      op: 'broken',
      received: expect.stringContaining('nothing') as unknown,
    });
    device.destroy();
  });

  it('an allocation that the GPU refuses is told by the next read', async () => {
    const { device } = await openGpu({});
    // The adapter's answer to a buffer that it has no memory for.
    const refusing = new Proxy(device, {
      get(target, name) {
        if (name === 'popErrorScope') return () => Promise.resolve({ message: 'not enough memory' });
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
      set: (target, name, value) => Reflect.set(target, name, value),
    });
    const queue = new CommandQueue(refusing);
    queue.createBuffer(2 ** 20);
    await Promise.resolve();
    await expect(queue.synchronize()).rejects.toMatchObject({ code: 'OUT_OF_MEMORY', received: 'not enough memory' });
    device.destroy();
  });

  it('a tensor that was released and is used again throws with the op', async () => {
    const x = ones(3, { device: gpu as WebGpuDevice });
    x.dispose();
    expect(() => add(x, 1)).toThrow(expect.objectContaining({ code: 'RELEASED', op: 'add' }));
    await expect(x.data()).rejects.toMatchObject({ code: 'RELEASED' });
  });

  it('a value that an op refuses is told once, by the next read, whatever was asked for meanwhile', async () => {
    const device = gpu as WebGpuDevice;
    const table = ones([3, 2], { device });
    const pick = (index: number): Tensor => table.indexSelect(0, tensor([index], { device, dtype: 'int32' }));
    const gather = (index: number): Tensor => table.gather(0, tensor([[0, index]], { device, dtype: 'int32' }));
    // Compiled, so that nothing waits.
    await Promise.all([pick(0).data(), table.mul(2).data(), gather(1).data()]);
    const first = pick(3).data();
    // Read before the first error is known, of values that may hang on it.
    const beside = table.mul(2).data();
    await Promise.resolve();
    // Refused after the first was read, and read after that was told.
    const gathered = gather(7);
    await expect(first).rejects.toMatchObject({ code: 'INDEX', op: 'indexSelect', received: '3' });
    await expect(beside).rejects.toMatchObject({ code: 'INDEX', op: 'indexSelect' });
    await expect(gathered.data()).rejects.toMatchObject({ code: 'INDEX', op: 'gather', received: '7' });
    expect(await pick(2).sum().item()).toBe(2);
  });

  it('reading at once throws and says what to await', () => {
    const x = ones(1, { device: gpu as WebGpuDevice });
    expect(() => x.itemSync()).toThrow(expect.objectContaining({ code: 'ASYNC_ONLY', hint: expect.stringContaining('await') as unknown }));
  });

  it('arguments are checked before anything is asked of the GPU', async () => {
    const device = gpu as WebGpuDevice;
    const before = memory(device);
    for (const size of ['junk', [[1, 2]], -1, 1.5] as unknown as number[][])
      expect(() => normal(0, 1, size, { device })).toThrow(expect.objectContaining({ code: 'SHAPE', op: 'normal' }));
    const x = ones(1, { device });
    expect(() => x.random_(x as unknown as number)).toThrow(expect.objectContaining({ code: 'ARGUMENT', op: 'random_' }));
    await expect(x.toAsync({} as WebGpuDevice)).rejects.toMatchObject({ code: 'DEVICE', op: 'toAsync' });
    x.dispose();
    expect(memory(device).liveBytes).toBe(before.liveBytes);
  });

  it('int64 and float64 are refused with what to use', () => {
    const device = gpu as WebGpuDevice;
    for (const [dtype, other] of [['int64', 'int32'], ['float64', 'float32']] as const) // prettier-ignore
      expect(() => ones(2, { device, dtype })).toThrow(expect.objectContaining({ code: 'DTYPE', hint: expect.stringContaining(other) as unknown })); // prettier-ignore
  });

  it('a program that used the GPU ends by itself', { timeout: 60_000 }, () => {
    const program = `import { ones } from '@flambeau/core';
import { open } from '${new URL('../../conformance/test/webgpu/open.ts', import.meta.url).href}';
const device = await open();
console.log(await ones(3, { device }).sum().item());`;
    const { status, stdout, stderr } = run(program);
    expect(stderr).toBe('');
    expect(stdout.trim()).toBe('3');
    expect(status).toBe(0);
  });
});

const distinct = async (x: Tensor): Promise<number[]> => [...new Set(Array.from(await x.data(), Number))];

describe.skipIf(gpu === undefined)('the limits of an adapter', () => {
  const small =
    gpu === undefined ? undefined : webgpu({ limits: { maxStorageBufferBindingSize: 4096, maxComputeWorkgroupsPerDimension: 16 } });
  const range = (n: number, device: WebGpuDevice): Tensor => tensor(Float32Array.from({ length: n }, (_, i) => i), { device }); // prettier-ignore

  it('elementwise ops and copies go over tensors that cannot be bound at once', async () => {
    const device = (await small) as WebGpuDevice;
    // 3000 elements are 12,000 bytes, in windows of 4096.
    const x = range(3000, device);
    expect(Array.from(await x.add(x.mul(2)).data(), Number)).toEqual(Array.from({ length: 3000 }, (_, i) => 3 * i));
    const turned = range(3000, device).reshape(50, 60).t().contiguous();
    expect(Array.from(await turned.data(), Number).slice(0, 3)).toEqual([0, 60, 120]);
  });

  it('matrix products are cut into parts', async () => {
    const device = (await small) as WebGpuDevice;
    const [a, b] = [ones([40, 50], { device }), ones([50, 60], { device })];
    // Each element is Σ over 50 of 1·1.
    expect(await distinct(matmul(a, b))).toEqual([50]);
    expect(await distinct(matmul(a, ones([60, 50], { device }).t()))).toEqual([50]);
    expect(await distinct(matmul(ones([1, 3000], { device }), ones([3000, 1], { device })))).toEqual([3000]);
  });

  it('other ops refuse and name the limit', async () => {
    const device = (await small) as WebGpuDevice;
    expect(() => sort(range(3000, device), 0)).toThrow(
      expect.objectContaining({ code: 'LIMIT', expected: expect.stringContaining('maxStorageBufferBindingSize of 4096') as unknown }),
    );
  });

  it('what the adapter says of itself is there to read', () => {
    const { info, counters } = gpu as WebGpuDevice;
    expect(info.limits.maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);
    expect(typeof info.software).toBe('boolean');
    expect(counters.dispatches).toBeGreaterThanOrEqual(0);
  });
});
