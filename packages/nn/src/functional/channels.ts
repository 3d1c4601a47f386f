import { checkTensor, ShapeError, showShape, type Tensor } from '@flambeau/core';

/** Scales and shifts channels (dim 1). */
export function affine(x: Tensor, weight: Tensor | null | undefined, bias: Tensor | null | undefined): Tensor {
  const channels = x.shape.map((_, i) => (i === 1 ? -1 : 1));
  const scaled = weight ? x.mul(weight.reshape(channels)) : x;
  return bias ? scaled.add(bias.reshape(channels)) : scaled;
}

/** @throws ShapeError unless each has an element for each channel */
export function checkChannels(op: string, channels: number, tensors: Readonly<Record<string, Tensor | null | undefined>>): void {
  for (const [name, tensor] of Object.entries(tensors)) {
    if (tensor === null || tensor === undefined) continue;
    checkTensor(op, name, tensor);
    if (tensor.ndim !== 1 || tensor.shape[0] !== channels)
      throw new ShapeError({ op, expected: `${name} of shape [${channels}]`, received: showShape(tensor.shape) });
  }
}
