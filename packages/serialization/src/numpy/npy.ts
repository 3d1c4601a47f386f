import { ArgumentError, asStrided, bytesOf, type DType, type Tensor } from '@flambeau/core';
import { FileError } from '../errors.ts';
import { readLong, readRange, type ByteSource } from '../files/source.ts';
import { StoredTensor } from '../stored.ts';
import { bytesOfTensor, swapBytes } from '../tensorBytes.ts';
import { checkFileShape, tensorOfBytes } from '../tensors.ts';

/** NumPy's names of element types, without the byte order. bfloat16 has none. */
const codes: ReadonlyMap<string, DType> = new Map([
  ['b1', 'bool'],
  ['u1', 'uint8'],
  ['i1', 'int8'],
  ['i2', 'int16'],
  ['i4', 'int32'],
  ['u4', 'uint32'],
  ['i8', 'int64'],
  ['f2', 'float16'],
  ['f4', 'float32'],
  ['f8', 'float64'],
]);
const codeOf: ReadonlyMap<DType, string> = new Map([...codes].map(([code, dtype]) => [dtype, code]));
const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
const maxHeader = 65536;
/** No header ends later than here. */
export const headerReach: number = 12 + maxHeader;

/** True when bytes begin as an npy file does. */
export const isNpy = (bytes: Uint8Array): boolean => magic.every((byte, i) => bytes[i] === byte);

/**
 * Reads the header of an npy file (versions 1 to 3). Fortran order gives a view with the strides of the file.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export async function openNpy(source: ByteSource): Promise<StoredTensor> {
  const file = source.name;
  const start = await readRange(source, 0, 8, 'the start of an npy file');
  if (!isNpy(start)) throw new FileError('FILE_FORMAT', { file, byte: 0 }, { expected: 'an npy file', received: 'other bytes' });
  const wide = start[6] >= 2;
  if (start[6] < 1 || start[6] > 3)
    throw new FileError('FILE_NOT_SUPPORTED', { file, byte: 6 }, { expected: 'version 1 to 3', received: String(start[6]) });
  const lengthBytes = await readRange(source, 8, wide ? 4 : 2, 'the length of the header');
  const view = new DataView(lengthBytes.buffer, lengthBytes.byteOffset, lengthBytes.byteLength);
  const length = wide ? view.getUint32(0, true) : view.getUint16(0, true);
  const headerAt = wide ? 12 : 10;
  if (length > maxHeader)
    throw new FileError('FILE_LIMIT', { file, byte: 8 }, { expected: `a header of at most ${maxHeader} bytes`, received: String(length) });
  const header = new TextDecoder().decode(await readRange(source, headerAt, length, 'the header'));
  const { dtype, swapped, fortran, shape } = parseHeader(header, { file, byte: headerAt });
  const at = headerAt + length;
  const size = shape.reduce((n, m) => n * m, 1) * bytesOf(dtype);
  if (source.size - at !== size) {
    throw new FileError(source.size - at < size ? 'FILE_TRUNCATED' : 'FILE_SHAPE', { file, byte: at }, {
      expected: `${size} bytes for ${dtype} [${shape.join(', ')}]`,
      received: String(source.size - at),
    }); // prettier-ignore
  }
  return new StoredTensor(dtype, shape, size, async ({ device, work }) => {
    const bytes = await readLong(source, at, size, 'the elements', work);
    const place = { file, byte: at };
    const stored = swapped ? swapBytes(bytes, bytesOf(dtype)) : bytes;
    if (!fortran || shape.length < 2) return tensorOfBytes(stored, shape, dtype, device, place);
    const flat = tensorOfBytes(stored, [stored.byteLength / bytesOf(dtype)], dtype, device, place);
    // The first index runs fastest.
    return asStrided(flat, shape, shape.map((_, i) => shape.slice(0, i).reduce((n, m) => n * m, 1))); // prettier-ignore
  });
}

/** The header is a Python dict literal with exactly these three keys. */
function parseHeader(header: string, place: { file: string; byte: number }) {
  const wrong = (expected: string, received: string): FileError => new FileError('FILE_FORMAT', place, { expected, received });
  const descr = /'descr'\s*:\s*('([^']*)'|[[(])/.exec(header);
  const order = /'fortran_order'\s*:\s*(True|False)/.exec(header);
  const sizes = /'shape'\s*:\s*\(([^)]*)\)/.exec(header);
  if (descr === null || order === null || sizes === null)
    throw wrong("a header with 'descr', 'fortran_order' and 'shape'", header.slice(0, 80));
  const code = descr[2];
  if (code === undefined)
    throw new FileError('FILE_NOT_SUPPORTED', place, { expected: 'a plain element type', received: 'a structured one' });
  if (code.includes('O')) throw new FileError('FILE_NOT_ALLOWED', place, { expected: 'pickled objects are not allowed', received: code });
  const dtype = codes.get(code.slice(1));
  if (dtype === undefined || !'<>|='.includes(code[0])) {
    throw new FileError('FILE_NOT_SUPPORTED', place, {
      expected: `an element type of ${[...codes.keys()].join(', ')}`,
      received: code,
      hint: /c\d/.test(code) ? 'Complex numbers are not supported; save real and imaginary part.' : 'Cast it in NumPy: array.astype(...).',
    });
  }
  const parts = sizes[1].split(',').map((part) => part.trim()).filter((part) => part !== ''); // prettier-ignore
  if (parts.some((part) => !/^\d{1,16}L?$/.test(part))) throw wrong('a shape of integers', sizes[1]);
  return {
    dtype,
    swapped: code.startsWith('>') && bytesOf(dtype) > 1,
    fortran: order[1] === 'True',
    shape: checkFileShape(parts.map((part) => Number.parseInt(part, 10)), place), // prettier-ignore
  };
}

/** The header of an npy file in C order. @throws ArgumentError for bfloat16, which NumPy does not have */
function npyHeader(x: Tensor): Uint8Array {
  const code = codeOf.get(x.dtype);
  if (code === undefined)
    throw new ArgumentError({ op: 'save', expected: 'a dtype that NumPy has', received: x.dtype, hint: 'Cast it first: x.float().' });
  const sizes = x.shape.length === 1 ? `${x.shape[0]},` : x.shape.join(', ');
  const order = code.endsWith('1') ? '|' : '<';
  const text = `{'descr': '${order}${code}', 'fortran_order': False, 'shape': (${sizes}), }`;
  // Elements begin at a multiple of 64 bytes.
  const total = Math.ceil((10 + text.length + 1) / 64) * 64;
  const out = new Uint8Array(total).fill(0x20);
  out.set([...magic, 1, 0]);
  new DataView(out.buffer).setUint16(8, total - 10, true);
  out.set(new TextEncoder().encode(text), 10);
  out[total - 1] = 0x0a;
  return out;
}

/** The bytes of an npy file in C order. @throws ArgumentError for bfloat16, which NumPy does not have */
export async function npyBytes(x: Tensor): Promise<Uint8Array> {
  const head = npyHeader(x);
  const data = await bytesOfTensor(x);
  const out = new Uint8Array(head.length + data.length);
  out.set(head);
  out.set(data, head.length);
  return out;
}

/** How many bytes `npyBytes` gives. */
export const npyLength = (x: Tensor): number => npyHeader(x).length + x.count * bytesOf(x.dtype);
