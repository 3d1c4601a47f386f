import { AsyncOnlyError, isFloat, Tensor, type Device } from '@flambeau/core';

// How the judge calls functions on a device that only reads asynchronously.

type Run<T> = (args: readonly unknown[], kwargs: Readonly<Record<string, unknown>>) => T;

/** A tensor whose values may shape a result: a number or a list of integers that wants no gradient. */
const mayShape = (value: unknown): value is Tensor =>
  value instanceof Tensor && !value.requiresGrad && (value.ndim === 0 || (value.ndim === 1 && !isFloat(value.dtype)));

async function plain(value: unknown): Promise<unknown> {
  return mayShape(value) ? value.toArray() : value;
}

/**
 * Calls a function. Where it would have to read a tensor at once, the judge does what the error says: it awaits the function's asynchronous twin, or,
 * where there is none, hands the numbers over that shape the result in place of the tensors that hold them.
 */
export async function callAnywhere<T>(
  device: Device,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  run: Run<T>,
  twin: Run<unknown> | undefined,
): Promise<unknown> {
  try {
    return await run(args, kwargs);
  } catch (error) {
    if (device.synchronous || !(error instanceof AsyncOnlyError)) throw error;
    if (twin !== undefined) return twin(args, kwargs);
    return retry(args, kwargs, run, error);
  }
}

/** Calls again with ever more arguments as plain numbers, from the last one on: lengths and sizes come after the data. */
async function retry<T>(
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  run: Run<T>,
  refusal: AsyncOnlyError,
): Promise<unknown> {
  const named = Object.fromEntries(await Promise.all(Object.entries(kwargs).map(async ([name, value]) => [name, await plain(value)])));
  const given = [...args];
  for (let i = args.length; i >= 0; i--) {
    if (i < args.length) given[i] = await plain(args[i]);
    try {
      return await run(given, named);
    } catch (error) {
      if (!(error instanceof AsyncOnlyError)) throw error;
    }
  }
  throw refusal;
}
