import { definedOps, dispatch, observeDispatch, tensor, type Device, type DType, type Op, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { expect } from 'vitest';

/** An op by its name. @throws Error when no package has defined it */
export function opNamed(name: string): Op {
  const op = definedOps().get(name);
  if (op === undefined) throw new Error(`there is no op ${name}`);
  return op;
}

/** Numbers in [-1, 1) that look random and are the same in every run. */
export function noise(count: number, seed = 1): Float64Array {
  let state = seed * 2654435761 + 12345;
  return Float64Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 8) / 2 ** 23 - 1;
  });
}

/** How an operand lies: `make` builds it on a device from contiguous values, so that both devices see the same strides. */
export interface Sample {
  readonly make: (device: Device) => Tensor;
}

/** A contiguous operand of noise. */
export function plain(shape: readonly number[], seed = 1, dtype: DType = 'float32'): Sample {
  const values = noise(
    shape.reduce((n, m) => n * m, 1),
    seed,
  );
  return { make: (device) => tensor(values, { dtype, device }).reshape([...shape]) };
}

/** Integers from 0 to below `limit`. */
export function labels(shape: readonly number[], limit: number, dtype: 'int32' | 'int64' = 'int32', seed = 1): Sample {
  const values = noise(
    shape.reduce((n, m) => n * m, 1),
    seed,
  ).map((v) => Math.floor(((v + 1) / 2) * limit));
  return { make: (device) => tensor(values, { dtype, device }).reshape([...shape]) };
}

/** A view of another sample. */
export const viewed = (sample: Sample, view: (x: Tensor) => Tensor): Sample => ({ make: (device) => view(sample.make(device)) });

/** True when the device ran the op with a kernel of its own. */
export function ranOwnKernel(op: Op, run: () => void): boolean {
  let own = false;
  const stop = observeDispatch((other, _device, route) => {
    if (other === op && route === 'own kernel') own = true;
  });
  try {
    run();
  } finally {
    stop();
  }
  return own;
}

const numbers = (x: Tensor): number[] => Array.from(x.contiguous().dataSync(), Number);

/**
 * Runs an op on a device, which must use its own kernel, and on the reference backend, which composes in float64 sums; all outputs must agree
 * within `tolerance`, relative to the largest number of the output.
 */
export function expectKernelEqualsComposition(
  device: Device,
  name: string,
  samples: readonly Sample[],
  attrs: unknown,
  scalars: readonly number[] = [],
  tolerance = 2e-6,
): void {
  const op = opNamed(name);
  const expected = dispatch(op, samples.map((s) => s.make(reference)), attrs, scalars); // prettier-ignore
  const inputs = samples.map((s) => s.make(device));
  let outputs: Tensor[] = [];
  const own = ranOwnKernel(op, () => {
    outputs = dispatch(op, inputs, attrs, scalars);
  });
  expect(own, `${op.name} ran its own kernel`).toBe(true);
  expect(outputs.length).toBe(expected.length);
  outputs.forEach((out, i) => expectClose(out, expected[i], tolerance, `${op.name} output ${i}`));
}

/** Every element within `tolerance` of the largest expected one; NaN and infinities must be the same. */
export function expectClose(actual: Tensor, expected: Tensor, tolerance: number, what: string): void {
  expect(actual.shape, what).toEqual(expected.shape);
  expect(actual.dtype, what).toBe(expected.dtype);
  const [got, want] = [numbers(actual), numbers(expected)];
  const scale = Math.max(1, ...want.filter(Number.isFinite).map(Math.abs));
  for (let i = 0; i < want.length; i++) {
    const same = Object.is(got[i], want[i]) || got[i] === want[i] || Math.abs(got[i] - want[i]) <= tolerance * scale;
    if (!same) expect.fail(`${what}: element ${i} of [${expected.shape.join(', ')}] is ${got[i]}, expected ${want[i]}`);
  }
}
