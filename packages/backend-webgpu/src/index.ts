export { webgpu } from './device.ts';
export type { WebGpuDevice } from './device.ts';
export type { WebGpuOptions } from './gpu.ts';
