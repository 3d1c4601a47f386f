import { full, setDefaultDevice, tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);

// 2^24 is where float32 stops counting: 2^24 + 1 rounds back to 2^24, so that a sum kept in float32 would not move any more.
const large = 2 ** 24;

describe('the reference accumulates in float64', () => {
  it.each([
    // 2^24 + 1 + 1 = 2^24 + 2
    ['sum', () => tensor([large, 1, 1]).sum(), large + 2],
    // (2^24 + 1 + 1 + 2) / 4 = 2^22 + 1
    ['mean', () => tensor([large, 1, 1, 2]).mean(), large / 4 + 1],
    // 2^24 + 1 + 1 + 2 - 2^24 = 4
    ['a sum along a dimension', () => tensor([[large, 1, 1, 2, -large]]).sum(1).at(0), 4],
    // 2^24·1 + 1·1 + 1·1 = 2^24 + 2
    ['matmul', () => tensor([[large, 1, 1]]).matmul(full([3, 1], 1)).at(0, 0), large + 2],
    // the last of 2^24, 2^24 + 1, 2^24 + 2
    ['cumsum', () => tensor([large, 1, 1]).cumsum(0).at(2), large + 2],
  ] as const)('%s', async (_, run, expected) => {
    const result = run();
    expect(result.dtype).toBe('float32');
    expect(await result.item()).toBe(expected);
  });
}); // prettier-ignore
