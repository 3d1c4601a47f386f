import { checkInput } from '../checks.ts';
import { readCall, type Call } from '../call.ts';
import { dispatchOne } from '../dispatch.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { broadcastShapes, normalizeDim, showShape, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { ArgumentError, describe } from '../errors.ts';
import { scatterOps } from './scatter.ts';
import { expandTo, reshape } from './views.ts';

export interface DimAttrs {
  readonly dim: number;
}

export const gatherOp: Op<DimAttrs> = defineOp<DimAttrs>({
  name: 'gather',
  moves: true,
  infer: ([x, index]) => [{ shape: index.shape, dtype: x.dtype }],
  kernel: (k, [x, index], [out], { dim }) => k.gather(x, dim, index, out),
  save: ([, index]) => [index],
  vjp: ({ cotangents: [g], saved: [index], inputs: [x], attrs: { dim } }) => [
    g && dispatchOne(scatterOps.add, [g.newZeros(x.shape), index, g], { dim }),
    undefined,
  ],
});

/** @throws DTypeError unless the index is a tensor of int32 or int64 */
export function checkIndex(op: string, index: unknown): asserts index is Tensor {
  if (!(index instanceof Tensor)) throw new ArgumentError({ op, expected: 'a tensor as index', received: describe(index) });
  if (index.dtype !== 'int32' && index.dtype !== 'int64' && index.count > 0) {
    throw new DTypeError({ op, expected: 'an index of int32 or int64', received: index.dtype, hint: "Cast it: index.to('int32')." });
  }
}

/** Checks that `index` has x's rank and does not reach outside x in any other dimension. */
export function checkIndexShape(op: string, x: Tensor, index: Tensor, dim: number): void {
  const fits = x.ndim === index.ndim && index.shape.every((n, i) => i === dim || n <= x.shape[i]);
  if (!fits && index.count > 0) {
    throw new ShapeError({
      op,
      expected: `an index that is not larger than the tensor except in dimension ${dim}`,
      received: `${showShape(index.shape)} for ${showShape(x.shape)}`,
    });
  }
}

/**
 * `out[i][j] = x[index[i][j]][j]` for dim 0, and so on. The result has the shape of `index`.
 * @throws IndexError when an index is out of range, DTypeError unless it is int32 or int64.
 */
export function gather(x: Tensor, ...args: Call<{ dim: number; index: Tensor; sparseGrad?: boolean }, ['dim', 'index']>): Tensor {
  const { dim, index } =
    typeof args[0] === 'number' && args.length === 2 && args[1] instanceof Tensor
      ? { dim: args[0], index: args[1] }
      : readCall<{ dim: number; index: Tensor }>('gather', args, ['dim', 'index'], ['sparseGrad']);
  checkIndex('gather', index);
  const d = normalizeDim('gather', dim, x.ndim);
  if (x.ndim === 0 || index.ndim === 0) {
    const flat = gather(x.ndim === 0 ? reshape(x, 1) : x, d, index.ndim === 0 ? reshape(index, 1) : index);
    return reshape(flat, index.shape);
  }
  checkIndexShape('gather', x, index, d);
  if (x.ndim !== index.ndim) return x.newZeros(index.shape);
  const trimmed = x.shape.every((n, i) => i === d || n === index.shape[i])
    ? x
    : index.shape.reduce((y, n, i) => (i === d ? y : y.narrow(i, 0, n)), x);
  return dispatchOne(gatherOp, [trimmed, index], { dim: d });
}

/** The slices of `dim` that a one-dimensional index names, in its order. */
export function indexSelect(x: Tensor, ...args: Call<{ dim: number; index: Tensor }, ['dim', 'index']>): Tensor {
  checkInput('indexSelect', x);
  const { dim, index } =
    typeof args[0] === 'number' && args[1] instanceof Tensor
      ? { dim: args[0], index: args[1] }
      : readCall<{ dim: number; index: Tensor }>('indexSelect', args, ['dim', 'index']);
  checkIndex('indexSelect', index);
  const d = normalizeDim('indexSelect', dim, x.ndim);
  if (index.ndim > 1) throw new ShapeError({ op: 'indexSelect', expected: 'an index of one dimension', received: showShape(index.shape) });
  if (x.ndim === 0) return reshape(indexSelect(reshape(x, 1), 0, index), []);
  return dispatchOne(indexSelectOp, [x, reshape(index, -1)], { dim: d });
}

/** Slices of one dimension by a one-dimensional index: gather with the index repeated over all others. */
export const indexSelectOp: Op<DimAttrs> = defineOp<DimAttrs>({
  name: 'indexSelect',
  infer: ([x, index], { dim }) => [{ shape: x.shape.map((n, i) => (i === dim ? index.shape[0] : n)), dtype: x.dtype }],
  compose: ([x, index], { dim }) => [dispatchOne(gatherOp, [x, spread(index, x, dim)], { dim })],
  save: ([, index]) => [index],
  vjp: ({ cotangents: [g], saved: [index], inputs: [x], attrs: { dim } }) => [
    g && dispatchOne(indexSelectGradOp, [index, g], { dim, shape: x.shape }),
    undefined,
  ],
});

/** Gradient of indexSelect: zeros of `shape`, with the slices of g added where the index names them. */
export const indexSelectGradOp: Op<DimAttrs & { readonly shape: Shape }> = defineOp<DimAttrs & { readonly shape: Shape }>({
  name: 'indexSelectGrad',
  infer: ([, g], { shape }) => [{ shape, dtype: g.dtype }],
  compose: ([index, g], { dim, shape }) => [dispatchOne(indexAddOp, [g.newZeros(shape), index, g], { dim })],
  save: ([index]) => [index],
  vjp: ({ cotangents: [h], saved: [index], attrs: { dim } }) => [undefined, h && dispatchOne(indexSelectOp, [h, index], { dim })],
});

/** `out[..., index[i], ...] += source[..., i, ...]`. */
export const indexAddOp: Op<DimAttrs> = defineOp<DimAttrs>({
  name: 'indexAdd',
  infer: ([x]) => [x],
  compose: ([x, index, source], { dim }) => [dispatchOne(scatterOps.add, [x, spread(index, source, dim), source], { dim })],
  save: ([, index]) => [index],
  vjp: ({ needs, cotangents: [g], saved: [index], attrs: { dim } }) => [
    g,
    undefined,
    g && needs[2] ? dispatchOne(indexSelectOp, [g, index], { dim }) : undefined,
  ],
});

/** A one-dimensional index repeated to the shape of a slice-wise gather from x. */
export function spread(index: Tensor, x: Tensor, dim: number): Tensor {
  const column = reshape(index, x.shape.map((_, i) => (i === dim ? index.shape[0] : 1))); // prettier-ignore
  return expandTo(column, x.shape.map((n, i) => (i === dim ? index.shape[0] : n))); // prettier-ignore
}

/** Adds `size` to negative indices, so that -1 names the last. */
export const wrapIndex = (index: Tensor, size: number): Tensor => index.lt(0).where(index.add(size), index);

/** The elements at `index` of the flattened tensor, in the shape of the index; negative indices count from the end. @throws IndexError */
export function take(x: Tensor, index: Tensor): Tensor {
  checkIndex('take', index);
  return reshape(gather(reshape(x, -1), 0, reshape(wrapIndex(index, x.count), -1)), index.shape);
}

/**
 * As `gather`, where x and the indices broadcast in the other dimensions; without `dim`, both are flattened.
 * @throws IndexError when an index is out of range
 */
export function takeAlongDim(x: Tensor, ...args: Call<{ indices: Tensor; dim?: number | null }, ['indices', 'dim']>): Tensor {
  checkInput('takeAlongDim', x);
  const op = 'takeAlongDim';
  const { indices, dim } = readCall<{ indices: Tensor; dim?: number }>(op, args, ['indices', 'dim']);
  checkIndex(op, indices);
  if (dim === undefined) return gather(reshape(x, -1), 0, reshape(wrapIndex(indices, x.count), -1));
  if (x.ndim !== indices.ndim)
    throw new ShapeError({
      op,
      expected: 'indices of as many dimensions',
      received: `${showShape(x.shape)} and ${showShape(indices.shape)}`,
    });
  const d = normalizeDim(op, dim, x.ndim);
  const others = (shape: readonly number[]): number[] => shape.map((n, i) => (i === d ? 1 : n));
  const shape = broadcastShapes(op, others(x.shape), others(indices.shape));
  const widen = (y: Tensor): Tensor => expandTo(y, shape.map((n, i) => (i === d ? y.shape[d] : n))); // prettier-ignore
  return gather(widen(x), d, widen(wrapIndex(indices, x.shape[d])));
}
