import { readCall, type Call } from '../call.ts';
import { checkInteger, checkNumber } from '../checks.ts';
import { checkDType, isFloat } from '../dtype.ts';
import { DTypeError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';
import { arange, asLeaf, ones, type TensorOptions } from './creation.ts';
import { cat } from './joining.ts';
import { creationKeywords } from './keywords.ts';
import { narrow } from './slicing.ts';

// Windows of signal processing: weights that fall towards the ends of a stretch of samples.

/** What every window function takes. */
export interface WindowOptions extends TensorOptions {
  /** How many weights there are. */
  windowLength: number;
  /** True (the default) for the window of a spectrum: the first `windowLength` of one that is longer by one. False for a symmetric one. */
  periodic?: boolean;
}

/** Makes a window from the places 0, 1, ... n - 1 of its weights. */
function makeWindow(op: string, all: WindowOptions, weights: (places: Tensor, n: number) => Tensor): Tensor {
  const { windowLength, periodic = true, requiresGrad, ...options } = all;
  const length = checkInteger(op, 'windowLength', windowLength, 0);
  const dtype = checkDType(op, options.dtype ?? 'float32');
  if (!isFloat(dtype)) throw new DTypeError({ op, expected: 'a float dtype', received: dtype });
  if (length <= 1) return ones([length], { ...options, dtype, ...(requiresGrad !== undefined && { requiresGrad }) });
  const n = periodic ? length + 1 : length;
  const made = weights(arange(n, { ...options, dtype }), n);
  return asLeaf(periodic ? narrow(made, 0, 0, length).clone() : made, requiresGrad === undefined ? {} : { requiresGrad });
}

/** `½ - ½·cos(2πi/(n - 1))`, float32 unless `dtype` says otherwise. @throws DTypeError for a dtype that is no float */
export function hannWindow(...args: Call<WindowOptions, ['windowLength', 'periodic']>): Tensor {
  const all = readCall<WindowOptions>('hannWindow', args, ['windowLength', 'periodic'], creationKeywords);
  return makeWindow('hannWindow', all, (i, n) => i.mul((2 * Math.PI) / (n - 1)).cos().mul(-0.5).add(0.5)); // prettier-ignore
}

/** Options of `hammingWindow`. */
export interface HammingWindowOptions extends WindowOptions {
  /** The constant part, 0.54 by default. */
  alpha?: number;
  /** What the cosine is multiplied by, 0.46 by default. */
  beta?: number;
}

/** `α - β·cos(2πi/(n - 1))`. @throws DTypeError for a dtype that is no float */
export function hammingWindow(...args: Call<HammingWindowOptions, ['windowLength', 'periodic', 'alpha', 'beta']>): Tensor {
  const op = 'hammingWindow';
  const { alpha = 0.54, beta = 0.46, ...all } = readCall<HammingWindowOptions>(op, args, ['windowLength', 'periodic', 'alpha', 'beta'], creationKeywords); // prettier-ignore
  checkNumber(op, 'alpha', alpha);
  checkNumber(op, 'beta', beta);
  return makeWindow(op, all, (i, n) => i.mul((2 * Math.PI) / (n - 1)).cos().mul(-beta).add(alpha)); // prettier-ignore
}

/** `0.42 - ½·cos(2πi/(n - 1)) + 0.08·cos(4πi/(n - 1))`. @throws DTypeError for a dtype that is no float */
export function blackmanWindow(...args: Call<WindowOptions, ['windowLength', 'periodic']>): Tensor {
  const all = readCall<WindowOptions>('blackmanWindow', args, ['windowLength', 'periodic'], creationKeywords);
  return makeWindow('blackmanWindow', all, (i, n) => {
    const angle = i.mul(Math.PI / (n - 1));
    return angle.mul(4).cos().mul(0.08).sub(angle.mul(2).cos().mul(0.5)).add(0.42);
  });
}

/** A triangle: `1 - |2i/(n - 1) - 1|`. @throws DTypeError for a dtype that is no float */
export function bartlettWindow(...args: Call<WindowOptions, ['windowLength', 'periodic']>): Tensor {
  const all = readCall<WindowOptions>('bartlettWindow', args, ['windowLength', 'periodic'], creationKeywords);
  return makeWindow('bartlettWindow', all, (i, n) => {
    const rising = i.mul(2 / (n - 1));
    const half = Math.floor((n - 1) / 2) + 1;
    return cat([
      narrow(rising, 0, 0, half),
      narrow(rising, 0, half, n - half)
        .neg()
        .add(2),
    ]);
  });
}

/** Options of `kaiserWindow`. */
export interface KaiserWindowOptions extends WindowOptions {
  /** How steeply the window falls, 12 by default; 0 is a rectangle. */
  beta?: number;
}

/** `I₀(β·√(1 - (2i/(n - 1) - 1)²)) / I₀(β)`. @throws DTypeError for a dtype that is no float @see Kaiser & Schafer 1980 */
export function kaiserWindow(...args: Call<KaiserWindowOptions, ['windowLength', 'periodic', 'beta']>): Tensor {
  const op = 'kaiserWindow';
  const { beta = 12, ...all } = readCall<KaiserWindowOptions>(op, args, ['windowLength', 'periodic', 'beta'], creationKeywords);
  checkNumber(op, 'beta', beta);
  return makeWindow(op, all, (i, n) => {
    const x = i.mul((2 * beta) / (n - 1)).sub(beta);
    return x.square().neg().add(beta * beta).clampMin(0).sqrt().i0().div(x.newFull([], beta).i0()); // prettier-ignore
  });
}
