import { readCall, type Call, type Tensor } from '@flambeau/core';
import {
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  type AdaptiveMaxPool,
  type AdaptiveMaxPoolOptions,
} from './adaptivePooling.ts';
import { fractionalMaxPool2d, fractionalMaxPool3d, type FractionalMaxPool, type FractionalMaxPoolOptions } from './fractionalPooling.ts';
import { maxPool1d, maxPool2d, maxPool3d, type MaxPool, type MaxPoolOptions } from './pooling.ts';

// Max pooling that gives values and places, by the names that PyTorch has for it: each is its function with `returnIndices: true`.

type WithoutFlag<Options> = Omit<Options, 'returnIndices'>;

/** Max pooling as a pair: the maxima, and their places in the flattened spatial dimensions. */
export type MaxPoolWithIndices = (
  x: Tensor,
  ...args: Call<WithoutFlag<MaxPoolOptions>, ['kernelSize', 'stride', 'padding', 'dilation', 'ceilMode']>
) => [values: Tensor, indices: Tensor];
const maximumAndPlace =
  (op: string, pool: MaxPool): MaxPoolWithIndices =>
  (x, ...args) =>
    pool(x, { ...readCall<MaxPoolOptions>(op, args, ['kernelSize', 'stride', 'padding', 'dilation', 'ceilMode']), returnIndices: true });

/** `maxPool1d` with `returnIndices`. */
export const maxPool1dWithIndices: MaxPoolWithIndices = /* @__PURE__ */ maximumAndPlace('maxPool1dWithIndices', maxPool1d);
/** `maxPool2d` with `returnIndices`. */
export const maxPool2dWithIndices: MaxPoolWithIndices = /* @__PURE__ */ maximumAndPlace('maxPool2dWithIndices', maxPool2d);
/** `maxPool3d` with `returnIndices`. */
export const maxPool3dWithIndices: MaxPoolWithIndices = /* @__PURE__ */ maximumAndPlace('maxPool3dWithIndices', maxPool3d);

/** Adaptive max pooling as a pair: the maxima, and their places in the flattened spatial dimensions. */
export type AdaptiveMaxPoolWithIndices = (
  x: Tensor,
  ...args: Call<WithoutFlag<AdaptiveMaxPoolOptions>, ['outputSize']>
) => [values: Tensor, indices: Tensor];
const adaptiveMaximumAndPlace =
  (op: string, pool: AdaptiveMaxPool): AdaptiveMaxPoolWithIndices =>
  (x, ...args) =>
    pool(x, { ...readCall<AdaptiveMaxPoolOptions>(op, args, ['outputSize']), returnIndices: true });

/** `adaptiveMaxPool1d` with `returnIndices`. */
export const adaptiveMaxPool1dWithIndices: AdaptiveMaxPoolWithIndices = /* @__PURE__ */ adaptiveMaximumAndPlace('adaptiveMaxPool1dWithIndices', adaptiveMaxPool1d); // prettier-ignore
/** `adaptiveMaxPool2d` with `returnIndices`. */
export const adaptiveMaxPool2dWithIndices: AdaptiveMaxPoolWithIndices = /* @__PURE__ */ adaptiveMaximumAndPlace('adaptiveMaxPool2dWithIndices', adaptiveMaxPool2d); // prettier-ignore
/** `adaptiveMaxPool3d` with `returnIndices`. */
export const adaptiveMaxPool3dWithIndices: AdaptiveMaxPoolWithIndices = /* @__PURE__ */ adaptiveMaximumAndPlace('adaptiveMaxPool3dWithIndices', adaptiveMaxPool3d); // prettier-ignore

/** Fractional max pooling as a pair: the maxima, and their places in the flattened spatial dimensions. */
export type FractionalMaxPoolWithIndices = (
  x: Tensor,
  ...args: Call<WithoutFlag<FractionalMaxPoolOptions>, ['kernelSize', 'outputSize', 'outputRatio']>
) => [values: Tensor, indices: Tensor];
const fractionalMaximumAndPlace =
  (op: string, pool: FractionalMaxPool): FractionalMaxPoolWithIndices =>
  (x, ...args) => {
    const names = ['kernelSize', 'outputSize', 'outputRatio'];
    return pool(x, { ...readCall<FractionalMaxPoolOptions>(op, args, names, ['randomSamples', 'generator']), returnIndices: true });
  };

/** `fractionalMaxPool2d` with `returnIndices`. */
export const fractionalMaxPool2dWithIndices: FractionalMaxPoolWithIndices = /* @__PURE__ */ fractionalMaximumAndPlace('fractionalMaxPool2dWithIndices', fractionalMaxPool2d); // prettier-ignore
/** `fractionalMaxPool3d` with `returnIndices`. */
export const fractionalMaxPool3dWithIndices: FractionalMaxPoolWithIndices = /* @__PURE__ */ fractionalMaximumAndPlace('fractionalMaxPool3dWithIndices', fractionalMaxPool3d); // prettier-ignore
