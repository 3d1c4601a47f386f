import { checkChoice, full, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';
import * as F from '../functional/index.ts';
import { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';
import { functionLayer } from './functionLayer.ts';
import type { FactoryOptions } from './linear.ts';
import { number, python } from './repr.ts';

interface InPlace {
  inplace?: boolean;
}
const none = [] as const;
const inplaceOnly = ['inplace'] as const;
const showInplace = ({ inplace }: InPlace): string => (inplace ? 'inplace=True' : '');
const alsoInplace = ({ inplace }: InPlace): string => (inplace ? ', inplace=True' : '');

/** `max(x, 0)`. */
export class ReLU
  extends /* @__PURE__ */ functionLayer({
    names: inplaceOnly,
    defaults: { inplace: false } as InPlace,
    apply: (x, { inplace }) => F.relu(x, inplace),
    repr: showInplace,
  }) {}

/** `min(max(x, 0), 6)`. */
export class ReLU6
  extends /* @__PURE__ */ functionLayer({
    names: inplaceOnly,
    defaults: { inplace: false } as InPlace,
    apply: (x, { inplace }) => F.relu6(x, inplace),
    repr: showInplace,
  }) {}

/** x restricted to [minVal, maxVal], -1 and 1 by default. */
export class Hardtanh
  extends /* @__PURE__ */ functionLayer({
    names: ['minVal', 'maxVal', 'inplace'],
    defaults: { minVal: -1, maxVal: 1, inplace: false } as InPlace & { minVal?: number; maxVal?: number },
    apply: (x, { minVal, maxVal, inplace }) => F.hardtanh(x, minVal, maxVal, inplace),
    repr: (o) => `min_val=${number(o.minVal ?? -1)}, max_val=${number(o.maxVal ?? 1)}${alsoInplace(o)}`,
  }) {}

/** x, but `negativeSlope·x` below 0. */
export class LeakyReLU
  extends /* @__PURE__ */ functionLayer({
    names: ['negativeSlope', 'inplace'],
    defaults: { negativeSlope: 0.01, inplace: false } as InPlace & { negativeSlope?: number },
    apply: (x, { negativeSlope, inplace }) => F.leakyRelu(x, negativeSlope, inplace),
    repr: (o) => `negative_slope=${number(o.negativeSlope ?? 0.01)}${alsoInplace(o)}`,
  }) {}

/** A leaky relu with a random slope for each element while training. @see Xu et al. 2015 */
export class RReLU
  extends /* @__PURE__ */ functionLayer({
    names: ['lower', 'upper', 'inplace'],
    defaults: { lower: 1 / 8, upper: 1 / 3, inplace: false } as InPlace & { lower?: number; upper?: number },
    apply: (x, { lower, upper, inplace }, training) => F.rrelu(x, lower, upper, training, inplace),
    repr: (o) => `lower=${number(o.lower ?? 1 / 8)}, upper=${number(o.upper ?? 1 / 3)}${alsoInplace(o)}`,
  }) {}

interface PReLUOptions extends FactoryOptions {
  /** One slope for all channels (1, by default), or one for each. */
  numParameters?: number;
  /** What the slopes start with; 0.25 by default. */
  init?: number;
}

/** x, but `weight·x` below 0, with a learned weight for all or for each channel. @see He et al. 2015 */
export class PReLU extends Module {
  static readonly keepsNoTensor = true;
  readonly numParameters: number;
  weight: Parameter;

  constructor(...args: Call<PReLUOptions, ['numParameters', 'init']>) {
    super();
    const {
      numParameters = 1,
      init = 0.25,
      ...factory
    } = readCall<PReLUOptions>('PReLU', args, ['numParameters', 'init'], ['device', 'dtype']);
    this.numParameters = numParameters;
    this.weight = new Parameter(full([numParameters], init, factory));
  }

  forward(x: Tensor): Tensor {
    return F.prelu(x, this.weight);
  }

  override extraRepr(): string {
    return `num_parameters=${this.numParameters}`;
  }
}

interface Alpha extends InPlace {
  alpha?: number;
}
const showAlpha = (o: Alpha): string => `alpha=${number(o.alpha ?? 1)}${alsoInplace(o)}`;

/** x, but `α(eˣ - 1)` below 0. @see Clevert et al. 2016 */
export class ELU
  extends /* @__PURE__ */ functionLayer({
    names: ['alpha', 'inplace'],
    defaults: { alpha: 1, inplace: false } as Alpha,
    apply: (x, { alpha, inplace }) => F.elu(x, alpha, inplace),
    repr: showAlpha,
  }) {}

/** `max(0, x) + min(0, α(e^(x/α) - 1))`. @see Barron 2017 */
export class CELU
  extends /* @__PURE__ */ functionLayer({
    names: ['alpha', 'inplace'],
    defaults: { alpha: 1, inplace: false } as Alpha,
    apply: (x, { alpha, inplace }) => F.celu(x, alpha, inplace),
    repr: showAlpha,
  }) {}

/** Scaled elu that keeps mean 0 and variance 1. @see Klambauer et al. 2017 */
export class SELU
  extends /* @__PURE__ */ functionLayer({
    names: inplaceOnly,
    defaults: { inplace: false } as InPlace,
    apply: (x, { inplace }) => F.selu(x, inplace),
    repr: showInplace,
  }) {}

/** `x·Φ(x)`. @see Hendrycks & Gimpel 2016 */
export class GELU
  extends /* @__PURE__ */ functionLayer({
    names: ['approximate'],
    defaults: { approximate: 'none' } as { approximate?: 'none' | 'tanh' },
    check: (op, { approximate }) => void checkChoice(op, 'approximate', approximate, ['none', 'tanh']),
    apply: (x, { approximate }) => F.gelu(x, approximate),
    repr: ({ approximate }) => `approximate=${python(approximate)}`,
  }) {}

/** `x·σ(x)`. @see Elfwing et al. 2018 */
export class SiLU
  extends /* @__PURE__ */ functionLayer({
    names: inplaceOnly,
    defaults: { inplace: false } as InPlace,
    apply: (x, { inplace }) => F.silu(x, inplace),
    repr: showInplace,
  }) {}

/** `x·tanh(log(1 + eˣ))`. @see Misra 2019 */
export class Mish
  extends /* @__PURE__ */ functionLayer({
    names: inplaceOnly,
    defaults: { inplace: false } as InPlace,
    apply: (x, { inplace }) => F.mish(x, inplace),
    repr: showInplace,
  }) {}

/** `log(1 + e^(βx))/β`; x itself where βx exceeds the threshold. */
export class Softplus
  extends /* @__PURE__ */ functionLayer({
    names: ['beta', 'threshold'],
    defaults: { beta: 1, threshold: 20 } as { beta?: number; threshold?: number },
    apply: (x, { beta, threshold }) => F.softplus(x, beta, threshold),
    repr: ({ beta = 1, threshold = 20 }) => `beta=${number(beta)}, threshold=${number(threshold)}`,
  }) {}

/** x, but 0 in [-λ, λ]. */
export class Hardshrink
  extends /* @__PURE__ */ functionLayer({
    names: ['lambd'],
    defaults: { lambd: 0.5 } as { lambd?: number },
    apply: (x, { lambd }) => F.hardshrink(x, lambd),
    repr: ({ lambd = 0.5 }) => number(lambd),
  }) {}

/** x moved towards 0 by λ. */
export class Softshrink
  extends /* @__PURE__ */ functionLayer({
    names: ['lambd'],
    defaults: { lambd: 0.5 } as { lambd?: number },
    apply: (x, { lambd }) => F.softshrink(x, lambd),
    repr: ({ lambd = 0.5 }) => number(lambd),
  }) {}

/** `x - tanh(x)`. */
export class Tanhshrink extends /* @__PURE__ */ functionLayer({ names: none, defaults: {}, apply: (x) => F.tanhshrink(x) }) {}

/** `x/(1 + |x|)`. */
export class Softsign extends /* @__PURE__ */ functionLayer({ names: none, defaults: {}, apply: (x) => F.softsign(x) }) {}

/** The hyperbolic tangent. */
export class Tanh extends /* @__PURE__ */ functionLayer({ names: none, defaults: {}, apply: (x) => F.tanh(x) }) {}

/** `1/(1 + e⁻ˣ)`. */
export class Sigmoid extends /* @__PURE__ */ functionLayer({ names: none, defaults: {}, apply: (x) => F.sigmoid(x) }) {}

/** `log σ(x)`. */
export class LogSigmoid extends /* @__PURE__ */ functionLayer({ names: none, defaults: {}, apply: (x) => F.logsigmoid(x) }) {}

/** 0 below -3, 1 above 3, `x/6 + 1/2` between. */
export class Hardsigmoid
  extends /* @__PURE__ */ functionLayer({
    names: inplaceOnly,
    defaults: { inplace: false } as InPlace,
    apply: (x, { inplace }) => F.hardsigmoid(x, inplace),
  }) {}

/** `x·hardsigmoid(x)`. @see Howard et al. 2019 */
export class Hardswish
  extends /* @__PURE__ */ functionLayer({
    names: inplaceOnly,
    defaults: { inplace: false } as InPlace,
    apply: (x, { inplace }) => F.hardswish(x, inplace),
  }) {}

/** x where it exceeds the threshold, else `value`. */
export class Threshold
  extends /* @__PURE__ */ functionLayer({
    names: ['threshold', 'value', 'inplace'],
    defaults: { inplace: false } as InPlace & { threshold: number; value: number },
    apply: (x, { threshold, value, inplace }) => F.threshold(x, threshold, value, inplace),
    repr: (o) => `threshold=${python(o.threshold)}, value=${python(o.value)}${alsoInplace(o)}`,
  }) {}

/** Half of x times the sigmoid of the other half, split along `dim`. @see Dauphin et al. 2017 */
export class GLU
  extends /* @__PURE__ */ functionLayer({
    names: ['dim'],
    defaults: { dim: -1 } as { dim?: number },
    apply: (x, { dim }) => F.glu(x, dim),
    repr: ({ dim }) => `dim=${dim}`,
  }) {}

interface Along {
  dim?: number | null;
}
const showDim = ({ dim }: Along): string => `dim=${python(dim)}`;

/** `exp(x) / Σ exp(x)` along `dim`. */
export class Softmax
  extends /* @__PURE__ */ functionLayer({
    names: ['dim'],
    defaults: { dim: null } as Along,
    apply: (x, { dim }) => F.softmax(x, { dim }),
    repr: showDim,
  }) {}

/** The logarithm of softmax along `dim`. */
export class LogSoftmax
  extends /* @__PURE__ */ functionLayer({
    names: ['dim'],
    defaults: { dim: null } as Along,
    apply: (x, { dim }) => F.logSoftmax(x, { dim }),
    repr: showDim,
  }) {}

/** `softmax(-x)` along `dim`. */
export class Softmin
  extends /* @__PURE__ */ functionLayer({
    names: ['dim'],
    defaults: { dim: null } as Along,
    apply: (x, { dim }) => F.softmin(x, { dim }),
    repr: showDim,
  }) {}

/** Softmax over the channels of [N, C, H, W] or [C, H, W]. */
export class Softmax2d
  extends /* @__PURE__ */ functionLayer({
    names: none,
    defaults: {},
    apply(x) {
      if (x.ndim !== 3 && x.ndim !== 4)
        throw new ShapeError({ op: 'Softmax2d', expected: '3 or 4 dimensions', received: showShape(x.shape) });
      return F.softmax(x, -3);
    },
  }) {}
