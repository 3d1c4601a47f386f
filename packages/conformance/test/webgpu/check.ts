import { dispatch, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import { expect } from 'vitest';
import { opNamed, ranOwnKernel, type Sample } from '../kernels/samples.ts';

/** A tensor of the GPU has the shape, the dtype and, within `tolerance` of the largest, the values of another. */
export async function expectSame(got: Tensor, want: Tensor, tolerance: number, what: string): Promise<void> {
  expect(got.shape, what).toEqual(want.shape);
  expect(got.dtype, what).toBe(want.dtype);
  const [ours, theirs] = [Array.from(await got.contiguous().readData(), Number), Array.from(want.contiguous().dataSync(), Number)];
  const scale = Math.max(1, ...theirs.filter(Number.isFinite).map(Math.abs));
  theirs.forEach((v, i) => {
    if (!(Object.is(ours[i], v) || Math.abs(ours[i] - v) <= tolerance * scale))
      expect.fail(`${what}: element ${i} of [${want.shape.join(', ')}] is ${ours[i]}, expected ${v}`);
  });
}

/** The op on the GPU, which must use its own kernel, gives what the composition gives on the reference; so do the inputs that it changes. */
export async function check(
  device: WebGpuDevice,
  name: string,
  samples: readonly Sample[],
  attrs: unknown,
  scalars: readonly number[] = [],
  tolerance = 5e-6,
): Promise<void> {
  const op = opNamed(name);
  const [mine, theirs] = [samples.map((s) => s.make(device)), samples.map((s) => s.make(reference))];
  const want = dispatch(op, theirs, attrs, scalars);
  let got: Tensor[] = [];
  expect(ranOwnKernel(op, () => (got = dispatch(op, mine, attrs, scalars))), `${name} ran its own kernel`).toBe(true); // prettier-ignore
  expect(got.length).toBe(want.length);
  for (const [i, out] of got.entries()) await expectSame(out, want[i], tolerance, `${name} output ${i}`);
  for (const i of op.mutates ?? []) if (i < mine.length) await expectSame(mine[i], theirs[i], tolerance, `${name} input ${i}`);
}
