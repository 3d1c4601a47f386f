import { ArgumentError, FlambeauError, IndexError, setDefaultDevice, ShapeError, tensor, type Tensor, ValueError } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { grad } from '@flambeau/autograd';
import { functional as F } from '@flambeau/nn';
import { describe, expect, it } from 'vitest';

setDefaultDevice(reference);

const integers = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'int32' });
const close = (x: Tensor, expected: number | number[], digits = 5): void => {
  const found = Array.from(x.dataSync(), Number);
  [expected].flat().forEach((value, i) => expect(found[i]).toBeCloseTo(value, digits));
  expect(found).toHaveLength([expected].flat().length);
};

describe('losses of numbers', () => {
  const x = (): Tensor => tensor([1, 2, 4]);
  const y = (): Tensor => tensor([1, 0, 7]);
  // differences 0, 2, -3
  it('mse is the mean of squares', () => close(F.mseLoss(x(), y()), 13 / 3));
  it('mse with weights is the weighted mean', () => {
    // (1·0 + 2·4 + 1·9) / (1 + 2 + 1)
    close(F.mseLoss(x(), y(), { weight: tensor([1, 2, 1]) }), 17 / 4);
  });
  it('l1 keeps the elements with none', () => close(F.l1Loss(x(), y(), 'none'), [0, 2, 3]));
  it('smooth l1 is square below beta and linear above', () => {
    // β = 2.5: 0, 2²/5, 3 - 1.25
    close(F.smoothL1Loss(x(), y(), 'none', 2.5), [0, 0.8, 1.75]);
  });
  it('huber is β times smooth l1', () => {
    // δ = 2.5: 0, 2²/2, 2.5·(3 - 1.25)
    close(F.huberLoss(x(), y(), { reduction: 'none', delta: 2.5 }), [0, 2, 4.375]);
    expect(() => F.huberLoss(x(), y(), { delta: 0 })).toThrow(ArgumentError);
  });
  it('refuses a reduction that does not exist', () => {
    expect(() => F.mseLoss(x(), y(), { reduction: 'average' as 'mean' })).toThrow(ArgumentError);
  });
});

describe('cross-entropy', () => {
  // softmax of [0, ln 3] is [1/4, 3/4]
  const logits = (): Tensor => tensor([[0, Math.log(3)], [0, Math.log(3)]]); // prettier-ignore
  it('is minus the logarithm of the class’s probability', () => {
    close(F.crossEntropy(logits(), integers([1, 0]), { reduction: 'none' }), [-Math.log(0.75), -Math.log(0.25)]);
  });
  it('leaves out ignored targets, also in the mean', () => {
    close(F.crossEntropy(logits(), integers([1, -100])), -Math.log(0.75));
  });
  it('weighs classes, and the mean by them', () => {
    // (1·log 4/3 + 3·log 4) / (1 + 3)
    close(F.crossEntropy(logits(), integers([1, 0]), tensor([3, 1])), (Math.log(4 / 3) + 3 * Math.log(4)) / 4);
  });
  it('takes probabilities', () => {
    close(F.crossEntropy(logits(), tensor([[0.5, 0.5], [1, 0]])), ((Math.log(4) + Math.log(4 / 3)) / 2 + Math.log(4)) / 2); // prettier-ignore
  });
  it('names a class that is out of range', () => {
    expect(() => F.crossEntropy(logits(), integers([1, 2]))).toThrow(IndexError);
    expect(() => F.nllLoss(logits(), integers([1, 2]))).toThrow(/classes in \[0, 1\], got 2/);
  });
  it('refuses a target of another length', () => {
    expect(() => F.crossEntropy(logits(), integers([1]))).toThrow(ShapeError);
  });
});

describe('binary cross-entropy', () => {
  it('is bounded where the prediction is certain and wrong', () => {
    // -log(0) counts as 100
    close(F.binaryCrossEntropy(tensor([0, 0.5]), tensor([1, 1]), { reduction: 'none' }), [100, Math.log(2)]);
  });
  it('refuses what is no probability', () => {
    expect(() => F.binaryCrossEntropy(tensor([1.5]), tensor([1]))).toThrow(ValueError);
  });
  it('of logits does not overflow, and its slope at 0 is σ(0) - y', () => {
    close(F.binaryCrossEntropyWithLogits(tensor([-1000, 1000]), tensor([0, 0]), { reduction: 'none' }), [0, 1000]);
    const x = tensor([0]).requiresGrad_();
    F.binaryCrossEntropyWithLogits(x, tensor([1])).backward();
    close(x.grad as Tensor, -0.5);
  });
});

describe('margins', () => {
  it('multiMargin sums the violations of the other classes', () => {
    // class 2 scores 0.8: (1 - 0.8 + 0.1) + (1 - 0.8 + 0.2) + (1 - 0.8 + 0.4), over 4 classes: the example of PyTorch's page
    close(F.multiMarginLoss(tensor([[0.1, 0.2, 0.4, 0.8]]), integers([3])), 0.325);
  });
  it('multilabelMargin stops at the first negative target', () => {
    // targets 3 and 0: (1 - (0.1 - 0.2)) + (1 - (0.1 - 0.4)) + (1 - (0.8 - 0.2)) + (1 - (0.8 - 0.4)), over 4 classes
    close(F.multilabelMarginLoss(tensor([[0.1, 0.2, 0.4, 0.8]]), integers([[3, 0, -1, 1]])), 0.85);
  });
  it('hinge embedding pushes apart up to the margin', () => {
    close(F.hingeEmbeddingLoss(tensor([0.3, 0.3, 2]), tensor([1, -1, -1]), { reduction: 'none' }), [0.3, 0.7, 0]);
  });
  it('triplets compare two distances', () => {
    // |a - p| = 3, |a - n| = 4, margin 2
    const options = { margin: 2, eps: 0 };
    close(F.tripletMarginLoss(tensor([[0, 0]]), tensor([[3, 0]]), tensor([[0, 4]]), options), 1);
    expect(() => F.tripletMarginLoss(tensor([[0, 0]]), tensor([3, 0]), tensor([[0, 4]]))).toThrow(ShapeError);
  });
});

describe('ctc', () => {
  const uniform = (steps: number, classes: number): Tensor => tensor(Array.from({ length: steps }, () => new Array<number>(classes).fill(-Math.log(classes)))); // prettier-ignore
  it('sums over all ways to read the target', () => {
    // Three steps of two classes, target [1]: 6 of the 8 paths read as it, all but "---" and "1-1".
    close(F.ctcLoss(uniform(3, 2), integers([1]), [3], [1], { reduction: 'none' }), -Math.log(6 / 8));
  });
  it('is infinite where the target does not fit, and 0 with zeroInfinity', () => {
    const call = (zeroInfinity: boolean): Tensor =>
      F.ctcLoss(uniform(2, 2), integers([1, 1]), [2], [2], { reduction: 'none', zeroInfinity });
    expect(call(false).itemSync()).toBe(Infinity);
    expect(call(true).itemSync()).toBe(0);
  });
  it('divides each sample by its length in the mean', () => {
    // Two steps of three classes, target [1, 2]: 1 of 9 paths; over 2 labels.
    close(F.ctcLoss(uniform(2, 3), integers([1, 2]), [2], [2]), Math.log(9) / 2);
  });
  it('has a first derivative, of which none can be taken: that is refused, not given as 0', () => {
    const x = tensor([[[0.1, 0.2, 0.3]], [[0.3, -0.2, 0.1]]]).requiresGrad_();
    const [slope] = grad(F.ctcLoss(x.logSoftmax(-1), integers([1, 2]), [2], [2]), [x], { createGraph: true });
    expect(slope.requiresGrad).toBe(true);
    expect(() => grad(slope.square().sum(), [x])).toThrow(
      expect.objectContaining({ name: 'AutogradError', code: 'AUTOGRAD', op: 'ctcLoss' }),
    );
    const loss = F.ctcLoss(x.logSoftmax(-1), integers([1, 2]), [2], [2]);
    loss.backward(undefined, { createGraph: true });
    expect(() => (x.grad as Tensor).sum().backward()).toThrow('ctcLoss: to be differentiated once, got a second derivative');
  });
  it('refuses lengths that are longer than what they measure', () => {
    expect(() => F.ctcLoss(uniform(2, 2), integers([1]), [3], [1])).toThrow(FlambeauError);
  });
});
