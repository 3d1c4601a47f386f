import { Tensor } from '@flambeau/core';
import { readFileSync } from 'node:fs';
import { camelCase, parametersOf } from './naming.ts';

/** Names of PyTorch's positional parameters; an operator has one list for each overload, with a letter for each type. */
interface Signatures {
  readonly operators: Readonly<Record<string, readonly (readonly string[])[]>>;
  readonly functional: Readonly<Record<string, readonly string[]>>;
  readonly modules: Readonly<Record<string, readonly string[]>>;
  readonly forward: Readonly<Record<string, readonly string[]>>;
  readonly optimizers: Readonly<Record<string, readonly string[]>>;
  readonly schedulers: Readonly<Record<string, readonly string[]>>;
}

export const signatures = JSON.parse(readFileSync(new URL('../signatures/signatures.json', import.meta.url), 'utf8')) as Signatures;

const fits: Readonly<Record<string, (value: unknown) => boolean>> = {
  T: (v) => v instanceof Tensor,
  L: (v) => v instanceof Tensor || (Array.isArray(v) && v.every((item) => item === null || item instanceof Tensor)),
  I: (v) => typeof v === 'number' || (Array.isArray(v) && v.every((item) => typeof item === 'number' || item === null)),
  N: (v) => typeof v === 'number' || typeof v === 'boolean' || typeof v === 'bigint',
  B: (v) => typeof v === 'boolean' || typeof v === 'number',
  S: (v) => typeof v === 'string',
};

/** The names of an operator's positional parameters in the overload that takes these arguments. */
export function overloadOf(op: string, args: readonly unknown[]): readonly string[] {
  const overloads = (signatures.operators[op] ?? []).map((list) => list.map((item) => item.split(':')));
  const taken = overloads.find(
    (list) => list.length >= args.length && args.every((value, i) => value === null || (fits[list[i][1]]?.(value) ?? true)),
  );
  return (taken ?? overloads.find((list) => list.length >= args.length) ?? []).map(([name]) => name);
}

/**
 * The arguments of our function for a call of PyTorch: positional ones in PyTorch's order for as many as it takes, the rest and all
 * keywords in one options object after them.
 */
export function bindArguments(
  f: (...args: never[]) => unknown,
  args: readonly unknown[],
  kwargs: Readonly<Record<string, unknown>>,
  names: readonly string[],
): unknown[] {
  const { positional, options, rest } = parametersOf(f);
  const most = options && !rest ? positional.length : args.length;
  const tail = args.slice(most).map((value, i): [string, unknown] => [names[most + i] ?? `argument${most + i}`, value]);
  // Everything runs on the device that the command chose, whatever PyTorch's call names.
  const placed = Object.entries(kwargs).filter(([name, value]) => name !== 'device' || typeof value !== 'string');
  const named = [...tail, ...placed].map(([name, value]) => [camelCase(name), value]);
  return [...args.slice(0, most), ...(named.length > 0 ? [Object.fromEntries(named)] : [])];
}
