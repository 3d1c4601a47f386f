import { dispatch, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import '@flambeau/optim';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectClose, opNamed, plain, ranOwnKernel, viewed } from './samples.ts';

const positive = (n: number, seed: number) => viewed(plain([n], seed), (x) => x.abs());

describe.each(devices)('optimizer steps on $name', ({ device }) => {
  it.each([1, 7, 16, 100])('Adam, AdamW and amsgrad change %i elements as the composition does', (n) => {
    for (const amsgrad of [false, true]) {
      for (const maximize of [false, true]) {
        for (const decoupled of [false, true]) {
          for (const weightDecay of [0, 0.1]) {
            const samples = [plain([n]), plain([n], 2), plain([n], 3), positive(n, 4), ...(amsgrad ? [positive(n, 5)] : [])];
            const run = (on: typeof device): Tensor[] => {
              const inputs = samples.map((s) => s.make(on));
              dispatch(opNamed('adamStep'), inputs, { amsgrad, maximize, decoupled }, [0.01, 0.9, 0.999, 1e-8, weightDecay, 3]);
              return inputs;
            };
            let got: Tensor[] = [];
            expect(ranOwnKernel(opNamed('adamStep'), () => (got = run(device)))).toBe(true);
            run(reference).forEach((want, i) => expectClose(got[i], want, 2e-6, `input ${i}`));
          }
        }
      }
    }
  });

  it.each([1, 7, 16, 100])('SGD changes %i elements as the composition does', (n) => {
    for (const [momentum, nesterov, first] of [
      [false, false, false],
      [true, false, true],
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ]) {
      for (const maximize of [false, true]) {
        for (const weightDecay of [0, 0.1]) {
          const samples = [plain([n]), plain([n], 2), ...(momentum ? [plain([n], 3)] : [])];
          const run = (on: typeof device): Tensor[] => {
            const inputs = samples.map((s) => s.make(on));
            dispatch(opNamed('sgdStep'), inputs, { nesterov, maximize, momentum, first }, [
              0.1,
              momentum ? 0.9 : 0,
              nesterov ? 0 : 0.2,
              weightDecay,
            ]);
            return inputs;
          };
          let got: Tensor[] = [];
          expect(ranOwnKernel(opNamed('sgdStep'), () => (got = run(device)))).toBe(true);
          run(reference).forEach((want, i) => expectClose(got[i], want, 2e-6, `input ${i}`));
        }
      }
    }
  });

  it('counts the change of each tensor that it writes', () => {
    const inputs = [plain([3]), plain([3], 2), plain([3], 3), positive(3, 4)].map((s) => s.make(device));
    dispatch(opNamed('adamStep'), inputs, { amsgrad: false, maximize: false, decoupled: false }, [0.01, 0.9, 0.999, 1e-8, 0, 1]);
    expect(inputs.map((x) => x.storage.version)).toEqual([1, 0, 1, expect.any(Number)]);
  });
});
