import { DeviceError, describe } from './errors.ts';
import type { Device } from './seam.ts';

let defaultDevice: Device | undefined;

/** Makes `device` the place where tensors are created when no `device` is given. */
export function setDefaultDevice(device: Device): void {
  if (typeof device !== 'object' || device === null || typeof device.allocate !== 'function') {
    throw new DeviceError({
      op: 'setDefaultDevice',
      expected: 'a device',
      received: describe(device),
      hint: "Import one from a backend, such as { cpu } from '@flambeau/backend-cpu'.",
    });
  }
  defaultDevice = device;
}

/** @throws DeviceError when no backend has been set as the default. */
export function getDefaultDevice(): Device {
  if (defaultDevice === undefined) {
    throw new DeviceError({
      op: 'getDefaultDevice',
      expected: 'a default device',
      received: 'none',
      hint: "Import 'flambeau', or call setDefaultDevice with a backend's device, such as { cpu } from '@flambeau/backend-cpu'.",
    });
  }
  return defaultDevice;
}

/** True when setDefaultDevice has been called. */
export const hasDefaultDevice = (): boolean => defaultDevice !== undefined;

/** Bytes held by a device for tensors. Defaults to the default device. */
export const memory = (device: Device = getDefaultDevice()): ReturnType<Device['memory']> => device.memory();
