import type { Shape } from './shape.ts';

/** How the elements of a tensor lie in its storage: element `i` is at `offset + Σ i[d]·strides[d]`, counted in elements. */
export interface Layout {
  readonly shape: Shape;
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Row-major strides. */
export function contiguousStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= Math.max(shape[i], 1);
  }
  return strides;
}

/** True when the elements lie one after the other in row-major order. */
export function isContiguous(shape: Shape, strides: readonly number[]): boolean {
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    const n = shape[i];
    if (n === 0) return true;
    if (n !== 1 && strides[i] !== step) return false;
    step *= n;
  }
  return true;
}

/** True when two indices may name the same element: a stride 0 on a size above 1, or windows that overlap. */
export function overlaps(layout: Layout): boolean {
  const dims = layout.shape
    .map((size, i) => ({ size, stride: Math.abs(layout.strides[i]) }))
    .filter((d) => d.size > 1)
    .sort((p, q) => p.stride - q.stride);
  let reach = 0;
  for (const { size, stride } of dims) {
    if (stride <= reach) return true;
    reach += (size - 1) * stride;
  }
  return false;
}

/** The strides with which a tensor of `shape` and `strides` can be seen as `next`, or undefined when only a copy will do. */
export function viewStrides(shape: Shape, strides: readonly number[], next: Shape): number[] | undefined {
  if (isContiguous(shape, strides)) return contiguousStrides(next);
  const out = new Array<number>(next.length);
  let to = next.length - 1;
  let chunk = 1; // elements in the run of old dims that are contiguous with each other
  let filled = 1; // elements of the new dims laid over that run
  let base = shape.length > 0 ? strides[shape.length - 1] : 1;
  for (let from = shape.length - 1; from >= 0; from--) {
    chunk *= shape[from];
    const boundary = from === 0 || (shape[from - 1] !== 1 && strides[from - 1] !== chunk * base);
    if (!boundary) continue;
    while (to >= 0 && (filled < chunk || next[to] === 1)) {
      out[to] = filled * base;
      filled *= next[to];
      to--;
    }
    if (filled !== chunk) return undefined;
    if (from > 0) {
      base = strides[from - 1];
      chunk = 1;
      filled = 1;
    }
  }
  return to < 0 ? out : undefined;
}

/** Merges neighbouring dimensions that every operand walks in one stride, so that kernels see as few loops as possible. */
export function collapse(shape: Shape, allStrides: readonly (readonly number[])[]): { shape: number[]; strides: number[][] } {
  const outShape: number[] = [];
  const outStrides: number[][] = allStrides.map(() => []);
  for (let i = 0; i < shape.length; i++) {
    const n = shape[i];
    if (n === 1) continue;
    const last = outShape.length - 1;
    if (last >= 0 && allStrides.every((strides, k) => outStrides[k][last] === strides[i] * n)) {
      outShape[last] *= n;
      allStrides.forEach((strides, k) => (outStrides[k][last] = strides[i]));
    } else {
      outShape.push(n);
      allStrides.forEach((strides, k) => outStrides[k].push(strides[i]));
    }
  }
  return { shape: outShape, strides: outStrides };
}
