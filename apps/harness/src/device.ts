import { ArgumentError, setDefaultDevice, type Device } from '@flambeau/core';

/** The device of a name, made the default. A backend is loaded only when it is asked for. */
export async function loadDevice(name: string): Promise<Device> {
  const device = await find(name);
  setDefaultDevice(device);
  return device;
}

async function find(name: string): Promise<Device> {
  if (name === 'cpu') return (await import('@flambeau/backend-cpu')).cpu;
  if (name === 'reference') return (await import('@flambeau/backend-reference')).reference;
  if (name === 'webgpu') return (await import('@flambeau/backend-webgpu')).webgpu();
  throw new ArgumentError({ op: '--device', expected: 'cpu, reference or webgpu', received: JSON.stringify(name) });
}

/** What runs behind a device: `native` or `wasm` on the CPU, else its name. */
export async function engineName(device: Device): Promise<string> {
  if (device.name !== 'cpu') return device.name;
  const { cpuInfo } = await import('@flambeau/backend-cpu');
  return cpuInfo().engine;
}
