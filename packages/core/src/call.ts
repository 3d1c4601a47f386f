import { ArgumentError, describe } from './errors.ts';

/**
 * The arguments after the tensor of a function: any number of its parameters `Names` in PyTorch's order, then one object with the rest.
 * `diagEmbed(x, 1, 0, 1)`, `diagEmbed(x, 1, { dim1: 0, dim2: 1 })` and `diagEmbed(x, { offset: 1, dim1: 0, dim2: 1 })` mean the same.
 */
export type Call<Options, Names extends readonly PropertyKey[]> =
  | ({} extends Options ? [options?: Options] : [options: Options])
  | (Names extends readonly [infer First extends keyof Options, ...infer Rest extends readonly PropertyKey[]]
      ? [Options[First], ...Call<Omit<Options, First>, Rest>]
      : never);

/** True for a plain object: what an options argument looks like, unlike a tensor, an array or a device. */
export const isPlainObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/**
 * Reads the arguments of a `Call` into one object. A value that is undefined or null counts as not given, as Python's None mostly does.
 * @param names - the parameters in PyTorch's order
 * @param keywords - those that may only be given in the options
 * @param nullable - those for which null is a value of its own, and stays
 * @throws ArgumentError for too many arguments, an unknown option, or a parameter that is given twice
 */
export function readCall<Options>(
  op: string,
  args: readonly unknown[],
  names: readonly string[],
  keywords: readonly string[] = [],
  nullable: readonly string[] = [],
): Options {
  let count = args.length;
  while (count > 0 && args[count - 1] === undefined) count--;
  const last = count > 0 ? args[count - 1] : undefined;
  const options = isPlainObject(last) ? last : undefined;
  if (options !== undefined) count--;
  if (count > names.length) {
    throw new ArgumentError({
      op,
      expected:
        names.length === 0
          ? 'nothing more, or an object of options'
          : `at most ${names.length} arguments (${names.join(', ')}) and options`,
      received: `${count}, the last one ${describe(args[count - 1])}`,
    });
  }
  const read: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) if (!isMissing(names[i], args[i], nullable)) read[names[i]] = args[i];
  if (options === undefined) return read as Options;
  for (const name of Object.keys(options)) {
    const value = options[name];
    if (!names.includes(name) && !keywords.includes(name)) {
      throw new ArgumentError({
        op,
        expected: `options among ${[...names, ...keywords].join(', ') || '(none)'}`,
        received: describe(name),
      });
    }
    if (isMissing(name, value, nullable)) continue;
    if (Object.hasOwn(read, name))
      throw new ArgumentError({ op, expected: `${name} once`, received: 'it as an argument and as an option' });
    read[name] = value;
  }
  return read as Options;
}

const isMissing = (name: string, value: unknown, nullable: readonly string[]): boolean =>
  value === undefined || (value === null && !nullable.includes(name));

/**
 * Reads an argument that is an options object, or nothing.
 * @param names - the options that there are
 * @throws ArgumentError for anything else, and for an unknown option
 */
export const readOptions = <Options>(op: string, options: unknown, names: readonly (keyof Options & string)[]): Options =>
  readCall<Options>(op, [options], [], names);

/** @throws ArgumentError when a parameter without a default was not given */
export function required<T>(op: string, name: string, value: T | undefined): T {
  if (value === undefined) throw new ArgumentError({ op, expected: `the argument ${name}`, received: 'none' });
  return value;
}
