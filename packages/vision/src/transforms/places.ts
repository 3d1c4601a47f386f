import { defineOp, dispatchOne, numel, type Op, type Operand, type RequiredKernels, type Shape, type Tensor } from '@flambeau/core';

// What crops and mirrors do to an image is separable: every row and every column of the result comes from one of the image, or is padding. So
// several of them are one copy of each image.

/** Along a dimension, `count` elements: those from `inside` to `end` come from the places `from`, `from + step` and so on, the others are padding. */
export interface Span {
  readonly count: number;
  readonly inside: number;
  readonly end: number;
  readonly from: number;
  readonly step: 1 | -1;
}

/** Where the rows and columns of a result come from. */
export interface Places {
  readonly rows: Span;
  readonly columns: Span;
}

const all = (count: number): Span => ({ count, inside: 0, end: count, from: 0, step: 1 });

/** An image as it is. */
export const allPlaces = (height: number, width: number): Places => ({ rows: all(height), columns: all(width) });

/** `count` elements from `start`, which may lie before the first or reach behind the last. */
export function cut(span: Span, start: number, count: number): Span {
  const inside = Math.min(Math.max(span.inside - start, 0), count);
  const end = Math.max(inside, Math.min(span.end - start, count));
  return { count, inside, end, from: span.from + span.step * (start + inside - span.inside), step: span.step };
}

/** The same in the other direction. */
export const mirrored = ({ count, inside, end, from, step }: Span): Span => ({
  count,
  inside: count - end,
  end: count - inside,
  from: from + step * (end - inside - 1),
  step: step === 1 ? -1 : 1,
});

interface Rearrangement {
  /** One for each image. */
  readonly places: readonly Places[];
  readonly fill: number;
  /** Height and width of the images before. */
  readonly size: readonly [number, number];
}

/** Image `n` of [N, C, H, W] from a row and a column on. */
function part(x: Operand, n: number, shape: Shape, row: number, column: number, rowStep: number, columnStep: number): Operand {
  const [images, channels, rows, columns] = x.strides;
  return {
    storage: x.storage,
    dtype: x.dtype,
    count: shape[0] * shape[1] * shape[2],
    shape,
    strides: [channels, rows * rowStep, columns * columnStep],
    offset: x.offset + n * images + row * rows + column * columns,
  };
}

/** Copies the part of each image that is no padding, to where it belongs or back. */
function copyParts(k: RequiredKernels, before: Operand, after: Operand, places: readonly Places[], back: boolean): void {
  for (const [n, { rows, columns }] of places.entries()) {
    const shape = [after.shape[1], rows.end - rows.inside, columns.end - columns.inside];
    if (shape[0] * shape[1] * shape[2] === 0) continue;
    const from = part(before, n, shape, rows.from, columns.from, rows.step, columns.step);
    const to = part(after, n, shape, rows.inside, columns.inside, 1, 1);
    if (back) k.copy(to, from);
    else k.copy(from, to);
  }
}

const rearrangeOp: Op<Rearrangement> = defineOp({
  name: 'rearrange',
  moves: true,
  infer: ([x], { places }) => [{ shape: [...x.shape.slice(0, 2), places[0].rows.count, places[0].columns.count], dtype: x.dtype }],
  kernel(k, [x], [out], { places, fill }) {
    k.fill(out, fill);
    copyParts(k, x, out, places, false);
  },
  vjp: ({ cotangents: [g], attrs }) => [g && dispatchOne(putBackOp, [g], attrs)],
});

/** The gradient of `rearrange`. */
const putBackOp: Op<Rearrangement> = defineOp({
  name: 'rearrangeGrad',
  moves: true,
  infer: ([g], { size }) => [{ shape: [...g.shape.slice(0, 2), ...size], dtype: g.dtype }],
  kernel(k, [g], [out], { places }) {
    k.fill(out, 0);
    copyParts(k, out, g, places, true);
  },
  vjp: ({ cotangents: [g], attrs }) => [g && dispatchOne(rearrangeOp, [g], { ...attrs, fill: 0 })],
});

/** Images [N, ..., H, W] with their rows and columns in other places, which are padded with `fill`. All results have one size. */
export function rearrange(images: Tensor, places: readonly Places[], fill: number): Tensor {
  if (places.length === 0) return images;
  const [height, width] = [images.size(-2), images.size(-1)];
  const flat = images.ndim === 4 ? images : images.reshape([images.size(0), numel(images.shape.slice(1, -2)), height, width]);
  const made = dispatchOne(rearrangeOp, [flat], { places, fill, size: [height, width] });
  return images.ndim === 4 ? made : made.reshape([...images.shape.slice(0, -2), made.size(-2), made.size(-1)]);
}
