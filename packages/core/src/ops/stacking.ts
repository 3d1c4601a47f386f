import { checkInput, checkDimensions } from '../checks.ts';
import { promoteTypes, type DType } from '../dtype.ts';
import { ArgumentError, ShapeError, describe } from '../errors.ts';
import { broadcastShapes, showShape, type Shape } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { isPlainObject, readCall, type Call } from '../call.ts';
import { cast } from './cast.ts';
import { newInt32 } from './data.ts';
import { cat, checkTensors, stack } from './joining.ts';
import { expand, expandTo, reshape, unsqueeze } from './views.ts';

// Joining and shaping several tensors in the ways of numpy.

/** `f(a, b)` and `f([a, b])` mean the same. */
type Tensors = (Tensor | readonly Tensor[])[];
function listed(op: string, tensors: Tensors): readonly Tensor[] {
  const list = tensors.length === 1 && Array.isArray(tensors[0]) ? (tensors[0] as readonly Tensor[]) : (tensors as Tensor[]);
  checkTensors(op, list);
  return list;
}

/** At least one dimension: a scalar becomes [1]. An array of tensors gives an array. */
export function atleast1d(x: Tensor): Tensor;
export function atleast1d(...tensors: Tensors): Tensor[];
export function atleast1d(...tensors: Tensors): Tensor | Tensor[] {
  return each('atleast1d', tensors, (x) => (x.ndim === 0 ? reshape(x, 1) : x));
}

/** At least two dimensions: [n] becomes [1, n]. An array of tensors gives an array. */
export function atleast2d(x: Tensor): Tensor;
export function atleast2d(...tensors: Tensors): Tensor[];
export function atleast2d(...tensors: Tensors): Tensor | Tensor[] {
  return each('atleast2d', tensors, (x) => (x.ndim === 0 ? reshape(x, 1, 1) : x.ndim === 1 ? unsqueeze(x, 0) : x));
}

/** At least three dimensions: [n] becomes [1, n, 1], [m, n] becomes [m, n, 1]. An array of tensors gives an array. */
export function atleast3d(x: Tensor): Tensor;
export function atleast3d(...tensors: Tensors): Tensor[];
export function atleast3d(...tensors: Tensors): Tensor | Tensor[] {
  return each('atleast3d', tensors, (x) => {
    if (x.ndim === 0) return reshape(x, 1, 1, 1);
    return x.ndim === 1 ? reshape(x, 1, x.count, 1) : x.ndim === 2 ? unsqueeze(x, 2) : x;
  });
}

function each(op: string, tensors: Tensors, f: (x: Tensor) => Tensor): Tensor | Tensor[] {
  const list = listed(op, tensors).map(f);
  return tensors.length === 1 && tensors[0] instanceof Tensor ? list[0] : list;
}

/** Tensors side by side: along the first dimension for vectors, else along the second. */
export function hstack(...tensors: Tensors): Tensor {
  const list = listed('hstack', tensors).map((x) => atleast1d(x));
  return cat(list, list[0].ndim === 1 ? 0 : 1);
}
/** Tensors below each other; a vector is a row. */
export const vstack = (...tensors: Tensors): Tensor => cat(listed('vstack', tensors).map((x) => atleast2d(x)), 0); // prettier-ignore
/** As `vstack`. */
export const rowStack = (...tensors: Tensors): Tensor => vstack(...tensors);
/** Tensors behind each other, along the third dimension. */
export const dstack = (...tensors: Tensors): Tensor => cat(listed('dstack', tensors).map((x) => atleast3d(x)), 2); // prettier-ignore
/** Tensors as columns: a vector is one, others are joined along the second dimension. */
export const columnStack = (...tensors: Tensors): Tensor =>
  cat(listed('columnStack', tensors).map((x) => (x.ndim < 2 ? reshape(x, x.count, 1) : x)), 1); // prettier-ignore

/** Matrices along the diagonal of a larger one, zeros elsewhere; a vector is a row, a scalar a 1 × 1 matrix. */
export function blockDiag(...tensors: Tensors): Tensor {
  const list = listed('blockDiag', tensors).map((x) => atleast2d(checkDimensions('blockDiag', x, 0, 2)));
  const dtype = list.reduce<DType>((d, x) => promoteTypes(d, x.dtype), list[0].dtype);
  const width = list.reduce((sum, x) => sum + x.shape[1], 0);
  let left = 0;
  const rows = list.map((x) => {
    const [before, after] = [left, width - left - x.shape[1]];
    left += x.shape[1];
    return cat([x.newZeros([x.shape[0], before], { dtype }), cast(x, dtype), x.newZeros([x.shape[0], after], { dtype })], 1);
  });
  return cat(rows, 0);
}

/** x repeated without copying to a larger shape: as `expand`. */
export const broadcastTo = (x: Tensor, ...size: (number | Shape)[]): Tensor => expand(checkInput('broadcastTo', x), ...size);

/** Tensors expanded to the shape that all of them broadcast to. */
export function broadcastTensors(...tensors: Tensors): Tensor[] {
  const list = listed('broadcastTensors', tensors);
  const shape = list.reduce<Shape>((s, x) => broadcastShapes('broadcastTensors', s, x.shape), []);
  return list.map((x) => expandTo(x, shape));
}

/** Options of `meshgrid`. */
export interface MeshgridOptions {
  /** 'ij' (matrix order, the default): the first tensor varies along the first dimension; 'xy': along the second. */
  indexing?: 'ij' | 'xy';
}

/** Vectors as coordinates of a grid: one tensor for each, all of the shape of their lengths. */
export function meshgrid(...args: (Tensor | readonly Tensor[] | MeshgridOptions)[]): Tensor[] {
  const op = 'meshgrid';
  const last = args[args.length - 1];
  const named = isPlainObject(last);
  const { indexing = 'ij' } = readCall<MeshgridOptions>(op, named ? [last] : [], [], ['indexing']);
  if (indexing !== 'ij' && indexing !== 'xy')
    throw new ArgumentError({ op, expected: "indexing 'ij' or 'xy'", received: describe(indexing) });
  const list = listed(op, (named ? args.slice(0, -1) : args) as Tensors);
  for (const x of list) {
    if (x.ndim > 1) throw new ShapeError({ op, expected: 'tensors of at most one dimension', received: showShape(x.shape) });
    if (x.dtype !== list[0].dtype)
      throw new ArgumentError({ op, expected: 'tensors of one dtype', received: `${list[0].dtype} and ${x.dtype}` });
  }
  const swap = indexing === 'xy' && list.length > 1;
  const ordered = swap ? [list[1], list[0], ...list.slice(2)] : list;
  const shape = ordered.map((x) => x.count);
  const grids = ordered.map((x, i) => expandTo(reshape(x, shape.map((n, j) => (i === j ? n : 1))), shape)); // prettier-ignore
  return swap ? [grids[1], grids[0], ...grids.slice(2)] : grids;
}

/** Every combination of an element of each vector, a row each: shape [product of the lengths, vectors]. One vector comes back as it is. */
export function cartesianProd(...tensors: Tensors): Tensor {
  const list = listed('cartesianProd', tensors);
  for (const x of list) checkDimensions('cartesianProd', x, 1, 1);
  if (list.length === 1) return list[0];
  return stack(meshgrid(list).map((grid) => reshape(grid, -1)), 1); // prettier-ignore
}

/** Options of `combinations`. */
export interface CombinationsOptions {
  /** How many elements a combination has. */
  r?: number;
  /** Lets an element come several times; false by default. */
  withReplacement?: boolean;
}

/** The combinations of r (2) elements of a vector, in order, a row each. */
export function combinations(x: Tensor, ...args: Call<CombinationsOptions, ['r', 'withReplacement']>): Tensor {
  const op = 'combinations';
  const { r = 2, withReplacement = false } = readCall<CombinationsOptions>(op, args, ['r', 'withReplacement']);
  checkDimensions(op, x, 1, 1);
  if (!Number.isInteger(r) || r < 0) throw new ArgumentError({ op, expected: 'r to be a non-negative integer', received: describe(r) });
  if (r === 0) return x.newZeros([0]);
  const rows: number[] = [];
  let count = 0;
  const extend = (row: number[], from: number): void => {
    if (row.length === r) {
      rows.push(...row);
      count++;
      return;
    }
    for (let i = from; i < x.count; i++) extend([...row, i], withReplacement ? i : i + 1);
  };
  extend([], 0);
  return reshape(x.indexSelect(0, newInt32(x, Int32Array.from(rows))), [count, r]);
}
