import { checkTensor, checkInput } from '../checks.ts';
import { readCall, type Call } from '../call.ts';
import { dispatchOne } from '../dispatch.ts';
import { dtypes } from '../dtype.ts';
import { ArgumentError, IndexError, describe } from '../errors.ts';
import { valuesNow } from './reading.ts';
import type { Layout } from '../layout.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { unsqueeze } from './views.ts';

// Views of a part of one dimension.

const drop = (values: readonly number[], i: number): number[] => values.filter((_, j) => j !== i);
const replace = (values: readonly number[], i: number, value: number): number[] => values.map((v, j) => (j === i ? value : v));

export const selectOp: Op<{ dim: number; index: number }> = defineOp({
  name: 'select',
  view: (x, { dim, index }): Layout => ({
    shape: drop(x.shape, dim),
    strides: drop(x.strides, dim),
    offset: x.offset + index * x.strides[dim],
  }),
  part: ({ dim, index }) => ({ dim, start: index, step: 1, drops: true }),
  vjp: ({ cotangents: [g], inputs: [{ shape }], attrs: { dim, index } }) => [
    g && dispatchOne(embedSliceOp, [unsqueeze(g, dim)], { shape, dim, starts: [index], step: 1 }),
  ],
});

/**
 * The slice at one index of `dim`, which disappears.
 * @throws IndexError when the index is out of range.
 */
export function select(x: Tensor, ...args: Call<{ dim: number; index: number }, ['dim', 'index']>): Tensor {
  checkInput('select', x);
  const { dim, index } =
    args.length === 2 && typeof args[1] === 'number'
      ? { dim: args[0] as number, index: args[1] }
      : readCall<{ dim: number; index: number }>('select', args, ['dim', 'index']);
  const d = normalizeDim('select', dim, x.ndim);
  const n = x.shape[d] ?? 0;
  if (x.ndim === 0) throw new IndexError({ op: 'select', expected: 'a tensor with at least one dimension', received: 'a scalar' });
  if (!Number.isInteger(index) || index < -n || index >= n) {
    throw new IndexError({ op: 'select', expected: `an index in [${-n}, ${n - 1}] for dimension ${d}`, received: describe(index) });
  }
  return dispatchOne(selectOp, [x], { dim: d, index: index < 0 ? index + n : index });
}

export const sliceOp: Op<{ dim: number; start: number; length: number; step: number }> = defineOp({
  name: 'slice',
  view: (x, { dim, start, length, step }): Layout => ({
    shape: replace(x.shape, dim, length),
    strides: replace(x.strides, dim, x.strides[dim] * step),
    offset: x.offset + (length === 0 ? 0 : start * x.strides[dim]),
  }),
  part: ({ dim, start, step }) => ({ dim, start, step, drops: false }),
  vjp: ({ cotangents: [g], inputs: [{ shape }], attrs: { dim, start, step } }) => [
    g && dispatchOne(embedSliceOp, [g], { shape, dim, starts: [start], step }),
  ],
});

/** Arguments of `slice`. */
export interface SliceOptions {
  /** The dimension to cut; the first by default. */
  dim?: number;
  /** The first index, from the end when negative; the beginning when missing. */
  start?: number | null;
  /** The index before which it stops, from the end when negative; the end when missing. */
  end?: number | null;
  /** The distance of the indices that are taken, positive; 1 by default. */
  step?: number;
}

/** `x[start:end:step]` along `dim`, with Python's rules for bounds; `step` is positive. */
export function slice(x: Tensor, ...args: Call<SliceOptions, ['dim', 'start', 'end', 'step']>): Tensor {
  checkInput('slice', x);
  const { dim = 0, start, end, step = 1 } = readCall<SliceOptions>('slice', args, ['dim', 'start', 'end', 'step']);
  const d = normalizeDim('slice', dim, x.ndim);
  if (x.ndim === 0) throw new IndexError({ op: 'slice', expected: 'a tensor with at least one dimension', received: 'a scalar' });
  if (!Number.isInteger(step) || step < 1)
    throw new ArgumentError({
      op: 'slice',
      expected: 'a positive integer step',
      received: describe(step),
      hint: 'Use flip for the reverse order.',
    });
  const n = x.shape[d];
  const bound = (value: number | null | undefined, otherwise: number): number => {
    const v = value ?? otherwise;
    if (!Number.isInteger(v)) throw new ArgumentError({ op: 'slice', expected: 'integer bounds', received: describe(value) });
    return Math.min(Math.max(v < 0 ? v + n : v, 0), n);
  };
  const from = bound(start, 0);
  const length = Math.max(0, Math.ceil((bound(end, n) - from) / step));
  return length === n ? x.alias() : dispatchOne(sliceOp, [x], { dim: d, start: from, length, step });
}

/** Arguments of `narrow`. */
export interface NarrowOptions {
  /** The dimension to cut. */
  dim: number;
  /** An index, or an integer tensor without dimensions, which is read. */
  start: number | Tensor;
  /** How many indices are kept. */
  length: number;
}

/** `length` elements of `dim` from `start`. @throws IndexError when they do not fit. */
export function narrow(x: Tensor, ...args: Call<NarrowOptions, ['dim', 'start', 'length']>): Tensor {
  checkInput('narrow', x);
  const {
    dim,
    start: given,
    length,
  } = args.length === 3 && typeof args[2] === 'number'
    ? { dim: args[0] as number, start: args[1] as number | Tensor, length: args[2] }
    : readCall<NarrowOptions>('narrow', args, ['dim', 'start', 'length']);
  if (typeof given === 'object' && (checkTensor('narrow', 'start', given).ndim > 0 || dtypes[given.dtype].kind !== 'integer'))
    throw new ArgumentError({
      op: 'narrow',
      expected: 'start to be an integer, or an integer tensor without dimensions',
      received: describe(given),
    });
  const start = typeof given === 'object' ? Number(valuesNow('narrow', given, 'Give a number: await start.item().')[0]) : given;
  const d = normalizeDim('narrow', dim, x.ndim);
  if (x.ndim === 0) throw new IndexError({ op: 'narrow', expected: 'a tensor with at least one dimension', received: 'a scalar' });
  const n = x.shape[d];
  const from = start < 0 ? start + n : start;
  if (!Number.isInteger(from) || !Number.isInteger(length) || from < 0 || length < 0 || from + length > n) {
    throw new IndexError({
      op: 'narrow',
      expected: `start and length within the ${n} elements of dimension ${d}`,
      received: `start ${start}, length ${length}`,
    });
  }
  return dispatchOne(sliceOp, [x], { dim: d, start: from, length, step: 1 });
}

interface EmbedAttrs {
  readonly shape: Shape;
  readonly dim: number;
  readonly starts: readonly number[];
  readonly step: number;
}

/** A tensor of zeros with each g written from its start on; no two overlap. The derivative of select and slice, for several parts at once. */
export const embedSliceOp: Op<EmbedAttrs> = defineOp<EmbedAttrs>({
  name: 'embedSlice',
  infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
  moves: true,
  kernel(k, parts, [out], { dim, starts, step }) {
    const { storage, dtype } = out;
    // Parts that fill all of it leave nothing to clear.
    if (parts.reduce((count, g) => count + g.count, 0) < out.count) k.fill(out, 0);
    parts.forEach(({ count, shape }, i) => {
      const strides = replace(out.strides, dim, out.strides[dim] * step);
      k.copy(parts[i], { storage, dtype, count, shape, strides, offset: starts[i] * out.strides[dim] });
    });
  },
  vjp: ({ needs, cotangents: [g], inputs, attrs: { dim, starts, step } }) =>
    inputs.map(({ shape }, i) =>
      g && needs[i] ? dispatchOne(sliceOp, [g], { dim, start: starts[i], length: shape[dim], step }) : undefined,
    ),
});

export const aliasOp: Op = defineOp<unknown>({
  name: 'alias',
  view: (x): Layout => x,
  partBelow: (part) => part,
  vjp: ({ cotangents: [g] }) => [g],
});

/** Another tensor over the same elements, as a view. */
export const alias = (x: Tensor): Tensor => dispatchOne(aliasOp, [checkInput('alias', x)]);
