import { readCall, type Call } from '../call.ts';
import { checkArray, checkInput, checkInteger } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { ArgumentError, IndexError, ShapeError, describe } from '../errors.ts';
import { contiguousStrides, type Layout } from '../layout.ts';
import { defineOp, type Op } from '../op.ts';
import { normalizeDim, numel, showShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { contiguous, isContiguous } from './views.ts';

// Views by strides: diagonals, windows that may overlap, and any other layout; and the fold that is the derivative of them all.

const replace = (values: readonly number[], i: number, value: number): number[] => values.map((v, j) => (j === i ? value : v));

export const diagonalOp: Op<{ offset: number; dim1: number; dim2: number }> = defineOp({
  name: 'diagonal',
  view(x, { offset, dim1, dim2 }): Layout {
    const length = Math.max(
      0,
      offset >= 0 ? Math.min(x.shape[dim1], x.shape[dim2] - offset) : Math.min(x.shape[dim1] + offset, x.shape[dim2]),
    );
    const rest = x.shape.map((_, i) => i).filter((i) => i !== dim1 && i !== dim2);
    const start = length === 0 ? 0 : offset >= 0 ? offset * x.strides[dim2] : -offset * x.strides[dim1];
    return {
      shape: [...rest.map((i) => x.shape[i]), length],
      strides: [...rest.map((i) => x.strides[i]), x.strides[dim1] + x.strides[dim2]],
      offset: x.offset + start,
    };
  },
  vjp: ({ cotangents: [g], inputs: [x], attrs: { offset, dim1, dim2 } }) => [g && foldDiagonal(g, x.shape, offset, dim1, dim2)],
});

function foldDiagonal(g: Tensor, shape: Shape, offset: number, dim1: number, dim2: number): Tensor {
  const strides = contiguousStrides(shape);
  const rest = shape.map((_, i) => i).filter((i) => i !== dim1 && i !== dim2);
  return dispatchOne(foldOp, [g], {
    shape,
    strides: [...rest.map((i) => strides[i]), strides[dim1] + strides[dim2]],
    offset: offset >= 0 ? offset * strides[dim2] : -offset * strides[dim1],
  });
}

/** Arguments of `diagonal`. */
export interface DiagonalOptions {
  /** Places above the main diagonal; below it when negative. */
  offset?: number;
  /** The dimension of the rows; the first by default. */
  dim1?: number;
  /** The dimension of the columns; the second by default. */
  dim2?: number;
}

/** The diagonal of two dimensions, as the last dimension of a view. @throws IndexError when both dims are the same. */
export function diagonal(x: Tensor, ...args: Call<DiagonalOptions, ['offset', 'dim1', 'dim2']>): Tensor {
  checkInput('diagonal', x);
  const { offset = 0, dim1 = 0, dim2 = 1 } = readCall<DiagonalOptions>('diagonal', args, ['offset', 'dim1', 'dim2']);
  checkInteger('diagonal', 'offset', offset);
  if (x.ndim < 2) throw new ShapeError({ op: 'diagonal', expected: 'at least 2 dimensions', received: showShape(x.shape) });
  const [i, j] = [normalizeDim('diagonal', dim1, x.ndim), normalizeDim('diagonal', dim2, x.ndim)];
  if (i === j) throw new IndexError({ op: 'diagonal', expected: 'two different dims', received: `${dim1} and ${dim2}` });
  return dispatchOne(diagonalOp, [x], { offset, dim1: i, dim2: j });
}

export const unfoldOp: Op<{ dim: number; size: number; step: number; dilation: number }> = defineOp({
  name: 'unfold',
  view(x, { dim, size, step, dilation }): Layout {
    const windows = Math.floor((x.shape[dim] - (size - 1) * dilation - 1) / step) + 1;
    return {
      shape: [...replace(x.shape, dim, windows), size],
      strides: [...replace(x.strides, dim, x.strides[dim] * step), x.strides[dim] * dilation],
      offset: x.offset,
    };
  },
  vjp: ({ cotangents: [g], inputs: [x], attrs }) => {
    const strides = contiguousStrides(x.shape);
    return [
      g &&
        dispatchOne(foldOp, [g], {
          shape: x.shape,
          strides: [...replace(strides, attrs.dim, strides[attrs.dim] * attrs.step), strides[attrs.dim] * attrs.dilation],
          offset: 0,
        }),
    ];
  },
});

/** Arguments of `unfold`. */
export interface UnfoldOptions {
  /** The dimension that windows are taken from. */
  dimension: number;
  /** How many elements a window has. */
  size: number;
  /** How far the next window begins after the last. */
  step: number;
  /** The distance of neighbors in a window; 1 by default. */
  dilation?: number;
}

/**
 * Windows of `size` elements of `dim`, `step` apart, as a new last dimension; `dilation` elements lie between those of a window.
 * It is a view, from which convolution and pooling compose.
 * @throws ShapeError when no window fits.
 */
export function unfold(x: Tensor, ...args: Call<UnfoldOptions, ['dimension', 'size', 'step', 'dilation']>): Tensor {
  checkInput('unfold', x);
  const { dimension: dim, size, step, dilation = 1 } = readCall<UnfoldOptions>('unfold', args, ['dimension', 'size', 'step', 'dilation']);
  if (x.ndim === 0) return unfold(x.unsqueeze(0), 0, size, step, dilation).squeeze(0);
  const d = normalizeDim('unfold', dim, x.ndim);
  if (!Number.isInteger(step) || step < 1) throw new ArgumentError({ op: 'unfold', expected: 'a positive step', received: describe(step) });
  if (!Number.isInteger(size) || size < 0 || (size - 1) * dilation + 1 > x.shape[d]) {
    throw new ShapeError({
      op: 'unfold',
      expected: `a window of at most ${x.shape[d]} elements in dimension ${d}`,
      received: `size ${size} with dilation ${dilation}`,
    });
  }
  return dispatchOne(unfoldOp, [x], { dim: d, size, step, dilation });
}

/** Adds x into a strided, possibly overlapping layout of zeros: the derivative of every view that reads elements more than once. */
export const foldOp: Op<{ shape: Shape; strides: readonly number[]; offset: number }> = defineOp({
  name: 'fold',
  infer: ([x], { shape }) => [{ shape, dtype: x.dtype }],
  kernel(k, [x], [out], { strides, offset }) {
    k.fill(out, 0);
    k.fold(x, out, strides, offset);
  },
  vjp: ({ cotangents: [g], inputs: [x], attrs: { strides, offset } }) => [
    g && dispatchOne(asStridedOp, [contiguous(g)], { shape: x.shape, strides, offset }),
  ],
});

/** `offset` counts from the first element of the (contiguous) input. */
export const asStridedOp: Op<{ shape: Shape; strides: readonly number[]; offset: number }> = defineOp({
  name: 'asStrided',
  view: (x, { shape, strides, offset }): Layout => ({ shape, strides, offset: x.offset + offset }),
  vjp: ({ cotangents: [g], inputs: [x], attrs: { strides, offset } }) => [
    g && dispatchOne(foldOp, [g], { shape: x.shape, strides, offset }),
  ],
});

/** Arguments of `asStrided`. */
export interface StridedOptions {
  /** The shape of the view. */
  size: Shape;
  /** Elements between neighbors, one number for each dimension. */
  stride: readonly number[];
  /** Counted from the beginning of the storage; that of the tensor when missing. */
  storageOffset?: number | null;
}

/** A view with given strides over a contiguous tensor. @throws ShapeError when it would reach outside the tensor. */
export function asStrided(x: Tensor, ...args: Call<StridedOptions, ['size', 'stride', 'storageOffset']>): Tensor {
  const op = 'asStrided';
  checkInput(op, x);
  const { size, stride, storageOffset } = readCall<StridedOptions>(op, args, ['size', 'stride', 'storageOffset']);
  const start = storageOffset ?? x.offset;
  checkArray(op, 'size', size);
  checkArray(op, 'stride', stride);
  if (![...size, ...stride, start].every((n) => Number.isInteger(n) && n >= 0))
    throw new ArgumentError({
      op,
      expected: 'sizes, strides and an offset that are not negative',
      received: describe([size, stride, start]),
    });
  const last = size.reduce((sum, n, i) => sum + (n - 1) * stride[i], start - x.offset);
  if (size.length !== stride.length || !isContiguous(x) || start < x.offset || (numel(size) > 0 && last >= x.count)) {
    throw new ShapeError({
      op,
      expected: 'a layout inside a contiguous tensor',
      received: `${showShape(size)} with strides ${showShape(stride)} and offset ${start} over ${showShape(x.shape)}`,
    });
  }
  return dispatchOne(asStridedOp, [x], { shape: size, strides: stride, offset: start - x.offset });
}
