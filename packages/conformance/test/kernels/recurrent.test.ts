import { dispatch, type Device, type Tensor } from '@flambeau/core';
import { gradcheck } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import '@flambeau/nn';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectKernelEqualsComposition as check, opNamed, plain, viewed, type Sample } from './samples.ts';

/** steps, batch, features, size */
const sizes: [number, number, number, number][] = [
  [1, 1, 1, 1],
  [3, 2, 5, 4],
  [4, 3, 28, 17],
  [2, 9, 3, 16],
  [5, 7, 6, 33],
  [8, 70, 3, 5],
  [6, 1, 5, 33],
  [3, 40, 4, 20],
];

/** First step and number of steps whose output has a gradient: the last, those but the first, none. */
const stretches = (steps: number): [number, number][] => [
  [steps - 1, 1],
  [steps > 1 ? 1 : 0, Math.max(1, steps - 1)],
  [0, 0],
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
              const attrs = { reverse, input, initial: !input, inner: false };
              check(device, 'lstmGrad', [...slopes, trace(0), trace(3), trace(4), ...inputs], attrs, [], 2e-5);
            }
          }
        }
      },
    );

    it.each(sizes)(
      `runs %i steps of batch %i from %i features to %i without states, ${reverse ? 'backwards' : 'forwards'}, with gradients of some steps`,
      (steps, batch, features, size) => {
        const weights = [plain([4 * size, features], 4), plain([4 * size, size], 5), plain([4 * size], 6), plain([4 * size], 7)];
        const inputs = [plain([steps, batch, features]), ...weights];
        const asked = { reverse, fromZeros: true };
        check(device, 'lstm', inputs, asked, [], 1e-5);
        const trace = (i: number): Sample => ({ make: (on: Device) => dispatch(opNamed('lstm'), inputs.map((s) => s.make(on)), asked)[i] }); // prettier-ignore
        const attrs = { ...asked, input: true, initial: false, inner: false };
        for (const [from, count] of stretches(steps)) {
          const slopes = [plain([count, batch, size], 8), plain([batch, size], 9), plain([0, size], 10)];
          check(device, 'lstmGrad', [...slopes, trace(0), trace(3), trace(4), ...inputs], { ...attrs, from }, [], 2e-5);
        }
      },
    );
  }
});

describe.each(devices)('GRU on $name', ({ device }) => {
  for (const reverse of [false, true]) {
    it.each(sizes)(
      `runs %i steps of batch %i from %i features to %i, ${reverse ? 'backwards' : 'forwards'}, with its gradients`,
      (steps, batch, features, size) => {
        const weights = [plain([3 * size, features], 4), plain([3 * size, size], 5)];
        const biases = [plain([3 * size], 6), plain([3 * size], 7)];
        const sequences = [plain([steps, batch, features]), viewed(plain([batch, steps, features]), (x) => x.transpose(0, 1))];
        for (const x of sequences) {
          for (const more of [[], biases]) {
            const inputs = [x, plain([batch, size], 2), ...weights, ...more];
            check(device, 'gru', inputs, { reverse }, [], 1e-5);
            const trace = (i: number): Sample => ({ make: (on: Device) => dispatch(opNamed('gru'), inputs.map((s) => s.make(on)), { reverse })[i] }); // prettier-ignore
            const slopes = [plain([steps, batch, size], 8), plain([batch, size], 9)];
            for (const input of [false, true])
              check(device, 'gruGrad', [...slopes, trace(0), trace(2), ...inputs], { reverse, input, inner: false }, [], 2e-5);
          }
        }
      },
    );

    it.each(sizes)(
      `runs %i steps of batch %i from %i features to %i without a state, ${reverse ? 'backwards' : 'forwards'}, with gradients of some steps`,
      (steps, batch, features, size) => {
        const weights = [plain([3 * size, features], 4), plain([3 * size, size], 5), plain([3 * size], 6), plain([3 * size], 7)];
        const inputs = [plain([steps, batch, features]), ...weights];
        const asked = { reverse, fromZeros: true };
        check(device, 'gru', inputs, asked, [], 1e-5);
        const trace = (i: number): Sample => ({ make: (on: Device) => dispatch(opNamed('gru'), inputs.map((s) => s.make(on)), asked)[i] }); // prettier-ignore
        for (const [from, count] of stretches(steps)) {
          const slopes = [plain([count, batch, size], 8), plain([0, size], 9)];
          check(device, 'gruGrad', [...slopes, trace(0), trace(2), ...inputs], { ...asked, input: true, inner: false, from }, [], 2e-5);
        }
      },
    );
  }
});

describe('the traces of recurrent layers', () => {
  // What a layer keeps for its derivative is an output of its op, and has a derivative like any other.
  it.each([
    ['lstm', 4, 2],
    ['gru', 3, 1],
  ] as const)('%s has a right derivative through all of its outputs', (name, gates, states) => {
    const [steps, batch, features, size] = [3, 2, 3, 2];
    const leaf = (shape: number[], seed: number): Tensor => plain(shape, seed, 'float64').make(reference).requiresGrad_();
    const inputs = [
      leaf([steps, batch, features], 1),
      ...Array.from({ length: states }, (_, i) => leaf([batch, size], 2 + i)),
      leaf([gates * size, features], 4),
      leaf([gates * size, size], 5),
      leaf([gates * size], 6),
      leaf([gates * size], 7),
    ];
    for (const reverse of [false, true]) {
      for (const output of dispatch(opNamed(name), inputs, { reverse }).keys())
        expect(
          gradcheck((...xs: Tensor[]) => dispatch(opNamed(name), xs, { reverse })[output], inputs),
          `output ${output}`,
        ).toBe(true);
    }
  });
});
