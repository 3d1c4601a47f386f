import { checkFunction } from '@flambeau/core';
let detecting = false;

/** True while `detectAnomaly` runs. */
export const isAnomalyDetected = (): boolean => detecting;

/**
 * Runs `body` while every op notes where it was called and every gradient is checked: a NaN in a gradient throws an AutogradError
 * that names the forward op and its place.
 */
export function detectAnomaly<T>(body: () => T): T {
  checkFunction('detectAnomaly', 'body', body);
  const outer = detecting;
  detecting = true;
  try {
    return body();
  } finally {
    detecting = outer;
  }
}
