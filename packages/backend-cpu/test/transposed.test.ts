import { describe, expect, it } from 'vitest';
import { arange, type Device } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';

/** The element [r, c] of the transposed numbers 0, 1, 2, … in rows of `rows`. */
const expected = (rows: number, columns: number): Float32Array =>
  Float32Array.from({ length: rows * columns }, (_, i) => (i % columns) * rows + Math.floor(i / columns));

describe('a transposed copy', () => {
  // Below and beyond what is written past the caches; whole strips and rests of them.
  it.each([
    [16, 64],
    [33, 7],
    [1, 5],
    [701, 1003],
    [1024, 512],
    [5, 200_003],
  ])('has each element in its place: %i x %i', (rows, columns) => {
    const device: Device = cpu;
    const made = arange(rows * columns, { device })
      .reshape(columns, rows)
      .t()
      .contiguous();
    expect(made.shape).toEqual([rows, columns]);
    expect(Buffer.compare(Buffer.from(made.dataSync().buffer), Buffer.from(expected(rows, columns).buffer))).toBe(0);
  });

  it('goes into the middle of another tensor, and leaves what is around it', () => {
    const target = arange(0, { device: cpu }).newZeros([900, 1200]);
    const source = arange(1000 * 800, { device: cpu }).reshape(1000, 800);
    target.narrow(0, 50, 800).narrow(1, 100, 1000).copy_(source.t());
    expect(target.at(49).amax().itemSync() + target.at(850).amax().itemSync()).toBe(0);
    expect(target.select(1, 99).amax().itemSync() + target.select(1, 1100).amax().itemSync()).toBe(0);
    expect(target.narrow(0, 50, 800).narrow(1, 100, 1000).t().equal(source)).toBe(true);
  });
});
