import type { DType } from '@flambeau/core';

/** The names that safetensors gives to element types. @see https://github.com/huggingface/safetensors#format */
export const safetensorsNames = {
  bool: 'BOOL',
  uint8: 'U8',
  int8: 'I8',
  int16: 'I16',
  int32: 'I32',
  uint32: 'U32',
  int64: 'I64',
  float16: 'F16',
  bfloat16: 'BF16',
  float32: 'F32',
  float64: 'F64',
} as const satisfies Record<DType, string>;

/** The same the other way round. */
export const dtypesByName: ReadonlyMap<string, DType> = new Map(
  Object.entries(safetensorsNames).map(([dtype, name]) => [name, dtype as DType]),
);

/** The key of strings in a header. */
export const metadataKey = '__metadata__';
/** The metadata entry that tells how tensors and values were nested; see structure.ts. */
export const structureKey = 'flambeau.structure';
/** A header longer than this is refused, as in the format's own implementation. */
export const maxHeader = 100_000_000;

/** One tensor in a header. */
export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and the byte after the last, counted from the end of the header. */
  readonly data_offsets: readonly [number, number];
}
