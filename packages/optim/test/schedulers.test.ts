import { setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import * as optim from '@flambeau/optim';
import { beforeAll, describe, expect, test } from 'vitest';

beforeAll(() => setDefaultDevice(reference));

const leaf = (): Tensor => tensor([1]).requiresGrad_();
const sgd = (lr = 0.1): optim.SGD => new optim.SGD([leaf()], { lr, momentum: 0.9 });

const make: Record<string, (optimizer: optim.SGD) => optim.LRScheduler> = {
  LambdaLR: (o) => new optim.LambdaLR(o, (epoch) => 0.9 ** epoch),
  MultiplicativeLR: (o) => new optim.MultiplicativeLR(o, { lrLambda: () => 0.9 }),
  StepLR: (o) => new optim.StepLR(o, 3, { gamma: 0.5 }),
  MultiStepLR: (o) => new optim.MultiStepLR(o, [2, 6], 0.3),
  ConstantLR: (o) => new optim.ConstantLR(o),
  LinearLR: (o) => new optim.LinearLR(o, { totalIters: 8 }),
  ExponentialLR: (o) => new optim.ExponentialLR(o, 0.8),
  PolynomialLR: (o) => new optim.PolynomialLR(o, 9, { power: 2 }),
  CosineAnnealingLR: (o) => new optim.CosineAnnealingLR(o, 4),
  CosineAnnealingWarmRestarts: (o) => new optim.CosineAnnealingWarmRestarts(o, 3, { tMult: 2 }),
  CyclicLR: (o) => new optim.CyclicLR(o, 0.01, 0.1, { stepSizeUp: 3, mode: 'triangular2' }),
  OneCycleLR: (o) => new optim.OneCycleLR(o, { maxLr: 0.5, totalSteps: 20 }),
  SWALR: (o) => new optim.SWALR(o, 0.02, { annealEpochs: 8 }),
  ReduceLROnPlateau: (o) => new optim.ReduceLROnPlateau(o, { patience: 1 }),
  SequentialLR: (o) => new optim.SequentialLR(o, [new optim.ConstantLR(o), new optim.ExponentialLR(o, 0.9)], [3]),
  ChainedScheduler: (o) => new optim.ChainedScheduler([new optim.LinearLR(o), new optim.ExponentialLR(o, 0.9)]),
};

describe('schedulers', () => {
  test.each(Object.keys(make))('%s resumes from its state', (name) => {
    const metric = (epoch: number): number => [1, 0.9, 0.9, 0.9, 0.9, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8][epoch];
    const step = (scheduler: optim.LRScheduler, epoch: number): void =>
      scheduler instanceof optim.ReduceLROnPlateau ? scheduler.step(metric(epoch)) : scheduler.step();
    const first = sgd();
    const scheduler = make[name](first);
    for (let epoch = 0; epoch < 5; epoch++) step(scheduler, epoch);
    const second = sgd();
    const resumed = make[name](second);
    second.loadStateDict(first.stateDict());
    resumed.loadStateDict(JSON.parse(JSON.stringify(scheduler.stateDict())) as optim.SchedulerState);
    for (let epoch = 5; epoch < 12; epoch++) {
      step(scheduler, epoch);
      step(resumed, epoch);
      expect(second.paramGroups[0].lr).toBe(first.paramGroups[0].lr);
      expect(second.paramGroups[0].momentum).toBe(first.paramGroups[0].momentum);
      expect(resumed.getLastLr()).toEqual(scheduler.getLastLr());
    }
  });

  test('getLastLr has one rate for each group', () => {
    const optimizer = new optim.SGD([{ params: [leaf()] }, { params: [leaf()], lr: 1 }], { lr: 0.1 });
    const scheduler = new optim.LambdaLR(optimizer, [(): number => 0.5, (): number => 0.25]);
    expect(scheduler.getLastLr()).toEqual([0.05, 0.25]);
  });

  test('positions and options mean the same', () => {
    const a = new optim.StepLR(sgd(), 2, 0.5);
    const b = new optim.StepLR(sgd(), { stepSize: 2, gamma: 0.5 });
    for (let i = 0; i < 4; i++) {
      a.step();
      b.step();
    }
    expect(a.getLastLr()).toEqual(b.getLastLr());
    expect(a.getLastLr()[0]).toBeCloseTo(0.025, 12); // 0.1·0.5²
    expect(new optim.lrScheduler.StepLR(sgd(), 2).gamma).toBe(0.1);
  });

  test('names of the state are those of PyTorch', () => {
    const state = new optim.CosineAnnealingLR(sgd(), 4).stateDict();
    expect(state).toMatchObject({ T_max: 4, eta_min: 0, base_lrs: [0.1], last_epoch: 0, _step_count: 1, _last_lr: [0.1] });
  });

  test("PyTorch's counts of milestones are understood", () => {
    const scheduler = new optim.MultiStepLR(sgd(), [100]);
    scheduler.loadStateDict({ milestones: { 1: 2 }, gamma: 0.1, base_lrs: [0.1], last_epoch: 0 });
    scheduler.step();
    expect(scheduler.getLastLr()[0]).toBeCloseTo(0.001, 12); // two decays at epoch 1
  });

  test('Adam has its first beta cycled', () => {
    const optimizer = new optim.Adam([leaf()]);
    new optim.OneCycleLR(optimizer, { maxLr: 0.1, totalSteps: 10 });
    expect(optimizer.paramGroups[0].betas).toEqual([0.95, 0.999]);
  });

  test.each([
    // What PyTorch gives: from 0.1 to 0.02 in three epochs.
    ['cos', [0.1, 0.08, 0.04, 0.02, 0.02]],
    ['linear', [0.1, 0.22 / 3, 0.14 / 3, 0.02, 0.02]],
  ] as const)('SWALR goes to its rate by %s', (annealStrategy, rates) => {
    const optimizer = sgd();
    const scheduler = new optim.swaUtils.SWALR(optimizer, { swaLr: 0.02, annealEpochs: 3, annealStrategy });
    for (const rate of rates) {
      expect(optimizer.paramGroups[0].lr).toBeCloseTo(rate, 12);
      scheduler.step();
    }
  });

  test('warm restarts may be stepped to a fraction of an epoch', () => {
    const optimizer = sgd(1);
    const scheduler = new optim.CosineAnnealingWarmRestarts(optimizer, 4);
    scheduler.step(2); // half of the period: (1 + cos(π/2))/2
    expect(optimizer.paramGroups[0].lr).toBeCloseTo(0.5, 12);
    scheduler.step(5); // the second epoch of the second period: (1 + cos(π/4))/2
    expect(optimizer.paramGroups[0].lr).toBeCloseTo((1 + Math.SQRT1_2) / 2, 12);
  });

  test('errors name what is wrong', () => {
    expect(() => new optim.StepLR({ paramGroups: [], defaults: {} }, 1)).toThrow(/optimizer/);
    expect(() => new optim.StepLR(sgd(), 0)).toThrow(/stepSize/);
    expect(() => new optim.StepLR(sgd(), { stepsize: 3 } as unknown as { stepSize: number })).toThrow(/"stepsize"/);
    expect(() => new optim.CosineAnnealingLR(sgd(), 1.5)).toThrow(/tMax/);
    expect(() => new optim.OneCycleLR(sgd(), { maxLr: 1 })).toThrow(/totalSteps/);
    expect(() => new optim.CyclicLR(new optim.Adagrad([leaf()]), 0.1, 1)).toThrow(/cycleMomentum/);
    expect(() => new optim.ReduceLROnPlateau(sgd(), { factor: 1 })).toThrow(/factor/);
    expect(() => new optim.ReduceLROnPlateau(sgd()).step()).toThrow(/metric/);
    expect(() => new optim.SequentialLR(sgd(), [], [])).toThrow(/at least one/);
    expect(() => new optim.ChainedScheduler([new optim.StepLR(sgd(), 1), new optim.StepLR(sgd(), 1)])).toThrow(/one optimizer/);
    expect(() => new optim.LambdaLR(sgd(), [])).toThrow(/1 values of lrLambda/);
    const once = new optim.OneCycleLR(sgd(), { maxLr: 1, totalSteps: 2 });
    once.step();
    once.step();
    expect(() => once.step()).toThrow(/at most 2 steps/);
  });
});
