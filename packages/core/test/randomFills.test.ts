import * as f from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

beforeAll(() => f.setDefaultDevice(reference));
beforeEach(() => f.manualSeed(1));

const list = (x: f.Tensor): number[] => Array.from(x.dataSync(), Number);
const close = (x: f.Tensor, expected: readonly number[]): void => {
  expect(x.shape).toEqual([expected.length]);
  list(x).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 5));
};

// The expected numbers are PyTorch's after torch.manual_seed(1).
describe('fills give PyTorch’s numbers for a seed', () => {
  it('cauchy_', () => {
    close(f.zeros(3).cauchy_(), [-5.14954948425293, -1.1741732358932495, -1.104183554649353]);
    f.manualSeed(1);
    close(f.zeros(3).cauchy_(1, 2), [-9.29909896850586, -1.348346471786499, -1.208367109298706]);
  });
  it('logNormal_', () => {
    close(f.zeros(3).logNormal_(), [10.203229904174805, 4.635982513427734, 3.075152635574341]);
    f.manualSeed(1);
    close(f.zeros(3).logNormal_({ mean: 0, std: 0.5 }), [1.391908884048462, 1.142777919769287, 1.03131902217865]);
  });
  it('geometric_', () => expect(list(f.zeros(5).geometric_(0.3))).toEqual([8, 5, 5, 5, 2]));
  it('multinomial with and without replacement, for a vector and for rows', () => {
    const weights = f.tensor([1, 2, 3, 4]);
    const drawn = (numSamples: number, replacement = false, w = weights): unknown => {
      f.manualSeed(1);
      return f.multinomial(w, numSamples, replacement).toArraySync();
    };
    expect(drawn(6, true)).toEqual([0, 1, 1, 1, 2, 1]);
    expect(drawn(3)).toEqual([3, 0, 2]);
    expect(drawn(2, false, weights.expand(2, 4))).toEqual([[3, 0], [1, 2]]); // prettier-ignore
    expect(drawn(1, true)).toEqual([3]);
  });
  it('randintLike', () => {
    expect(list(f.randintLike(f.zeros(5), 10))).toEqual([5, 9, 4, 8, 3]);
    f.manualSeed(1);
    expect(list(f.randintLike(f.zeros(5), 3, 10))).toEqual([3, 6, 7, 6, 6]);
  });
  it('randint takes its arguments by name, too', () => {
    const positional = list(f.randint(3, 10, [4]));
    f.manualSeed(1);
    expect(list(f.randint({ low: 3, high: 10, size: [4] }))).toEqual(positional);
  });
});

describe('what no distribution allows is refused', () => {
  it.each([
    ['a sigma of 0', () => f.zeros(2).cauchy_(0, 0)],
    ['a std below 0', () => f.zeros(2).logNormal_(0, -1)],
    ['a probability of 1', () => f.zeros(2).geometric_(1)],
    ['negative weights', () => f.multinomial(f.tensor([-1, 2]), 1)],
    ['weights that are all zero', () => f.multinomial(f.zeros(3), 1)],
    ['more samples than there are weights', () => f.multinomial(f.ones(2), 3)],
    ['integers as weights', () => f.multinomial(f.ones([2], { dtype: 'int32' }), 1)],
    ['an empty range', () => f.randint(5, 5, [2])],
  ])('%s', (_, call) => expect(call).toThrow(f.FlambeauError));
});
