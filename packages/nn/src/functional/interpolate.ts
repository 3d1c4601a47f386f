import {
  ArgumentError,
  checkChoice,
  checkTensor,
  describe,
  DTypeError,
  fromNumbers,
  isFloat,
  readCall,
  ShapeError,
  showShape,
  type Call,
  type Tensor,
} from '@flambeau/core';
import { adaptiveAvgPool1d, adaptiveAvgPool2d, adaptiveAvgPool3d } from './adaptivePooling.ts';

/** How values between the places of the input are found. */
export type InterpolateMode = 'nearest' | 'nearest-exact' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area';

/** Options of `interpolate`; exactly one of `size` and `scaleFactor` is given. */
export interface InterpolateOptions {
  /** The spatial sizes of the result: one for all, or one for each dimension. */
  size?: number | readonly number[] | null;
  /** The result's sizes over the input's: one factor for all, or one for each dimension. */
  scaleFactor?: number | readonly number[] | null;
  /** How values between pixels are made; `nearest` by default. */
  mode?: InterpolateMode;
  /** Lays the centers of the corner pixels onto each other instead of their outer edges. */
  alignCorners?: boolean | null;
  /** Computes the scale from the sizes even where a factor was given. */
  recomputeScaleFactor?: boolean | null;
  /** Widens the filter when shrinking, for bilinear and bicubic. */
  antialias?: boolean;
}
type Names = ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor', 'antialias'];
const names = ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor', 'antialias'] as const;
const modes = ['nearest', 'nearest-exact', 'linear', 'bilinear', 'bicubic', 'trilinear', 'area'] as const;
const ranks: Partial<Record<InterpolateMode, number>> = { linear: 1, bilinear: 2, bicubic: 2, trilinear: 3 };

/** The taps of one output place: input places and what each weighs. */
interface Taps {
  readonly places: number[];
  readonly weights: number[];
}

/** One dimension to be resampled. `scale` is the input step of one output step. */
interface Axis {
  readonly from: number;
  readonly to: number;
  readonly scale: number;
}

const clampPlace = (place: number, n: number): number => Math.min(Math.max(place, 0), n - 1);

/** Cubic convolution with a = -3/4 (-1/2 with antialias), at distance d. @see Keys 1981 */
function cubic(d: number, a: number): number {
  const x = Math.abs(d);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

/** Where output place i lies in the input. */
const sourcePlace = (i: number, { scale }: Axis, alignCorners: boolean): number => (alignCorners ? i * scale : (i + 0.5) * scale - 0.5);

const f32 = Math.fround;

const tapsOf: Record<'nearest' | 'nearest-exact' | 'linear' | 'cubic', (i: number, axis: Axis, alignCorners: boolean) => Taps> = {
  // PyTorch multiplies in float32, and the place that the floor gives depends on it.
  nearest: (i, { from, scale }) => ({ places: [Math.min(Math.floor(f32(i * f32(scale))), from - 1)], weights: [1] }),
  'nearest-exact': (i, { from, scale }) => ({ places: [Math.min(Math.floor(f32(f32(i + 0.5) * f32(scale))), from - 1)], weights: [1] }),
  linear(i, axis, alignCorners) {
    const at = Math.max(sourcePlace(i, axis, alignCorners), 0);
    const low = Math.min(Math.floor(at), axis.from - 1);
    const high = Math.min(low + 1, axis.from - 1);
    const rest = Math.min(Math.max(at - low, 0), 1);
    return { places: [low, high], weights: [1 - rest, rest] };
  },
  cubic(i, axis, alignCorners) {
    const at = sourcePlace(i, axis, alignCorners);
    const low = Math.floor(at);
    const offsets = [-1, 0, 1, 2];
    return { places: offsets.map((k) => clampPlace(low + k, axis.from)), weights: offsets.map((k) => cubic(at - low - k, -0.75)) };
  },
};

/** A filter as wide as the output pixel is in the input, so that shrinking averages instead of skipping. */
function antialiased(i: number, axis: Axis, alignCorners: boolean, kind: 'linear' | 'cubic'): Taps {
  const stretch = Math.max(axis.scale, 1);
  const support = (kind === 'linear' ? 1 : 2) * stretch;
  const center = alignCorners ? axis.scale * i + 0.5 : axis.scale * (i + 0.5);
  const first = Math.max(Math.trunc(center - support + 0.5), 0);
  const last = Math.min(Math.trunc(center + support + 0.5), axis.from);
  const places = Array.from({ length: Math.max(last - first, 1) }, (_, k) => clampPlace(first + k, axis.from));
  const raw = places.map((p) => {
    const d = (p - center + 0.5) / stretch;
    return kind === 'linear' ? Math.max(0, 1 - Math.abs(d)) : cubic(d, -0.5);
  });
  const total = raw.reduce((a, b) => a + b, 0);
  return { places, weights: raw.map((w) => (total === 0 ? w : w / total)) };
}

/** Resamples one dimension: a weighted sum of gathered slices, one for each tap. */
function resample(x: Tensor, dim: number, taps: readonly Taps[]): Tensor {
  const width = Math.max(...taps.map((t) => t.places.length));
  let sum: Tensor | undefined;
  for (let k = 0; k < width; k++) {
    const places = Int32Array.from(taps, (t) => t.places[k] ?? 0);
    const weights = taps.map((t) => t.weights[k] ?? 0);
    if (weights.every((w) => w === 0)) continue;
    const picked = x.indexSelect(dim, x.newInt32(places));
    const term = weights.every((w) => w === 1) ? picked : picked.mul(column(x, weights, dim));
    sum = sum === undefined ? term : sum.add(term);
  }
  return sum ?? x.indexSelect(dim, x.newInt32(new Int32Array(taps.length))).mul(0);
}

/** Taps with each place once: at the edges several fall onto the same. */
function withoutRepeats({ places, weights }: Taps): Taps {
  const merged = new Map<number, number>();
  places.forEach((place, k) => merged.set(place, (merged.get(place) ?? 0) + weights[k]));
  return { places: [...merged.keys()], weights: [...merged.values()] };
}

/**
 * As `resample`, of bytes in integers: weights are multiples of 2^-precision, as fine as 16 bits hold the largest of the dimension, and the
 * sum is rounded and clamped to a byte.
 */
function resampleBytes(x: Tensor, dim: number, taps: readonly Taps[]): Tensor {
  const merged = taps.map(withoutRepeats);
  const largest = Math.max(...merged.flatMap((t) => t.weights));
  let precision = 0;
  while (precision < 22 && Math.trunc(0.5 + largest * 2 ** (precision + 1)) < 2 ** 15) precision++;
  const whole = merged.map(({ places, weights }) => ({
    places,
    weights: weights.map((w) => Math.trunc(w * 2 ** precision + (w < 0 ? -0.5 : 0.5))),
  }));
  return resample(x.to('int32'), dim, whole)
    .add(2 ** (precision - 1))
    .bitwiseRightShift(precision)
    .clamp(0, 255)
    .to('uint8');
}

const column = (x: Tensor, weights: readonly number[], dim: number): Tensor =>
  fromNumbers(weights, [weights.length], x.dtype, x.device).reshape(x.shape.map((_, i) => (i === dim ? -1 : 1)));

/** The sizes that are asked for and the factors that were given. @throws ArgumentError unless exactly one of the two is given */
function outputSizes(x: Tensor, options: InterpolateOptions): { sizes: number[]; factors: readonly number[] | undefined } {
  const op = 'interpolate';
  const spatial = x.shape.slice(2);
  const { size, scaleFactor } = options;
  const given = [size, scaleFactor].filter((v) => v !== undefined && v !== null).length;
  if (given !== 1) throw new ArgumentError({ op, expected: 'one of size and scaleFactor', received: given === 0 ? 'neither' : 'both' });
  const list = (value: number | readonly number[]): readonly number[] =>
    typeof value === 'number' ? new Array<number>(spatial.length).fill(value) : value;
  if (size !== undefined && size !== null) {
    const sizes = list(size);
    if (!Array.isArray(sizes) || sizes.length !== spatial.length || sizes.some((n) => !Number.isInteger(n) || n < 1))
      throw new ArgumentError({ op, expected: `size as a positive integer, or ${spatial.length} of them`, received: describe(size) });
    return { sizes: [...sizes], factors: undefined };
  }
  const factors = list(scaleFactor as number | readonly number[]);
  if (!Array.isArray(factors) || factors.length !== spatial.length || factors.some((f) => !(f > 0)))
    throw new ArgumentError({
      op,
      expected: `scaleFactor as a positive number, or ${spatial.length} of them`,
      received: describe(scaleFactor),
    });
  const sizes = spatial.map((n, i) => Math.floor(n * factors[i]));
  if (sizes.some((n) => n < 1))
    throw new ShapeError({ op, expected: 'a result of positive sizes', received: `${showShape(sizes)} for ${showShape(x.shape)}` });
  return { sizes, factors: options.recomputeScaleFactor === true ? undefined : factors };
}

/**
 * Samples the spatial dimensions of [N, C, ...S] at another resolution.
 * Arguments: size, scaleFactor, mode, alignCorners, recomputeScaleFactor, antialias, in this order or by name.
 * @returns shape [N, C, ...size]
 * @throws ArgumentError unless one of size and scaleFactor is given, or for a mode that does not fit the rank
 */
export function interpolate(x: Tensor, ...args: Call<InterpolateOptions, Names>): Tensor {
  const op = 'interpolate';
  checkTensor(op, 'input', x);
  const options = readCall<InterpolateOptions>(op, args, names);
  const { mode = 'nearest', alignCorners = null, recomputeScaleFactor, antialias = false } = options;
  checkChoice(op, 'mode', mode, modes);
  const dims = x.ndim - 2;
  if (dims < 1 || dims > 3 || (ranks[mode] !== undefined && ranks[mode] !== dims)) {
    throw new ShapeError({
      op,
      expected:
        ranks[mode] === undefined ? 'an input of 3, 4 or 5 dimensions' : `an input of ${ranks[mode] + 2} dimensions for mode ${mode}`,
      received: showShape(x.shape),
    });
  }
  const smooth = mode !== 'nearest' && mode !== 'nearest-exact' && mode !== 'area';
  if (!smooth && alignCorners !== null)
    throw new ArgumentError({ op, expected: `no alignCorners with mode ${mode}`, received: String(alignCorners) });
  if (antialias && ((mode !== 'bilinear' && mode !== 'bicubic') || dims !== 2))
    throw new ArgumentError({ op, expected: 'antialias with bilinear or bicubic', received: mode });
  const bytes = x.dtype === 'uint8' && (mode === 'bilinear' || mode === 'bicubic');
  if (smooth && !bytes && !isFloat(x.dtype)) throw new DTypeError({ op, expected: 'floats', received: x.dtype });
  if (x.shape.slice(1).includes(0))
    throw new ShapeError({ op, expected: 'dimensions with elements after the batch', received: showShape(x.shape) });
  if (recomputeScaleFactor === true && (options.size ?? null) !== null)
    throw new ArgumentError({ op, expected: 'recomputeScaleFactor with scaleFactor', received: 'size' });
  const { sizes, factors } = outputSizes(x, options);
  if (mode === 'area') {
    if (dims === 1) return adaptiveAvgPool1d(x, sizes);
    return dims === 2 ? adaptiveAvgPool2d(x, sizes) : adaptiveAvgPool3d(x, sizes);
  }
  const kind = mode === 'nearest' || mode === 'nearest-exact' ? mode : mode === 'bicubic' ? 'cubic' : 'linear';
  const aligned = alignCorners === true;
  // Bytes are rounded after each dimension, and PyTorch goes through them from the last.
  const order = sizes.map((_, i) => (bytes ? sizes.length - 1 - i : i));
  return order.reduce((y, i) => {
    const to = sizes[i];
    const from = x.shape[2 + i];
    const factor = factors?.[i];
    const scale = aligned && smooth ? (to > 1 ? (from - 1) / (to - 1) : 0) : factor === undefined ? from / to : 1 / factor;
    const axis: Axis = { from, to, scale };
    if (from === to && (bytes || ((factor === undefined || factor === 1) && kind !== 'cubic'))) return y;
    const taps = Array.from({ length: to }, (_, o) =>
      antialias && kind !== 'nearest' && kind !== 'nearest-exact' ? antialiased(o, axis, aligned, kind) : tapsOf[kind](o, axis, aligned),
    );
    return bytes ? resampleBytes(y, 2 + i, taps) : resample(y, 2 + i, taps);
  }, x);
}

type UpsampleOptions = Pick<InterpolateOptions, 'size' | 'scaleFactor' | 'mode' | 'alignCorners'>;
/** `interpolate` by its old name. */
export const upsample = (x: Tensor, ...args: Call<UpsampleOptions, ['size', 'scaleFactor', 'mode', 'alignCorners']>): Tensor =>
  interpolate(x, readCall<UpsampleOptions>('upsample', args, ['size', 'scaleFactor', 'mode', 'alignCorners']));

type SizeOptions = Pick<InterpolateOptions, 'size' | 'scaleFactor'>;
/** `interpolate` to the nearest place. */
export const upsampleNearest = (x: Tensor, ...args: Call<SizeOptions, ['size', 'scaleFactor']>): Tensor =>
  interpolate(x, { ...readCall<SizeOptions>('upsampleNearest', args, ['size', 'scaleFactor']), mode: 'nearest' });
/** Bilinear `interpolate` with aligned corners. */
export const upsampleBilinear = (x: Tensor, ...args: Call<SizeOptions, ['size', 'scaleFactor']>): Tensor =>
  interpolate(x, { ...readCall<SizeOptions>('upsampleBilinear', args, ['size', 'scaleFactor']), mode: 'bilinear', alignCorners: true });
