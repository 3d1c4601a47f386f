import { dispatchOne } from '../dispatch.ts';
import { ArgumentError, IndexError, ShapeError, describe } from '../errors.ts';
import { contiguousStrides, isContiguous as layoutIsContiguous, overlaps, viewStrides, type Layout } from '../layout.ts';
import { defineOp, type Op } from '../op.ts';
import { inferShape, normalizeDim, numel, sameShape, showShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

// Views: another layout over the same storage. No kernel runs; each has the derivative that puts a gradient back where its elements came from.

const drop = (values: readonly number[], i: number): number[] => values.filter((_, j) => j !== i);
const insert = (values: readonly number[], i: number, value: number): number[] => [...values.slice(0, i), value, ...values.slice(i)];
const replace = (values: readonly number[], i: number, value: number): number[] => values.map((v, j) => (j === i ? value : v));

export const reshapeViewOp: Op<{ shape: Shape }> = defineOp({
  name: 'view',
  view(x, { shape }): Layout {
    const strides = viewStrides(x.shape, x.strides, shape);
    if (strides === undefined) {
      throw new ShapeError({
        op: 'view',
        expected: 'a shape that the strides of the tensor allow',
        received: `${showShape(x.shape)} with strides ${showShape(x.strides)} as ${showShape(shape)}`,
        hint: 'Use reshape, or contiguous() first.',
      });
    }
    return { shape, strides, offset: x.offset };
  },
  vjp: ({ cotangents: [g], inputs: [x] }) => [g && reshape(g, x.shape)],
});

/**
 * The same elements in another shape; one size may be -1. No copy is made.
 * @throws ShapeError when the element count differs or the strides do not allow it (then use `reshape`).
 */
export function view(x: Tensor, ...size: (number | Shape)[]): Tensor {
  const shape = inferShape('view', size.length === 1 && Array.isArray(size[0]) ? (size[0] as Shape) : (size as number[]), x.count, x.shape);
  return dispatchOne(reshapeViewOp, [x], { shape });
}

/** The same elements in another shape: a view where the strides allow it, else a copy. One size may be -1. */
export function reshape(x: Tensor, ...size: (number | Shape)[]): Tensor {
  const shape = inferShape(
    'reshape',
    size.length === 1 && Array.isArray(size[0]) ? (size[0] as Shape) : (size as number[]),
    x.count,
    x.shape,
  );
  if (sameShape(shape, x.shape)) return x;
  const source = viewStrides(x.shape, x.strides, shape) === undefined ? contiguous(x) : x;
  return dispatchOne(reshapeViewOp, [source], { shape });
}

export const cloneOp: Op = defineOp<unknown>({
  name: 'clone',
  moves: true,
  infer: ([x]) => [x],
  kernel: (k, [x], [out]) => k.copy(x, out),
  vjp: ({ cotangents: [g] }) => [g],
});

/** A copy with a storage of its own, contiguous. */
export const clone = (x: Tensor): Tensor => dispatchOne(cloneOp, [x]);

/** True when the elements lie in row-major order without gaps. */
export const isContiguous = (x: Tensor): boolean => layoutIsContiguous(x.shape, x.strides);

/** The tensor itself when it is contiguous, else a contiguous copy. */
export const contiguous = (x: Tensor): Tensor => (layoutIsContiguous(x.shape, x.strides) ? x : dispatchOne(cloneOp, [x]));

export const expandOp: Op<{ shape: Shape }> = defineOp({
  name: 'expand',
  view(x, { shape }): Layout {
    const lead = shape.length - x.shape.length;
    const strides = shape.map((n, i) => (i < lead || (x.shape[i - lead] === 1 && n !== 1) ? 0 : x.strides[i - lead]));
    return { shape, strides, offset: x.offset };
  },
  vjp: ({ cotangents: [g], inputs: [x] }) => [g && sumToShape(g, x.shape)],
});

/** Broadcasts to `shape` without a check; for front functions that have made it with broadcastShapes. */
export const expandTo = (x: Tensor, shape: Shape): Tensor => (sameShape(x.shape, shape) ? x : dispatchOne(expandOp, [x], { shape }));

/**
 * Repeats dimensions of size 1 without copying; -1 keeps a size.
 * @throws ShapeError when a size that is not 1 would change.
 */
export function expand(x: Tensor, ...size: (number | Shape)[]): Tensor {
  const wanted = size.length === 1 && Array.isArray(size[0]) ? (size[0] as Shape) : (size as number[]);
  const lead = wanted.length - x.shape.length;
  const shape = wanted.map((n, i) => (n === -1 && i >= lead ? x.shape[i - lead] : n));
  const fits =
    lead >= 0 && shape.every((n, i) => Number.isInteger(n) && n >= 0 && (i < lead || x.shape[i - lead] === n || x.shape[i - lead] === 1));
  if (!fits) {
    throw new ShapeError({
      op: 'expand',
      expected: 'sizes equal to the tensor’s, or any where it has 1',
      received: `${showShape(x.shape)} to ${showShape(wanted)}`,
    });
  }
  return expandTo(x, shape);
}

/** `expand` to the shape of another tensor. */
export const expandAs = (x: Tensor, other: Tensor): Tensor => expand(x, other.shape);

/** Sums over what `expand` repeated: the inverse of broadcasting, for derivatives. */
export function sumToShape(g: Tensor, shape: Shape): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const lead = g.shape.length - shape.length;
  const dims: number[] = [];
  for (let i = 0; i < g.shape.length; i++) if (i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1)) dims.push(i);
  return reshape(g.sum(dims, { keepdim: true }), shape);
}

export const permuteOp: Op<{ dims: readonly number[] }> = defineOp({
  name: 'permute',
  view: (x, { dims }): Layout => ({ shape: dims.map((d) => x.shape[d]), strides: dims.map((d) => x.strides[d]), offset: x.offset }),
  vjp: ({ cotangents: [g], attrs: { dims } }) => {
    const inverse = new Array<number>(dims.length);
    dims.forEach((d, i) => (inverse[d] = i));
    return [g && dispatchOne(permuteOp, [g], { dims: inverse })];
  },
});

/**
 * Dimensions in another order.
 * @throws ArgumentError unless each dimension comes once.
 */
export function permute(x: Tensor, ...dims: (number | readonly number[])[]): Tensor {
  const order = (dims.length === 1 && Array.isArray(dims[0]) ? [...(dims[0] as number[])] : (dims as number[])).map((d) =>
    normalizeDim('permute', d, x.ndim),
  );
  if (order.length !== x.ndim || new Set(order).size !== order.length) {
    throw new ArgumentError({ op: 'permute', expected: `each of ${x.ndim} dims once`, received: describe(dims) });
  }
  return dispatchOne(permuteOp, [x], { dims: order });
}

/** Swaps two dimensions. */
export function transpose(x: Tensor, dim0: number, dim1: number): Tensor {
  const [i, j] = [normalizeDim('transpose', dim0, x.ndim), normalizeDim('transpose', dim1, x.ndim)];
  if (i === j) return x;
  const dims = Array.from({ length: x.ndim }, (_, d) => (d === i ? j : d === j ? i : d));
  return dispatchOne(permuteOp, [x], { dims });
}

/**
 * The transpose of a matrix; a vector or scalar as it is.
 * @throws ShapeError for more than two dimensions.
 */
export function t(x: Tensor): Tensor {
  if (x.ndim > 2)
    throw new ShapeError({
      op: 't',
      expected: 'at most 2 dimensions',
      received: showShape(x.shape),
      hint: 'Use transpose(dim0, dim1) or permute.',
    });
  return x.ndim < 2 ? x : transpose(x, 0, 1);
}

export const unsqueezeOp: Op<{ dim: number }> = defineOp({
  name: 'unsqueeze',
  view(x, { dim }): Layout {
    const step = dim < x.shape.length ? x.shape[dim] * x.strides[dim] : 1;
    return { shape: insert(x.shape, dim, 1), strides: insert(x.strides, dim, step), offset: x.offset };
  },
  vjp: ({ cotangents: [g], attrs: { dim } }) => [g && dispatchOne(squeezeOp, [g], { dims: [dim] })],
});

/** A new dimension of size 1 at `dim`. */
export const unsqueeze = (x: Tensor, dim: number): Tensor =>
  dispatchOne(unsqueezeOp, [x], { dim: normalizeDim('unsqueeze', dim, x.ndim + 1) });

export const squeezeOp: Op<{ dims: readonly number[] }> = defineOp({
  name: 'squeeze',
  view(x, { dims }): Layout {
    const kept = (_: number, i: number): boolean => !dims.includes(i);
    return { shape: x.shape.filter(kept), strides: x.strides.filter(kept), offset: x.offset };
  },
  vjp: ({ cotangents: [g], inputs: [x] }) => [g && reshape(g, x.shape)],
});

/** Without the dimensions of size 1: all of them, or those of `dim` that have size 1. */
export function squeeze(x: Tensor, dim?: number | readonly number[]): Tensor {
  const asked =
    dim === undefined ? x.shape.map((_, i) => i) : (typeof dim === 'number' ? [dim] : dim).map((d) => normalizeDim('squeeze', d, x.ndim));
  const dims = asked.filter((d) => x.shape[d] === 1);
  return dims.length === 0 ? x : dispatchOne(squeezeOp, [x], { dims });
}

export const selectOp: Op<{ dim: number; index: number }> = defineOp({
  name: 'select',
  view: (x, { dim, index }): Layout => ({
    shape: drop(x.shape, dim),
    strides: drop(x.strides, dim),
    offset: x.offset + index * x.strides[dim],
  }),
  vjp: ({ cotangents: [g], inputs: [x], attrs: { dim, index } }) => [g && embed(unsqueeze(g, dim), x.shape, dim, index, 1)],
});

/**
 * The slice at one index of `dim`, which disappears.
 * @throws IndexError when the index is out of range.
 */
export function select(x: Tensor, dim: number, index: number): Tensor {
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
  vjp: ({ cotangents: [g], inputs: [x], attrs: { dim, start, step } }) => [g && embed(g, x.shape, dim, start, step)],
});

/** `x[start:end:step]` along `dim`, with Python's rules for bounds; `step` is positive. */
export function slice(x: Tensor, dim = 0, start?: number | null, end?: number | null, step = 1): Tensor {
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

/** `length` elements of `dim` from `start`. @throws IndexError when they do not fit. */
export function narrow(x: Tensor, dim: number, start: number, length: number): Tensor {
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

/** A tensor of zeros with g written at the slice: the derivative of select and slice. */
const embedOp: Op<{ shape: Shape; dim: number; start: number; step: number }> = defineOp({
  name: 'embedSlice',
  infer: ([g], { shape }) => [{ shape, dtype: g.dtype }],
  moves: true,
  kernel(k, [g], [out], { dim, start, step }) {
    k.fill(out, 0);
    k.copy(g, {
      storage: out.storage,
      dtype: out.dtype,
      count: g.count,
      shape: g.shape,
      strides: replace(out.strides, dim, out.strides[dim] * step),
      offset: start * out.strides[dim],
    });
  },
  vjp: ({ cotangents: [g], inputs: [x], attrs: { dim, start, step } }) => [
    g && dispatchOne(sliceOp, [g], { dim, start, length: x.shape[dim], step }),
  ],
});
const embed = (g: Tensor, shape: Shape, dim: number, start: number, step: number): Tensor =>
  dispatchOne(embedOp, [g], { shape, dim, start, step });

export const aliasOp: Op = defineOp<unknown>({
  name: 'alias',
  view: (x): Layout => x,
  vjp: ({ cotangents: [g] }) => [g],
});

/** Another tensor over the same elements, as a view. */
export const alias = (x: Tensor): Tensor => dispatchOne(aliasOp, [x]);

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

/** The diagonal of two dimensions, as the last dimension of a view. @throws IndexError when both dims are the same. */
export function diagonal(x: Tensor, offset = 0, dim1 = 0, dim2 = 1): Tensor {
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

/**
 * Windows of `size` elements of `dim`, `step` apart, as a new last dimension; `dilation` elements lie between those of a window.
 * It is a view, from which convolution and pooling compose.
 * @throws ShapeError when no window fits.
 */
export function unfold(x: Tensor, dim: number, size: number, step: number, dilation = 1): Tensor {
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

/** A view with given strides over a contiguous tensor. @throws ShapeError when it would reach outside the tensor. */
export function asStrided(x: Tensor, size: Shape, stride: readonly number[], storageOffset = x.offset): Tensor {
  const last = size.reduce((sum, n, i) => sum + (n - 1) * stride[i], storageOffset - x.offset);
  if (
    size.length !== stride.length ||
    stride.some((s) => s < 0) ||
    !isContiguous(x) ||
    storageOffset < x.offset ||
    (numel(size) > 0 && last >= x.count)
  ) {
    throw new ShapeError({
      op: 'asStrided',
      expected: 'a layout inside a contiguous tensor',
      received: `${showShape(size)} with strides ${showShape(stride)} and offset ${storageOffset} over ${showShape(x.shape)}`,
    });
  }
  return dispatchOne(asStridedOp, [x], { shape: size, strides: stride, offset: storageOffset - x.offset });
}

/** The dimensions from `startDim` to `endDim` as one. */
export function flatten(x: Tensor, startDim = 0, endDim = -1): Tensor {
  if (x.ndim === 0) return reshape(x, 1);
  const [i, j] = [normalizeDim('flatten', startDim, x.ndim), normalizeDim('flatten', endDim, x.ndim)];
  if (i > j) throw new ArgumentError({ op: 'flatten', expected: 'startDim not after endDim', received: `${startDim} and ${endDim}` });
  return reshape(x, [...x.shape.slice(0, i), numel(x.shape.slice(i, j + 1)), ...x.shape.slice(j + 1)]);
}

/** One dimension as several; one size may be -1. */
export function unflatten(x: Tensor, dim: number, sizes: Shape): Tensor {
  const d = normalizeDim('unflatten', dim, x.ndim);
  const inner = inferShape('unflatten', sizes, x.shape[d], [x.shape[d]]);
  return reshape(x, [...x.shape.slice(0, d), ...inner, ...x.shape.slice(d + 1)]);
}

/** Moves dimensions to new places, keeping the order of the others. */
export function movedim(x: Tensor, source: number | readonly number[], destination: number | readonly number[]): Tensor {
  const list = (dims: number | readonly number[]): number[] =>
    (typeof dims === 'number' ? [dims] : [...dims]).map((d) => normalizeDim('movedim', d, x.ndim));
  const [from, into] = [list(source), list(destination)];
  if (from.length !== into.length || new Set(from).size !== from.length || new Set(into).size !== into.length) {
    throw new ArgumentError({
      op: 'movedim',
      expected: 'as many different sources as destinations',
      received: `${describe(source)} and ${describe(destination)}`,
    });
  }
  if (x.ndim === 0) return x;
  const rest = x.shape.map((_, i) => i).filter((i) => !from.includes(i));
  const order = x.shape.map((_, i) => (into.includes(i) ? from[into.indexOf(i)] : (rest.shift() ?? i)));
  return permute(x, order);
}

/** Throws when `x` names some element twice, so that writing to it would be ambiguous. */
export function checkWritable(op: string, x: Tensor): void {
  if (overlaps(x)) {
    throw new ShapeError({
      op,
      expected: 'a tensor whose elements are all different places',
      received: `an expanded or overlapping view of shape ${showShape(x.shape)} with strides ${showShape(x.strides)}`,
      hint: 'Clone it first.',
    });
  }
}
