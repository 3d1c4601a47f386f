import { ArgumentError, describe, Tensor } from '@flambeau/core';
import { pieces } from './files/target.ts';
import type { Work } from './files/work.ts';
import type { FileFormat } from './format.ts';
import { npyBytes, npyLength } from './numpy/npy.ts';
import { writeNpz } from './numpy/npz.ts';
import { writeSafetensors } from './safetensors/write.ts';
import type { SaveOptions } from './save.ts';
import { writeTorch } from './torch/write.ts';

// The formats that are written, which programs load when they first save.

/** A file in pieces. */
interface Writing {
  readonly chunks: AsyncIterable<Uint8Array>;
  readonly byteLength: number;
}

async function* npyChunks(x: Tensor, work: Work): AsyncIterable<Uint8Array> {
  yield* pieces(await npyBytes(x), work);
}

/** The file that holds a value in a format, in pieces. */
export function write(value: unknown, format: FileFormat, options: SaveOptions, work: Work): Writing {
  const { metadata, compress = false } = options;
  if (metadata !== undefined && format !== 'safetensors')
    throw new ArgumentError({
      op: 'save',
      expected: 'metadata in a safetensors file',
      received: `format ${format}`,
      hint: 'Put it into the saved object.',
    });
  switch (format) {
    case 'safetensors':
      return writeSafetensors(value, metadata, work);
    case 'pt':
      return writeTorch(value, { work });
    case 'npz':
      return writeNpz(value, compress, work);
    case 'npy':
      if (!(value instanceof Tensor))
        throw new ArgumentError({
          op: 'save',
          expected: 'one tensor in an npy file',
          received: describe(value),
          hint: 'Use npz for several.',
        });
      return { chunks: npyChunks(value, work), byteLength: npyLength(value) };
    default:
      return format satisfies never;
  }
}
