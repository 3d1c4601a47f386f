import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import * as optim from '@flambeau/optim';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';

// pytorch.json is what fixtures/pytorch.py wrote with PyTorch 2.13.
interface Fixture {
  optimizers: { name: string; options: Record<string, unknown>; params: number[][][] }[];
  lbfgs: { options: Record<string, unknown>; results: number[][] }[];
  schedules: { name: string; options: Record<string, unknown>; rates: number[][] }[];
  lambda: number[][];
  multiplicative: number[][];
  sequential: number[][];
  chained: number[][];
  metrics: number[];
  plateau: { options: Record<string, unknown>; rates: number[] }[];
}
const fixture = JSON.parse(readFileSync(new URL('fixtures/pytorch.json', import.meta.url), 'utf8')) as Fixture;

const irregular: Readonly<Record<string, string>> = { T_max: 'tMax', T_0: 't0', T_mult: 'tMult' };
const camel = (options: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(options).map(([key, value]) => [
      irregular[key] ?? key.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
type Constructor<T> = new (...args: unknown[]) => T;
const classes = optim as unknown as Record<string, Constructor<optim.Optimizer<{ lr: number }>>>;
const schedulers = optim.lrScheduler as unknown as Record<string, Constructor<optim.LRScheduler>>;

beforeAll(() => setDefaultDevice(reference));

const leaf = (values: number[] | number[][]): Tensor => tensor(values, { dtype: 'float64' }).requiresGrad_();

function expectClose(found: ArrayLike<number>, expected: readonly number[], relative = 1e-9): void {
  expect(found.length).toBe(expected.length);
  expected.forEach((value, i) => expect(Math.abs(found[i] - value), `element ${i}: ${found[i]} for ${value}`).toBeLessThanOrEqual(relative * Math.abs(value) + 1e-12)); // prettier-ignore
}

describe('optimizers go where PyTorch goes', () => {
  test.each(fixture.optimizers)('$name with $options', ({ name, options, params: expected }) => {
    const params = [
      leaf([
        [0.5, -1, 2],
        [1.5, 0.25, -0.75],
      ]),
      leaf([0.3, -0.2]),
    ];
    const optimizer = new classes[name](params, camel(options));
    expected.forEach((values, step) => {
      optimizer.zeroGrad();
      // Σ (p - 0.1·(step mod 3))⁴ + sin p
      const losses = params.map((p) => p.sub(0.1 * (step % 3)).pow(4).sum().add(p.sin().sum())); // prettier-ignore
      losses[0].add(losses[1]).backward();
      optimizer.step();
      // NAdam and ASGD keep scalars in float32 there.
      params.forEach((p, i) => expectClose(p.dataSync() as Float64Array, values[i], name === 'NAdam' || name === 'ASGD' ? 1e-5 : 1e-9));
    });
  });

  test.each(fixture.lbfgs)('LBFGS with $options on the Rosenbrock function', ({ options, results }) => {
    const x = leaf([-1.5, 2]);
    const optimizer = new optim.LBFGS([x], camel(options));
    for (const [loss, ...position] of results) {
      const found = optimizer.step(() => {
        optimizer.zeroGrad();
        const [a, b] = [x.select(0, 0), x.select(0, 1)];
        const value = a.neg().add(1).square().add(b.sub(a.square()).square().mul(100));
        value.backward();
        return value;
      });
      expectClose([found.itemSync()], [loss], 1e-6);
      expectClose(x.dataSync() as Float64Array, position, 1e-6);
    }
  });
});

function ratesOf(make: (optimizer: optim.SGD) => optim.LRScheduler, steps: number): number[][] {
  const optimizer = new optim.SGD([leaf([0])], { lr: 0.1, momentum: 0.9 });
  const scheduler = make(optimizer);
  return Array.from({ length: steps }, () => {
    const { lr, momentum } = optimizer.paramGroups[0];
    optimizer.step();
    scheduler.step();
    return [lr, momentum];
  });
}
const expectRates = (found: number[][], expected: number[][]): void => expected.forEach((row, i) => expectClose(found[i], row, 1e-10));

describe('schedules give the rates and momenta of PyTorch', () => {
  test.each(fixture.schedules)('$name with $options', ({ name, options, rates }) => {
    expectRates(
      ratesOf((optimizer) => new schedulers[name](optimizer, camel(options)), rates.length),
      rates,
    );
  });

  test('LambdaLR and MultiplicativeLR', () => {
    expectRates(
      ratesOf((o) => new optim.LambdaLR(o, (epoch) => 0.95 ** epoch), 24),
      fixture.lambda,
    );
    expectRates(
      ratesOf((o) => new optim.MultiplicativeLR(o, (epoch) => 1 - 0.01 * epoch), 24),
      fixture.multiplicative,
    );
  });

  test('SequentialLR hands over at milestones', () => {
    const make = (o: optim.SGD): optim.LRScheduler => {
      const parts = [new optim.LinearLR(o, { totalIters: 4 }), new optim.CosineAnnealingLR(o, 6), new optim.ExponentialLR(o, 0.9)];
      return new optim.SequentialLR(o, parts, [4, 10]);
    };
    expectRates(ratesOf(make, 24), fixture.sequential);
  });

  test('ChainedScheduler multiplies', () => {
    const make = (o: optim.SGD): optim.LRScheduler =>
      new optim.ChainedScheduler([new optim.ConstantLR(o, 0.5, 3), new optim.ExponentialLR(o, 0.9), new optim.StepLR(o, 4)]);
    expectRates(ratesOf(make, 24), fixture.chained);
  });

  test.each(fixture.plateau)('ReduceLROnPlateau with $options', ({ options, rates }) => {
    const optimizer = new optim.SGD([leaf([0])], { lr: 0.1, momentum: 0.9 });
    const scheduler = new optim.ReduceLROnPlateau(optimizer, camel(options));
    const found = fixture.metrics.map((metric) => {
      scheduler.step(metric);
      return optimizer.paramGroups[0].lr;
    });
    expectClose(found, rates);
  });
});
