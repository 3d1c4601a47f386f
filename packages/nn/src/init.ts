import {
  ArgumentError,
  checkInput,
  checkNumber,
  defaultGenerator,
  describe,
  fromNumbers,
  Generator,
  normalValues,
  permutationValues,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { orthonormalColumns } from './orthonormal.ts';
import { truncatedNormalValues } from './truncatedNormal.ts';

// Initializers change a tensor in place, without recording, from PyTorch's stream of random numbers, and return it.

interface InitOptions {
  /** The default generator when missing. */
  generator?: Generator | null;
}
interface RangeOptions extends InitOptions {
  /** The lower bound. */
  a?: number;
  /** The upper bound. */
  b?: number;
}
interface NormalOptions extends InitOptions {
  /** The mean, 0 by default. */
  mean?: number;
  /** The standard deviation, 1 by default. */
  std?: number;
}
interface GainOptions extends InitOptions {
  /** A factor on the values, 1 by default; see `calculateGain`. */
  gain?: number;
}

function checkGenerator(op: string, generator: Generator | null | undefined): Generator {
  if (generator === undefined || generator === null) return defaultGenerator;
  if (generator instanceof Generator) return generator;
  throw new ArgumentError({ op, expected: 'a Generator', received: describe(generator) });
}

const fillFrom = (x: Tensor, values: ArrayLike<number>): Tensor => noGrad(() => x.copy_(fromNumbers(values, x.shape, x.dtype, x.device)));

/** Uniform numbers in [a, b), by default [0, 1). */
export function uniform_(x: Tensor, ...args: Call<RangeOptions, ['a', 'b', 'generator']>): Tensor {
  checkInput('uniform_', x);
  const { a = 0, b = 1, ...rest } = readCall<RangeOptions>('uniform_', args, ['a', 'b', 'generator']);
  return noGrad(() => x.uniform_(a, b, rest));
}

/** Normal numbers, by default standard ones. */
export function normal_(x: Tensor, ...args: Call<NormalOptions, ['mean', 'std', 'generator']>): Tensor {
  checkInput('normal_', x);
  const { mean = 0, std = 1, ...rest } = readCall<NormalOptions>('normal_', args, ['mean', 'std', 'generator']);
  return noGrad(() => x.normal_(mean, std, rest));
}

/** Normal numbers that lie in [a, b], by default within 2 of 0: those outside are drawn again. */
export function truncNormal_(x: Tensor, ...args: Call<NormalOptions & RangeOptions, ['mean', 'std', 'a', 'b', 'generator']>): Tensor {
  checkInput('truncNormal_', x);
  const names = ['mean', 'std', 'a', 'b', 'generator'] as const;
  const { mean = 0, std = 1, a = -2, b = 2, generator } = readCall<NormalOptions & RangeOptions>('truncNormal_', args, names);
  if (!(std > 0) || !(a < b))
    throw new ArgumentError({ op: 'truncNormal_', expected: 'std > 0 and a < b', received: `std ${std}, a ${a}, b ${b}` });
  return fillFrom(x, truncatedNormalValues(x.count, x.dtype, checkGenerator('init', generator), { mean, std, a, b }));
}

/** One value everywhere. */
export const constant_ = (x: Tensor, value: number): Tensor => noGrad(() => checkInput('constant_', x).fill_(value));
/** 1 everywhere. */
export const ones_ = (x: Tensor): Tensor => constant_(x, 1);
/** 0 everywhere. */
export const zeros_ = (x: Tensor): Tensor => constant_(x, 0);

/** The identity matrix, so that a linear layer keeps as many inputs as it can. @throws ShapeError unless x has two dimensions */
export function eye_(x: Tensor): Tensor {
  checkInput('eye_', x);
  if (x.ndim !== 2) throw new ShapeError({ op: 'eye_', expected: 'a tensor of 2 dimensions', received: showShape(x.shape) });
  const [rows, columns] = x.shape;
  const values = new Float64Array(x.count);
  for (let i = 0; i < Math.min(rows, columns); i++) values[i * columns + i] = 1;
  return fillFrom(x, values);
}

/**
 * The Dirac delta for the weight of a convolution [Cout, Cin/groups, ...kernel]: each group keeps as many of its channels as it can.
 * @throws ShapeError unless x has 3, 4 or 5 dimensions, ArgumentError unless groups divides Cout
 */
export function dirac_(x: Tensor, ...args: Call<{ groups?: number }, ['groups']>): Tensor {
  checkInput('dirac_', x);
  const { groups = 1 } = readCall<{ groups?: number }>('dirac_', args, ['groups']);
  if (x.ndim < 3 || x.ndim > 5)
    throw new ShapeError({ op: 'dirac_', expected: 'a tensor of 3, 4 or 5 dimensions', received: showShape(x.shape) });
  const [out, channels, ...kernel] = x.shape;
  if (!Number.isInteger(groups) || groups < 1 || out % groups !== 0)
    throw new ArgumentError({ op: 'dirac_', expected: `groups that divides ${out}`, received: describe(groups) });
  const field = kernel.reduce((n, m) => n * m, 1);
  const centre = kernel.reduce((at, size) => at * size + Math.floor(size / 2), 0);
  const values = new Float64Array(x.count);
  const each = out / groups;
  for (let g = 0; g < groups; g++)
    for (let d = 0; d < Math.min(each, channels); d++) values[((g * each + d) * channels + d) * field + centre] = 1;
  return fillFrom(x, values);
}

export type Nonlinearity =
  | 'linear'
  | 'sigmoid'
  | 'tanh'
  | 'relu'
  | 'leaky_relu'
  | 'selu'
  | 'conv1d'
  | 'conv2d'
  | 'conv3d'
  | 'conv_transpose1d'
  | 'conv_transpose2d'
  | 'conv_transpose3d';

/** The factor by which a nonlinearity shrinks the standard deviation, to be made up for in the initialization. */
export function calculateGain(nonlinearity: Nonlinearity, parameter?: number): number {
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
    case 'conv_transpose1d':
    case 'conv_transpose2d':
    case 'conv_transpose3d':
      return 1;
    case 'tanh':
      return 5 / 3;
    case 'relu':
      return Math.SQRT2;
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + (parameter ?? 0.01) ** 2));
    case 'selu':
      return 0.75;
    default:
      throw new ArgumentError({ op: 'calculateGain', expected: 'a known nonlinearity', received: describe(nonlinearity satisfies never) });
  }
}

/** The inputs and outputs of one unit: sizes of dims 1 and 0, times the receptive field. @throws ShapeError below two dimensions. */
export function fanInAndOut(x: Tensor): { fanIn: number; fanOut: number } {
  if (checkInput('init', x).ndim < 2)
    throw new ShapeError({ op: 'init', expected: 'a tensor of at least 2 dimensions', received: showShape(x.shape) });
  const field = x.shape.slice(2).reduce((n, m) => n * m, 1);
  return { fanIn: x.shape[1] * field, fanOut: x.shape[0] * field };
}

/** Uniform in ±gain·√(6 / (fanIn + fanOut)). @see Glorot & Bengio 2010 */
export function xavierUniform_(x: Tensor, ...args: Call<GainOptions, ['gain', 'generator']>): Tensor {
  const { gain = 1, ...rest } = readCall<GainOptions>('xavierUniform_', args, ['gain', 'generator']);
  const { fanIn, fanOut } = fanInAndOut(x);
  const bound = Math.sqrt(3) * gain * Math.sqrt(2 / (fanIn + fanOut));
  return uniform_(x, -bound, bound, rest);
}

/** Normal with standard deviation gain·√(2 / (fanIn + fanOut)). @see Glorot & Bengio 2010 */
export function xavierNormal_(x: Tensor, ...args: Call<GainOptions, ['gain', 'generator']>): Tensor {
  const { gain = 1, ...rest } = readCall<GainOptions>('xavierNormal_', args, ['gain', 'generator']);
  const { fanIn, fanOut } = fanInAndOut(x);
  return normal_(x, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), rest);
}

/** Options of Kaiming initialization. */
export interface KaimingOptions extends InitOptions {
  /** The negative slope of a leaky ReLU. */
  a?: number;
  /** Whether the variance is kept forwards or backwards; PyTorch's spelling is understood too. */
  mode?: 'fanIn' | 'fanOut' | 'fan_in' | 'fan_out';
  /** The function that follows the layer and sets the gain; `leakyRelu` by default. */
  nonlinearity?: Nonlinearity;
}
const kaimingNames = ['a', 'mode', 'nonlinearity', 'generator'] as const;

function kaimingStd(x: Tensor, { a = 0, mode = 'fanIn', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  if (!['fanIn', 'fanOut', 'fan_in', 'fan_out'].includes(mode))
    throw new ArgumentError({ op: 'init', expected: "mode 'fanIn' or 'fanOut'", received: describe(mode) });
  const { fanIn, fanOut } = fanInAndOut(x);
  return calculateGain(nonlinearity, a) / Math.sqrt(mode === 'fanIn' || mode === 'fan_in' ? fanIn : fanOut);
}

/** Uniform in ±gain·√(3 / fan). @see He et al. 2015 */
export function kaimingUniform_(x: Tensor, ...args: Call<KaimingOptions, typeof kaimingNames>): Tensor {
  checkInput('kaimingUniform_', x);
  const options = readCall<KaimingOptions>('kaimingUniform_', args, kaimingNames);
  if (x.count === 0) return x;
  const bound = Math.sqrt(3) * kaimingStd(x, options);
  return uniform_(x, -bound, bound, { generator: options.generator ?? null });
}

/** Normal with standard deviation gain / √fan. @see He et al. 2015 */
export function kaimingNormal_(x: Tensor, ...args: Call<KaimingOptions, typeof kaimingNames>): Tensor {
  checkInput('kaimingNormal_', x);
  const options = readCall<KaimingOptions>('kaimingNormal_', args, kaimingNames);
  return x.count === 0 ? x : normal_(x, 0, kaimingStd(x, options), { generator: options.generator ?? null });
}

/**
 * Orthonormal rows or columns, whichever are fewer, times gain; dimensions after the first count as one.
 * @throws ShapeError below two dimensions
 * @see Saxe et al. 2013
 */
export function orthogonal_(x: Tensor, ...args: Call<GainOptions, ['gain', 'generator']>): Tensor {
  checkInput('orthogonal_', x);
  const { gain = 1, generator } = readCall<GainOptions>('orthogonal_', args, ['gain', 'generator']);
  checkNumber('orthogonal_', 'gain', gain);
  if (x.ndim < 2) throw new ShapeError({ op: 'orthogonal_', expected: 'a tensor of at least 2 dimensions', received: showShape(x.shape) });
  if (x.count === 0) return x;
  const [rows] = x.shape;
  const columns = x.count / rows;
  const drawn = normalValues(x.count, x.dtype, checkGenerator('init', generator));
  const q = rows < columns ? transposed(orthonormalColumns(transposed(drawn, rows, columns), columns, rows), columns, rows) : orthonormalColumns(drawn, rows, columns); // prettier-ignore
  return fillFrom(x, q.map((v) => v * gain)); // prettier-ignore
}

function transposed(values: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j];
  return out;
}

/** Options of sparse initialization. */
export interface SparseOptions extends InitOptions {
  /** The share of each column that is zero. */
  sparsity: number;
  /** The standard deviation of the rest, 0.01 by default. */
  std?: number;
}

/** Normal numbers, with a share of each column set to zero at random. @throws ShapeError unless x has two dimensions. @see Martens 2010 */
export function sparse_(x: Tensor, ...args: Call<SparseOptions, ['sparsity', 'std', 'generator']>): Tensor {
  checkInput('sparse_', x);
  const { sparsity, std = 0.01, generator } = readCall<SparseOptions>('sparse_', args, ['sparsity', 'std', 'generator']);
  if (x.ndim !== 2) throw new ShapeError({ op: 'sparse_', expected: 'a tensor of 2 dimensions', received: showShape(x.shape) });
  if (!(sparsity >= 0 && sparsity <= 1))
    throw new ArgumentError({ op: 'sparse_', expected: 'a sparsity between 0 and 1', received: describe(sparsity) });
  const [rows, columns] = x.shape;
  const values = normalValues(x.count, x.dtype, checkGenerator('init', generator), 0, std);
  const zeros = Math.ceil(sparsity * rows);
  for (let j = 0; j < columns; j++) {
    // The order of the rows comes from the default generator, as in PyTorch.
    const order = permutationValues(rows, defaultGenerator);
    for (let i = 0; i < zeros; i++) values[order[i] * columns + j] = 0;
  }
  return fillFrom(x, values);
}
