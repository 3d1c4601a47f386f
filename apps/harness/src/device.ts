import { ArgumentError, setDefaultDevice, type Device } from '@flambeau/core';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import { cpu, cpuInfo } from '@flambeau/backend-cpu';

/** The names that `loadDevice` knows. */
export const deviceNames = ['cpu', 'reference', 'webgpu'] as const;

/**
 * The device of a name. A backend is loaded only when it is asked for. Whatever it is, the CPU becomes the default device, for there the
 * apps make their data: with PyTorch's random numbers, the same ones for every device.
 * @throws ArgumentError for a name that is not known
 */
export async function loadDevice(name: string): Promise<Device> {
  setDefaultDevice(cpu);
  if (name === 'cpu') return cpu;
  if (name === 'reference') return (await import('@flambeau/backend-reference')).reference;
  if (name === 'webgpu') return (await import('@flambeau/backend-webgpu')).webgpu();
  throw new ArgumentError({ op: '--device', expected: 'cpu, reference or webgpu', received: JSON.stringify(name) });
}

/** What runs behind a device: `native (avx512)`, `wasm`, or the device's name and the adapter of a GPU. */
export function engineName(device: Device): string {
  if (device === cpu) return cpuInfo().engine;
  const { vendor, architecture, description } = {
    vendor: '',
    architecture: '',
    description: '',
    ...(device as Partial<WebGpuDevice>).info,
  };
  const adapter = [vendor, architecture, description].filter((part) => part !== '').join(' ');
  return adapter === '' ? device.name : `${device.name}, ${adapter}`;
}

/** How much was asked of a GPU so far; undefined on other devices. */
export const countersOf = (device: Device): WebGpuDevice['counters'] | undefined => (device as Partial<WebGpuDevice>).counters;
