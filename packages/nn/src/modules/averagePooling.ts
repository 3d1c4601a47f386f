import { readCall, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { spread, type Size } from '../functional/size.ts';
import { Module } from '../module.ts';
import { bool, python } from './repr.ts';

abstract class AvgPoolNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly kernelSize: Size;
  readonly stride: Size;
  readonly padding: Size;
  readonly ceilMode: boolean;
  readonly countIncludePad: boolean;
  readonly divisorOverride: number | null;

  constructor(options: F.AvgPoolOptions) {
    super();
    this.kernelSize = options.kernelSize;
    this.stride = options.stride ?? options.kernelSize;
    this.padding = options.padding ?? 0;
    this.ceilMode = options.ceilMode ?? false;
    this.countIncludePad = options.countIncludePad ?? true;
    this.divisorOverride = options.divisorOverride ?? null;
  }

  override extraRepr(): string {
    return `kernel_size=${python(this.kernelSize)}, stride=${python(this.stride)}, padding=${python(this.padding)}`;
  }
}

type AvgPoolArguments = Call<F.AvgPoolOptions, ['kernelSize', 'stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride']>;
const averageNames = ['kernelSize', 'stride', 'padding', 'ceilMode', 'countIncludePad', 'divisorOverride'];

/** The mean of each window over the last dimension. */
export class AvgPool1d extends AvgPoolNd {
  /** Arguments: kernelSize, stride, padding, ceilMode, countIncludePad, in this order or by name. */
  constructor(
    ...args: Call<Omit<F.AvgPoolOptions, 'divisorOverride'>, ['kernelSize', 'stride', 'padding', 'ceilMode', 'countIncludePad']>
  ) {
    const options = readCall<F.AvgPoolOptions>('AvgPool1d', args, averageNames.slice(0, 5));
    const kernelSize = spread('AvgPool1d', 'kernelSize', options.kernelSize, 1, 1);
    super({
      ...options,
      kernelSize,
      stride: spread('AvgPool1d', 'stride', options.stride ?? kernelSize, 1, 1),
      padding: spread('AvgPool1d', 'padding', options.padding ?? 0, 1),
    });
  }

  forward(x: Tensor): Tensor {
    return F.avgPool1d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad);
  }
}
/** The mean of each window over the last two dimensions. */
export class AvgPool2d extends AvgPoolNd {
  /** Arguments: kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride, in this order or by name. */
  constructor(...args: AvgPoolArguments) {
    super(readCall<F.AvgPoolOptions>('AvgPool2d', args, averageNames));
  }

  forward(x: Tensor): Tensor {
    return F.avgPool2d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad, this.divisorOverride);
  }
}
/** The mean of each window over the last three dimensions. */
export class AvgPool3d extends AvgPoolNd {
  /** Arguments: kernelSize, stride, padding, ceilMode, countIncludePad, divisorOverride, in this order or by name. */
  constructor(...args: AvgPoolArguments) {
    super(readCall<F.AvgPoolOptions>('AvgPool3d', args, averageNames));
  }

  forward(x: Tensor): Tensor {
    return F.avgPool3d(x, this.kernelSize, this.stride, this.padding, this.ceilMode, this.countIncludePad, this.divisorOverride);
  }
}

abstract class LPPoolNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly options: F.LPPoolOptions;

  /** Arguments: normType, kernelSize, stride, ceilMode, in this order or by name. */
  constructor(...args: Call<F.LPPoolOptions, ['normType', 'kernelSize', 'stride', 'ceilMode']>) {
    super();
    this.options = readCall<F.LPPoolOptions>(this.constructor.name, args, ['normType', 'kernelSize', 'stride', 'ceilMode']);
  }

  override extraRepr(): string {
    const { normType, kernelSize, stride, ceilMode = false } = this.options;
    return `norm_type=${python(normType)}, kernel_size=${python(kernelSize)}, stride=${python(stride)}, ceil_mode=${bool(ceilMode)}`;
  }
}
/** `(Σ xᵖ)^(1/p)` of each window over the last dimension. */
export class LPPool1d extends LPPoolNd {
  forward(x: Tensor): Tensor {
    return F.lpPool1d(x, this.options);
  }
}
/** `(Σ xᵖ)^(1/p)` of each window over the last two dimensions. */
export class LPPool2d extends LPPoolNd {
  forward(x: Tensor): Tensor {
    return F.lpPool2d(x, this.options);
  }
}
/** `(Σ xᵖ)^(1/p)` of each window over the last three dimensions. */
export class LPPool3d extends LPPoolNd {
  forward(x: Tensor): Tensor {
    return F.lpPool3d(x, this.options);
  }
}

abstract class AdaptiveAvgPoolNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly outputSize: F.OutputSize;

  constructor(...args: Call<{ outputSize: F.OutputSize }, ['outputSize']>) {
    super();
    this.outputSize = readCall<{ outputSize: F.OutputSize }>(this.constructor.name, args, ['outputSize']).outputSize;
  }

  override extraRepr(): string {
    return `output_size=${python(this.outputSize)}`;
  }
}
/** The mean over as many cells of the last dimension as `outputSize` says. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPoolNd {
  forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool1d(x, this.outputSize);
  }
}
/** The mean over cells of the last two dimensions: `new AdaptiveAvgPool2d(1)` averages whole images. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPoolNd {
  forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool2d(x, this.outputSize);
  }
}
/** The mean over cells of the last three dimensions. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPoolNd {
  forward(x: Tensor): Tensor {
    return F.adaptiveAvgPool3d(x, this.outputSize);
  }
}
