import {
  ArgumentError,
  checkNumber,
  checkTensor,
  defineOp,
  describe,
  dispatchOne,
  isFloat,
  readCall,
  sameShape,
  ShapeError,
  showShape,
  Tensor,
  ValueError,
  type Call,
  type Op,
} from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { checkReduction, reduce, type Reduction } from './reduction.ts';

/** What every loss of an input and a target takes. */
export interface LossOptions {
  /** What the input should be; the shapes broadcast. */
  target: Tensor;
  /** `mean` (by default) or `sum` of the losses, or `none` for each element. */
  reduction?: Reduction;
}
interface WeightedLossOptions extends LossOptions {
  /** A factor for each element; the mean is then the weighted one. */
  weight?: Tensor | null;
}

/** Reads a loss's arguments and checks what all losses ask. */
function readLoss<Options extends LossOptions>(op: string, input: Tensor, args: readonly unknown[], names: readonly string[]): Options {
  const options = readCall<Options>(op, args, ['target', ...names]);
  checkTensor(op, 'input', input);
  checkTensor(op, 'target', options.target);
  checkReduction(op, options.reduction ?? 'mean');
  return options;
}

function reduceWeighted(op: string, loss: Tensor, { weight, reduction = 'mean' }: WeightedLossOptions): Tensor {
  if (weight === undefined || weight === null) return reduce(op, loss, reduction);
  checkTensor(op, 'weight', weight);
  const weighted = loss.mul(weight);
  return reduction === 'mean' ? weighted.sum().div(weight.expand(loss.shape).sum()) : reduce(op, weighted, reduction);
}

/** Integers count as floats, as their means need. */
export const floats = (x: Tensor): Tensor => (isFloat(x.dtype) ? x : x.to('float32'));

interface SquaredAttrs {
  readonly reduction: 'mean' | 'sum';
}

/** The squared error of two float tensors of one shape, as one number. */
export const mseLossOp: Op<SquaredAttrs> = /* @__PURE__ */ defineOp<SquaredAttrs>({
  name: 'mseLoss',
  infer: ([x]) => [{ shape: [], dtype: x.dtype }],
  compose([x, y], { reduction }) {
    const squares = x.sub(y).square();
    return [reduction === 'mean' ? squares.mean() : squares.sum()];
  },
  save: (inputs) => inputs,
  vjp({ needs, cotangents: [g], saved: [x, y], attrs }) {
    if (g === undefined) return [undefined, undefined];
    const left = dispatchOne(mseLossGradOp, [g, x, y], attrs);
    return [left, needs[1] ? left.neg() : undefined];
  },
});

/** Gradient of the squared error with respect to x: 2·(x - y)·g, over their number for the mean. */
export const mseLossGradOp: Op<SquaredAttrs> = /* @__PURE__ */ defineOp<SquaredAttrs>({
  name: 'mseLossGrad',
  infer: ([, x]) => [x],
  compose: ([g, x, y], { reduction }) => [x.sub(y).mul(g.mul(reduction === 'mean' ? 2 / x.count : 2))],
});

/** Mean squared error: the mean of `(x - y)²`. */
export function mseLoss(input: Tensor, ...args: Call<WeightedLossOptions, ['target', 'reduction', 'weight']>): Tensor {
  const options = readLoss<WeightedLossOptions>('mseLoss', input, args, ['reduction', 'weight']);
  const { target, reduction = 'mean' } = options;
  const alike = isFloat(input.dtype) && input.dtype === target.dtype && sameShape(input.shape, target.shape);
  if (alike && !options.weight && reduction !== 'none') return dispatchOne(mseLossOp, [input, target], { reduction });
  return reduceWeighted('mseLoss', floats(input.sub(options.target)).square(), options);
}

/** Mean absolute error: the mean of `|x - y|`. */
export function l1Loss(input: Tensor, ...args: Call<WeightedLossOptions, ['target', 'reduction', 'weight']>): Tensor {
  const options = readLoss<WeightedLossOptions>('l1Loss', input, args, ['reduction', 'weight']);
  return reduceWeighted('l1Loss', floats(input.sub(options.target)).abs(), options);
}

interface SmoothL1Options extends LossOptions {
  /** Where the square ends and the line begins, 1 by default. */
  beta?: number;
}

/** `(x - y)²/2β` where |x - y| < β, `|x - y| - β/2` elsewhere. @see Girshick 2015 */
export function smoothL1Loss(input: Tensor, ...args: Call<SmoothL1Options, ['target', 'reduction', 'beta']>): Tensor {
  const { target, reduction, beta = 1 } = readLoss<SmoothL1Options>('smoothL1Loss', input, args, ['reduction', 'beta']);
  checkNumber('smoothL1Loss', 'beta', beta);
  if (beta < 0) throw new ArgumentError({ op: 'smoothL1Loss', expected: 'beta that is not negative', received: String(beta) });
  const distance = floats(input.sub(target)).abs();
  const loss = beta === 0 ? distance : distance.lt(beta).where(distance.square().mul(0.5 / beta), distance.sub(0.5 * beta));
  return reduce('smoothL1Loss', loss, reduction);
}

interface HuberOptions extends WeightedLossOptions {
  /** Where the square ends and the line begins, 1 by default. */
  delta?: number;
}

/** `(x - y)²/2` where |x - y| <= δ, `δ(|x - y| - δ/2)` elsewhere. @see Huber 1964 */
export function huberLoss(input: Tensor, ...args: Call<HuberOptions, ['target', 'reduction', 'delta', 'weight']>): Tensor {
  const options = readLoss<HuberOptions>('huberLoss', input, args, ['reduction', 'delta', 'weight']);
  const { target, delta = 1 } = options;
  checkNumber('huberLoss', 'delta', delta);
  if (delta <= 0) throw new ArgumentError({ op: 'huberLoss', expected: 'a positive delta', received: String(delta) });
  const distance = floats(input.sub(target)).abs();
  const loss = distance.le(delta).where(distance.square().mul(0.5), distance.sub(0.5 * delta).mul(delta));
  return reduceWeighted('huberLoss', loss, options);
}

interface KLDivOptions extends Omit<LossOptions, 'reduction'> {
  /** `batchmean` divides the sum by the size of the batch, which is the divergence's definition. */
  reduction?: Reduction | 'batchmean';
  /** Whether the target holds logarithms too. */
  logTarget?: boolean;
}

/** Kullback-Leibler divergence of log-probabilities from probabilities: `y(log y - x)`. */
export function klDiv(input: Tensor, ...args: Call<KLDivOptions, ['target', 'reduction', 'logTarget']>): Tensor {
  const { target, reduction = 'mean', logTarget = false } = readCall<KLDivOptions>('klDiv', args, ['target', 'reduction', 'logTarget']);
  checkTensor('klDiv', 'input', input);
  checkTensor('klDiv', 'target', target);
  if (reduction !== 'batchmean') checkReduction('klDiv', reduction);
  const loss = logTarget ? target.exp().mul(target.sub(input)) : timesOwnLogarithm(target).sub(target.mul(input));
  if (reduction === 'batchmean') return loss.sum().div(input.ndim === 0 ? 1 : input.shape[0]);
  return reduce('klDiv', loss, reduction);
}

/** `y log y`, 0 at 0. */
function timesOwnLogarithm(y: Tensor): Tensor {
  const zero = y.eq(0);
  return zero.where(0, y.mul(zero.where(1, y).log()));
}

interface PoissonOptions extends LossOptions {
  /** Whether the input is the logarithm of the rate, true by default. */
  logInput?: boolean;
  /** Adds Stirling's approximation of log(y!). */
  full?: boolean;
  /** Keeps log(0) away when `logInput` is false. */
  eps?: number;
}

/** Negative log-likelihood of counts under a Poisson distribution: `eˣ - y·x`, or `x - y·log(x + ε)`. */
export function poissonNllLoss(input: Tensor, ...args: Call<PoissonOptions, ['target', 'logInput', 'full', 'eps', 'reduction']>): Tensor {
  const names = ['logInput', 'full', 'eps', 'reduction'];
  const { target, logInput = true, full = false, eps = 1e-8, reduction } = readLoss<PoissonOptions>('poissonNllLoss', input, args, names);
  const loss = logInput ? input.exp().sub(target.mul(input)) : input.sub(target.mul(input.add(eps).log()));
  if (!full) return reduce('poissonNllLoss', loss, reduction);
  const y = target.gt(1).where(target, 1);
  const stirling = y.mul(y.log()).sub(y).add(y.mul(2 * Math.PI).log().mul(0.5)); // prettier-ignore
  return reduce('poissonNllLoss', loss.add(target.gt(1).where(stirling, 0)), reduction);
}

interface GaussianOptions extends LossOptions {
  /** Variances: a number, or a tensor of the input's shape, of it without the last dimension, or with one size 1. */
  var: Tensor | number;
  /** Adds the constant log(2π)/2. */
  full?: boolean;
  /** The least variance that counts, 1e-6 by default. */
  eps?: number;
}

function variances(input: Tensor, given: Tensor | number): Tensor {
  const op = 'gaussianNllLoss';
  if (typeof given === 'number') {
    if (!(given >= 0)) throw new ValueError({ op, expected: 'variances that are not negative', received: String(given) });
    return input.newFull(input.shape, given);
  }
  checkTensor(op, 'var', given);
  if (given.device.synchronous && given.count > 0 && noGrad(() => given.lt(0).any().itemSync<boolean>()))
    throw new ValueError({ op, expected: 'variances that are not negative', received: 'a negative one' });
  if (showShape(given.shape) === showShape(input.shape)) return given;
  if (showShape(given.shape) === showShape(input.shape.slice(0, -1))) return given.unsqueeze(-1);
  const differing = given.shape.filter((n, i) => n !== input.shape[i]);
  if (given.ndim === input.ndim && differing.length === 1 && differing[0] === 1) return given;
  throw new ShapeError({ op, expected: `variances that fit an input ${showShape(input.shape)}`, received: showShape(given.shape) });
}

/** Negative log-likelihood under normal distributions: `(log σ² + (x - y)²/σ²)/2`. @see Nix & Weigend 1994 */
export function gaussianNllLoss(input: Tensor, ...args: Call<GaussianOptions, ['target', 'var', 'full', 'eps', 'reduction']>): Tensor {
  const options = readLoss<GaussianOptions>('gaussianNllLoss', input, args, ['var', 'full', 'eps', 'reduction']);
  const { target, full = false, eps = 1e-6, reduction } = options;
  const given = variances(input, options.var);
  // The clamp counts as a constant, so that the gradient reaches small variances too.
  const variance = given.add(given.detach().clamp(eps).sub(given.detach()));
  const loss = variance.log().add(input.sub(target).square().div(variance)).mul(0.5); // prettier-ignore
  return reduce('gaussianNllLoss', full ? loss.add(0.5 * Math.log(2 * Math.PI)) : loss, reduction);
}

/** @throws ShapeError unless both have the same shape */
export function checkSameShape(op: string, input: Tensor, target: Tensor): void {
  if (showShape(input.shape) !== showShape(target.shape))
    throw new ShapeError({ op, expected: `a target of the input's shape ${showShape(input.shape)}`, received: showShape(target.shape) });
}

/** @throws ArgumentError unless it is a tensor that an elementwise weight can be */
export function checkWeight(op: string, weight: unknown): asserts weight is Tensor | null | undefined {
  if (weight !== undefined && weight !== null && !(weight instanceof Tensor))
    throw new ArgumentError({ op, expected: 'weight as a tensor', received: describe(weight) });
}
