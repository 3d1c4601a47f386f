import { ArgumentError, bytesOf } from '@flambeau/core';
import { pieces } from '../files/target.ts';
import type { Work } from '../files/work.ts';
import { bytesOfTensor } from '../tensorBytes.ts';
import { metadataKey, safetensorsNames, structureKey, type HeaderEntry } from './header.ts';
import { flatten } from './structure.ts';

/** The chunks of a safetensors file that holds a structure of tensors and values. @returns the chunks and their number of bytes */
export function writeSafetensors(
  value: unknown,
  metadata: Readonly<Record<string, string>> | undefined,
  work: Work,
): { chunks: AsyncIterable<Uint8Array>; byteLength: number } {
  const { tensors, structure } = flatten(value);
  for (const [key, text] of Object.entries(metadata ?? {})) {
    if (typeof text !== 'string' || key === structureKey)
      throw new ArgumentError({ op: 'save', expected: `metadata of strings, under names other than ${structureKey}`, received: key });
  }
  const all = structure === undefined ? { ...metadata } : { ...metadata, [structureKey]: structure };
  // Wide elements first: then every tensor begins at a multiple of its element's size.
  const ordered = [...tensors].sort(([, a], [, b]) => bytesOf(b.dtype) - bytesOf(a.dtype));
  let at = 0;
  const entries: [string, unknown][] = Object.keys(all).length > 0 ? [[metadataKey, all]] : [];
  for (const [name, x] of ordered) {
    const end = at + x.count * bytesOf(x.dtype);
    entries.push([name, { dtype: safetensorsNames[x.dtype], shape: [...x.shape], data_offsets: [at, end] } satisfies HeaderEntry]);
    at = end;
  }
  // Built by hand, for an object would put names that look like numbers first.
  const text = new TextEncoder().encode(`{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${JSON.stringify(entry)}`).join(',')}}`);
  const length = Math.ceil(text.length / 8) * 8;
  const head = new Uint8Array(8 + length).fill(0x20);
  new DataView(head.buffer).setBigUint64(0, BigInt(length), true);
  head.set(text, 8);
  async function* chunks(): AsyncIterable<Uint8Array> {
    yield* pieces(head, work);
    for (const [, x] of ordered) yield* pieces(await bytesOfTensor(x), work);
  }
  return { chunks: chunks(), byteLength: head.length + at };
}
