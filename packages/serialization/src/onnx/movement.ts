import type { DType } from '@flambeau/core';
import { bareValue, equalShapes, type Conversion } from './conversion.ts';
import type { ConverterTable } from './converters.ts';
import { isStatic, type Size } from './sizes.ts';

type Convert = (c: Conversion) => void;

/** The output is the input under another name. */
const same: Convert = (c) => {
  c.outputs[0].name = c.inputs[0].name;
  c.outputs[0].expands = c.inputs[0].name === undefined ? bareValue(c.inputs[0]) : undefined;
};

const axes = (c: Conversion, list: readonly number[]): string => c.graph.numbers(list, 'int64');

/** Reads the elements of a flattened tensor by constant places: any view of a tensor whose shape is fixed. */
function gatherFlat(c: Conversion, places: readonly number[], shape: readonly number[]): void {
  const flat = c.graph.one('Reshape', [c.input(), axes(c, [-1])]);
  const list = c.graph.constant('places', shape, 'int64', new Uint8Array(BigInt64Array.from(places, BigInt).buffer));
  c.node('Gather', [flat, list], { axis: 0 });
}

/** The place of every element of a layout. */
export function placesOf(shape: readonly number[], strides: readonly number[], offset: number): number[] {
  let places = [offset];
  shape.forEach((size, d) => {
    places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * strides[d]));
  });
  return places;
}

const rowMajor = (shape: readonly number[]): number[] => shape.map((_, i) => shape.slice(i + 1).reduce((n, m) => n * m, 1));

function reshape(c: Conversion): void {
  const { shape } = c.outputs[0];
  const varying = shape.filter((size) => !isStatic(size)).length;
  // One size that follows the input is whatever is left over.
  const sizes: readonly Size[] = varying === 1 && !shape.includes(0) ? shape.map((size) => (isStatic(size) ? size : -1)) : shape;
  c.node('Reshape', [c.input(), c.graph.sizes(sizes, c.op)], { allowzero: shape.includes(0) ? 1 : 0 });
}

/** An index that is the last of its axis in both traces counts from the end. */
function select(c: Conversion): void {
  const dim = c.number('dim');
  const index = c.sizeOf('index');
  const size = c.inputs[0].shape[dim];
  const fromEnd = !isStatic(index) && !isStatic(size) && size.values[0] - index.values[0] === size.values[1] - index.values[1];
  const place = isStatic(index)
    ? c.graph.numbers(index, 'int64')
    : fromEnd
      ? c.graph.numbers(index.values[0] - size.values[0], 'int64')
      : c.graph.one('Squeeze', [c.graph.size(index, c.op)]);
  c.node('Gather', [c.input(), place], { axis: dim });
}

function slice(c: Conversion): void {
  const dim = c.number('dim');
  const step = c.number('step');
  const [start, length, size] = [c.sizeOf('start'), c.sizeOf('length'), c.inputs[0].shape[dim]];
  const ends = [0, 1].map((i) => {
    const at = (value: Size): number => (isStatic(value) ? value : value.values[i]);
    return { reach: at(start) + at(length) * step, whole: at(start) + at(length) * step >= at(size) };
  });
  const varies = !isStatic(start) || !isStatic(length);
  const end =
    varies && ends.every(({ whole }) => whole)
      ? axes(c, [Infinity])
      : isStatic(start) && isStatic(length)
        ? axes(c, [ends[0].reach])
        : c.graph.one('Add', [c.graph.size(start, c.op), c.graph.one('Mul', [c.graph.size(length, c.op), axes(c, [step])])]);
  c.node('Slice', [c.input(), c.graph.size(start, c.op), end, axes(c, [dim]), axes(c, [step])]);
}

/** Windows of `size` elements: a gather by [windows, size] places, and the size moved to the end. */
function unfold(c: Conversion): void {
  const [dim, size, step] = [c.number('dim'), c.number('size'), c.number('step')];
  const dilation = c.attrs['dilation'] === undefined ? 1 : c.number('dilation');
  const windows = c.fixed(c.outputs[0].shape[dim], 'number of windows');
  const places = placesOf([windows, size], [step, dilation], 0);
  const list = c.graph.constant('places', [windows, size], 'int64', new Uint8Array(BigInt64Array.from(places, BigInt).buffer));
  const gathered = c.graph.one('Gather', [c.input(), list], { axis: dim });
  const rank = c.inputs[0].shape.length + 1;
  const order = Array.from({ length: rank }, (_, i) => i).filter((i) => i !== dim + 1);
  c.node('Transpose', [gathered], { perm: [...order, dim + 1] });
}

/** Adds elements into a layout of zeros. */
function fold(c: Conversion): void {
  const shape = c.numbers('shape');
  const places = placesOf(c.fixedShape(c.inputs[0]), c.numbers('strides'), c.number('offset'));
  const zeros = full(c, [shape.reduce((n, m) => n * m, 1)], 0, c.dtype);
  const flat = c.graph.one('Reshape', [c.input(), axes(c, [-1])]);
  const folded = c.graph.one('ScatterElements', [zeros, axes(c, places), flat], { axis: 0, reduction: 'add' });
  c.node('Reshape', [folded, axes(c, shape)]);
}

function diagonal(c: Conversion): void {
  const shape = c.fixedShape(c.inputs[0]);
  const strides = rowMajor(shape);
  const [offset, first, second] = [c.number('offset'), c.number('dim1'), c.number('dim2')];
  const rest = shape.map((_, i) => i).filter((i) => i !== first && i !== second);
  const layout = [...rest.map((i) => strides[i]), strides[first] + strides[second]];
  const out = c.fixedShape(c.outputs[0]);
  gatherFlat(c, placesOf(out, layout, offset >= 0 ? offset * strides[second] : -offset * strides[first]), out);
}

/** A tensor of one value. */
function full(c: Conversion, shape: readonly Size[], value: Size, dtype: DType): string {
  const number = isStatic(value) ? c.graph.scalar(value, dtype) : c.scalar(0, dtype);
  return shape.length === 0 ? number : c.graph.one('Expand', [number, c.graph.sizes(shape, c.op)]);
}

const scatter =
  (reduction: string): Convert =>
  (c) =>
    c.node('ScatterElements', [c.input(0), c.input(1), c.input(2)], { axis: c.number('dim'), ...(reduction !== 'none' && { reduction }) });

/** Ops that move elements. */
export const movement: ConverterTable = {
  clone: same,
  alias: same,
  detach: same,
  view: reshape,
  expand(c) {
    if (equalShapes(c.inputs[0].shape, c.outputs[0].shape)) same(c);
    else c.outputs[0].expands = c.inputs[0];
  },
  permute: (c) => c.node('Transpose', [c.input()], { perm: c.numbers('dims') }),
  unsqueeze: (c) => c.node('Unsqueeze', [c.input(), axes(c, [c.number('dim')])]),
  squeeze: (c) => c.node('Squeeze', [c.input(), axes(c, c.numbers('dims'))]),
  select,
  slice,
  unfold,
  fold,
  diagonal,
  asStrided(c) {
    const shape = c.numbers('shape');
    gatherFlat(c, placesOf(shape, c.numbers('strides'), c.number('offset')), shape);
  },
  flip(c) {
    const dims = c.numbers('dims');
    const all = (value: number): string => axes(c, dims.map(() => value)); // prettier-ignore
    c.node('Slice', [c.input(), all(-1), all(-Infinity), axes(c, dims), all(-1)]);
  },
  cat: (c) => c.node('Concat', c.inputs.map((_, i) => c.input(i)), { axis: c.number('dim') }), // prettier-ignore
  pad: (c) =>
    c.node('Pad', [c.input(), c.graph.sizes([...c.sizesOf('before'), ...c.sizesOf('after')], c.op), c.scalar(0, c.dtype)], {
      mode: 'constant',
    }),
  full: (c) => c.output(full(c, c.outputs[0].shape, c.scalars[0], c.outputs[0].dtype)),
  arange(c) {
    const [start, step] = c.scalars.map((value) => c.fixed(value, 'start and step'));
    const { dtype, shape: [count] } = c.outputs[0]; // prettier-ignore
    const numbers = c.graph.one('Range', [
      c.graph.numbers(0, 'int64'),
      c.graph.one('Squeeze', [c.graph.size(count, c.op)]),
      c.graph.numbers(1, 'int64'),
    ]);
    const wide = c.graph.cast(numbers, 'float64');
    const scaled = c.graph.one('Add', [c.graph.one('Mul', [wide, c.graph.numbers(step, 'float64')]), c.graph.numbers(start, 'float64')]);
    c.output(c.graph.cast(scaled, dtype));
  },
  gather: (c) => c.node('GatherElements', [c.input(0), c.input(1)], { axis: c.number('dim') }),
  indexSelect: (c) => c.node('Gather', [c.input(0), c.input(1)], { axis: c.number('dim') }),
  embedding: (c) => c.node('Gather', [c.input(0), c.input(1)], { axis: 0 }),
  scatter_set: scatter('none'),
  scatter_add: scatter('add'),
  scatter_prod: scatter('mul'),
  scatter_max: scatter('max'),
  scatter_min: scatter('min'),
};
