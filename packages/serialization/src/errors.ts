import { describe, FlambeauError } from '@flambeau/core';

/**
 * What can be wrong with a file; the codes are stable.
 * - `FILE_NOT_FOUND`, `FILE_IO`: it cannot be opened, read or written.
 * - `FILE_FORMAT`: it is not of the format, or breaks its rules.
 * - `FILE_TRUNCATED`: it ends before something that it announces.
 * - `FILE_SHAPE`: a shape does not fit its bytes.
 * - `FILE_OVERLAP`: parts that must lie apart overlap.
 * - `FILE_LIMIT`: a length, depth or expansion beyond its bound.
 * - `FILE_NOT_ALLOWED`: it asks for code, or for a class that nobody registered.
 * - `FILE_NOT_SUPPORTED`: it holds something that Flambeau has no counterpart for, such as complex numbers.
 * - `FILE_CHECKSUM`: the bytes are not those that were written.
 * - `FILE_PATH`: an entry's name leads out of the archive.
 */
export type FileErrorCode =
  | 'FILE_NOT_FOUND'
  | 'FILE_IO'
  | 'FILE_FORMAT'
  | 'FILE_TRUNCATED'
  | 'FILE_SHAPE'
  | 'FILE_OVERLAP'
  | 'FILE_LIMIT'
  | 'FILE_NOT_ALLOWED'
  | 'FILE_NOT_SUPPORTED'
  | 'FILE_CHECKSUM'
  | 'FILE_PATH';

/** Where in which file something is wrong. */
export interface FilePlace {
  readonly file: string;
  /** Offset of the byte where the trouble begins, where there is one. */
  readonly byte?: number | undefined;
}

/** A file that cannot be read or written. `file` names it, and `byte` says where the trouble begins. */
export class FileError extends FlambeauError {
  readonly file: string;
  readonly byte: number | undefined;

  constructor(code: FileErrorCode, place: FilePlace, details: { expected: string; received?: string; hint?: string; cause?: unknown }) {
    super(code, { ...details, op: place.byte === undefined ? place.file : `${place.file} (byte ${place.byte})` });
    this.file = place.file;
    this.byte = place.byte;
  }
}

/** Reading or writing was stopped by an AbortSignal. Code `ABORTED`; the signal's reason is the cause. */
export class AbortedError extends FlambeauError {
  constructor(op: string, reason: unknown) {
    super('ABORTED', { op, expected: 'to run to the end', received: 'an abort', cause: reason });
  }
}

/** As `describe`, but what lies in a list stays out of it: a list that holds another many times over would never be told to its end. */
export const describeValue = (value: unknown): string => (Array.isArray(value) ? `a list of ${value.length}` : describe(value));
