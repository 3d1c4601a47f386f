import { FlambeauError, type ErrorDetails } from '@flambeau/core';

/** There is no GPU adapter. Code `NO_ADAPTER`. */
export class NoAdapterError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('NO_ADAPTER', details);
  }
}

/** The GPU was lost: its driver was reset, or the device was destroyed. Code `DEVICE_LOST`. */
export class DeviceLostError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('DEVICE_LOST', details);
  }
}

/** A shader does not compile: a fault of this package or of the driver. Code `SHADER`. */
export class ShaderError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('SHADER', details);
  }
}

/** A tensor is larger than what the adapter can bind. Code `LIMIT`. */
export class LimitError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('LIMIT', details);
  }
}
