import { hasDefaultDevice, setDefaultDevice } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';

export * from '@flambeau/core';
export * from '@flambeau/autograd';
export * as nn from '@flambeau/nn';
export * as optim from '@flambeau/optim';
export * as data from '@flambeau/data';
export * from '@flambeau/serialization';
export { cpu, cpuInfo, getNumThreads, setNumThreads } from '@flambeau/backend-cpu';

// The CPU is where tensors are made unless the program has chosen a device before.
if (!hasDefaultDevice()) setDefaultDevice(cpu);
