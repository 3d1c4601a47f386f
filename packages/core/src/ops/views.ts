import { checkTensor, checkArray, checkInput } from '../checks.ts';
import { isPlainObject, readCall, type Call } from '../call.ts';
import { dispatchOne } from '../dispatch.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { isContiguous as layoutIsContiguous, overlaps, viewStrides, type Layout } from '../layout.ts';
import { defineOp, type Op } from '../op.ts';
import { inferShape, normalizeDim, numel, sameShape, showShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

// Views: another layout over the same storage. No kernel runs; each has the derivative that puts a gradient back where its elements came from.

const insert = (values: readonly number[], i: number, value: number): number[] => [...values.slice(0, i), value, ...values.slice(i)];

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
  checkInput('view', x);
  const shape = inferShape('view', size.length === 1 && Array.isArray(size[0]) ? (size[0] as Shape) : (size as number[]), x.count, x.shape);
  return dispatchOne(reshapeViewOp, [x], { shape });
}

/** The same elements in another shape: a view where the strides allow it, else a copy. One size may be -1. */
export function reshape(x: Tensor, ...size: (number | Shape)[]): Tensor {
  checkInput('reshape', x);
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
export const clone = (x: Tensor): Tensor => dispatchOne(cloneOp, [checkInput('clone', x)]);

/** True when the elements lie in row-major order without gaps. */
export const isContiguous = (x: Tensor): boolean => layoutIsContiguous(checkInput('isContiguous', x).shape, x.strides);

/** The tensor itself when it is contiguous, else a contiguous copy. */
export const contiguous = (x: Tensor): Tensor =>
  layoutIsContiguous(checkInput('contiguous', x).shape, x.strides) ? x : dispatchOne(cloneOp, [x]);

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
export const expandTo = (x: Tensor, shape: Shape): Tensor =>
  sameShape(checkInput('expandTo', x).shape, shape) ? x : dispatchOne(expandOp, [x], { shape });

/**
 * Repeats dimensions of size 1 without copying; -1 keeps a size.
 * @throws ShapeError when a size that is not 1 would change.
 */
export function expand(x: Tensor, ...size: (number | Shape)[]): Tensor {
  checkInput('expand', x);
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
export const expandAs = (x: Tensor, other: Tensor): Tensor =>
  expand(checkInput('expandAs', x), checkTensor('expandAs', 'the other', other).shape);

/** `reshape` to the shape of another tensor. */
export const reshapeAs = (x: Tensor, other: Tensor): Tensor =>
  reshape(checkInput('reshapeAs', x), checkTensor('reshapeAs', 'the other', other).shape);

/** `view` with the shape of another tensor. */
export const viewAs = (x: Tensor, other: Tensor): Tensor => view(checkInput('viewAs', x), checkTensor('viewAs', 'the other', other).shape);

/** All elements in one dimension. */
export const ravel = (x: Tensor): Tensor => reshape(checkInput('ravel', x), -1);

/**
 * Sums over the dimensions in which `size` has 1 or is missing: the inverse of `expand`.
 * @throws ShapeError when x is no expansion of `size`
 */
export function sumToSize(x: Tensor, ...size: (number | Shape)[]): Tensor {
  checkInput('sumToSize', x);
  const shape = size.length === 1 && Array.isArray(size[0]) ? (size[0] as Shape) : (size as number[]);
  const lead = x.ndim - shape.length;
  if (lead < 0 || shape.some((n, i) => n !== 1 && n !== x.shape[lead + i])) {
    throw new ShapeError({ op: 'sumToSize', expected: `a size that expands to ${showShape(x.shape)}`, received: showShape(shape) });
  }
  return shape.length === 0 ? x.sum() : sumToShape(x, shape);
}

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
  partBelow: (part, { dims }) => ({ ...part, dim: dims[part.dim] }),
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
export function permute(x: Tensor, ...args: (number | readonly number[] | { dims: readonly number[] })[]): Tensor {
  checkInput('permute', x);
  const dims = args.map((arg) => (isPlainObject(arg) ? (arg as { dims: readonly number[] }).dims : arg)) as (number | readonly number[])[];
  const order = (dims.length === 1 && Array.isArray(dims[0]) ? [...(dims[0] as number[])] : (dims as number[])).map((d) =>
    normalizeDim('permute', d, x.ndim),
  );
  if (order.length !== x.ndim || new Set(order).size !== order.length) {
    throw new ArgumentError({ op: 'permute', expected: `each of ${x.ndim} dims once`, received: describe(dims) });
  }
  return dispatchOne(permuteOp, [x], { dims: order });
}

/** Swaps two dimensions. */
export function transpose(x: Tensor, ...args: Call<{ dim0: number; dim1: number }, ['dim0', 'dim1']>): Tensor {
  const { dim0, dim1 } =
    args.length === 2 && typeof args[1] === 'number'
      ? { dim0: args[0] as number, dim1: args[1] }
      : readCall<{ dim0: number; dim1: number }>('transpose', args, ['dim0', 'dim1']);
  checkInput('transpose', x);
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
  checkInput('t', x);
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
export const unsqueeze = (x: Tensor, dim: number | { dim: number }): Tensor =>
  dispatchOne(unsqueezeOp, [checkInput('unsqueeze', x)], {
    dim: normalizeDim('unsqueeze', typeof dim === 'number' ? dim : readCall<{ dim: number }>('unsqueeze', [dim], ['dim']).dim, x.ndim + 1),
  });

export const squeezeOp: Op<{ dims: readonly number[] }> = defineOp({
  name: 'squeeze',
  view(x, { dims }): Layout {
    const kept = (_: number, i: number): boolean => !dims.includes(i);
    return { shape: x.shape.filter(kept), strides: x.strides.filter(kept), offset: x.offset };
  },
  vjp: ({ cotangents: [g], inputs: [x] }) => [g && reshape(g, x.shape)],
});

/** Without the dimensions of size 1: all of them, or those of `dim` that have size 1. */
export function squeeze(x: Tensor, ...args: Call<{ dim?: number | readonly number[] | null }, ['dim']>): Tensor {
  checkInput('squeeze', x);
  const { dim } = typeof args[0] === 'number' ? { dim: args[0] } : readCall<{ dim?: number | readonly number[] }>('squeeze', args, ['dim']);
  const asked =
    dim === undefined
      ? x.shape.map((_, i) => i)
      : (typeof dim === 'number' ? [dim] : checkArray('squeeze', 'dim', dim)).map((d) => normalizeDim('squeeze', d, x.ndim));
  const dims = asked.filter((d) => x.shape[d] === 1);
  return dims.length === 0 ? x : dispatchOne(squeezeOp, [x], { dims });
}

/** The dimensions from `startDim` to `endDim` as one. */
export function flatten(x: Tensor, ...args: Call<{ startDim?: number; endDim?: number }, ['startDim', 'endDim']>): Tensor {
  checkInput('flatten', x);
  const { startDim = 0, endDim = -1 } = readCall<{ startDim?: number; endDim?: number }>('flatten', args, ['startDim', 'endDim']);
  if (x.ndim === 0) return reshape(x, 1);
  const [i, j] = [normalizeDim('flatten', startDim, x.ndim), normalizeDim('flatten', endDim, x.ndim)];
  if (i > j) throw new ArgumentError({ op: 'flatten', expected: 'startDim not after endDim', received: `${startDim} and ${endDim}` });
  return reshape(x, [...x.shape.slice(0, i), numel(x.shape.slice(i, j + 1)), ...x.shape.slice(j + 1)]);
}

/** One dimension as several; one size may be -1. */
export function unflatten(x: Tensor, ...args: Call<{ dim: number; sizes: Shape }, ['dim', 'sizes']>): Tensor {
  checkInput('unflatten', x);
  const { dim, sizes } = readCall<{ dim: number; sizes: Shape }>('unflatten', args, ['dim', 'sizes']);
  const d = normalizeDim('unflatten', dim, x.ndim);
  const inner = inferShape('unflatten', sizes, x.shape[d], [x.shape[d]]);
  return reshape(x, [...x.shape.slice(0, d), ...inner, ...x.shape.slice(d + 1)]);
}

/** Moves dimensions to new places, keeping the order of the others. */
export function movedim(
  x: Tensor,
  ...args: Call<{ source: number | readonly number[]; destination: number | readonly number[] }, ['source', 'destination']>
): Tensor {
  const { source, destination } = readCall<{ source: number | readonly number[]; destination: number | readonly number[] }>('movedim', args, ['source', 'destination']); // prettier-ignore
  checkInput('movedim', x);
  const list = (dims: number | readonly number[]): number[] =>
    (typeof dims === 'number' ? [dims] : [...checkArray('movedim', 'the dims', dims)]).map((d) => normalizeDim('movedim', d, x.ndim));
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
