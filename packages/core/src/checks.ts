import { isFloat } from './dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from './errors.ts';
import { showShape } from './shape.ts';
import { Tensor } from './tensor.ts';

// What front functions ask of their arguments before they compute. Each check returns its argument.

/** @throws ArgumentError unless `value` is a tensor */
export function checkTensor(op: string, name: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  throw new ArgumentError({ op, expected: `${name} to be a tensor`, received: describe(value) });
}

/** @throws ArgumentError unless `value` is an integer, from `least` on where that is given */
export function checkInteger(op: string, name: string, value: unknown, least = -Infinity): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
  const expected = least === -Infinity ? `${name} to be an integer` : `${name} to be an integer of at least ${least}`;
  throw new ArgumentError({ op, expected, received: describe(value) });
}

/** @throws ArgumentError unless `value` is one of `choices` */
export function checkChoice<T extends string>(op: string, name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw new ArgumentError({ op, expected: `${name} to be one of ${choices.map((c) => `'${c}'`).join(', ')}`, received: describe(value) });
}

/** @throws ShapeError unless the tensor has `least` to `most` dimensions */
export function checkDimensions(op: string, x: Tensor, least: number, most = Infinity): Tensor {
  if (x.ndim >= least && x.ndim <= most) return x;
  const count = least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  throw new ShapeError({ op, expected: `a tensor of ${count} dimension${count === '1' ? '' : 's'}`, received: showShape(x.shape) });
}

/** @throws DTypeError unless the tensor is of floats */
export function checkFloat(op: string, x: Tensor): Tensor {
  if (isFloat(x.dtype)) return x;
  throw new DTypeError({ op, expected: 'a float tensor', received: x.dtype, hint: "Cast it: x.to('float32')." });
}

/** @throws DTypeError unless both tensors have one dtype */
export function checkSameDType(op: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype)
    throw new DTypeError({ op, expected: 'tensors of one dtype', received: `${a.dtype} and ${b.dtype}`, hint: 'Cast one of them.' });
}
