export { loadDevice } from './device.ts';
export { parseOptions, type AppDefaults, type AppOptions } from './options.ts';
export { Run, type RunResult } from './run.ts';
export { mnistRoot } from './mnist.ts';
