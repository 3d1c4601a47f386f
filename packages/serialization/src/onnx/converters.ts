import type { Tensor } from '@flambeau/core';
import type { Conversion } from './conversion.ts';
import { elementwise } from './elementwise.ts';
import { formulas } from './formulas.ts';
import { layers } from './layers.ts';
import { movement } from './movement.ts';
import { reductions } from './reductions.ts';

/** How an op becomes ONNX nodes. */
export interface Converter {
  /** False for calls that are better taken apart into the ops that they are composed of. */
  readonly accepts?: (attrs: unknown, inputs: readonly Tensor[]) => boolean;
  readonly convert: (conversion: Conversion) => void;
}

/** Converters by the name of the op. An op that is not here is taken apart into its composition. */
export type ConverterTable = Readonly<Record<string, Converter | ((conversion: Conversion) => void)>>;

const table: ConverterTable = { ...elementwise, ...formulas, ...movement, ...reductions, ...layers };

/** The converter of an op; undefined where it has none. */
export function findConverter(name: string): Converter | undefined {
  const found = Object.hasOwn(table, name) ? table[name] : undefined;
  return typeof found === 'function' ? { convert: found } : found;
}

/** The names of all ops that have a converter. */
export const convertedOps = (): string[] => Object.keys(table);
