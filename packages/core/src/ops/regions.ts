import { readCall, type Call } from '../call.ts';
import { checkInput, checkTensor } from '../checks.ts';
import { dispatchOne } from '../dispatch.ts';
import { ShapeError } from '../errors.ts';
import { defineOp, type Op } from '../op.ts';
import { sameShape, showShape, type Shape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { cast } from './cast.ts';
import { zerosLike } from './creation.ts';
import { select, slice, type SliceOptions } from './slicing.ts';
import { asStrided, diagonal } from './strided.ts';
import { contiguous } from './views.ts';

// Copies of a tensor with a region, which a view names, replaced by another tensor.

function replaced(op: string, x: Tensor, source: unknown, region: (copy: Tensor) => Tensor): Tensor {
  const value = checkTensor(op, 'the source', source);
  const copy = checkInput(op, x).clone();
  const target = region(copy);
  if (!sameShape(target.shape, value.shape))
    throw new ShapeError({ op, expected: `a source of the region's shape ${showShape(target.shape)}`, received: showShape(value.shape) });
  target.copy_(value);
  return copy;
}

/** A copy of x with a diagonal replaced: `diagonal(offset, dim1, dim2)` of the result is the source. @throws ShapeError */
export function diagonalScatter(
  x: Tensor,
  ...args: Call<{ src: Tensor; offset?: number; dim1?: number; dim2?: number }, ['src', 'offset', 'dim1', 'dim2']>
): Tensor {
  const names = ['src', 'offset', 'dim1', 'dim2'];
  const { src, offset, dim1, dim2 } = readCall<{ src: Tensor; offset?: number; dim1?: number; dim2?: number }>('diagonalScatter', args, names); // prettier-ignore
  return replaced('diagonalScatter', x, src, (copy) => diagonal(copy, offset ?? 0, dim1 ?? 0, dim2 ?? 1));
}

/** A copy of x with `select(dim, index)` replaced by the source. @throws ShapeError */
export function selectScatter(x: Tensor, ...args: Call<{ src: Tensor; dim: number; index: number }, ['src', 'dim', 'index']>): Tensor {
  const { src, dim, index } = readCall<{ src: Tensor; dim: number; index: number }>('selectScatter', args, ['src', 'dim', 'index']);
  return replaced('selectScatter', x, src, (copy) => select(copy, dim, index));
}

/** A copy of x with `slice(dim, start, end, step)` replaced by the source. @throws ShapeError */
export function sliceScatter(x: Tensor, ...args: Call<SliceOptions & { src: Tensor }, ['src', 'dim', 'start', 'end', 'step']>): Tensor {
  const names = ['src', 'dim', 'start', 'end', 'step'];
  const { src, dim, start, end, step } = readCall<SliceOptions & { src: Tensor }>('sliceScatter', args, names);
  return replaced('sliceScatter', x, src, (copy) => slice(copy, dim ?? 0, start, end, step ?? 1));
}

interface RegionAttrs {
  readonly size: Shape;
  readonly stride: readonly number[];
  readonly start: number;
}

const asStridedScatterOp: Op<RegionAttrs> = defineOp<RegionAttrs>({
  name: 'asStridedScatter',
  infer: ([x]) => [x],
  compose: ([x, src], { size, stride, start }) => [replaced('asStridedScatter', x, src, (copy) => asStrided(copy, size, stride, start))],
  vjp({ needs, cotangents: [g], attrs: { size, stride, start } }) {
    if (g === undefined) return [undefined, undefined];
    const inRegion = asStrided(contiguous(g), size, stride, start);
    const ofX = needs[0] ? dispatchOne(asStridedScatterOp, [zerosLike(g), inRegion.clone()], { size, stride, start }) : undefined;
    return [ofX, needs[1] ? inRegion : undefined];
  },
});

/**
 * A copy of x with the elements that `asStrided` names replaced by the source. The gradient of x is PyTorch's: that of the region, and zero
 * outside of it. (The derivative of the values would be the other way round; where that is wanted, use `sliceScatter`, `selectScatter`
 * or `diagonalScatter`.)
 * @throws ShapeError
 */
export function asStridedScatter(
  x: Tensor,
  ...args: Call<
    { src: Tensor; size: Shape; stride: readonly number[]; storageOffset?: number | null },
    ['src', 'size', 'stride', 'storageOffset']
  >
): Tensor {
  const op = 'asStridedScatter';
  const names = ['src', 'size', 'stride', 'storageOffset'];
  const { src, size, stride, storageOffset } = readCall<{ src: Tensor; size: Shape; stride: number[]; storageOffset?: number }>(op, args, names); // prettier-ignore
  const source = cast(checkTensor(op, 'the source', src), checkInput(op, x).dtype);
  return dispatchOne(asStridedScatterOp, [contiguous(x), source], { size, stride, start: storageOffset ?? 0 });
}
