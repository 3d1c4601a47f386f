import { ArgumentError, describe } from '../errors.ts';
import { Tensor } from '../tensor.ts';

/**
 * The second operand of a function that PyTorch has of two tensors only.
 * @throws ArgumentError for anything else: a number is none
 */
export function checkSecond(op: string, b: unknown): Tensor {
  if (b instanceof Tensor) return b;
  throw new ArgumentError({
    op,
    expected: 'the second operand to be a tensor',
    received: describe(b),
    hint: 'Make one of a number with scalarTensor(value), or use clampMin and clampMax for bounds.',
  });
}
