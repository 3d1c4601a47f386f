import { zeros } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { expect, it } from 'vitest';

it('says OUT_OF_MEMORY where there is no room, and counts nothing for it', () => {
  const { liveBytes, liveCount } = reference.memory();
  // 2^43 elements are 32 TiB.
  expect(() => zeros(2 ** 43, { device: reference })).toThrow(expect.objectContaining({ name: 'OutOfMemoryError', code: 'OUT_OF_MEMORY' }));
  expect(reference.memory()).toMatchObject({ liveBytes, liveCount });
});
