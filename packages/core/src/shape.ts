import { ArgumentError, IndexError, ShapeError, describe } from './errors.ts';

/** Sizes of a tensor's dimensions, outermost first. */
export type Shape = readonly number[];

/** Shows a shape as PyTorch does: `[2, 3]`. */
export const showShape = (shape: Shape): string =>
  Array.isArray(shape) && shape.every((n) => typeof n === 'number') ? `[${shape.join(', ')}]` : describe(shape);

/** The number of elements of a shape, or of a tensor. */
export function numel(of: Shape | { readonly shape: Shape }): number {
  const shape = (of as { readonly shape?: Shape }).shape ?? (of as Shape);
  let n = 1;
  for (let i = 0; i < shape.length; i++) n *= shape[i];
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** @throws ShapeError unless `shape` is an array of non-negative integers. */
export function checkShape(op: string, shape: unknown): Shape {
  if (Array.isArray(shape) && shape.every((n) => Number.isInteger(n) && n >= 0)) return shape as Shape;
  throw new ShapeError({ op, expected: 'a shape must be an array of non-negative integers', received: describe(shape) });
}

/** `f(2, 3)` and `f([2, 3])` mean the same. */
export function shapeArguments(op: string, size: readonly (number | Shape)[]): number[] {
  const flat = size.length === 1 && Array.isArray(size[0]) ? [...(size[0] as Shape)] : (size as readonly number[]).slice();
  return checkShape(op, flat) as number[];
}

/**
 * The shape that all of the shapes broadcast to. Ops name themselves first, for the message.
 * @throws ShapeError when a pair of sizes differs and neither is 1.
 */
export function broadcastShapes(op: string, a: Shape, b: Shape): Shape;
export function broadcastShapes(...shapes: (Shape | number)[]): Shape;
export function broadcastShapes(first: string | Shape | number = [], ...others: (Shape | number)[]): Shape {
  if (typeof first === 'string') {
    if (others.length !== 2) throw new ShapeError({ op: 'broadcastShapes', expected: 'shapes', received: describe(first) });
    return broadcastPair(first, others[0] as Shape, others[1] as Shape);
  }
  return [first, ...others].reduce<Shape>(
    (a, b) => broadcastPair('broadcastShapes', a, checkShape('broadcastShapes', typeof b === 'number' ? [b] : b)),
    [],
  );
}

function broadcastPair(op: string, a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const m = i <= a.length ? a[a.length - i] : 1;
    const n = i <= b.length ? b[b.length - i] : 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError({
        op,
        expected: 'shapes must broadcast',
        received: `${showShape(a)} and ${showShape(b)} (${m} is not ${n} in dimension ${rank - i})`,
        hint: 'Sizes must be equal or 1, counted from the last dimension; unsqueeze or reshape one of them.',
      });
    }
    out[rank - i] = m === 1 ? n : m;
  }
  return out;
}

/**
 * A dimension counted from the front; negative ones count from the end. A scalar takes 0 and -1.
 * @throws IndexError when out of range.
 */
export function normalizeDim(op: string, dim: number, rank: number): number {
  const n = Math.max(rank, 1);
  if (!Number.isInteger(dim)) throw new ArgumentError({ op, expected: 'dim must be an integer', received: describe(dim) });
  if (dim < -n || dim >= n) {
    throw new IndexError({ op, expected: `dim must lie in [${-n}, ${n - 1}]`, received: String(dim) });
  }
  return dim < 0 ? dim + n : dim;
}

/**
 * Dimensions to reduce, sorted and unique; all of them for undefined, null or an empty list.
 * @throws IndexError when one is out of range, ArgumentError when one comes twice.
 */
export function normalizeDims(op: string, dims: number | readonly number[] | null | undefined, rank: number): number[] {
  if (rank > 64) throw new ShapeError({ op, expected: 'at most 64 dimensions', received: String(rank) });
  if (dims === undefined || dims === null || (Array.isArray(dims) && dims.length === 0)) {
    const all = new Array<number>(rank);
    for (let i = 0; i < rank; i++) all[i] = i;
    return all;
  }
  const list = (Array.isArray(dims) ? dims : [dims]).map((d: number) => normalizeDim(op, d, rank));
  const sorted = [...list].sort((p, q) => p - q);
  for (let i = 1; i < sorted.length; i++) {
    if (sorted[i] === sorted[i - 1]) throw new ArgumentError({ op, expected: 'each dim may come once', received: describe(dims) });
  }
  return rank === 0 ? [] : sorted;
}

/** The shape after a reduction over `dims`. */
export function reducedShape(shape: Shape, dims: readonly number[], keepdim: boolean): number[] {
  const out: number[] = [];
  for (let i = 0; i < shape.length; i++) {
    if (!dims.includes(i)) out.push(shape[i]);
    else if (keepdim) out.push(1);
  }
  return out;
}

/**
 * Fills in the -1 of a reshape.
 * @throws ShapeError when the sizes cannot hold `count` elements.
 */
export function inferShape(op: string, shape: Shape, count: number, from: Shape): number[] {
  if (!Array.isArray(shape)) throw new ShapeError({ op, expected: 'an array of sizes', received: describe(shape) });
  let known = 1;
  let hole = -1;
  shape.forEach((n, i) => {
    if (n === -1 && hole < 0) hole = i;
    else if (!Number.isInteger(n) || n < 0) {
      throw new ShapeError({ op, expected: 'sizes must be non-negative integers, with at most one -1', received: showShape(shape) });
    } else known *= n;
  });
  const out = [...shape];
  if (hole >= 0) out[hole] = known === 0 ? -1 : count / known;
  if (hole >= 0 ? known === 0 || !Number.isInteger(out[hole]) : known !== count) {
    throw new ShapeError({
      op,
      expected: `the new shape must hold the same ${count} elements`,
      received: `${showShape(from)} to ${showShape(shape)}`,
    });
  }
  return out;
}

/** The size of one dimension. @throws IndexError when it is out of range. */
export function sizeAt(shape: Shape, dim: number): number {
  const d = normalizeDim('size', dim, shape.length);
  if (shape.length === 0) throw new IndexError({ op: 'size', expected: 'a tensor with at least one dimension', received: 'a scalar' });
  return shape[d];
}
