import { checkArray, checkTensor, ArgumentError, full, ShapeError, showShape, stack, tensor, Tensor } from '@flambeau/core';
import { defaultCollate } from './collate.ts';

/**
 * Sequences [length, ...] of different lengths as one tensor [batch, longest, ...], filled up with a value.
 * @returns the padded tensor and the lengths, int32 [batch]
 */
export function padSequences(sequences: readonly Tensor[], value = 0): { padded: Tensor; lengths: Tensor } {
  checkArray('padSequences', 'the sequences', sequences);
  for (const x of sequences) checkTensor('padSequences', 'each sequence', x);
  if (sequences.length === 0) throw new ArgumentError({ op: 'padSequences', expected: 'at least one sequence', received: 'none' });
  const [first] = sequences;
  const rest = first.shape.slice(1);
  for (const x of sequences) {
    if (x.ndim === 0 || showShape(x.shape.slice(1)) !== showShape(rest)) {
      throw new ShapeError({ op: 'padSequences', expected: `sequences [length, ${rest.join(', ')}]`, received: showShape(x.shape) });
    }
  }
  const longest = Math.max(...sequences.map((x) => x.shape[0]));
  const filled = sequences.map((x) => {
    if (x.shape[0] === longest) return x;
    return x.cat([full([longest - x.shape[0], ...rest], value, { dtype: x.dtype, device: x.device })], 0);
  });
  const lengths = tensor(Int32Array.from(sequences, (x) => x.shape[0]), { device: first.device }); // prettier-ignore
  return { padded: stack(filled), lengths };
}

/** A collate function that pads: tensors of different lengths become one, everything else is collated as ever. */
export function padCollate(value = 0): (samples: readonly unknown[]) => unknown {
  const collate = (samples: readonly unknown[]): unknown => {
    const [first] = samples;
    if (first instanceof Tensor && first.ndim > 0) return padSequences(samples as Tensor[], value).padded;
    if (Array.isArray(first)) return first.map((_, i) => collate(samples.map((sample) => (sample as unknown[])[i])));
    if (typeof first === 'object' && first !== null && !(first instanceof Tensor) && !ArrayBuffer.isView(first)) {
      return Object.fromEntries(
        Object.keys(first).map((key) => [key, collate(samples.map((sample) => (sample as Record<string, unknown>)[key]))]),
      );
    }
    return defaultCollate(samples);
  };
  return collate;
}
