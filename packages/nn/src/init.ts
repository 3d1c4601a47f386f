import { ArgumentError, describe, ShapeError, showShape, type Generator, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';

// Initializers change a tensor in place, without recording, from PyTorch's stream of random numbers.

interface InitOptions {
  generator?: Generator;
}

/** Uniform numbers in [a, b). */
export const uniform_ = (x: Tensor, a = 0, b = 1, options?: InitOptions): Tensor => noGrad(() => x.uniform_(a, b, options));
/** Normal numbers. */
export const normal_ = (x: Tensor, mean = 0, std = 1, options?: InitOptions): Tensor => noGrad(() => x.normal_(mean, std, options));
/** One value everywhere. */
export const constant_ = (x: Tensor, value: number): Tensor => noGrad(() => x.fill_(value));
export const ones_ = (x: Tensor): Tensor => constant_(x, 1);
export const zeros_ = (x: Tensor): Tensor => constant_(x, 0);

export type Nonlinearity = 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu' | 'conv1d' | 'conv2d' | 'conv3d';

/** The factor by which a nonlinearity shrinks the standard deviation, to be made up for in the initialization. */
export function calculateGain(nonlinearity: Nonlinearity, parameter?: number): number {
  switch (nonlinearity) {
    case 'linear':
    case 'sigmoid':
    case 'conv1d':
    case 'conv2d':
    case 'conv3d':
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
  if (x.ndim < 2) throw new ShapeError({ op: 'init', expected: 'a tensor of at least 2 dimensions', received: showShape(x.shape) });
  const field = x.shape.slice(2).reduce((n, m) => n * m, 1);
  return { fanIn: x.shape[1] * field, fanOut: x.shape[0] * field };
}

/** Uniform in ±gain·√(6 / (fanIn + fanOut)). @see Glorot & Bengio 2010 */
export function xavierUniform_(x: Tensor, gain = 1, options?: InitOptions): Tensor {
  const { fanIn, fanOut } = fanInAndOut(x);
  const bound = Math.sqrt(3) * gain * Math.sqrt(2 / (fanIn + fanOut));
  return uniform_(x, -bound, bound, options);
}

/** Normal with standard deviation gain·√(2 / (fanIn + fanOut)). @see Glorot & Bengio 2010 */
export function xavierNormal_(x: Tensor, gain = 1, options?: InitOptions): Tensor {
  const { fanIn, fanOut } = fanInAndOut(x);
  return normal_(x, 0, gain * Math.sqrt(2 / (fanIn + fanOut)), options);
}

/** Options of Kaiming initialization. `a` is the negative slope of a leaky ReLU. */
export interface KaimingOptions extends InitOptions {
  a?: number;
  mode?: 'fanIn' | 'fanOut';
  nonlinearity?: Nonlinearity;
}

function kaimingStd(x: Tensor, { a = 0, mode = 'fanIn', nonlinearity = 'leaky_relu' }: KaimingOptions): number {
  return calculateGain(nonlinearity, a) / Math.sqrt(fanInAndOut(x)[mode]);
}

/** Uniform in ±gain·√(3 / fan). @see He et al. 2015 */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  if (x.count === 0) return x;
  const bound = Math.sqrt(3) * kaimingStd(x, options);
  return uniform_(x, -bound, bound, options);
}

/** Normal with standard deviation gain / √fan. @see He et al. 2015 */
export function kaimingNormal_(x: Tensor, options: KaimingOptions = {}): Tensor {
  return x.count === 0 ? x : normal_(x, 0, kaimingStd(x, options), options);
}
