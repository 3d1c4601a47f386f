import { NotSupportedError } from '@flambeau/core';

/** A number that differs between the traces of two sizes of input. */
export class Varying {
  readonly values: readonly [number, number];

  constructor(first: number, second: number) {
    this.values = [first, second];
  }
}

/** A size, index or factor: the same in both traces, or one that follows the sizes of the inputs. */
export type Size = number | Varying;

/** An axis of an input that may have any size. */
export interface DynamicAxis {
  /** `batch`, as the file calls it. */
  readonly symbol: string;
  /** The input and the axis that its size is read from. */
  readonly input: string;
  readonly axis: number;
  /** Its size in the two traces. */
  readonly values: readonly [number, number];
}

/** `factor·Π sizes + offset`, the sizes by their symbols. */
export interface SizeFormula {
  readonly symbols: readonly string[];
  readonly factor: number;
  readonly offset: number;
}

export const isStatic = (size: Size): size is number => typeof size === 'number';

/** Merges what two traces say: numbers that differ become Varying. Undefined when they differ in anything else. */
export function merge(a: unknown, b: unknown): { value: unknown } | undefined {
  if (typeof a === 'number' && typeof b === 'number') return { value: Object.is(a, b) ? a : new Varying(a, b) };
  if (Array.isArray(a) && Array.isArray(b)) {
    if (a.length !== b.length) return undefined;
    const items = a.map((item: unknown, i) => merge(item, b[i]));
    return items.every((item) => item !== undefined) ? { value: items.map((item) => item.value) } : undefined;
  }
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null && Object.getPrototypeOf(a) === Object.prototype) {
    const entries: [string, unknown][] = [];
    for (const key of Object.keys(a)) {
      const merged = merge((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]);
      if (merged === undefined) return undefined;
      entries.push([key, merged.value]);
    }
    return { value: Object.fromEntries(entries) };
  }
  return a === b ? { value: a } : undefined;
}

/** The formula by which a size follows those of the inputs. @throws NotSupportedError when there is none */
export function formulaOf(size: Varying, axes: readonly DynamicAxis[], op: string): SizeFormula {
  const [first, second] = size.values;
  const products: { symbols: string[]; values: [number, number] }[] = axes.map(({ symbol, values }) => ({
    symbols: [symbol],
    values: [...values],
  }));
  for (let degree = 2; degree <= 3; degree++) {
    for (const product of products.filter(({ symbols }) => symbols.length === degree - 1)) {
      for (const { symbol, values } of axes) {
        if (symbol < product.symbols[product.symbols.length - 1]) continue;
        products.push({ symbols: [...product.symbols, symbol], values: [product.values[0] * values[0], product.values[1] * values[1]] });
      }
    }
  }
  const whole = products.find(({ values: [p, q] }) => first % p === 0 && first / p === second / q);
  if (whole !== undefined) return { symbols: whole.symbols, factor: first / whole.values[0], offset: 0 };
  for (const {
    symbols,
    values: [p, q],
  } of products) {
    const factor = (second - first) / (q - p);
    if (Number.isInteger(factor) && factor !== 0) return { symbols, factor, offset: first - factor * p };
  }
  throw new NotSupportedError({
    op: 'exportOnnx',
    expected: `a size in ${op} that follows those of the dynamic axes`,
    received: `${first} and ${second} for ${axes.map(({ symbol, values }) => `${symbol} = ${values.join(' and ')}`).join(', ')}`,
    hint: 'Leave the axis out of dynamicAxes.',
  });
}
