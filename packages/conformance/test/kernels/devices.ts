import { cpuInfo, createCpuDevice } from '@flambeau/backend-cpu';
import type { Device } from '@flambeau/core';

interface NamedDevice {
  readonly name: string;
  readonly device: Device;
}

/** A CPU device for each engine and instruction set that this machine can run; WebAssembly runs everywhere. */
function everyEngine(): NamedDevice[] {
  const found = new Map<string, Device>();
  for (const instructionSet of ['base', 'avx2', 'avx512']) {
    try {
      const { device, info } = createCpuDevice('native', { instructionSet });
      found.set(info.instructionSet, device);
    } catch (error) {
      // No addon here, or a processor without the set: the others still run. Anything else is a fault of the engine.
      if (!/does not have the instruction set|no local build of the addon/.test((error as Error).message)) throw error;
    }
  }
  found.set('wasm', createCpuDevice('wasm').device);
  // Every processor has the base set, and the one that the CPU backend chose for itself.
  const chosen = cpuInfo();
  for (const name of chosen.engine === 'native' ? ['base', chosen.instructionSet] : [])
    if (!found.has(name)) throw new Error(`the kernel tests found no native engine for ${name}, only ${[...found.keys()].join(', ')}`);
  return [...found].map(([name, device]) => ({ name, device }));
}

export const devices: readonly NamedDevice[] = everyEngine();
