import { ArgumentError, checkInteger, describe, FlambeauError } from '@flambeau/core';

/** A dataset file that is missing, cut, or not what its name says. Code `DATASET_FILE`. */
export class DatasetFileError extends FlambeauError {
  /** The file that the error is about. */
  readonly file: string;

  constructor(file: string, expected: string, received: string, hint?: string) {
    super('DATASET_FILE', { op: file, expected, received, ...(hint !== undefined && { hint }) });
    this.file = file;
  }
}

/** Bytes in the shape that an IDX file tells. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes: two zero bytes, the type 8, the number of dimensions, the sizes (big endian), the data.
 * @param rank - the number of dimensions that is expected
 * @throws DatasetFileError when the header or the length is wrong
 * @see http://yann.lecun.com/exdb/mnist/
 */
export function parseIdx(bytes: Uint8Array, file: string, rank: number): IdxArray {
  if (!(bytes instanceof Uint8Array))
    throw new ArgumentError({ op: 'parseIdx', expected: 'the bytes of a file as a Uint8Array', received: describe(bytes) });
  checkInteger('parseIdx', 'the rank', rank, 0);
  const header = 4 + 4 * rank;
  // Some servers answer with a page, and success, where a file is missing.
  if (bytes[0] === 0x3c) throw new DatasetFileError(file, 'an IDX file', 'a page of HTML or XML', 'The file is not there, or it asks to log in: open the address in a browser.'); // prettier-ignore
  if (bytes.length < header)
    throw new DatasetFileError(file, `an IDX header of ${header} bytes`, `a file of ${bytes.length}`, 'Delete it and download it again.');
  if (bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 8 || bytes[3] !== rank) {
    throw new DatasetFileError(
      file,
      `an IDX file of unsigned bytes in ${rank} dimensions (magic 0000080${rank})`,
      `magic ${[...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, '0')).join('')}`,
      'It is another file, or a damaged one: delete it and download it again.',
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, i) => view.getUint32(4 + 4 * i));
  const count = shape.reduce((n, m) => n * m, 1);
  if (bytes.length - header !== count) {
    throw new DatasetFileError(
      file,
      `${count} bytes of data for shape [${shape.join(', ')}]`,
      String(bytes.length - header),
      'The file is cut or damaged: delete it and download it again.',
    );
  }
  return { shape, data: bytes.subarray(header) };
}
