export { Optimizer, OptimizerStateError, type OptimizerState, type ParamGroup, type ParamsArgument } from './optimizer.ts';
export { SGD, sgdStepOp, type SGDOptions } from './sgd.ts';
export { Adam, AdamW, adamStepOp, type AdamOptions } from './adam.ts';
