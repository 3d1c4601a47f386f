import { ArgumentError, setDefaultDevice, type Device } from '@flambeau/core';

/** The device of a name, made the default. A backend is loaded only when it is asked for. */
export async function loadDevice(name: string): Promise<Device> {
  const device = await find(name);
  setDefaultDevice(device);
  return device;
}

async function find(name: string): Promise<Device> {
  if (name === 'reference') return (await import('@flambeau/backend-reference')).reference;
  throw new ArgumentError({ op: '--device', expected: 'reference', received: JSON.stringify(name) });
}
