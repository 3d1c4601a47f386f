import { dispatch, type Device } from '@flambeau/core';
import '@flambeau/nn';
import { describe, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, opNamed, plain, viewed, type Sample } from './samples.ts';

/** steps, batch, features, size */
const sizes: [number, number, number, number][] = [
  [1, 1, 1, 1],
  [3, 2, 5, 4],
  [4, 3, 28, 17],
  [2, 9, 3, 16],
  [5, 7, 6, 33],
];

describe.each(devices)('LSTM on $name', ({ device }) => {
  for (const reverse of [false, true]) {
    it.each(sizes)(
      `runs %i steps of batch %i from %i features to %i, ${reverse ? 'backwards' : 'forwards'}, with its gradients`,
      (steps, batch, features, size) => {
        const states = [plain([batch, size], 2), plain([batch, size], 3)];
        const weights = [plain([4 * size, features], 4), plain([4 * size, size], 5)];
        const biases = [plain([4 * size], 6), plain([4 * size], 7)];
        // batchFirst hands over a transposed sequence
        const sequences = [plain([steps, batch, features]), viewed(plain([batch, steps, features]), (x) => x.transpose(0, 1))];
        for (const x of sequences) {
          for (const inputs of [
            [x, ...states, ...weights],
            [x, ...states, ...weights, ...biases],
          ]) {
            check(device, 'lstm', inputs, { reverse }, [], 1e-5);
            const trace = (i: number): Sample => ({ make: (on: Device) => dispatch(opNamed('lstm'), inputs.map((s) => s.make(on)), { reverse })[i] }); // prettier-ignore
            const slopes = [plain([steps, batch, size], 8), plain([batch, size], 9), plain([batch, size], 10)];
            for (const input of [false, true]) {
              check(device, 'lstmGrad', [...slopes, trace(0), trace(3), trace(4), ...inputs], { reverse, input }, [], 2e-5);
            }
          }
        }
      },
    );
  }
});
