export { webgpu } from './device.ts';
export type { WebGpuDevice } from './device.ts';
export * from './errors.ts';
export type { GpuInfo, LimitName, WebGpuOptions } from './gpu.ts';
export type { Counters } from './commands.ts';
