import { ArgumentError, describe, Tensor } from '@flambeau/core';

/**
 * The arguments after the tensors of a function: any number of its parameters `Names` in PyTorch's order, then one object with the rest.
 * `avgPool2d(x, 3, 2)`, `avgPool2d(x, 3, { stride: 2 })` and `avgPool2d(x, { kernelSize: 3, stride: 2 })` mean the same.
 */
export type Call<Options, Names extends readonly PropertyKey[]> =
  | ({} extends Options ? [options?: Options] : [options: Options])
  | (Names extends readonly [infer First extends keyof Options, ...infer Rest extends readonly PropertyKey[]]
      ? [Options[First], ...Call<Omit<Options, First>, Rest>]
      : never);

const isOptions = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/**
 * Reads the arguments of a `Call` into one object. A position that is undefined counts as not given.
 * @param names - the parameters in PyTorch's order
 * @param keywords - those that may only be given in the options
 * @throws ArgumentError for too many arguments, an unknown option, or a parameter that is given twice
 */
export function readCall<Options>(
  op: string,
  args: readonly unknown[],
  names: readonly string[],
  keywords: readonly string[] = [],
): Options {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  const last = count > 0 ? args[count - 1] : undefined;
  const options = isOptions(last) ? last : undefined;
  if (options !== undefined) count--;
  if (count > names.length) {
    throw new ArgumentError({
      op,
      expected:
        names.length === 0
          ? 'nothing but options after the tensors'
          : `at most ${names.length} arguments (${names.join(', ')}) and options`,
      received: `${count}, the last one ${describe(args[count - 1])}`,
    });
  }
  const read: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) if (args[i] !== undefined) read[names[i]] = args[i];
  if (options !== undefined) {
    for (const [name, value] of Object.entries(options)) {
      if (!names.includes(name) && !keywords.includes(name)) {
        throw new ArgumentError({
          op,
          expected: `options among ${[...names, ...keywords].join(', ') || '(none)'}`,
          received: describe(name),
        });
      }
      if (value === undefined) continue;
      if (read[name] !== undefined)
        throw new ArgumentError({ op, expected: `${name} once`, received: 'it as an argument and as an option' });
      read[name] = value;
    }
  }
  return read as Options;
}

/** @throws ArgumentError unless `value` is a tensor. */
export function checkTensor(op: string, name: string, value: unknown): asserts value is Tensor {
  if (!(value instanceof Tensor)) {
    throw new ArgumentError({ op, expected: `${name} as a tensor`, received: describe(value), hint: 'Make one with tensor(values).' });
  }
}

/** @throws ArgumentError unless `value` is a number (an infinity is one, NaN is not). */
export function checkNumber(op: string, name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number' || Number.isNaN(value))
    throw new ArgumentError({ op, expected: `${name} as a number`, received: describe(value) });
}

/** @throws ArgumentError unless `value` is one of `choices`. */
export function checkChoice<T extends string>(op: string, name: string, value: unknown, choices: readonly T[]): asserts value is T {
  if (!(choices as readonly unknown[]).includes(value)) {
    throw new ArgumentError({ op, expected: `${name} as one of ${choices.join(', ')}`, received: describe(value) });
  }
}
