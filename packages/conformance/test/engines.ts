import { createCpuDevice } from '@flambeau/backend-cpu';
import { reference } from '@flambeau/backend-reference';
import type { Device } from '@flambeau/core';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const addon = new URL(`../../backend-cpu/build/${process.platform}-${process.arch}/flambeau.node`, import.meta.url);

/** True where the addon was built. Where it must be, engines.test.ts fails without it. */
export const hasAddon = existsSync(fileURLToPath(addon));

/** The engine that computes behind a CPU device, which has to be the one that was asked for. */
function engine(name: 'native' | 'wasm'): Device {
  const { device, info } = createCpuDevice(name);
  if (info.engine !== name) throw new Error(`the CPU runs on ${info.engine}, ${name} was asked for`);
  return device;
}

/** The devices of every machine: the reference, the CPU in WebAssembly, and natively where the addon was built. */
export const devices: readonly (readonly [name: string, device: Device])[] = [
  ['reference', reference],
  ...(hasAddon ? [['cpu, native', engine('native')] as const] : []),
  ['cpu, wasm', engine('wasm')],
];
