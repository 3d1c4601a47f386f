import type { Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { Module } from '../module.ts';
import { bool, tuple } from './repr.ts';

const show = (size: F.Size): string => (typeof size === 'number' ? String(size) : tuple(size));

abstract class MaxPoolNd extends Module {
  readonly kernelSize: F.Size;
  readonly options: F.MaxPoolOptions;

  constructor(kernelSize: F.Size, options: F.MaxPoolOptions | F.Size = {}) {
    super();
    this.kernelSize = kernelSize;
    this.options = typeof options === 'number' || Array.isArray(options) ? { stride: options as F.Size } : (options as F.MaxPoolOptions);
  }

  override extraRepr(): string {
    const { stride, padding = 0, dilation = 1, ceilMode = false } = this.options;
    return `kernel_size=${show(this.kernelSize)}, stride=${show(stride ?? this.kernelSize)}, padding=${show(padding)}, dilation=${show(dilation)}, ceil_mode=${bool(ceilMode)}`;
  }
}

/** The maximum of each window over the last dimension. */
export class MaxPool1d extends MaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.maxPool1d(x, this.kernelSize, this.options);
  }
}

/** The maximum of each window over the last two dimensions: `new MaxPool2d(2)` halves height and width. */
export class MaxPool2d extends MaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.maxPool2d(x, this.kernelSize, this.options);
  }
}

/** The maximum of each window over the last three dimensions. */
export class MaxPool3d extends MaxPoolNd {
  forward(x: Tensor): Tensor {
    return F.maxPool3d(x, this.kernelSize, this.options);
  }
}
