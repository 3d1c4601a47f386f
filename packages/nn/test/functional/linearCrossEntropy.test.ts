import { ArgumentError, manualSeed, rand, setDefaultDevice, ShapeError, tensor, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';
import { beforeAll, describe, expect, it } from 'vitest';

const F = nn.functional;
beforeAll(() => setDefaultDevice(reference));

describe('linearCrossEntropy', () => {
  const x = (): Tensor => tensor([[1, 2, 3], [-1, 0, 1]]); // prettier-ignore
  const classes = (): Tensor => tensor([1, 3], { dtype: 'int32' });

  it('is the cross-entropy of the logits', () => {
    const [weight, bias] = [rand(4, 3), rand(4)];
    const logits = F.linear(x(), weight, bias);
    expect(F.linearCrossEntropy(x(), weight, classes(), { linearBias: bias }).itemSync()).toBeCloseTo(
      F.crossEntropy(logits, classes()).itemSync(),
      6,
    );
  });
  it('takes a loss at several places', () => {
    const target = tensor([[0, 1], [1, 0]], { dtype: 'int32' }); // prettier-ignore
    // weight [C, d, inFeatures]: logits [N, C, d], and so a loss for each of N · d places
    expect(F.linearCrossEntropy(x(), rand(2, 2, 3), target, { reduction: 'none' }).shape).toEqual([2, 2]);
  });
  it('refuses what does not fit', () => {
    expect(() => F.linearCrossEntropy(rand(1, 2, 3), rand(4, 3), classes())).toThrow(ShapeError);
    expect(() => F.linearCrossEntropy(x(), rand(4, 5), classes())).toThrow(ShapeError);
    expect(() => F.linearCrossEntropy(x(), rand(4, 3), rand(2, 4), { ignoreIndex: 0 })).toThrow(ArgumentError);
  });
  it('as a module gives PyTorch’s loss for the same seed', () => {
    manualSeed(0);
    const layer = new nn.LinearCrossEntropyLoss(3, 4);
    // torch.manual_seed(0); torch.nn.LinearCrossEntropyLoss(3, 4)(x, torch.tensor([1, 3])) = 1.7150764
    expect(layer.forward(x(), classes()).itemSync()).toBeCloseTo(1.7150764465332031, 5);
    expect([...layer.stateDict().keys()]).toEqual(['linear.weight']);
  });
});
