import { describe, ArgumentError, Tensor, zeros } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { deepCopy } from '../copy.ts';
import type { Module } from '../module.ts';
import { Parameter } from '../parameter.ts';

interface Affine extends Module {
  weight: Parameter;
  bias: Parameter | null;
}
interface Normalization extends Module {
  runningMean: Tensor | null;
  runningVar: Tensor | null;
  weight: Parameter | null;
  bias: Parameter | null;
  eps: number;
}

/** `f` and the normalization after it in one: y = (f(x) - mean)/√(var + eps)·γ + β, folded into weight and bias. */
function fuse<M extends Module>(op: string, layer: M & Affine, norm: Normalization, outputDim: number): M {
  const isTensor = (x: unknown): boolean => x instanceof Tensor;
  if (!isTensor(layer?.weight) || norm === undefined || norm === null || !('runningMean' in Object(norm)))
    throw new ArgumentError({
      op,
      expected: 'a layer with a weight, and a batch norm',
      received: `${describe(layer)} and ${describe(norm)}`,
    });
  const { runningMean, runningVar } = norm;
  if (layer.training || norm.training || runningMean === null || runningVar === null) {
    throw new ArgumentError({
      op,
      expected: 'a layer and a batch norm in evaluation mode, with running statistics',
      received: 'others',
      hint: 'Call eval() first.',
    });
  }
  const fused = deepCopy(layer);
  noGrad(() => {
    const { weight, bias } = layer;
    let scale = runningVar.detach().add(norm.eps).rsqrt();
    if (norm.weight !== null) scale = scale.mul(norm.weight.detach());
    const before = bias === null ? zeros(runningMean.shape, { dtype: weight.dtype, device: weight.device }) : bias.detach();
    let shifted = before.sub(runningMean.detach()).mul(scale);
    if (norm.bias !== null) shifted = shifted.add(norm.bias.detach());
    const wide = scale.reshape(weight.shape.map((_, d) => (d === outputDim ? -1 : 1)));
    fused.weight = new Parameter(weight.detach().mul(wide), weight.requiresGrad);
    fused.bias = new Parameter(shifted, bias?.requiresGrad ?? true);
  });
  return fused;
}

/** A convolution that does what `conv` and the batch norm after it do in evaluation; with `transpose`, for a transposed convolution. */
export const fuseConvBnEval = <M extends Module>(conv: M & Affine, norm: Normalization, transpose = false): M =>
  fuse('fuseConvBnEval', conv, norm, transpose ? 1 : 0);

/** A linear layer that does what `linear` and the batch norm after it do in evaluation. */
export const fuseLinearBnEval = <M extends Module>(linear: M & Affine, norm: Normalization): M => fuse('fuseLinearBnEval', linear, norm, 0);
