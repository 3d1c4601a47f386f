import type { Tensor } from '@flambeau/core';
import * as f from '@flambeau/core';
import { flag, integer, indices, real, sample, shapes, type Samples } from '../inputs.ts';

type Reduce = (x: Tensor, dim?: number) => Tensor;

/** Over everything, over one dimension, keeping it, and of nothing. */
const reducing = (run: Reduce, smooth = true, low = -2, high = 2): Samples => [
  ...shapes.map((shape) => sample([real(shape, low, high)], (x) => run(x), smooth)),
  sample([real([2, 3, 2], low, high)], (x) => run(x, 1), smooth),
  sample([real([2, 3], low, high)], (x) => run(x, -1), smooth),
  sample([real([2, 0], low, high)], (x) => run(x, 0), smooth),
];
/** Reductions that have no answer for nothing. */
const extremes = (run: Reduce, smooth = true): Samples =>
  reducing(run, smooth).filter(({ inputs: [x] }, i) => x.shape.every((n) => n > 0) || i === 9);
const along = (run: (x: Tensor, dim: number) => Tensor, smooth = true, low = -2, high = 2): Samples => [
  ...shapes.map((shape) => sample([real(shape, low, high)], (x) => run(x, -1), smooth)),
  sample([real([3, 2], low, high)], (x) => run(x, 0), smooth),
];
const logical = (run: Reduce): Samples => shapes.map((shape) => sample([flag(shape)], (x) => run(x)));

export const reductions = {
  sum: [
    ...reducing((x, dim) => x.sum(dim).square()),
    sample([integer([2, 3], -5, 5)], (x) => x.sum(0)),
    sample([flag([2, 3])], (x) => x.sum()),
  ],
  prod: [...reducing((x, dim) => x.prod(dim)), sample([integer([2, 3], -5, 5)], (x) => x.prod(0))],
  amax: extremes((x, dim) => x.amax(dim)),
  amin: extremes((x, dim) => x.amin(dim)),
  argmax: extremes((x, dim) => x.argmax(dim), false),
  argmin: extremes((x, dim) => x.argmin(dim), false),
  any: logical((x) => x.any()),
  all: logical((x) => x.all()),
  cumsum: along((x, dim) => x.cumsum(dim).square()),
  cumprod: along((x, dim) => x.cumprod(dim)),
  cummax: along((x, dim) => x.cummax(dim).values).filter(({ inputs: [x] }) => x.shape.every((n) => n > 0)),
  cummin: along((x, dim) => x.cummin(dim).values).filter(({ inputs: [x] }) => x.shape.every((n) => n > 0)),
  sort: along((x, dim) => x.sort(dim).values.square()),
  median: [
    sample([real([5])], (x) => f.median(x)),
    sample([real([2, 3])], (x) => f.median(x, 1).values),
    sample([real([])], (x) => f.median(x)),
  ],
  softmax: along((x, dim) => x.softmax(dim)),
  softmaxGrad: [sample([real([2, 3])], (x) => x.softmax(1))],
  logSoftmax: along((x, dim) => x.logSoftmax(dim)),
  logSoftmaxGrad: [sample([real([2, 3])], (x) => x.logSoftmax(1))],
  gather: [
    sample([real([3, 2]), indices([2, 2], [0, 2, 1, 1])], (x, index) => x.gather(0, index).square()),
    sample([real([3]), indices([0], [])], (x, index) => x.gather(0, index)),
    sample([real([]), indices([], [0])], (x, index) => x.gather(0, index).square()),
    sample([real([2, 3]), indices([1, 4], [2, 2, 0, 1])], (x, index) => x.gather(1, index).square()),
  ],
  indexSelect: [
    sample([real([3, 2]), indices([4], [2, 0, 0, 1])], (x, index) => x.indexSelect(0, index).square()),
    sample([real([2, 3]), indices([0], [])], (x, index) => x.indexSelect(1, index)),
  ],
  indexSelectGrad: [sample([real([3, 2]), indices([4], [2, 0, 0, 1])], (x, index) => x.indexSelect(0, index).square())],
  indexAdd: [
    sample([real([3, 2]), indices([4], [2, 0, 0, 1]), real([4, 2])], (x, index, source) => f.indexAdd(x, 0, index, source).square()),
  ],
  scatter_set: [
    sample([real([3, 2]), indices([2, 2], [0, 2, 1, 0]), real([2, 2])], (x, index, src) => x.scatter(0, index, src).square()),
    sample([real([2, 3]), indices([0, 0], []), real([2, 3])], (x, index, src) => x.scatter(1, index, src).square()),
  ],
  scatter_add: [
    sample([real([3, 2]), indices([2, 2], [0, 2, 0, 0]), real([2, 2])], (x, index, src) => x.scatterAdd(0, index, src).square()),
    sample([real([1]), indices([3], [0, 0, 0]), real([3])], (x, index, src) => x.scatterAdd(0, index, src).square()),
  ],
  scatter_prod: scatterReducing('prod'),
  scatter_max: scatterReducing('amax'),
  scatter_min: scatterReducing('amin'),
  where: [
    sample([flag([2, 3]), real([2, 3]), real([3])], (condition, a, b) => f.where(condition, a, b).square()),
    sample([flag([]), real([]), real([2])], (condition, a, b) => f.where(condition, a, b).square()),
    sample([flag([0]), real([0]), real([1])], (condition, a, b) => f.where(condition, a, b).square()),
    sample([flag([2, 2]), real([2, 2])], (condition, a) => f.where(condition, a, 0.5).square()),
  ],
} satisfies Record<string, Samples>;

function scatterReducing(reduce: 'prod' | 'amax' | 'amin'): Samples {
  return [
    sample(
      [real([3, 2], 0.5, 2), indices([2, 2], [0, 2, 0, 0]), real([2, 2], 0.5, 2)],
      (x, index, src) => f.scatterReduce(x, 0, index, src, reduce),
      true,
    ),
  ];
}
