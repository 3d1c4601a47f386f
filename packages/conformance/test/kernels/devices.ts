import { createCpuDevice } from '@flambeau/backend-cpu';
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
    } catch {
      // No addon here, or a processor without it: the others still run.
    }
  }
  found.set('wasm', createCpuDevice('wasm').device);
  return [...found].map(([name, device]) => ({ name, device }));
}

export const devices: readonly NamedDevice[] = everyEngine();
