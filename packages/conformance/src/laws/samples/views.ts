import type { Tensor } from '@flambeau/core';
import * as f from '@flambeau/core';
import { customFunction } from '@flambeau/autograd';
import { integer, real, sample, shapes, type Samples } from '../inputs.ts';

const square = (x: Tensor): Tensor => x.square();
/** Views are looked at through a square, so that their second derivative is not zero. */
const view = (shape: readonly number[], run: (x: Tensor) => Tensor, strided = true): Samples[number] =>
  sample([real(shape)], (x) => square(run(x)), true, strided);
/** A view that only a contiguous tensor has. */
const packed = (shape: readonly number[], run: (x: Tensor) => Tensor): Samples[number] => view(shape, run, false);

const cube = customFunction({
  name: 'cube',
  forward(context, x) {
    context.saveForBackward(x);
    return x.pow(3);
  },
  backward(context, g) {
    const [x] = context.savedTensors;
    return g?.mul(x.square().mul(3));
  },
});

export const views = {
  reshapeView: [
    packed([2, 3], (x) => x.view(3, 2)),
    packed([4], (x) => x.view(2, -1)),
    packed([], (x) => x.view(1, 1)),
    packed([0, 2], (x) => x.view(2, 0)),
  ],
  clone: shapes.map((shape) => view(shape, (x) => x.clone())),
  expand: [
    view([2, 1], (x) => x.expand(2, 3)),
    view([], (x) => x.expand(2, 2)),
    view([3], (x) => x.expand(2, 3)),
    view([1, 0], (x) => x.expand(2, 0)),
  ],
  permute: [view([2, 3], (x) => x.permute(1, 0)), view([2, 0, 3], (x) => x.permute(2, 0, 1)), view([1, 1], (x) => x.permute(1, 0))],
  unsqueeze: shapes.map((shape) => view(shape, (x) => x.unsqueeze(-1))),
  squeeze: [view([2, 1, 3], (x) => x.squeeze(1)), view([1], (x) => x.squeeze()), view([1, 0], (x) => x.squeeze(0))],
  select: [view([2, 3], (x) => x.select(1, -1)), view([1], (x) => x.select(0, 0)), view([2, 0], (x) => x.select(0, 1))],
  slice: [
    view([5], (x) => x.slice(0, 1, 5, 2)),
    view([2, 3], (x) => x.slice(1, 1)),
    view([3], (x) => x.slice(0, 3)),
    view([0], (x) => x.slice(0, 0, 1)),
  ],
  embedSlice: [view([2, 3], (x) => x.select(0, 1)), view([5], (x) => x.slice(0, 1, 5, 3))],
  alias: shapes.map((shape) => view(shape, (x) => x.alias())),
  diagonal: [
    view([3, 3], (x) => x.diagonal()),
    view([2, 4], (x) => x.diagonal(1)),
    view([2, 3, 2], (x) => x.diagonal(-1, 1, 2)),
    view([0, 2], (x) => x.diagonal()),
  ],
  unfold: [view([6], (x) => x.unfold(0, 3, 2)), view([2, 5], (x) => x.unfold(1, 2, 1)), view([1], (x) => x.unfold(0, 1, 1))],
  fold: [view([6], (x) => x.unfold(0, 3, 1)), view([3, 3], (x) => x.diagonal())],
  asStrided: [packed([6], (x) => x.asStrided([2, 2], [1, 2], 1)), packed([6], (x) => x.asStrided([3, 3], [1, 1]))],
  cast: [
    sample([real([2, 3])], (x) => x.to('float64').square()),
    sample([real([])], (x) => x.to('int32').to('float32'), false),
    sample([integer([2, 0], 0, 3)], (x) => x.to('bool')),
    sample([real([2, 3])], (x) => x.to('float16').to('float32'), false),
  ],
  toDevice: [sample([real([2, 3])], (x) => f.dispatchOne(f.toDeviceOp, [x], { target: x.device }).square())],
  cat: [
    sample([real([2, 3]), real([2, 1])], (a, b) => square(f.cat([a, b], 1))),
    sample([real([0, 3]), real([2, 3])], (a, b) => square(f.cat([a, b]))),
    sample([real([1]), real([1]), real([0])], (a, b, c) => square(f.cat([a, b, c]))),
    sample([real([]), real([])], (a, b) => square(f.stack([a, b]))),
  ],
  flip: [view([2, 3], (x) => x.flip(0, 1)), view([0], (x) => x.flip(0)), view([1, 1], (x) => x.flip(1))],
  full: [sample([real([2])], (x) => f.full([2, 3], 1.5, { device: x.device, dtype: x.dtype }).add(x.sum()))],
  arange: [sample([real([2])], (x) => f.arange(0, 3, 1, { device: x.device, dtype: x.dtype }).mul(x.sum()))],
  // In place, through a history: the leaf is copied first.
  assign: [
    sample([real([2, 3]), real([3])], (x, y) => square(x.clone().add_(y))),
    sample([real([2, 3]), real([2])], (x, y) => square(x.clone().copy_(y.unsqueeze(1)))),
    sample([real([])], (x) => square(x.clone().mul_(3))),
    sample([real([0])], (x) => square(x.clone().fill_(1))),
  ],
  // Not smooth: the gradient of x is PyTorch's, which is not the slope (packages/core/test/ops/names.test.ts has its numbers).
  asStridedScatter: [
    sample([real([2, 3]), real([2, 2])], (x, y) => x.asStridedScatter(y, [2, 2], [3, 1], 1), false),
    sample([real([0]), real([0])], (x, y) => x.asStridedScatter(y, [0], [1]), false),
    sample([real([]), real([1])], (x, y) => x.asStridedScatter(y, [1], [1]), false),
  ],
  replaceRegion: [
    sample([real([2, 3]), real([3])], (x, y) => {
      const base = x.clone();
      base.select(0, 1).copy_(y);
      return square(base);
    }),
    sample([real([4])], (x) => {
      const base = x.clone();
      base.slice(0, 1, 3).mul_(2);
      return square(base);
    }),
  ],
  eraseRegion: [
    sample([real([2, 3]), real([3])], (x, y) => {
      const base = x.mul(2);
      base.select(0, 0).mul_(y);
      return square(base);
    }),
  ],
  customFunction: [sample([real([2, 2])], (x) => cube(x) as Tensor)],
} satisfies Record<string, Samples>;
