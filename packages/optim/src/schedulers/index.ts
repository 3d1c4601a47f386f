export { LRScheduler, type LastEpoch, type Schedulable, type ScheduledGroup, type SchedulerState } from './scheduler.ts';
export { LambdaLR, MultiplicativeLR, type LambdaLROptions, type LrLambda } from './lambda.ts';
export { ExponentialLR, MultiStepLR, StepLR, type ExponentialLROptions, type MultiStepLROptions, type StepLROptions } from './decay.ts';
export { ConstantLR, LinearLR, PolynomialLR, type ConstantLROptions, type LinearLROptions, type PolynomialLROptions } from './warmup.ts';
export {
  CosineAnnealingLR,
  CosineAnnealingWarmRestarts,
  type CosineAnnealingLROptions,
  type CosineAnnealingWarmRestartsOptions,
} from './cosine.ts';
export { CyclicLR, type CyclicLROptions } from './cyclic.ts';
export { OneCycleLR, type OneCycleLROptions } from './oneCycle.ts';
export { ReduceLROnPlateau, type ReduceLROnPlateauOptions } from './plateau.ts';
export { ChainedScheduler, SequentialLR, type SequentialLROptions } from './composite.ts';
export { SWALR, type SWALROptions } from './swa.ts';
