import { allocate } from '../dispatch.ts';
import { isFloat } from '../dtype.ts';
import { AsyncOnlyError } from '../errors.ts';
import type { Spec } from '../op.ts';
import { numel } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { fromNumbers } from './data.ts';

/**
 * Computes tensors on the host from the values of others, in float64: for rare functions that have no kernels. Where a device only reads asynchronously,
 * it computes them in the order of the ops around, once the values are there, and its next read throws what `compute` throws.
 * @param compute - gives the elements of each output, row-major, from those of each input
 * @throws AsyncOnlyError on a device that can do neither
 */
export function onHost(
  op: string,
  inputs: readonly Tensor[],
  outputs: readonly Spec[],
  compute: (values: readonly Float64Array[]) => readonly ArrayLike<number>[],
): Tensor[] {
  const { device } = inputs[0];
  if (device.downloadSync !== undefined) {
    const values = compute(inputs.map((x) => Float64Array.from(x.dataSync(), Number)));
    return outputs.map(({ shape, dtype }, i) => fromNumbers(values[i], shape, dtype, device));
  }
  if (device.onHost === undefined) {
    throw new AsyncOnlyError({
      op,
      expected: 'a device that can be read without waiting',
      received: device.name,
      hint: 'Move the operands to the CPU first: await x.toAsync(cpu).',
    });
  }
  const made = outputs.map(({ shape, dtype }) => allocate(device, shape, dtype, op));
  if (outputs.some(({ shape }) => numel(shape) > 0)) device.onHost(inputs, made, compute);
  return made;
}

/**
 * An elementwise function, computed on the host in float64; the result has the dtype of the first tensor.
 * @param tensors - float tensors of one shape
 * @throws AsyncOnlyError where a device offers no way
 */
export function hostMap(op: string, tensors: readonly Tensor[], f: (...values: number[]) => number): Tensor {
  const [{ shape, dtype }] = tensors;
  const [made] = onHost(op, tensors, [{ shape, dtype: isFloat(dtype) ? dtype : 'float32' }], (columns) => [
    Float64Array.from({ length: numel(shape) }, (_, i) => f(...columns.map((column) => column[i]))),
  ]);
  return made;
}
