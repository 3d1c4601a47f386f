import { ArgumentError, DeviceError, describe } from './errors.ts';
import type { Device } from './seam.ts';

let defaultDevice: Device | undefined;
/** Devices that loops pause for wherever tensors are made by default. */
const inTurns = new Set<WeakRef<Device>>();

/** Makes `device` the place where tensors are created when no `device` is given. */
export function setDefaultDevice(device: Device): void {
  defaultDevice = checkDevice('setDefaultDevice', device);
}

/** @throws DeviceError unless `device` is one */
export function checkDevice(op: string, device: unknown): Device {
  if (typeof device === 'object' && device !== null && typeof (device as Device).allocate === 'function') return device as Device;
  throw new DeviceError({
    op,
    expected: 'a device',
    received: describe(device),
    hint: "Import one from a backend, such as { cpu } from '@flambeau/backend-cpu'.",
  });
}

/** The device of an options object, or the default one. */
export const deviceOf = (op: string, options: { device?: Device }): Device =>
  options.device === undefined ? getDefaultDevice() : checkDevice(op, options.device);

/** The device on which tensors are made that name none. @throws DeviceError when no backend has been set as the default. */
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

/** Says, once for a device that was opened, that loops pause for it too while another is the default one. */
export function joinTurns(device: Device): void {
  inTurns.add(new WeakRef(checkDevice('joinTurns', device)));
}

/** The pause that a loop makes every few steps: resolves when each device has kept up and has given back what nobody reaches. */
export async function turnDevices(): Promise<void> {
  await defaultDevice?.turn?.();
  for (const known of inTurns) {
    const device = known.deref();
    if (device === undefined) inTurns.delete(known);
    else if (device !== defaultDevice) await device.turn?.();
  }
}

/** Bytes held by a device for tensors. Defaults to the default device. */
export function memory(device: Device = getDefaultDevice()): ReturnType<Device['memory']> {
  if (typeof device?.memory !== 'function') throw new ArgumentError({ op: 'memory', expected: 'a device', received: describe(device) });
  return device.memory();
}
