import { bytesOf } from '@flambeau/core';
import { describeValue as describe, FileError } from '../errors.ts';
import { readLong, readRange, type ByteSource } from '../files/source.ts';
import { StoredTensor, type StoredFile } from '../stored.ts';
import { checkFileShape, tensorOfBytes } from '../tensors.ts';
import { dtypesByName, maxHeader, metadataKey, structureKey, type HeaderEntry } from './header.ts';
import { unflatten } from './structure.ts';

/**
 * Reads the header of a safetensors file: 8 bytes of length, that much JSON, then the tensors one after the other.
 * @throws FileError when lengths, shapes and offsets do not fit each other exactly
 */
export async function openSafetensors(source: ByteSource): Promise<StoredFile> {
  const file = source.name;
  const lengthBytes = await readRange(source, 0, 8, 'the length of the header');
  const length = Number(new DataView(lengthBytes.buffer, lengthBytes.byteOffset, 8).getBigUint64(0, true));
  if (length > maxHeader)
    throw new FileError('FILE_LIMIT', { file, byte: 0 }, { expected: `a header of at most ${maxHeader} bytes`, received: String(length) });
  const header = parseHeader(await readRange(source, 8, length, 'a header'), file);
  const start = 8 + length;
  const metadata = parseMetadata(header[metadataKey], file);
  const tensors = new Map<string, StoredTensor>();
  const ranges: { name: string; begin: number; end: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === metadataKey) continue;
    const { dtype, shape, begin, end } = parseEntry(name, value, file);
    ranges.push({ name, begin, end });
    const place = { file, byte: start + begin };
    tensors.set(
      name,
      new StoredTensor(dtype, shape, end - begin, async ({ device, work }) =>
        tensorOfBytes(await readLong(source, start + begin, end - begin, `the tensor ${name}`, work), shape, dtype, device, place),
      ),
    );
  }
  checkRanges(ranges, start, source);
  const { [structureKey]: structure, ...own } = metadata;
  const place = { file, byte: 8 };
  return { format: 'safetensors', metadata: own, root: structure === undefined ? tensors : unflatten(structure, tensors, place), place };
}

function parseHeader(bytes: Uint8Array, file: string): Readonly<Record<string, unknown>> {
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FileError(
      'FILE_FORMAT',
      { file, byte: 8 },
      { expected: 'a safetensors header in JSON', received: (cause as Error).message, cause },
    );
  }
  if (typeof header !== 'object' || header === null || Array.isArray(header))
    throw new FileError('FILE_FORMAT', { file, byte: 8 }, { expected: 'a header that is an object', received: describe(header) });
  return header as Record<string, unknown>;
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (value === undefined) return {};
  if (typeof value !== 'object' || value === null || Object.values(value).some((text) => typeof text !== 'string'))
    throw new FileError('FILE_FORMAT', { file, byte: 8 }, { expected: 'metadata of strings', received: describe(value) });
  return value as Record<string, string>;
}

function parseEntry(name: string, value: unknown, file: string) {
  const place = { file, byte: 8 };
  const { dtype: dtypeName, shape: sizes, data_offsets: offsets } = (value ?? {}) as Partial<HeaderEntry>;
  const dtype = typeof dtypeName === 'string' ? dtypesByName.get(dtypeName) : undefined;
  if (dtype === undefined) {
    throw new FileError(typeof dtypeName === 'string' ? 'FILE_NOT_SUPPORTED' : 'FILE_FORMAT', place, {
      expected: `a dtype of ${[...dtypesByName.keys()].join(', ')} for ${name}`,
      received: describe(dtypeName),
    });
  }
  if (!Array.isArray(sizes) || !Array.isArray(offsets) || offsets.length !== 2)
    throw new FileError('FILE_FORMAT', place, { expected: `a shape and data_offsets for ${name}`, received: describe(value) });
  const shape = checkFileShape(sizes, place);
  const [begin, end] = offsets as readonly unknown[];
  if (!Number.isSafeInteger(begin) || !Number.isSafeInteger(end) || (begin as number) < 0 || (end as number) < (begin as number))
    throw new FileError('FILE_FORMAT', place, { expected: `offsets in order for ${name}`, received: describe(offsets) });
  const bytes = shape.reduce((n, m) => n * m, 1) * bytesOf(dtype);
  if ((end as number) - (begin as number) !== bytes)
    throw new FileError('FILE_SHAPE', place, {
      expected: `${bytes} bytes for ${name}, ${dtype} [${shape.join(', ')}]`,
      received: String((end as number) - (begin as number)),
    });
  return { dtype, shape, begin: begin as number, end: end as number };
}

/** The tensors must fill the rest of the file, without a gap in which something could hide and without an overlap. */
function checkRanges(ranges: { name: string; begin: number; end: number }[], start: number, source: ByteSource): void {
  const file = source.name;
  let at = 0;
  for (const { name, begin, end } of ranges.sort((p, q) => p.begin - q.begin || p.end - q.end)) {
    if (begin !== at)
      throw new FileError(begin < at ? 'FILE_OVERLAP' : 'FILE_FORMAT', { file, byte: start + begin }, {
        expected: `${name} to begin at ${at}, where the tensor before it ends`,
        received: String(begin),
      }); // prettier-ignore
    at = end;
  }
  if (start + at > source.size)
    throw new FileError('FILE_TRUNCATED', { file, byte: source.size }, { expected: `${start + at} bytes`, received: String(source.size) });
  if (start + at < source.size)
    throw new FileError('FILE_FORMAT', { file, byte: start + at }, { expected: 'nothing after the last tensor', received: `${source.size - start - at} bytes` }); // prettier-ignore
}
