import { ArgumentError, describe, empty, readCall, type Call, type Device, type DType, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { spread } from '../functional/size.ts';
import { fanInAndOut, kaimingUniform_, uniform_ } from '../init.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { functionLayer } from './functionLayer.ts';
import { bool, python } from './repr.ts';

/** Where and as what a layer's parameters are made. */
export interface FactoryOptions {
  /** Where the parameters lie; the default device when missing. */
  device?: Device;
  /** The dtype of the parameters; float32 by default. */
  dtype?: DType;
}
const factoryNames = ['device', 'dtype'];

interface LinearOptions extends FactoryOptions {
  /** Features of the input, the size of its last dimension. */
  inFeatures: number;
  /** Features of the output. */
  outFeatures: number;
  /** Whether a learned bias is added; true by default. */
  bias?: boolean;
}

/**
 * A linear map: `y = x Wᵀ + b`.
 *
 * Shapes: x [..., inFeatures] → [..., outFeatures]; weight [outFeatures, inFeatures], bias [outFeatures].
 */
export class Linear extends Module {
  static readonly keepsNoTensor = true;
  readonly inFeatures: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(...args: Call<LinearOptions, ['inFeatures', 'outFeatures', 'bias']>) {
    super();
    const read = readCall<LinearOptions>('Linear', args, ['inFeatures', 'outFeatures', 'bias'], factoryNames);
    const { inFeatures, outFeatures, bias = true, ...factory } = read;
    spread('Linear', 'inFeatures', inFeatures, 1);
    spread('Linear', 'outFeatures', outFeatures, 1);
    this.inFeatures = inFeatures;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty(outFeatures, inFeatures, factory));
    this.bias = bias ? new Parameter(empty(outFeatures, factory)) : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew, uniformly in ±1/√inFeatures. */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    if (this.bias !== null) {
      const { fanIn } = fanInAndOut(this.weight);
      const bound = fanIn > 0 ? 1 / Math.sqrt(fanIn) : 0;
      uniform_(this.bias, -bound, bound);
    }
  }

  forward(x: Tensor): Tensor {
    return F.linear(x, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in_features=${this.inFeatures}, out_features=${this.outFeatures}, bias=${bool(this.bias !== null)}`;
  }
}

interface BilinearOptions extends FactoryOptions {
  /** Features of the first input. */
  in1Features: number;
  /** Features of the second input. */
  in2Features: number;
  /** Features of the output. */
  outFeatures: number;
  /** Whether a learned bias is added; true by default. */
  bias?: boolean;
}

/** `y[o] = x1ᵀ W[o] x2 + b[o]`. Shapes: x1 [..., in1], x2 [..., in2] → [..., out]; weight [out, in1, in2], bias [out]. */
export class Bilinear extends Module {
  static readonly keepsNoTensor = true;
  readonly in1Features: number;
  readonly in2Features: number;
  readonly outFeatures: number;
  weight: Parameter;
  bias: Parameter | null;

  constructor(...args: Call<BilinearOptions, ['in1Features', 'in2Features', 'outFeatures', 'bias']>) {
    super();
    const read = readCall<BilinearOptions>('Bilinear', args, ['in1Features', 'in2Features', 'outFeatures', 'bias'], factoryNames);
    const { in1Features, in2Features, outFeatures, bias = true, ...factory } = read;
    spread('Bilinear', 'in1Features', in1Features, 1, 1);
    spread('Bilinear', 'in2Features', in2Features, 1);
    spread('Bilinear', 'outFeatures', outFeatures, 1);
    this.in1Features = in1Features;
    this.in2Features = in2Features;
    this.outFeatures = outFeatures;
    this.weight = new Parameter(empty(outFeatures, in1Features, in2Features, factory));
    this.bias = bias ? new Parameter(empty(outFeatures, factory)) : null;
    this.resetParameters();
  }

  /** Draws weight and bias anew, uniformly in ±1/√in1Features. */
  resetParameters(): void {
    const bound = 1 / Math.sqrt(this.in1Features);
    uniform_(this.weight, -bound, bound);
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }

  forward(x1: Tensor, x2: Tensor): Tensor {
    return F.bilinear(x1, x2, this.weight, this.bias);
  }

  override extraRepr(): string {
    return `in1_features=${this.in1Features}, in2_features=${this.in2Features}, out_features=${this.outFeatures}, bias=${bool(this.bias !== null)}`;
  }
}

/** Returns its input; any arguments of its constructor count for nothing, so that it can stand in for another layer. */
export class Identity extends Module {
  static readonly keepsNoTensor = true;
  // oxlint-disable-next-line no-useless-constructor -- it takes what any other layer takes
  constructor(..._args: unknown[]) {
    super();
  }

  forward(x: Tensor): Tensor {
    return x;
  }
}

/** The dimensions from `startDim` to `endDim` as one. */
export class Flatten
  extends /* @__PURE__ */ functionLayer({
    names: ['startDim', 'endDim'],
    defaults: { startDim: 1, endDim: -1 } as { startDim?: number; endDim?: number },
    apply: (x, { startDim, endDim }) => x.flatten(startDim, endDim),
    repr: ({ startDim, endDim }) => `start_dim=${startDim}, end_dim=${endDim}`,
  }) {}

/** One dimension as several; one size may be -1. */
export class Unflatten
  extends /* @__PURE__ */ functionLayer({
    names: ['dim', 'unflattenedSize'],
    defaults: {} as { dim: number; unflattenedSize: readonly number[] },
    apply(x, { dim, unflattenedSize }) {
      if (!Array.isArray(unflattenedSize))
        throw new ArgumentError({ op: 'Unflatten', expected: 'unflattenedSize as an array', received: describe(unflattenedSize) });
      return x.unflatten(dim, unflattenedSize as readonly number[]);
    },
    repr: ({ dim, unflattenedSize }) => `dim=${dim}, unflattened_size=${python(unflattenedSize)}`,
  }) {}
