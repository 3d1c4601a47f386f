import { ArgumentError, describe, readCall, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { Module } from '../module.ts';
import { bool, number } from './repr.ts';

/** Options of the dropout layers. */
export interface DropoutLayerOptions {
  /** The probability of zero, 0.5 by default. */
  p?: number;
  /** Writes the result over the input; false by default. */
  inplace?: boolean;
}

abstract class DropoutNd extends Module {
  static readonly familyKeepsNoTensor = true;
  readonly p: number;
  readonly inplace: boolean;

  constructor(...args: Call<DropoutLayerOptions, ['p', 'inplace']>) {
    super();
    const { p = 0.5, inplace = false } = readCall<DropoutLayerOptions>(this.constructor.name, args, ['p', 'inplace']);
    if (typeof p !== 'number' || !(p >= 0 && p <= 1))
      throw new ArgumentError({ op: this.constructor.name, expected: 'a probability between 0 and 1', received: describe(p) });
    this.p = p;
    this.inplace = inplace;
  }

  abstract override forward(x: Tensor): Tensor;

  override extraRepr(): string {
    return `p=${number(this.p)}, inplace=${bool(this.inplace)}`;
  }
}

/** Zeroes elements with probability p while training and scales the rest by 1/(1 - p). @see Srivastava et al. 2014 */
export class Dropout extends DropoutNd {
  forward(x: Tensor): Tensor {
    return F.dropout(x, this.p, this.training, this.inplace);
  }
}
/** Zeroes whole channels of [N, C, L] or [C, L] while training. */
export class Dropout1d extends DropoutNd {
  forward(x: Tensor): Tensor {
    return F.dropout1d(x, this.p, this.training, this.inplace);
  }
}
/** Zeroes whole channels of [N, C, H, W] while training. */
export class Dropout2d extends DropoutNd {
  forward(x: Tensor): Tensor {
    return F.dropout2d(x, this.p, this.training, this.inplace);
  }
}
/** Zeroes whole channels of [N, C, D, H, W] while training. */
export class Dropout3d extends DropoutNd {
  forward(x: Tensor): Tensor {
    return F.dropout3d(x, this.p, this.training, this.inplace);
  }
}
/** Dropout that keeps mean 0 and variance 1, for selu. @see Klambauer et al. 2017 */
export class AlphaDropout extends DropoutNd {
  forward(x: Tensor): Tensor {
    return F.alphaDropout(x, this.p, this.training, this.inplace);
  }
}
/** `AlphaDropout` of whole channels. */
export class FeatureAlphaDropout extends DropoutNd {
  forward(x: Tensor): Tensor {
    return F.featureAlphaDropout(x, this.p, this.training, this.inplace);
  }
}
