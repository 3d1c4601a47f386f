import {
  ArgumentError,
  cat,
  checkChoice,
  checkNumber,
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
import { product } from './size.ts';

/** Options of `gridSample`. */
export interface GridSampleOptions {
  /** Places (x, y[, z]) in [-1, 1]: shape [N, oH, oW, 2], or [N, oD, oH, oW, 3]. */
  grid: Tensor;
  /** How values between pixels are made; `bilinear` by default, `bicubic` only for images. */
  mode?: 'bilinear' | 'nearest' | 'bicubic';
  /** What lies outside of the input: zeros, its edge, or its mirror image. */
  paddingMode?: 'zeros' | 'border' | 'reflection';
  /** Whether -1 and 1 are the centers of the corner pixels or their outer edges (the default). */
  alignCorners?: boolean | null;
}
type Names = ['grid', 'mode', 'paddingMode', 'alignCorners'];
type PaddingMode = NonNullable<GridSampleOptions['paddingMode']>;

/** From [-1, 1] to pixels. */
const toPixels = (g: Tensor, n: number, alignCorners: boolean): Tensor =>
  alignCorners ? g.add(1).mul((n - 1) / 2) : g.add(1).mul(n).sub(1).div(2);

/** Mirrors places at both ends of [low, high] as often as it takes. */
function reflect(x: Tensor, low: number, high: number): Tensor {
  const span = high - low;
  if (span <= 0) return x.mul(0);
  const distance = x.sub(low).abs();
  const flips = distance.detach().div(span).floor();
  const rest = distance.sub(flips.mul(span));
  return flips.remainder(2).eq(0).where(rest.add(low), rest.neg().add(high));
}

/** Moves places outside of the input to where the padding mode reads. */
function settle(x: Tensor, n: number, padding: PaddingMode, alignCorners: boolean): Tensor {
  if (padding === 'zeros') return x;
  const inside = padding === 'border' ? x : alignCorners ? reflect(x, 0, n - 1) : reflect(x, -0.5, n - 0.5);
  // At the bounds and beyond the derivative is 0, as PyTorch has it.
  return inside.gt(0).logicalAnd(inside.lt(n - 1)).where(inside, inside.detach().clamp(0, n - 1)); // prettier-ignore
}

/** Reads [N, C, ...S] at integer places, one tensor [N, ...O] for each dimension; places outside give 0. */
function read(x: Tensor, places: readonly Tensor[]): Tensor {
  const [n, channels, ...spatial] = x.shape;
  const out = places[0].shape.slice(1);
  let linear = places[0].mul(0);
  let valid: Tensor | undefined;
  places.forEach((place, i) => {
    const inside = place.ge(0).logicalAnd(place.le(spatial[i] - 1));
    valid = valid === undefined ? inside : valid.logicalAnd(inside);
    linear = linear.mul(spatial[i]).add(inside.where(place, 0));
  });
  const index = (valid as Tensor).where(linear, 0).to('int32').reshape([n, 1, product(out)]).expand([n, channels, product(out)]); // prettier-ignore
  const picked = x
    .flatten(2)
    .gather(2, index)
    .reshape([n, channels, ...out]);
  return (valid as Tensor).unsqueeze(1).where(picked, 0);
}

/** The sum over the corners of the cell around each place. */
function linearSample(x: Tensor, places: readonly Tensor[]): Tensor {
  const floors = places.map((p) => p.detach().floor());
  const dims = places.length;
  let sum: Tensor | undefined;
  for (let corner = 0; corner < 2 ** dims; corner++) {
    const at = floors.map((f, i) => ((corner >> i) & 1 ? f.add(1) : f));
    const weight = places.reduce<Tensor | undefined>((w, p, i) => {
      const rest = p.sub(floors[i]);
      const factor = (corner >> i) & 1 ? rest : rest.neg().add(1);
      return w === undefined ? factor : w.mul(factor);
    }, undefined);
    const term = read(x, at).mul((weight as Tensor).unsqueeze(1));
    sum = sum === undefined ? term : sum.add(term);
  }
  return sum as Tensor;
}

/** The four weights of cubic convolution (a = -3/4) for a fraction t. @see Keys 1981 */
function cubicWeights(t: Tensor): Tensor[] {
  const a = -0.75;
  const near = (d: Tensor): Tensor => d.mul(a + 2).sub(a + 3).mul(d).mul(d).add(1); // prettier-ignore
  const far = (d: Tensor): Tensor => d.mul(a).sub(5 * a).mul(d).add(8 * a).mul(d).sub(4 * a); // prettier-ignore
  return [far(t.add(1)), near(t), near(t.neg().add(1)), far(t.neg().add(2))];
}

function cubicSample(x: Tensor, places: readonly Tensor[], settleAt: (place: Tensor, dim: number) => Tensor): Tensor {
  const floors = places.map((p) => p.detach().floor());
  const [weightsY, weightsX] = places.map((p, i) => cubicWeights(p.sub(floors[i])));
  let sum: Tensor | undefined;
  for (let i = 0; i < 4; i++) {
    for (let j = 0; j < 4; j++) {
      const at = [settleAt(floors[0].add(i - 1), 0), settleAt(floors[1].add(j - 1), 1)].map((p) => p.round());
      const term = read(x, at).mul(weightsY[i].mul(weightsX[j]).unsqueeze(1));
      sum = sum === undefined ? term : sum.add(term);
    }
  }
  return sum as Tensor;
}

/**
 * Reads images at the places of a grid.
 * @param x - shape [N, C, H, W] or [N, C, D, H, W]
 * @param args - grid, mode, paddingMode, alignCorners, in this order or by name
 * @returns shape [N, C, oH, oW] or [N, C, oD, oH, oW]
 * @see Jaderberg et al. 2015
 */
export function gridSample(x: Tensor, ...args: Call<GridSampleOptions, Names>): Tensor {
  const op = 'gridSample';
  checkTensor(op, 'input', x);
  const options = readCall<GridSampleOptions>(op, args, ['grid', 'mode', 'paddingMode', 'alignCorners']);
  const { grid, mode = 'bilinear', paddingMode = 'zeros' } = options;
  checkTensor(op, 'grid', grid);
  const alignCorners = options.alignCorners ?? false;
  checkChoice(op, 'mode', mode, ['bilinear', 'nearest', 'bicubic']);
  checkChoice(op, 'paddingMode', paddingMode, ['zeros', 'border', 'reflection']);
  const dims = x.ndim - 2;
  if ((dims !== 2 && dims !== 3) || grid.ndim !== x.ndim || grid.shape[grid.ndim - 1] !== dims || grid.shape[0] !== x.shape[0]) {
    throw new ShapeError({
      op,
      expected: 'an input [N, C, H, W] and a grid [N, oH, oW, 2], or with depth an input of 5 dimensions and a grid [..., 3]',
      received: `${showShape(x.shape)} and ${showShape(grid.shape)}`,
    });
  }
  if (x.shape.slice(1).includes(0))
    throw new ShapeError({ op, expected: 'dimensions with elements after the batch', received: showShape(x.shape) });
  if (!isFloat(x.dtype) || grid.dtype !== x.dtype)
    throw new DTypeError({ op, expected: 'input and grid of one float dtype', received: `${x.dtype} and ${grid.dtype}` });
  if (mode === 'bicubic' && dims !== 2) throw new ArgumentError({ op, expected: 'bicubic with an input of 4 dimensions', received: '5' });
  const spatial = x.shape.slice(2);
  // The grid holds the innermost dimension first.
  const raw = spatial.map((n, i) => toPixels(grid.select(-1, dims - 1 - i), n, alignCorners));
  if (mode === 'bicubic') return cubicSample(x, raw, (place, i) => settle(place, spatial[i], paddingMode, alignCorners).detach());
  const places = raw.map((p, i) => settle(p, spatial[i], paddingMode, alignCorners));
  return mode === 'bilinear' ? linearSample(x, places) : read(x, places.map((p) => p.detach().round())); // prettier-ignore
}

interface AffineGridOptions {
  /** The size of the images that are read, [N, C, H, W] or [N, C, D, H, W]. */
  size: readonly number[];
  /** Whether -1 and 1 are the centers of the corner pixels or their outer edges (the default). */
  alignCorners?: boolean | null;
}

/**
 * The grid of an affine map, for `gridSample`.
 * @param theta - shape [N, 2, 3], or [N, 3, 4] for three dimensions
 * @returns shape [N, H, W, 2] or [N, D, H, W, 3]
 */
export function affineGrid(theta: Tensor, ...args: Call<AffineGridOptions, ['size', 'alignCorners']>): Tensor {
  const op = 'affineGrid';
  checkTensor(op, 'theta', theta);
  const { size, alignCorners } = readCall<AffineGridOptions>(op, args, ['size', 'alignCorners']);
  if (!Array.isArray(size) || (size.length !== 4 && size.length !== 5) || size.some((n) => !Number.isInteger(n) || n < 1))
    throw new ArgumentError({ op, expected: 'size as 4 or 5 positive integers', received: describe(size) });
  const dims = size.length - 2;
  if (!isFloat(theta.dtype)) throw new DTypeError({ op, expected: 'floats', received: theta.dtype });
  if (theta.ndim !== 3 || theta.shape[0] !== size[0] || theta.shape[1] !== dims || theta.shape[2] !== dims + 1)
    throw new ShapeError({ op, expected: `theta of shape [${size[0]}, ${dims}, ${dims + 1}]`, received: showShape(theta.shape) });
  const spatial = size.slice(2);
  const axes = spatial.map((n, i) => {
    const values = Array.from({ length: n }, (_, k) =>
      alignCorners === true ? (n === 1 ? 0 : -1 + (2 * k) / (n - 1)) : (2 * k + 1) / n - 1,
    );
    const shape = spatial.map((_, d) => (d === i ? n : 1));
    return fromNumbers(values, shape, theta.dtype, theta.device).expand(spatial).reshape([-1, 1]); // prettier-ignore
  });
  const base = cat([...axes.reverse(), axes[0].mul(0).add(1)], 1); // [P, dims + 1], innermost first
  return base.unsqueeze(0).matmul(theta.transpose(1, 2)).reshape([size[0], ...spatial, dims]); // prettier-ignore
}

/** Arguments of `gridSampler2d` and `gridSampler3d`. */
export interface GridSamplerOptions {
  /** Places (x, y[, z]) in [-1, 1]: shape [N, oH, oW, 2], or [N, oD, oH, oW, 3]. */
  grid: Tensor;
  /** 0 bilinear, 1 nearest, 2 bicubic. */
  interpolationMode?: number;
  /** 0 zeros, 1 border, 2 reflection. */
  paddingMode?: number;
  /** Whether -1 and 1 are the centers of the corner pixels or their outer edges (the default). */
  alignCorners?: boolean;
}

/** `gridSample` with its modes by number, as torch.grid_sampler_2d has it, for `dims` spatial dimensions. */
const numbered =
  (op: string, dims: number) =>
  (x: Tensor, ...args: Call<GridSamplerOptions, ['grid', 'interpolationMode', 'paddingMode', 'alignCorners']>): Tensor => {
    checkTensor(op, 'input', x);
    const options = readCall<GridSamplerOptions>(op, args, ['grid', 'interpolationMode', 'paddingMode', 'alignCorners']);
    const { grid, interpolationMode = 0, paddingMode = 0, alignCorners = false } = options;
    checkNumber(op, 'interpolationMode', interpolationMode);
    checkNumber(op, 'paddingMode', paddingMode);
    const mode = (['bilinear', 'nearest', 'bicubic'] as const).at(interpolationMode);
    const padding = (['zeros', 'border', 'reflection'] as const).at(paddingMode);
    if (mode === undefined || padding === undefined)
      throw new ArgumentError({
        op,
        expected: 'modes of 0, 1 or 2',
        received: `${describe(interpolationMode)} and ${describe(paddingMode)}`,
      });
    if (x.ndim !== dims + 2) throw new ShapeError({ op, expected: `an input of ${dims + 2} dimensions`, received: showShape(x.shape) });
    return gridSample(x, { grid, mode, paddingMode: padding, alignCorners });
  };

type GridSampler = ReturnType<typeof numbered>;
/** `gridSample` of images [N, C, H, W], with its modes by number. */
export const gridSampler2d: GridSampler = numbered('gridSampler2d', 2);
/** `gridSample` of volumes [N, C, D, H, W], with its modes by number. */
export const gridSampler3d: GridSampler = numbered('gridSampler3d', 3);
