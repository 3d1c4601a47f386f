import { tensor, type DType, type Tensor } from '@flambeau/core';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import { describe, expect, it } from 'vitest';
import { open } from '../../conformance/test/webgpu/open.ts';

const gpu = await open();

const on = (values: ArrayLike<number>, dtype: DType = 'float32'): Tensor => tensor([...Array.from(values)], { dtype, device: gpu as WebGpuDevice }); // prettier-ignore
const read = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

describe.skipIf(gpu === undefined)('numbers on the GPU', () => {
  it('floats beyond the range of an integer wrap, and what is no number becomes 0', async () => {
    const floats = [2147483520, -2147483648, 2147483648, 3e9, -3e9, 1e10, 1e30, Infinity, -Infinity, NaN].map(Math.fround);
    expect(await read(on(floats).to('int32'))).toEqual(floats.map((v) => v | 0));
    expect(await read(on(floats).to('uint32'))).toEqual(floats.map((v) => v >>> 0));
    expect(await read(on(floats).to('int16'))).toEqual([...Int16Array.from(floats)]);
    expect(await read(on(floats).to('uint8'))).toEqual([...Uint8Array.from(floats)]);
  });
});
