import {
  ArgumentError,
  bernoulliValues,
  checkTensor,
  defaultGenerator,
  describe,
  fromNumbers,
  rand,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Generator,
  type Tensor,
} from '@flambeau/core';
import { apply, type InPlaceOption } from './inplace.ts';

interface DropoutOptions extends InPlaceOption {
  /** The probability of zero, 0.5 by default. */
  p?: number;
  /** False gives the input as it is; true by default. */
  training?: boolean;
  /** Where the random numbers come from; the default generator when missing. */
  generator?: Generator;
}
const dropoutNames = ['p', 'training', 'inplace'] as const;
type DropoutCall = Call<DropoutOptions, ['p', 'training', 'inplace']>;

/** Reads the options of the dropout family; undefined `keep` says that the input passes through. */
function readDropout(op: string, x: Tensor, args: readonly unknown[], training: boolean): Required<DropoutOptions> {
  checkTensor(op, 'input', x);
  const read = {
    p: 0.5,
    training,
    inplace: false,
    generator: defaultGenerator,
    ...readCall<DropoutOptions>(op, args, dropoutNames, ['generator']),
  };
  if (typeof read.p !== 'number' || !(read.p >= 0 && read.p <= 1))
    throw new ArgumentError({ op, expected: 'a probability between 0 and 1', received: describe(read.p) });
  return read;
}

/** 1 with probability `1 - p`, else 0: an input of what follows, so that a recorded step can be replayed with a new one. */
function keepMask(x: Tensor, shape: readonly number[], p: number, generator: Generator): Tensor {
  if (x.device.randomSource === 'device') return rand(shape, { device: x.device, generator }).lt(1 - p).to(x.dtype); // prettier-ignore
  const count = shape.reduce((n, m) => n * m, 1);
  const order = shape === x.shape ? memoryOrder(x) : undefined;
  const values = bernoulliValues(count, generator, 1 - p);
  if (order === undefined) return fromNumbers(values, shape, x.dtype, x.device);
  const back = order.map((_, d) => order.indexOf(d));
  return fromNumbers(values, order.map((d) => shape[d]), x.dtype, x.device).permute(back); // prettier-ignore
}

/** The dims of a transposed tensor from the longest stride to the shortest: PyTorch fills a mask in that order. Undefined for row-major ones. */
function memoryOrder(x: Tensor): number[] | undefined {
  if (x.isContiguous() || x.strides.includes(0)) return undefined;
  return x.shape.map((_, d) => d).sort((a, b) => x.strides[b] - x.strides[a] || a - b); // prettier-ignore
}

/** Zeroes and scales by a mask of a shape that broadcasts to that of x. */
function drop(x: Tensor, shape: readonly number[], { p, training, inplace, generator }: Required<DropoutOptions>): Tensor {
  if (!training || p === 0 || x.count === 0) return x;
  return apply(x, inplace, (y) => (p === 1 ? y.mul(0) : y.mul(keepMask(y, shape, p, generator).div(1 - p))));
}

/**
 * Zeroes elements with probability p and scales the rest by 1/(1 - p); passes through when not training.
 * @see Srivastava et al. 2014
 */
export const dropout = (x: Tensor, ...args: DropoutCall): Tensor => {
  const options = readDropout('dropout', x, args, true);
  return drop(x, x.shape, options);
};

/** Drops whole channels of an input [N, C, ...S], or of [C, ...S] where `dims` spatial dimensions tell the two apart. */
function dropChannels(op: string, dims: number, x: Tensor, args: readonly unknown[]): Tensor {
  const options = readDropout(op, x, args, true);
  if (x.ndim < 2 || (dims === 1 && x.ndim > 3))
    throw new ShapeError({ op, expected: `an input of ${dims + 1} or ${dims + 2} dimensions`, received: showShape(x.shape) });
  // PyTorch reads three dimensions of dropout2d as [N, C, L].
  const batched = dims === 2 || x.ndim !== dims + 1;
  return drop(x, x.shape.map((n, i) => (i < (batched ? 2 : 1) ? n : 1)), options); // prettier-ignore
}
/** Zeroes whole channels of [N, C, L] or [C, L] with probability p. @see Tompson et al. 2015 */
export const dropout1d = (x: Tensor, ...args: DropoutCall): Tensor => dropChannels('dropout1d', 1, x, args);
/** Zeroes whole channels of [N, C, H, W] with probability p. */
export const dropout2d = (x: Tensor, ...args: DropoutCall): Tensor => dropChannels('dropout2d', 2, x, args);
/** Zeroes whole channels of [N, C, D, H, W] or [C, D, H, W] with probability p. */
export const dropout3d = (x: Tensor, ...args: DropoutCall): Tensor => dropChannels('dropout3d', 3, x, args);

// The value that a dropped element takes is that of selu far below 0, up to its sign: scale·α.
const saturation = 1.0507009873554805 * 1.6732632423543772;

function alphaDrop(x: Tensor, shape: readonly number[], { p, training, inplace, generator }: Required<DropoutOptions>): Tensor {
  if (!training || p === 0 || x.count === 0) return x;
  if (p === 1) return apply(x, inplace, (y) => y.mul(0));
  // Mean and variance stay: y = a·x where kept, -saturation·a elsewhere, and a shift of saturation·a·p.
  const a = 1 / Math.sqrt((saturation ** 2 * p + 1) * (1 - p));
  const mask = keepMask(x, shape, p, generator);
  const shift = mask.sub(1).mul(saturation * a).add(saturation * a * p); // prettier-ignore
  return apply(x, inplace, (y) => y.mul(mask.mul(a)).add(shift));
}

/** Dropout that keeps mean 0 and variance 1, for selu; by default it passes through (`training: false`). @see Klambauer et al. 2017 */
export function alphaDropout(x: Tensor, ...args: DropoutCall): Tensor {
  const options = readDropout('alphaDropout', x, args, false);
  return alphaDrop(x, x.shape, options);
}

/** `alphaDropout` of whole channels (dim 1). */
export function featureAlphaDropout(x: Tensor, ...args: DropoutCall): Tensor {
  const options = readDropout('featureAlphaDropout', x, args, false);
  if (options.training && x.ndim < 2)
    throw new ShapeError({ op: 'featureAlphaDropout', expected: 'at least 2 dimensions', received: showShape(x.shape) });
  return alphaDrop(x, x.shape.map((n, i) => (i < 2 ? n : 1)), options); // prettier-ignore
}
