import { fromNumbers, isFloat, type Device, type DType, type Tensor } from '@flambeau/core';

/** What an input of a sample is made of: numbers drawn from a range. */
export interface Input {
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
  readonly kind: 'real' | 'integer' | 'flag';
  /** False for a real input that no gradient is asked of. */
  readonly differentiable: boolean;
  /** Values in place of drawn ones. */
  readonly values?: readonly number[];
}

/** A call of an op: what it takes, and how a user calls it. */
export interface Sample {
  readonly inputs: readonly Input[];
  readonly run: (...inputs: Tensor[]) => Tensor | readonly Tensor[];
  /** False where the function has kinks at the sample, or where its value is not differentiable in PyTorch either. */
  readonly smooth: boolean;
  /** False where strided inputs are refused by design, as `view` does. */
  readonly strided: boolean;
}

export type Samples = readonly Sample[];

/** Real numbers; the derivative is checked with respect to them. */
export const real = (shape: readonly number[], low = -2, high = 2): Input => ({ shape, low, high, kind: 'real', differentiable: true });
/** Real numbers that no gradient is asked of. */
export const fixed = (shape: readonly number[], low = -2, high = 2): Input => ({ shape, low, high, kind: 'real', differentiable: false });
/** Integers from low to below high, int32. */
export const integer = (shape: readonly number[], low: number, high: number): Input => ({
  shape,
  low,
  high,
  kind: 'integer',
  differentiable: false,
});
/** True and false. */
export const flag = (shape: readonly number[]): Input => ({ shape, low: 0, high: 2, kind: 'flag', differentiable: false });
/** Given int32 values. */
export const indices = (shape: readonly number[], values: readonly number[]): Input => ({
  shape,
  low: 0,
  high: 0,
  kind: 'integer',
  differentiable: false,
  values,
});

/** A sample; `smooth: false` leaves the derivative out. */
export const sample = (inputs: readonly Input[], run: Sample['run'], smooth = true, strided = true): Sample => ({
  inputs,
  run,
  smooth,
  strided,
});

/** The shapes that break kernels: none, one, empty, many. */
export const shapes: readonly (readonly number[])[] = [[2, 3], [], [1], [0], [2, 0, 3], [1, 1], [2, 1, 3]];

/** A small generator of its own, so that samples do not depend on what they test. */
function numbers(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** The values of an input; each input of a sample draws from another stream. */
export function valuesOf(input: Input, stream: number): Float64Array {
  const count = input.shape.reduce((n, m) => n * m, 1);
  if (input.values !== undefined) return Float64Array.from(input.values);
  const next = numbers(stream * 101 + count + 1);
  for (let i = 0; i < 5; i++) next();
  return Float64Array.from({ length: count }, () => {
    const value = input.low + next() * (input.high - input.low);
    return input.kind === 'real' ? value : Math.floor(value);
  });
}

/** The dtype of an input where floats are `dtype`. */
export const dtypeOf = (input: Input, dtype: DType): DType => (input.kind === 'real' ? dtype : input.kind === 'flag' ? 'bool' : 'int32');

/** Fresh contiguous tensors for the inputs of a sample. */
export const fresh = (sample: Sample, device: Device, dtype: DType, values: readonly Float64Array[] = allValues(sample)): Tensor[] =>
  sample.inputs.map((input, i) => fromNumbers(values[i], input.shape, dtypeOf(input, dtype), device));

export const allValues = (sample: Sample): Float64Array[] => sample.inputs.map(valuesOf);

/** Tensors that want a gradient where the sample is differentiable in them. */
export function leaves(sample: Sample, device: Device, dtype: DType, values?: readonly Float64Array[]): Tensor[] {
  const made = fresh(sample, device, dtype, values);
  made.forEach((x, i) => {
    if (sample.inputs[i].differentiable && isFloat(x.dtype)) x.requiresGrad = true;
  });
  return made;
}

export const asList = (result: Tensor | readonly Tensor[]): readonly Tensor[] => (Array.isArray(result) ? result : [result as Tensor]);
