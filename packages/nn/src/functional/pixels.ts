import { ArgumentError, checkTensor, describe, readCall, ShapeError, showShape, type Call, type Tensor } from '@flambeau/core';

function checkFactor(op: string, name: string, factor: unknown): asserts factor is number {
  if (!Number.isInteger(factor) || (factor as number) < 1)
    throw new ArgumentError({ op, expected: `${name} as a positive integer`, received: describe(factor) });
}

/**
 * Depth to space: [..., C·r², H, W] → [..., C, H·r, W·r].
 * @see Shi et al. 2016
 */
export function pixelShuffle(x: Tensor, ...args: Call<{ upscaleFactor: number }, ['upscaleFactor']>): Tensor {
  checkTensor('pixelShuffle', 'input', x);
  const { upscaleFactor: r } = readCall<{ upscaleFactor: number }>('pixelShuffle', args, ['upscaleFactor']);
  checkFactor('pixelShuffle', 'upscaleFactor', r);
  if (x.ndim < 3 || x.shape[x.ndim - 3] % (r * r) !== 0)
    throw new ShapeError({
      op: 'pixelShuffle',
      expected: `at least 3 dimensions and channels that ${r * r} divides`,
      received: showShape(x.shape),
    });
  const lead = x.shape.slice(0, -3);
  const [c, h, w] = [x.shape[x.ndim - 3] / (r * r), x.shape[x.ndim - 2], x.shape[x.ndim - 1]];
  const n = lead.length;
  const order = [...lead.map((_, i) => i), n, n + 3, n + 1, n + 4, n + 2]; // [..., C, H, r, W, r]
  return x.reshape([...lead, c, r, r, h, w]).permute(order).reshape([...lead, c, h * r, w * r]); // prettier-ignore
}

/** Space to depth, the inverse of `pixelShuffle`: [..., C, H·r, W·r] → [..., C·r², H, W]. */
export function pixelUnshuffle(x: Tensor, ...args: Call<{ downscaleFactor: number }, ['downscaleFactor']>): Tensor {
  checkTensor('pixelUnshuffle', 'input', x);
  const { downscaleFactor: r } = readCall<{ downscaleFactor: number }>('pixelUnshuffle', args, ['downscaleFactor']);
  checkFactor('pixelUnshuffle', 'downscaleFactor', r);
  if (x.ndim < 3 || x.shape[x.ndim - 2] % r !== 0 || x.shape[x.ndim - 1] % r !== 0)
    throw new ShapeError({
      op: 'pixelUnshuffle',
      expected: `at least 3 dimensions and height and width that ${r} divides`,
      received: showShape(x.shape),
    });
  const lead = x.shape.slice(0, -3);
  const [c, h, w] = [x.shape[x.ndim - 3], x.shape[x.ndim - 2] / r, x.shape[x.ndim - 1] / r];
  const n = lead.length;
  const order = [...lead.map((_, i) => i), n, n + 2, n + 4, n + 1, n + 3]; // [..., C, r, r, H, W]
  return x.reshape([...lead, c, h, r, w, r]).permute(order).reshape([...lead, c * r * r, h, w]); // prettier-ignore
}

/** Deals the channels (dim 1) of `groups` groups out in turn: [N, g·C, ...] read as [N, C, g, ...]. @see Zhang et al. 2018 */
export function channelShuffle(x: Tensor, ...args: Call<{ groups: number }, ['groups']>): Tensor {
  checkTensor('channelShuffle', 'input', x);
  const { groups } = readCall<{ groups: number }>('channelShuffle', args, ['groups']);
  checkFactor('channelShuffle', 'groups', groups);
  if (x.ndim < 3 || x.shape[1] % groups !== 0)
    throw new ShapeError({
      op: 'channelShuffle',
      expected: `at least 3 dimensions and channels that ${groups} divides`,
      received: showShape(x.shape),
    });
  const [n, channels, ...rest] = x.shape;
  return x.reshape([n, groups, channels / groups, ...rest]).transpose(1, 2).reshape(x.shape); // prettier-ignore
}
