import { isFloat } from './dtype.ts';
import { ArgumentError, DTypeError, ShapeError, describe } from './errors.ts';
import { showShape } from './shape.ts';
import { Tensor } from './tensor.ts';

// What front functions ask of their arguments before they compute. Each check returns its argument.

/** @throws ArgumentError unless `value` is a tensor; a number is none */
export function checkTensor(op: string, name: string, value: unknown): Tensor {
  if (value instanceof Tensor) return value;
  const hint = typeof value === 'number' ? 'Make a tensor of the number: scalarTensor(value).' : undefined;
  throw new ArgumentError({ op, expected: `${name} to be a tensor`, received: describe(value), hint });
}

/** @throws ArgumentError unless the first operand of a function is a tensor */
export const checkInput = (op: string, x: unknown): Tensor => checkTensor(op, 'the input', x);

/** @throws ArgumentError unless `value` is a function */
export function checkFunction<F extends (...args: never[]) => unknown>(op: string, name: string, value: F): F {
  if (typeof value === 'function') return value;
  throw new ArgumentError({ op, expected: `${name} to be a function`, received: describe(value) });
}

/** @throws ArgumentError unless `value` can be iterated; @returns its elements */
export function checkIterable<T>(op: string, name: string, value: Iterable<T>): T[] {
  if (typeof value === 'object' && value !== null && Symbol.iterator in value) return [...value];
  throw new ArgumentError({ op, expected: `${name} to be an array or another iterable`, received: describe(value) });
}

/** @throws ArgumentError unless `value` is an array */
export function checkArray<T extends readonly unknown[]>(op: string, name: string, value: T): T {
  if (Array.isArray(value)) return value;
  throw new ArgumentError({ op, expected: `${name} to be an array`, received: describe(value) });
}

/** @throws ArgumentError unless `value` is an integer, from `least` on where that is given */
export function checkInteger(op: string, name: string, value: unknown, least = -Infinity): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= least) return value;
  const expected = least === -Infinity ? `${name} to be an integer` : `${name} to be an integer of at least ${least}`;
  throw new ArgumentError({ op, expected, received: describe(value) });
}

/** @throws ArgumentError unless `value` is a number (an infinity is one, NaN is not) */
export function checkNumber(op: string, name: string, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw new ArgumentError({ op, expected: `${name} to be a number`, received: describe(value) });
}

/** @throws ArgumentError unless `value` is one of `choices` */
export function checkChoice<T extends string>(op: string, name: string, value: unknown, choices: readonly T[]): T {
  if (choices.includes(value as T)) return value as T;
  throw new ArgumentError({ op, expected: `${name} to be one of ${choices.map((c) => `'${c}'`).join(', ')}`, received: describe(value) });
}

/** @throws ShapeError unless the tensor has `least` to `most` dimensions */
export function checkDimensions(op: string, x: Tensor, least: number, most = Infinity): Tensor {
  if (checkInput(op, x).ndim >= least && x.ndim <= most) return x;
  const count = least === most ? `${least}` : most === Infinity ? `at least ${least}` : `${least} to ${most}`;
  throw new ShapeError({ op, expected: `a tensor of ${count} dimension${count === '1' ? '' : 's'}`, received: showShape(x.shape) });
}

/** @throws DTypeError unless the tensor is of floats */
export function checkFloat(op: string, x: Tensor): Tensor {
  if (isFloat(checkInput(op, x).dtype)) return x;
  throw new DTypeError({ op, expected: 'a float tensor', received: x.dtype, hint: "Cast it: x.to('float32')." });
}

/** @throws DTypeError unless both tensors have one dtype */
export function checkSameDType(op: string, a: Tensor, b: Tensor): void {
  if (checkInput(op, a).dtype !== checkTensor(op, 'the second operand', b).dtype)
    throw new DTypeError({ op, expected: 'tensors of one dtype', received: `${a.dtype} and ${b.dtype}`, hint: 'Cast one of them.' });
}
