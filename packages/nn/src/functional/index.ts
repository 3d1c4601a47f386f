export type { Call } from '@flambeau/core';
export type { Size } from './size.ts';
export * from './activation.ts';
export * from './softmax.ts';
export * from './adaptivePooling.ts';
export * from './attention.ts';
export * from './averagePooling.ts';
export * from './batchNorm.ts';
export * from './binaryLoss.ts';
export {
  conv1d,
  conv2d,
  conv3d,
  convolutions,
  type ConvArguments,
  type ConvAttrs,
  type ConvCall,
  type ConvOptions,
} from './convolution.ts';
export { convReluMaxPool2dGradOp, convReluMaxPool2dOp, type ConvPoolAttrs } from './convolutionPool.ts';
export { convTbc, type ConvTbcOptions } from './convTbc.ts';
export * from './convTranspose.ts';
export * from './ctcLoss.ts';
export { cosineSimilarity, normalize, pairwiseDistance, pdist } from './distance.ts';
export * from './dropout.ts';
export * from './embedding.ts';
export * from './fold.ts';
export * from './fractionalPooling.ts';
export * from './gridSample.ts';
export * from './inplaceActivation.ts';
export * from './interpolate.ts';
export * from './linear.ts';
export { linearActivationGradOp, linearActivationOp, type FusedActivation } from './linearActivation.ts';
export * from './linearCrossEntropy.ts';
export * from './loss.ts';
export * from './marginLoss.ts';
export { multiHeadAttentionForward, type MultiHeadAttentionOptions } from './multiheadAttention.ts';
export * from './normalization.ts';
export { pad, padOp, type PaddingMode } from './padding.ts';
export * from './pixels.ts';
export {
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxPools,
  type MaxPool,
  type MaxPoolOptions,
  type PoolAttrs,
  type PoolOptions,
} from './pooling.ts';
export * from './poolingWithIndices.ts';
export * from './recurrent.ts';
export type { Reduction } from './reduction.ts';
export { gaussianNllLoss, huberLoss, klDiv, l1Loss, mseLoss, poissonNllLoss, smoothL1Loss } from './regressionLoss.ts';
export * from './unpooling.ts';
