export { Buffer, Parameter, UninitializedBuffer, UninitializedParameter } from './parameter.ts';
export { Module } from './module.ts';
export { StateDictError, type LoadOptions, type LoadReport, type StateDict } from './stateDict.ts';
export type { BackwardHook, BackwardPreHook, ForwardHook, ForwardPreHook, HookOptions } from './hooks.ts';
export { deepCopy } from './copy.ts';
export * as functional from './functional/index.ts';
export * as init from './init.ts';
export { summary, type LayerSummary, type ModelSummary, type SummaryOptions } from './summary.ts';
export * as utils from './utils/index.ts';
export * from './modules/activation.ts';
export * from './modules/attention.ts';
export * from './modules/averagePooling.ts';
export * from './modules/container.ts';
export * from './modules/convolution.ts';
export * from './modules/resampling.ts';
export * from './modules/padding.ts';
export * from './modules/dropout.ts';
export * from './modules/distance.ts';
export * from './modules/embedding.ts';
export * from './modules/lazyConvolution.ts';
export * from './modules/lazyLinear.ts';
export * from './modules/lazyNormalization.ts';
export * from './modules/linear.ts';
export * from './modules/linearCrossEntropy.ts';
export { hasUninitializedParameters } from './modules/lazy.ts';
export * from './modules/loss.ts';
export * from './modules/normalization.ts';
export * from './modules/parameterContainer.ts';
export * from './modules/pooling.ts';
export * from './modules/recurrent.ts';
export * from './modules/recurrentCell.ts';
export * from './modules/transformer.ts';
export {
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type Activation,
  type DecoderCallOptions,
  type EncoderLayerCallOptions,
  type TransformerLayerOptions,
} from './modules/transformerLayer.ts';
