import { tensor, type DType, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import * as nn from '@flambeau/nn';
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

  it('a row with an infinity has no softmax and no cross-entropy', async () => {
    const { crossEntropy } = nn.functional;
    // exp(∞ - ∞) is NaN, and so is what it is part of; an infinity below takes nothing.
    const rows = on([1, Infinity, 2, -Infinity, 0, 0, -Infinity, -Infinity, -Infinity]).reshape(3, 3);
    const want = [NaN, NaN, NaN, 0, 0.5, 0.5, NaN, NaN, NaN];
    expect(await read(rows.softmax(1))).toEqual(want);
    const logs = await read(rows.logSoftmax(1));
    expect(logs.map(Number.isNaN)).toEqual(want.map(Number.isNaN));
    expect(await read(crossEntropy(rows, on([0, 1, 0], 'int32'), { reduction: 'sum' }))).toEqual([NaN]);
    const diverged = on([1, Infinity, 2]).reshape(1, 3).requiresGrad_();
    crossEntropy(diverged, on([0], 'int32')).backward();
    expect(await read(diverged.grad as Tensor)).toEqual([NaN, NaN, NaN]);
  });
});
