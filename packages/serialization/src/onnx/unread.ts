import { AsyncOnlyError, NotSupportedError, type Device, type Storage } from '@flambeau/core';

const refusal = (received: string, cause?: unknown): NotSupportedError =>
  new NotSupportedError({
    op: 'exportOnnx',
    expected: 'a forward that does the same whatever the values of its inputs are',
    received,
    hint: 'What it read would be frozen into the file: compute it by ops (such as where), or pass it as a plain number or array.',
    cause,
  });

/**
 * Runs `run` with devices that look as if their values could not be read without waiting: ops then leave out mere checks of values, and take the
 * way that is right for all values. A read of a storage that `follows` the inputs is refused, since what comes of it would be a constant.
 * @throws NotSupportedError for such a read, and for a function that cannot do without
 */
export function unread<T>(devices: Iterable<Device>, follows: (storage: Storage) => boolean, run: () => T): T {
  // Every storage knows its device, so a device in its place would be another one: its two fields are changed, and given back in the end.
  const changed = [...devices].map((device) => {
    const before = Object.getOwnPropertyDescriptors(device);
    const read = device.downloadSync;
    Object.defineProperty(device, 'synchronous', { value: false, configurable: true, enumerable: true, writable: true });
    if (read !== undefined) {
      const value: NonNullable<Device['downloadSync']> = (storage, offset, length) => {
        if (follows(storage)) throw refusal('a read of values that follow from them');
        return read.call(device, storage, offset, length);
      };
      Object.defineProperty(device, 'downloadSync', { value, configurable: true, enumerable: true, writable: true });
    }
    return { device, before };
  });
  try {
    return run();
  } catch (error) {
    if (error instanceof AsyncOnlyError) throw refusal(`${error.op}, which reads values`, error);
    throw error;
  } finally {
    for (const { device, before } of changed) {
      for (const name of ['synchronous', 'downloadSync'] as const) {
        const own = before[name] as PropertyDescriptor | undefined;
        if (own === undefined) delete (device as unknown as Record<string, unknown>)[name];
        else Object.defineProperty(device, name, own);
      }
    }
  }
}
