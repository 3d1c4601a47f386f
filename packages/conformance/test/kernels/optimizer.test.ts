import { dispatch, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import '@flambeau/optim';
import { describe, expect, it } from 'vitest';
import { devices } from './devices.ts';
import { expectClose, opNamed, plain, ranOwnKernel, viewed, type Sample } from './samples.ts';

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

  it('steps several parameters at once as one after the other, each with its own number of steps', () => {
    const shapes = [[3, 5], [1], [40], [0]];
    for (const amsgrad of [false, true]) {
      const adam = shapes.flatMap((shape, i) => [plain(shape, i), plain(shape, i + 10), plain(shape, i + 20), viewed(plain(shape, i + 30), (x) => x.abs()), viewed(plain(shape, i + 40), (x) => x.abs())]); // prettier-ignore
      agree('adamSteps', adam, { amsgrad, maximize: false, decoupled: amsgrad }, [0.01, 0.9, 0.999, 1e-8, 0.1, 1, 5, 5, 2]);
    }
    for (const momentum of [false, true]) {
      const sgd = shapes.flatMap((shape, i) => [plain(shape, i), plain(shape, i + 10), plain(shape, i + 20)]);
      agree('sgdSteps', sgd, { nesterov: momentum, maximize: false, momentum, first: false }, [0.1, momentum ? 0.9 : 0, 0, 0.1]);
    }
  });

  /** Runs an op that changes its inputs, on the device by its own kernel, and compares all of them with the reference. */
  function agree(name: string, samples: readonly Sample[], attrs: object, scalars: readonly number[]): void {
    const run = (on: typeof device): Tensor[] => {
      const inputs = samples.map((s) => s.make(on).clone());
      dispatch(opNamed(name), inputs, attrs, scalars);
      return inputs;
    };
    let got: Tensor[] = [];
    expect(ranOwnKernel(opNamed(name), () => (got = run(device)))).toBe(true);
    run(reference).forEach((want, i) => expectClose(got[i], want, 2e-6, `${name} input ${i}`));
  }

  it('counts the change of each tensor that it writes', () => {
    const inputs = [plain([3]), plain([3], 2), plain([3], 3), positive(3, 4)].map((s) => s.make(device));
    dispatch(opNamed('adamStep'), inputs, { amsgrad: false, maximize: false, decoupled: false }, [0.01, 0.9, 0.999, 1e-8, 0, 1]);
    expect(inputs.map((x) => x.storage.version)).toEqual([1, 0, 1, expect.any(Number)]);
  });
});
