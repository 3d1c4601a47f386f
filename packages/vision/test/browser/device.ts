import { setDefaultDevice } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';

/** Gives a worker of a bundle its device: the loader's own way, by the device's module, ends where a bundler has joined the modules. */
export function useReference(): void {
  setDefaultDevice(reference);
}
