import { addTensorMethods, checkInput, type Device, type Tensor } from '@flambeau/core';
import { createCpuDevice, type CpuInfo } from './device.ts';

export { createCpuDevice, type CpuDevice, type CpuInfo, type CpuOptions } from './device.ts';

const { device, info, setThreads } = createCpuDevice();

/**
 * The CPU: kernels in C++, as a Node addon where there is one for this machine (built here, or of the platform's package), else as the
 * WebAssembly that this package carries. `FLAMBEAU_CPU=native` or `wasm` forces one.
 */
export const cpu: Device = Object.assign(device, { source: { module: import.meta.url, name: 'cpu' } });

/**
 * Sets how many threads a kernel may use, the caller among them; `torch.set_num_threads`. Only work of some 50 µs and more is shared, and results
 * do not depend on the number. WebAssembly computes in one thread, whatever is set.
 * @throws ArgumentError unless it is a positive integer
 */
export const setNumThreads = (count: number): void => setThreads(count);

/** How many threads a kernel may use: as many as there are processors, unless `setNumThreads` said otherwise. */
export const getNumThreads = (): number => info.threads;

/** Which engine and instruction set run behind `cpu`, with how many threads, and why nothing faster was taken. */
export const cpuInfo = (): CpuInfo => info;

declare module '@flambeau/core' {
  interface TensorMethods {
    /** The tensor on the CPU; itself when it is there. @throws AsyncOnlyError from a device that only reads asynchronously: `await x.toAsync(cpu)` */
    cpu(): Tensor;
  }
}
addTensorMethods({ cpu: (x: Tensor): Tensor => checkInput('cpu', x).to(cpu) });
