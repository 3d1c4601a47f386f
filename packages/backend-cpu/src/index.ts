import type { Device } from '@flambeau/core';
import { createCpuDevice, type CpuInfo } from './device.ts';

export { createCpuDevice, type CpuDevice, type CpuInfo, type CpuOptions } from './device.ts';

const { device, info } = createCpuDevice();

/**
 * The CPU: kernels in C++, as a Node addon where there is one for this machine (built here, or of the platform's package), else as the
 * WebAssembly that this package carries. `FLAMBEAU_CPU=native` or `wasm` forces one.
 */
export const cpu: Device = device;

/** Which engine and instruction set run behind `cpu`, with how many threads, and why nothing faster was taken. */
export const cpuInfo = (): CpuInfo => info;
