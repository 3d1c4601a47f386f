export { loadDevice } from './device.ts';
export { main } from './main.ts';
export { mnistRoot } from './mnist.ts';
export { parseOptions, type AppDefaults, type AppOptions } from './options.ts';
export { Run, type RunResult } from './run.ts';
export { loadWeights } from './weights.ts';
export { showDigits } from './digits.ts';
