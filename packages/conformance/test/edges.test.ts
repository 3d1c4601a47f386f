import { describe, expect, it } from 'vitest';
import type { Input, Samples } from '../src/laws/inputs.ts';
import { table } from './laws.ts';

// Empty tensors, tensors without dimensions and tensors of one element are where kernels break: each op is tried with each, or it is
// said here why it cannot be.

const count = ({ shape }: Input): number => shape.reduce((n, m) => n * m, 1);
const some = (of: Samples, is: (input: Input) => boolean): boolean => of.some(({ inputs }) => inputs.some(is));

const kinds: Readonly<Record<'empty' | 'scalar' | 'one', (of: Samples) => boolean>> = {
  empty: (of) => some(of, (input) => count(input) === 0),
  scalar: (of) => some(of, ({ shape }) => shape.length === 0),
  one: (of) => some(of, (input) => count(input) === 1 && input.shape.length > 0 && input.values?.length !== 1),
};

/** Ops without a sample of a kind, by the reason. */
const without: Readonly<Record<keyof typeof kinds, Readonly<Record<string, readonly string[]>>>> = {
  empty: {},
  scalar: {
    'it takes or gives a range of a dimension, which a scalar does not have': ['arange', 'diagonal', 'embedSlice', 'pad', 'select', 'slice'],
    'it takes matrices': [
      'linalgCholesky', 'linalgCholeskySolve', 'linalgComplete', 'linalgDet', 'linalgEig', 'linalgEigh', 'linalgGeqrf', 'linalgLdlFactor',
      'linalgLdlSolve', 'linalgLuFactor', 'linalgPermutation', 'linalgPinv', 'linalgQr', 'linalgSlogdet', 'linalgSolve',
      'linalgSolveTriangular', 'linalgSvd', 'muonStep', 'nuclearNorm',
    ],
    'it sums products along a dimension of both operands': ['attentionGrad', 'linear', 'linearActivation', 'linearActivationGrad', 'linearGrad', 'matmul', 'scaledDotProductAttention'],
    'it takes a batch, channels and a plane': [
      'avgPool1d', 'avgPool2d', 'avgPool3d', 'conv1d', 'conv1dInputGrad', 'conv1dWeightGrad', 'conv2d', 'conv2dInputGrad', 'conv2dWeightGrad',
      'conv3d', 'conv3dInputGrad', 'conv3dWeightGrad', 'convReluMaxPool2d', 'convReluMaxPool2dGrad', 'maxPool1d', 'maxPool1dGrad',
      'maxPool2d', 'maxPool2dGrad', 'maxPool3d', 'maxPool3dGrad',
    ],
    'it takes at least one dimension to normalize over': ['batchNorm', 'batchNormGrad', 'layerNorm', 'layerNormGrad', 'rmsNorm'],
    'it takes steps of time': ['ctcLoss', 'ctcLossGrad', 'gru', 'gruGrad', 'lstm', 'lstmGrad', 'rnnRelu', 'rnnTanh'],
  }, // prettier-ignore
  one: {},
};

describe.each(['empty', 'scalar', 'one'] as const)('every op has a sample of the kind “%s”', (kind) => {
  it('or a reason why it cannot have one', () => {
    const missing = table.filter(([, of]) => !kinds[kind](of)).map(([name]) => name);
    expect(missing.sort()).toEqual(Object.values(without[kind]).flat().sort());
  });
});
