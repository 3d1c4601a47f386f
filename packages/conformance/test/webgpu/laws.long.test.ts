import { describe, expect, it } from 'vitest';
import { lawNames } from '../browser/laws.ts';
import { check } from '../browser/main.ts';
import { open } from './open.ts';

const gpu = await open();
gpu?.destroy();

// The laws that pages check, over every op.
describe.skipIf(gpu === undefined)('over Dawn the law holds', () => {
  it.each(lawNames)('%s', async (law) => {
    const { checked, refused, broken } = await check(law, 'webgpu', 1);
    expect(checked).toBeGreaterThan(150);
    expect(broken).toEqual([]);
    // Samples of these two cast to float64, and read a GPU without waiting.
    expect(refused.filter((op) => !['cast', 'toDevice'].includes(op))).toEqual([]);
  });
});
