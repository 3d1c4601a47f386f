import type { Operand, Shape } from '@flambeau/core';

/** How a convolution moves, as its op says it. */
export interface ConvAttrs {
  readonly stride: readonly number[];
  readonly padding: readonly number[];
  readonly dilation: readonly number[];
  readonly groups: number;
}

/** Numbers of a convolution over two dimensions; one dimension is a single row. */
export interface Geometry {
  readonly batch: number;
  /** Channels of the image and of the result, in one group. */
  readonly inner: number;
  readonly outer: number;
  readonly groups: number;
  readonly size: readonly [number, number];
  readonly places: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
}

const pair = (values: readonly number[], first: number): readonly [number, number] =>
  values.length === 2 ? [values[0], values[1]] : [first, values[0]];
const spatial = (shape: Shape): readonly [number, number] => pair(shape.slice(2), 1);

/** From the image x [N, C, ...], the weight [Cout, C/groups, ...K] and the result y [N, Cout, ...]. */
export function geometryOf(x: Shape, weight: Shape, y: Shape, { stride, padding, dilation, groups }: ConvAttrs): Geometry {
  return {
    batch: x[0],
    inner: weight[1],
    outer: weight[0] / groups,
    groups,
    size: spatial(x),
    places: spatial(y),
    kernel: spatial(weight),
    stride: pair(stride, 1),
    padding: pair(padding, 0),
    dilation: pair(dilation, 1),
  };
}

/** Strides of an image [N, C, H, W] or [N, C, W]. */
export const imageStrides = ({ strides }: Operand): readonly [number, number, number, number] =>
  strides.length === 4 ? [strides[0], strides[1], strides[2], strides[3]] : [strides[0], strides[1], 0, strides[2]];
