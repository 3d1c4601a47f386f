import {
  arange,
  ArgumentError,
  cat,
  checkTensor,
  describe,
  dispatch,
  dispatchOne,
  isFloat,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { averagePools } from './averagePooling.ts';
import { maxPools } from './pooling.ts';
import { product } from './size.ts';

/** The size of the result: a number for all dimensions or one for each; null keeps the input's. */
export type OutputSize = number | null | readonly (number | null)[];

/** The sizes that are asked for. @throws ShapeError or ArgumentError when input or sizes do not fit */
function outputSizes(op: string, dims: number, x: Tensor, size: unknown): number[] {
  if (x.ndim !== dims + 1 && x.ndim !== dims + 2)
    throw new ShapeError({ op, expected: `${dims + 1} or ${dims + 2} dimensions`, received: showShape(x.shape) });
  const spatial = x.shape.slice(x.ndim - dims);
  if (x.shape.slice(x.ndim - dims - 1).includes(0))
    throw new ShapeError({ op, expected: 'dimensions with elements after the batch', received: showShape(x.shape) });
  const list: readonly unknown[] = Array.isArray(size) ? size : new Array<unknown>(dims).fill(size);
  const sizes = list.map((n, i) => n ?? spatial[i]);
  if (size === undefined || sizes.length !== dims || sizes.some((n) => !Number.isInteger(n) || (n as number) < 0))
    throw new ArgumentError({ op, expected: `outputSize as an integer of at least 0, or ${dims} of them`, received: describe(size) });
  return sizes as number[];
}

/** Where the input of each output place lies: from ⌊i·n/o⌋ to ⌈(i + 1)·n/o⌉. */
const cells = (n: number, o: number): { start: number; length: number }[] =>
  Array.from({ length: o }, (_, i) => {
    const start = Math.floor((i * n) / o);
    return { start, length: Math.ceil(((i + 1) * n) / o) - start };
  });

/** The attributes of an ordinary pooling that does the same; undefined where the cells differ in size. */
function uniform(x: Tensor, output: readonly number[]) {
  const spatial = x.shape.slice(x.ndim - output.length);
  if (spatial.some((n, i) => output[i] === 0 || n % output[i] !== 0)) return undefined;
  const kernel = spatial.map((n, i) => n / output[i]);
  return { kernel, stride: kernel, padding: kernel.map(() => 0), dilation: kernel.map(() => 1), output };
}

function adaptiveAverage(dims: 1 | 2 | 3, x: Tensor, args: readonly unknown[]): Tensor {
  const op = `adaptiveAvgPool${dims}d`;
  checkTensor(op, 'input', x);
  const output = outputSizes(op, dims, x, readCall<{ outputSize: OutputSize }>(op, args, ['outputSize']).outputSize);
  const same = uniform(x, output);
  if (same !== undefined && isFloat(x.dtype))
    return dispatchOne(averagePools[dims], [x], { ...same, countIncludePad: true, divisorOverride: null });
  // The mean over a box is the mean of means along its dimensions.
  return output.reduce((y, o, i) => {
    const dim = x.ndim - dims + i;
    if (o === 0) return y.narrow(dim, 0, 0);
    return cat(cells(y.shape[dim], o).map(({ start, length }) => y.narrow(dim, start, length).mean(dim, { keepdim: true })), dim); // prettier-ignore
  }, x);
}

type AdaptiveCall = Call<{ outputSize: OutputSize }, ['outputSize']>;
/** The mean over as many cells of the last dimension as `outputSize` says. */
export const adaptiveAvgPool1d = (x: Tensor, ...args: AdaptiveCall): Tensor => adaptiveAverage(1, x, args);
/** The mean over cells of the last two dimensions; `outputSize` is the size of the result. */
export const adaptiveAvgPool2d = (x: Tensor, ...args: AdaptiveCall): Tensor => adaptiveAverage(2, x, args);
/** The mean over cells of the last three dimensions. */
export const adaptiveAvgPool3d = (x: Tensor, ...args: AdaptiveCall): Tensor => adaptiveAverage(3, x, args);

/** Options of adaptive max pooling. */
export interface AdaptiveMaxPoolOptions {
  /** Sizes of the spatial dimensions of the result; null keeps that of the input. */
  outputSize: OutputSize;
  /** Gives the place of each maximum as well; false by default. */
  returnIndices?: boolean;
}
type Names = ['outputSize', 'returnIndices'];
/** An adaptive max pooling function: a pair with `returnIndices: true`, else the values alone. */
export interface AdaptiveMaxPool {
  (x: Tensor, ...args: Call<AdaptiveMaxPoolOptions & { returnIndices: true }, Names>): [Tensor, Tensor];
  (x: Tensor, ...args: Call<AdaptiveMaxPoolOptions & { returnIndices?: false }, Names>): Tensor;
  (x: Tensor, ...args: Call<AdaptiveMaxPoolOptions, Names>): Tensor | [Tensor, Tensor];
}

function adaptiveMaximum(dims: 1 | 2 | 3): AdaptiveMaxPool {
  const op = `adaptiveMaxPool${dims}d`;
  const pool = (x: Tensor, ...args: unknown[]): Tensor | [Tensor, Tensor] => {
    checkTensor(op, 'input', x);
    const options = readCall<AdaptiveMaxPoolOptions>(op, args, ['outputSize', 'returnIndices']);
    const output = outputSizes(op, dims, x, options.outputSize);
    const same = uniform(x, output);
    const [values, indices] = same === undefined ? maximaOfCells(x, output) : dispatch(maxPools[dims], [x], same);
    return options.returnIndices ? [values, indices] : values;
  };
  return pool as AdaptiveMaxPool;
}

/** Maxima along one dimension after the other, from the last: the first of equals in row-major order wins. */
function maximaOfCells(x: Tensor, output: readonly number[]): [Tensor, Tensor] {
  const dims = output.length;
  const spatial = x.shape.slice(x.ndim - dims);
  let values = x;
  let places = arange(product(spatial), { dtype: 'int32', device: x.device }).reshape(spatial).expand(x.shape);
  for (let dim = x.ndim - 1; dim >= x.ndim - dims; dim--) {
    const o = output[dim - (x.ndim - dims)];
    if (o === 0) {
      [values, places] = [values.narrow(dim, 0, 0), places.narrow(dim, 0, 0)];
      continue;
    }
    const current = values;
    const picks = cells(current.shape[dim], o).map(({ start, length }) =>
      current.detach().narrow(dim, start, length).argmax(dim, { keepdim: true }).add(start),
    );
    const pick = cat(picks, dim);
    [values, places] = [values.gather(dim, pick), places.gather(dim, pick)];
  }
  return [values, places];
}

/** The maximum over as many cells of the last dimension as `outputSize` says. */
export const adaptiveMaxPool1d: AdaptiveMaxPool = /* @__PURE__ */ adaptiveMaximum(1);
/** The maximum over cells of the last two dimensions; `outputSize` is the size of the result. */
export const adaptiveMaxPool2d: AdaptiveMaxPool = /* @__PURE__ */ adaptiveMaximum(2);
/** The maximum over cells of the last three dimensions. */
export const adaptiveMaxPool3d: AdaptiveMaxPool = /* @__PURE__ */ adaptiveMaximum(3);
