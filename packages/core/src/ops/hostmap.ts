import { isFloat } from '../dtype.ts';
import { AsyncOnlyError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { fromNumbers } from './data.ts';

/**
 * Computes an elementwise function on the host: reads the values, computes in float64 and uploads the result in the dtype of the first tensor.
 * For rare functions whose number of steps depends on their values; everything else composes from ops, so that it runs on every device.
 * @param tensors - float tensors of one shape
 * @throws AsyncOnlyError on a device that only reads asynchronously
 */
export function hostMap(op: string, tensors: readonly Tensor[], f: (...values: number[]) => number): Tensor {
  const [first] = tensors;
  if (!first.device.synchronous) {
    throw new AsyncOnlyError({
      op,
      expected: 'a device that can be read without waiting',
      received: first.device.name,
      hint: 'Move the operands to the CPU first: await x.toAsync(cpu).',
    });
  }
  const columns = tensors.map((x) => x.dataSync());
  const out = new Float64Array(first.count);
  for (let i = 0; i < out.length; i++) out[i] = f(...columns.map((column) => Number(column[i])));
  return fromNumbers(out, first.shape, isFloat(first.dtype) ? first.dtype : 'float32', first.device);
}
