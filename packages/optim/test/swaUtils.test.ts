import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';
import { AveragedModel, swaUtils } from '@flambeau/optim';
import { beforeAll, expect, test } from 'vitest';

beforeAll(() => setDefaultDevice(reference));

const set = (model: nn.Linear, value: number): void => noGrad(() => model.weight.fill_(value)) as unknown as void;
const weightOf = (averaged: AveragedModel<nn.Linear>): number => averaged.module.weight.detach().itemSync();

test('the plain average of all values', () => {
  const model = new nn.Linear(1, 1);
  const averaged = new AveragedModel(model);
  for (const value of [1, 2, 6]) {
    set(model, value);
    averaged.updateParameters(model);
  }
  expect(weightOf(averaged)).toBeCloseTo(3, 6); // (1 + 2 + 6)/3
  expect(averaged.nAveraged).toBe(3);
});

test('an exponential moving average', () => {
  const model = new nn.Linear(1, 1);
  for (const options of [{ multiAvgFn: swaUtils.getEmaMultiAvgFn(0.9) }, { avgFn: swaUtils.getEmaAvgFn(0.9) }]) {
    const averaged = new AveragedModel(model, options);
    for (const value of [1, 2, 6]) {
      set(model, value);
      averaged.updateParameters(model);
    }
    // 0.9·(0.9·1 + 0.1·2) + 0.1·6
    expect(weightOf(averaged)).toBeCloseTo(1.59, 6);
  }
});

test('the copy is apart from the model, of its class, and saves under module.', () => {
  const model = new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3));
  const averaged = new AveragedModel(model);
  expect(averaged.module).toBeInstanceOf(nn.Sequential);
  const [a, b] = [[...model.parameters()], [...averaged.parameters()]];
  a.forEach((x, i) => {
    expect(b[i].storage).not.toBe(x.storage);
    expect(b[i]).toBeInstanceOf(nn.Parameter);
    expect(b[i].requiresGrad).toBe(true);
  });
  expect([...averaged.stateDict().keys()]).toEqual(['n_averaged', ...[...model.stateDict().keys()].map((key) => `module.${key}`)]);
  const other = new AveragedModel(new nn.Sequential(new nn.Linear(2, 3), new nn.BatchNorm1d(3)));
  averaged.updateParameters(model);
  other.loadStateDict(averaged.stateDict());
  expect(other.nAveraged).toBe(1);
  const x = tensor([[1, 2], [3, 5]]); // prettier-ignore
  expect((other.forward(x) as Tensor).toArraySync()).toEqual((averaged.forward(x) as Tensor).toArraySync());
});

test('updateBn computes plain statistics over a loader', async () => {
  const model = new nn.BatchNorm1d(1);
  const before = model.momentum;
  await swaUtils.updateBn([tensor([[0], [2]]), [tensor([[4], [8]]), 'label']], model); // prettier-ignore
  // means 1 and 6; variances (n - 1) 2 and 8
  expect(model.runningMean?.detach().itemSync()).toBeCloseTo(3.5, 6);
  expect(model.runningVar?.detach().itemSync()).toBeCloseTo(5, 6);
  expect(model.momentum).toBe(before);
});

test('one average function, of a module', () => {
  const model = new nn.Linear(1, 1);
  expect(() => new AveragedModel(model, { avgFn: swaUtils.getSwaAvgFn(), multiAvgFn: swaUtils.getSwaMultiAvgFn() })).toThrow(/one of/);
  expect(() => swaUtils.getEmaAvgFn(1.5)).toThrow(/decay/);
  expect(() => new AveragedModel(3 as unknown as nn.Linear)).toThrow(/module/);
});
