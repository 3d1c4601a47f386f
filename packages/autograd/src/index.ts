import './record.ts';
import './tensor.ts';

export { queueBackwardCallback, type AccumulateHook } from './accumulation.ts';
export { AutogradError } from './error.ts';
export { enableGrad, isGradEnabled, noGrad, setGradEnabled } from './mode.ts';
export { grad, valueAndGrad, type BackwardOptions } from './backward.ts';
export { detectAnomaly } from './anomaly.ts';
export { customFunction, type FunctionContext, type FunctionDefinition } from './function.ts';
export { gradcheck, type GradcheckOptions } from './gradcheck.ts';
export { peekGrad } from './tensor.ts';
export type { GradHook } from './tape.ts';
