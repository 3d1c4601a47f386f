import {
  ArgumentError,
  checkTensor,
  defaultGenerator,
  describe,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Generator,
  type Tensor,
  valuesNow,
} from '@flambeau/core';
import { product, spread, type Size } from './size.ts';

/** Options of fractional max pooling; exactly one of `outputSize` and `outputRatio` is given. */
export interface FractionalMaxPoolOptions {
  /** The size of the window. */
  kernelSize: Size;
  /** The spatial sizes of the result. */
  outputSize?: Size | null;
  /** The size of the result over the input's, between 0 and 1. */
  outputRatio?: Size | null;
  /** Gives the place of each maximum as well; false by default. */
  returnIndices?: boolean;
  /** The random numbers that place the windows, shape [N, C, dims]; drawn when missing. */
  randomSamples?: Tensor | null;
  /** Where the random numbers come from; the default generator when missing. */
  generator?: Generator;
}
type Names = ['kernelSize', 'outputSize', 'outputRatio', 'returnIndices', 'randomSamples'];
const names = ['kernelSize', 'outputSize', 'outputRatio', 'returnIndices', 'randomSamples'] as const;

/** A fractional max pooling function: a pair with `returnIndices: true`, else the values alone. */
export interface FractionalMaxPool {
  (x: Tensor, ...args: Call<FractionalMaxPoolOptions & { returnIndices: true }, Names>): [Tensor, Tensor];
  (x: Tensor, ...args: Call<FractionalMaxPoolOptions & { returnIndices?: false }, Names>): Tensor;
  (x: Tensor, ...args: Call<FractionalMaxPoolOptions, Names>): Tensor | [Tensor, Tensor];
}

/** Where the windows of one dimension begin: pseudo-random steps of ⌊α⌋ or ⌈α⌉, the last window at the end. */
function starts(sample: number, n: number, output: number, kernel: number): number[] {
  const alpha = output > 1 ? (n - kernel) / (output - 1) : 0;
  const offset = Math.trunc(sample * alpha);
  return Array.from({ length: output }, (_, i) => (i === output - 1 ? n - kernel : Math.trunc((i + sample) * alpha) - offset));
}

function chosenOutput(
  op: string,
  dims: number,
  spatial: readonly number[],
  { outputSize, outputRatio }: FractionalMaxPoolOptions,
): number[] {
  const [sized, scaled] = [outputSize ?? undefined, outputRatio ?? undefined];
  if ((sized === undefined) === (scaled === undefined))
    throw new ArgumentError({ op, expected: 'one of outputSize and outputRatio', received: sized === undefined ? 'neither' : 'both' });
  if (sized !== undefined) return spread(op, 'outputSize', sized, dims, 1);
  const ratios = typeof scaled === 'number' ? new Array<number>(dims).fill(scaled) : (scaled as readonly number[]);
  if (!Array.isArray(ratios) || ratios.length !== dims || ratios.some((r) => !(r > 0 && r < 1)))
    throw new ArgumentError({ op, expected: `outputRatio between 0 and 1, or ${dims} of them`, received: describe(outputRatio) });
  return spatial.map((n, i) => Math.trunc(n * ratios[i]));
}

function checkSamples(op: string, dims: number, samples: Tensor, lead: readonly number[]): void {
  if (samples.ndim !== 3 || samples.shape[0] < lead[0] || samples.shape[1] !== lead[1] || samples.shape[2] !== dims) {
    throw new ShapeError({
      op,
      expected: `randomSamples of shape ${showShape([...lead, dims])}, or for a larger batch`,
      received: showShape(samples.shape),
    });
  }
}

function fractionalMaxPooling(dims: 2 | 3): FractionalMaxPool {
  const op = `fractionalMaxPool${dims}d`;
  const pool = (x: Tensor, ...args: unknown[]): Tensor | [Tensor, Tensor] => {
    checkTensor(op, 'input', x);
    const options = readCall<FractionalMaxPoolOptions>(op, args, names, ['generator']);
    if (x.ndim !== dims + 1 && x.ndim !== dims + 2)
      throw new ShapeError({ op, expected: `${dims + 1} or ${dims + 2} dimensions`, received: showShape(x.shape) });
    const kernel = spread(op, 'kernelSize', options.kernelSize, dims, 1);
    const spatial = x.shape.slice(x.ndim - dims);
    if (x.shape.slice(x.ndim - dims - 1).includes(0))
      throw new ShapeError({ op, expected: 'dimensions with elements after the batch', received: showShape(x.shape) });
    const output = chosenOutput(op, dims, spatial, options);
    if (output.some((o, i) => o < 1 || o + kernel[i] - 1 > spatial[i]))
      throw new ShapeError({
        op,
        expected: 'a result and a kernel that fit into the input',
        received: `${showShape(output)} with a kernel ${showShape(kernel)} over ${showShape(x.shape)}`,
      });
    const lead = x.ndim === dims + 1 ? [1, x.shape[0]] : x.shape.slice(0, 2);
    const samples = options.randomSamples ?? undefined;
    if (samples !== undefined) checkSamples(op, dims, samples, lead);
    const generator = options.generator ?? defaultGenerator;
    const numbers = (samples && valuesNow(op, samples)) ?? Float64Array.from({ length: product(lead) * dims }, () => generator.uniform24());
    const [values, indices] = maximaAt(x, product(lead), spatial, kernel, output, (plane, dim) => {
      // PyTorch takes the samples of two dimensions from the last, those of three from the first.
      const which = dims === 2 ? dims - 1 - dim : dim;
      return starts(Number(numbers[plane * dims + which]), spatial[dim], output[dim], kernel[dim]);
    });
    return options.returnIndices ? [values, indices] : values;
  };
  return pool as FractionalMaxPool;
}

/** Maxima of windows that begin at `begin(plane, dim)`, by a table of the places of each window's elements. */
function maximaAt(
  x: Tensor,
  planes: number,
  spatial: readonly number[],
  kernel: readonly number[],
  output: readonly number[],
  begin: (plane: number, dim: number) => number[],
): [Tensor, Tensor] {
  const [windowCount, windowSize] = [product(output), product(kernel)];
  const places = new Int32Array(planes * windowCount * windowSize);
  let next = 0;
  for (let plane = 0; plane < planes; plane++) {
    // Dimension after dimension: the flat places of all windows (outer) and of their elements (inner).
    let windows = [0];
    let inside = [0];
    spatial.forEach((n, dim) => {
      const from = begin(plane, dim);
      windows = windows.flatMap((base) => from.map((start) => base * n + start));
      inside = inside.flatMap((base) => Array.from({ length: kernel[dim] }, (_, k) => base * n + k));
    });
    for (const window of windows) for (const place of inside) places[next++] = window + place;
  }
  const table = x.newInt32(places).reshape([planes, windowCount, windowSize]);
  const found = x.detach().reshape([planes, product(spatial)]).gather(1, table.flatten(1)).reshape(table.shape).argmax(2, { keepdim: true }); // prettier-ignore
  const chosen = table.gather(2, found).squeeze(2);
  const shape = [...x.shape.slice(0, x.ndim - spatial.length), ...output];
  return [x.reshape([planes, product(spatial)]).gather(1, chosen).reshape(shape), chosen.reshape(shape)]; // prettier-ignore
}

/** Max pooling over windows at pseudo-random places, to any size below the input's. @see Graham 2015 */
export const fractionalMaxPool2d: FractionalMaxPool = /* @__PURE__ */ fractionalMaxPooling(2);
/** Fractional max pooling over the last three dimensions. */
export const fractionalMaxPool3d: FractionalMaxPool = /* @__PURE__ */ fractionalMaxPooling(3);
