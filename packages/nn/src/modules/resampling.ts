import { readCall, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import type { Size } from '../functional/size.ts';
import { Module } from '../module.ts';
import { functionLayer } from './functionLayer.ts';
import { number, python } from './repr.ts';

type UpsampleOptions = Pick<F.InterpolateOptions, 'size' | 'scaleFactor' | 'mode' | 'alignCorners' | 'recomputeScaleFactor'>;

const showFactor = (factor: number | readonly number[]): string =>
  Array.isArray(factor) ? `(${factor.map(number).join(', ')})` : number(factor);

/** Samples the spatial dimensions of [N, C, ...S] at another resolution; see `functional.interpolate`. */
export class Upsample extends Module {
  readonly size: number | readonly number[] | null;
  readonly scaleFactor: number | readonly number[] | null;
  readonly mode: F.InterpolateMode;
  readonly alignCorners: boolean | null;
  readonly recomputeScaleFactor: boolean | null;

  /** Arguments: size, scaleFactor, mode, alignCorners, recomputeScaleFactor, in this order or by name. */
  constructor(...args: Call<UpsampleOptions, ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor']>) {
    super();
    const names = ['size', 'scaleFactor', 'mode', 'alignCorners', 'recomputeScaleFactor'];
    const options = readCall<UpsampleOptions>(this.constructor.name, args, names);
    this.size = options.size ?? null;
    this.scaleFactor = options.scaleFactor ?? null;
    this.mode = options.mode ?? 'nearest';
    this.alignCorners = options.alignCorners ?? null;
    this.recomputeScaleFactor = options.recomputeScaleFactor ?? null;
  }

  forward(x: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners, recomputeScaleFactor } = this;
    return F.interpolate(x, { size, scaleFactor, mode, alignCorners, recomputeScaleFactor });
  }

  override extraRepr(): string {
    const what = this.scaleFactor === null ? `size=${python(this.size)}` : `scale_factor=${showFactor(this.scaleFactor)}`;
    return `${what}, mode=${python(this.mode)}`;
  }
}

type SizeOptions = Pick<UpsampleOptions, 'size' | 'scaleFactor'>;
/** `Upsample` to the nearest place, of [N, C, H, W]. */
export class UpsamplingNearest2d extends Upsample {
  constructor(...args: Call<SizeOptions, ['size', 'scaleFactor']>) {
    super({ ...readCall<SizeOptions>('UpsamplingNearest2d', args, ['size', 'scaleFactor']), mode: 'nearest' });
  }
}
/** Bilinear `Upsample` with aligned corners, of [N, C, H, W]. */
export class UpsamplingBilinear2d extends Upsample {
  constructor(...args: Call<SizeOptions, ['size', 'scaleFactor']>) {
    super({ ...readCall<SizeOptions>('UpsamplingBilinear2d', args, ['size', 'scaleFactor']), mode: 'bilinear', alignCorners: true });
  }
}

/** Depth to space: [..., C·r², H, W] → [..., C, H·r, W·r]. @see Shi et al. 2016 */
export class PixelShuffle
  extends /* @__PURE__ */ functionLayer({
    names: ['upscaleFactor'],
    defaults: {} as { upscaleFactor: number },
    apply: (x, { upscaleFactor }) => F.pixelShuffle(x, upscaleFactor),
    repr: ({ upscaleFactor }) => `upscale_factor=${upscaleFactor}`,
  }) {}

/** Space to depth, the inverse of `PixelShuffle`. */
export class PixelUnshuffle
  extends /* @__PURE__ */ functionLayer({
    names: ['downscaleFactor'],
    defaults: {} as { downscaleFactor: number },
    apply: (x, { downscaleFactor }) => F.pixelUnshuffle(x, downscaleFactor),
    repr: ({ downscaleFactor }) => `downscale_factor=${downscaleFactor}`,
  }) {}

/** Deals the channels of groups out in turn. @see Zhang et al. 2018 */
export class ChannelShuffle
  extends /* @__PURE__ */ functionLayer({
    names: ['groups'],
    defaults: {} as { groups: number },
    apply: (x, { groups }) => F.channelShuffle(x, groups),
    repr: ({ groups }) => `groups=${groups}`,
  }) {}

/** The sliding blocks of images, each as a column. */
export class Unfold
  extends /* @__PURE__ */ functionLayer({
    names: ['kernelSize', 'dilation', 'padding', 'stride'],
    defaults: { dilation: 1, padding: 0, stride: 1 } as F.BlockOptions,
    apply: (x, { kernelSize, dilation, padding, stride }) => F.unfold(x, kernelSize, dilation, padding, stride),
    repr: (o) =>
      `kernel_size=${python(o.kernelSize)}, dilation=${python(o.dilation)}, padding=${python(o.padding)}, stride=${python(o.stride)}`,
  }) {}

/** Adds columns of blocks back to where `Unfold` takes them from. */
export class Fold
  extends /* @__PURE__ */ functionLayer({
    names: ['outputSize', 'kernelSize', 'dilation', 'padding', 'stride'],
    defaults: { dilation: 1, padding: 0, stride: 1 } as F.BlockOptions & { outputSize: Size },
    apply: (x, { outputSize, kernelSize, dilation, padding, stride }) => F.fold(x, outputSize, kernelSize, dilation, padding, stride),
    repr: (o) =>
      `output_size=${python(o.outputSize)}, kernel_size=${python(o.kernelSize)}, dilation=${python(o.dilation)}, padding=${python(o.padding)}, stride=${python(o.stride)}`,
  }) {}
