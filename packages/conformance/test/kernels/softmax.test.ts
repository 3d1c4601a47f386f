import { dispatch, tensor } from '@flambeau/core';
import '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, labels, opNamed, plain, viewed } from './samples.ts';

const shapes: [number[], number][] = [
  [[3, 10], 1],
  [[5, 33], 1],
  [[7, 1], 1],
  [[4, 100], 1],
  [[3, 10], 0],
  [[2, 5, 17], 1],
  [[2, 5, 3], 1],
];
const large = (shape: number[], seed?: number) => viewed(plain(shape, seed), (x) => x.mul(30));

describe.each(devices)('softmax on $name', ({ device }) => {
  it.each(shapes)('of shape %j along %i, its logarithm, and both gradients', (shape, dim) => {
    for (const op of ['softmax', 'logSoftmax']) {
      check(device, op, [plain(shape)], { dim });
      check(device, op, [large(shape)], { dim });
    }
    check(device, 'softmaxGrad', [plain(shape), viewed(plain(shape, 2), (x) => x.softmax(dim))], { dim });
    check(device, 'logSoftmaxGrad', [plain(shape), viewed(plain(shape, 2), (x) => x.logSoftmax(dim))], { dim });
  });

  it.each(['mean', 'sum'] as const)('cross-entropy with reduction %s, ignored rows, and both kinds of labels', (reduction) => {
    for (const [rows, classes] of [
      [1, 1],
      [7, 10],
      [50, 10],
      [5, 37],
    ]) {
      for (const dtype of ['int32', 'int64'] as const) {
        for (const ignoreIndex of [-100, 0]) {
          const attrs = { reduction, ignoreIndex };
          const target = labels([rows, 1], classes, dtype);
          const flat = viewed(target, (x) => x.reshape(-1));
          if (classes > 1) check(device, 'crossEntropy', [large([rows, classes]), flat], attrs, [], 1e-5);
          const logs = viewed(plain([rows, classes], 3), (x) => x.logSoftmax(1));
          if (classes > 1) check(device, 'crossEntropyGrad', [viewed(plain([1], 4), (x) => x.reshape([])), flat, logs], attrs);
        }
      }
    }
  });

  it('refuses a class out of range, naming it', () => {
    const x = tensor([[1, 2, 3], [4, 5, 6]], { device }); // prettier-ignore
    const run = (target: number[]) =>
      dispatch(opNamed('crossEntropy'), [x, tensor(target, { dtype: 'int32', device })], { reduction: 'mean', ignoreIndex: -100 });
    expect(() => run([0, 3])).toThrow(/3/);
    expect(() => run([0, -1])).toThrow(/-1/);
    expect(() => run([0, -100])).not.toThrow();
  });

  it('gives NaN for a row with NaN or infinity, and for no counted rows', () => {
    const [y] = dispatch(opNamed('softmax'), [tensor([[1, Number.NaN], [0, Infinity], [0, 0]], { device })], { dim: 1 }); // prettier-ignore
    const n = Number.NaN;
    expect(Array.from(y.dataSync(), Number).slice(0, 2)).toEqual([n, n]);
    expect(Array.from(y.dataSync(), Number)[3]).toBe(n);
    expect(Array.from(y.dataSync(), Number).slice(4)).toEqual([0.5, 0.5]);
    const target = tensor([7], { dtype: 'int32', device });
    expect(
      dispatch(opNamed('crossEntropy'), [tensor([[1, 2]], { device }), target], { reduction: 'mean', ignoreIndex: 7 })[0].itemSync(),
    ).toBe(n);
  });
});
