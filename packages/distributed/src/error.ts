import { FlambeauError, type ErrorDetails } from '@flambeau/core';

/** What went wrong between processes: a rank that died, threw or stalled, collectives that differ, an MPI that fails. Code `DISTRIBUTED`. */
export class DistributedError extends FlambeauError {
  constructor(details: ErrorDetails) {
    super('DISTRIBUTED', details);
  }
}
