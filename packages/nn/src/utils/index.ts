export * as parametrizations from './parametrizations.ts';
export * as parametrize from './parametrize.ts';
export * as rnn from './rnn.ts';
export { clipGradNorm_, clipGradsWithNorm_, clipGradValue_, getTotalNorm, type TotalNormOptions } from './clip.ts';
export { fuseConvBnEval, fuseLinearBnEval } from './fusion.ts';
export { parametersToVector, vectorToParameters } from './vector.ts';
export { skipInit } from './skipInit.ts';
