import {
  ArgumentError,
  cat,
  describe,
  fromNumbers,
  ShapeError,
  showShape,
  Tensor,
  valuesNow,
  type Device,
  type DType,
} from '@flambeau/core';

/**
 * Sequences of unequal length in the order that recurrent networks take them: `data` [Σ lengths, ...] holds step 0 of all, longest first,
 * then step 1 of those that have one, and so on. Made by `packPaddedSequence` and `packSequence`.
 */
export class PackedSequence {
  readonly data: Tensor;
  /** How many sequences have each step: int32, on the host's side of things an array in `sizes`. */
  readonly batchSizes: Tensor;
  /** The order that sorts the sequences by length, longest first; null where they came sorted. */
  readonly sortedIndices: Tensor | null;
  /** The order that puts them back. */
  readonly unsortedIndices: Tensor | null;
  /** `batchSizes` as numbers. */
  readonly sizes: readonly number[];

  constructor(
    data: Tensor,
    batchSizes: Tensor | readonly number[],
    sortedIndices: Tensor | null = null,
    unsortedIndices: Tensor | null = null,
  ) {
    if (!(data instanceof Tensor))
      throw new ArgumentError({ op: 'PackedSequence', expected: 'data as a tensor', received: describe(data) });
    this.sizes =
      batchSizes instanceof Tensor
        ? Array.from(valuesNow('PackedSequence', batchSizes, 'Give an array of numbers.'), Number)
        : [...batchSizes];
    if (this.sizes.reduce((n, m) => n + m, 0) !== data.shape[0])
      throw new ShapeError({
        op: 'PackedSequence',
        expected: `batchSizes that sum to ${data.shape[0]} rows of data`,
        received: showShape(this.sizes),
      });
    this.data = data;
    this.batchSizes = batchSizes instanceof Tensor ? batchSizes : indices(this.sizes, data.device);
    this.sortedIndices = sortedIndices;
    this.unsortedIndices = unsortedIndices ?? (sortedIndices === null ? null : invertPermutation(sortedIndices));
  }

  /** The same with other data of as many rows. */
  withData(data: Tensor): PackedSequence {
    return new PackedSequence(data, this.batchSizes, this.sortedIndices, this.unsortedIndices);
  }

  /** The data on another device, or of another dtype. */
  to(...targets: (Device | DType)[]): PackedSequence {
    return this.withData(this.data.to(...targets));
  }
}

const indices = (values: ArrayLike<number>, device: Device): Tensor => fromNumbers(values, [values.length], 'int32', device);

/** The permutation that undoes another. */
export function invertPermutation(permutation: Tensor | null): Tensor | null {
  if (permutation === null) return null;
  const order = permutation.dataSync();
  const inverse = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) inverse[Number(order[i])] = i;
  return indices(inverse, permutation.device);
}

/** Options of packing. */
export interface PackOptions {
  /** The input is [N, T, ...] instead of [T, N, ...]. */
  batchFirst?: boolean;
  /** Refuses lengths that are not in descending order; true by default. With false they are sorted here. */
  enforceSorted?: boolean;
}

const readLengths = (op: string, lengths: Tensor | readonly number[]): number[] => {
  const list =
    lengths instanceof Tensor
      ? Array.from(valuesNow(op, lengths, 'Give an array of numbers.'), Number)
      : Array.isArray(lengths)
        ? [...(lengths as number[])]
        : undefined;
  if (list === undefined || list.length === 0 || list.some((n) => !Number.isInteger(n) || n < 1))
    throw new ArgumentError({ op, expected: 'a positive length for each sequence', received: describe(list ?? lengths) });
  return list;
};

/**
 * Packs padded sequences [T, N, ...] ([N, T, ...] with batchFirst).
 * @throws ShapeError when there are more or fewer lengths than sequences, or one is longer than T; ArgumentError when they are not sorted and should be
 */
export function packPaddedSequence(input: Tensor, lengths: Tensor | readonly number[], options: PackOptions = {}): PackedSequence {
  const { batchFirst = false, enforceSorted = true } = options;
  const op = 'packPaddedSequence';
  if (input.ndim < 2) throw new ShapeError({ op, expected: 'an input of at least 2 dimensions', received: showShape(input.shape) });
  const given = readLengths(op, lengths);
  let steps = batchFirst ? input.transpose(0, 1) : input; // [T, N, ...]
  if (given.length !== steps.shape[1])
    throw new ShapeError({ op, expected: `${steps.shape[1]} lengths, one for each sequence`, received: String(given.length) });
  if (Math.max(...given) > steps.shape[0])
    throw new ShapeError({ op, expected: `lengths up to ${steps.shape[0]}, the steps of the input`, received: showShape(given) });
  const descending = given.every((n, i) => i === 0 || n <= given[i - 1]);
  if (enforceSorted && !descending) {
    throw new ArgumentError({
      op,
      expected: 'lengths in descending order',
      received: showShape(given),
      hint: 'Pass { enforceSorted: false } to have them sorted.',
    });
  }
  let sorted: Tensor | null = null;
  let ordered = given;
  if (!enforceSorted) {
    const order = given.map((_, i) => i).sort((a, b) => given[b] - given[a] || a - b);
    sorted = indices(order, input.device);
    steps = steps.indexSelect(1, sorted);
    ordered = order.map((i) => given[i]);
  }
  const sizes = Array.from({ length: ordered[0] }, (_, t) => ordered.filter((n) => n > t).length);
  // Steps with the same number of sequences are one slice.
  const parts: Tensor[] = [];
  for (let t = 0; t < sizes.length;) {
    let end = t + 1;
    while (end < sizes.length && sizes[end] === sizes[t]) end++;
    parts.push(
      steps
        .narrow(0, t, end - t)
        .narrow(1, 0, sizes[t])
        .reshape(-1, ...steps.shape.slice(2)),
    );
    t = end;
  }
  return new PackedSequence(parts.length === 1 ? parts[0] : cat(parts), sizes, sorted);
}

/** Options of unpacking. */
export interface UnpackOptions {
  /** The result is [N, T, ...] instead of [T, N, ...]. */
  batchFirst?: boolean;
  /** What stands after the end of a sequence; 0 by default. */
  paddingValue?: number;
  /** Steps of the result; those of the longest sequence by default. */
  totalLength?: number | null;
}

/**
 * Pads packed sequences again: `[padded, lengths]`, with lengths as an int32 tensor.
 * @throws ArgumentError when totalLength is below the longest sequence
 */
export function padPackedSequence(sequence: PackedSequence, options: UnpackOptions = {}): [Tensor, Tensor] {
  const { batchFirst = false, paddingValue = 0, totalLength } = options;
  if (!(sequence instanceof PackedSequence))
    throw new ArgumentError({ op: 'padPackedSequence', expected: 'a PackedSequence', received: describe(sequence) });
  const { data, sizes, unsortedIndices } = sequence;
  const total = totalLength ?? sizes.length;
  if (!Number.isInteger(total) || total < sizes.length)
    throw new ArgumentError({
      op: 'padPackedSequence',
      expected: `a totalLength of at least ${sizes.length}`,
      received: describe(totalLength),
    });
  const [batch] = sizes;
  const rest = data.shape.slice(1);
  const rows = data.split(sizes).map((step) => {
    const missing = batch - step.shape[0];
    return missing === 0 ? step : cat([step, data.newFull([missing, ...rest], paddingValue)]);
  });
  if (total > sizes.length) rows.push(data.newFull([(total - sizes.length) * batch, ...rest], paddingValue));
  let padded = cat(rows).reshape(total, batch, ...rest);
  let lengths = Array.from({ length: batch }, (_, i) => sizes.filter((size) => size > i).length);
  if (unsortedIndices !== null) {
    padded = padded.indexSelect(1, unsortedIndices);
    lengths = Array.from(unsortedIndices.dataSync(), Number).map((i) => lengths[i]);
  }
  return [batchFirst ? padded.transpose(0, 1) : padded, indices(lengths, data.device)];
}

/**
 * Stacks sequences [Lᵢ, ...] into [T, N, ...] ([N, T, ...] with batchFirst), padding the shorter ones.
 * @param options.paddingSide - where the padding goes, 'right' by default
 */
export function padSequence(
  sequences: readonly Tensor[],
  options: { batchFirst?: boolean; paddingValue?: number; paddingSide?: 'left' | 'right' } = {},
): Tensor {
  const { batchFirst = false, paddingValue = 0, paddingSide = 'right' } = options;
  checkSequences('padSequence', sequences);
  if (paddingSide !== 'left' && paddingSide !== 'right')
    throw new ArgumentError({ op: 'padSequence', expected: "paddingSide 'left' or 'right'", received: describe(paddingSide) });
  const longest = Math.max(...sequences.map((s) => s.shape[0]));
  const rows = sequences.map((s) => {
    const missing = longest - s.shape[0];
    if (missing === 0) return s.unsqueeze(0);
    const padding = s.newFull([missing, ...s.shape.slice(1)], paddingValue);
    return cat(paddingSide === 'right' ? [s, padding] : [padding, s]).unsqueeze(0);
  });
  const padded = cat(rows);
  return batchFirst ? padded : padded.transpose(0, 1);
}

function checkSequences(op: string, sequences: readonly Tensor[]): void {
  if (!Array.isArray(sequences) || sequences.length === 0 || !sequences.every((s) => s instanceof Tensor))
    throw new ArgumentError({ op, expected: 'an array of tensors', received: describe(sequences) });
  const [first] = sequences;
  for (const s of sequences) {
    if (s.ndim === 0 || showShape(s.shape.slice(1)) !== showShape(first.shape.slice(1)))
      throw new ShapeError({
        op,
        expected: 'sequences that differ in their first dimension only',
        received: `${showShape(first.shape)} and ${showShape(s.shape)}`,
      });
  }
}

/** Cuts the padding off: the sequences of [T, N, ...] ([N, T, ...] with batchFirst) by their lengths. */
export function unpadSequence(padded: Tensor, lengths: Tensor | readonly number[], options: { batchFirst?: boolean } = {}): Tensor[] {
  const rows = options.batchFirst === true ? padded : padded.transpose(0, 1);
  const given = readLengths('unpadSequence', lengths);
  if (given.length !== rows.shape[0])
    throw new ShapeError({ op: 'unpadSequence', expected: `${rows.shape[0]} lengths`, received: String(given.length) });
  return given.map((n, i) => rows.select(0, i).narrow(0, 0, n));
}

/** Packs sequences [Lᵢ, ...]; longest first, unless `enforceSorted` is false. */
export function packSequence(sequences: readonly Tensor[], options: { enforceSorted?: boolean } = {}): PackedSequence {
  checkSequences('packSequence', sequences);
  return packPaddedSequence(padSequence(sequences), sequences.map((s) => s.shape[0]), options); // prettier-ignore
}

/** The sequences of a packed one, in their original order. */
export function unpackSequence(sequence: PackedSequence): Tensor[] {
  const [padded, lengths] = padPackedSequence(sequence, { batchFirst: true });
  return unpadSequence(padded, lengths, { batchFirst: true });
}
