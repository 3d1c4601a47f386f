import { ArgumentError, scope, setDefaultDevice, tensor, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import * as optim from '@flambeau/optim';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest';
import { devices } from '../../conformance/test/engines.ts';

beforeAll(() => setDefaultDevice(reference));

const leaf = (values: number | number[] | number[][]): Tensor => tensor(values).requiresGrad_();
const values = (x: Tensor): number[] => [...(x.detach().dataSync() as Float32Array)];
/** Sets the gradient by hand. */
const withGrad = (x: Tensor, grad: number[]): Tensor => {
  x.grad = tensor(grad);
  return x;
};
function expectClose(found: Tensor, expected: number[]): void {
  values(found).forEach((value, i) => expect(value).toBeCloseTo(expected[i], 6));
}

describe('one step by hand', () => {
  test('SGD with momentum starts its buffer with the gradient', () => {
    const x = withGrad(leaf([1, 2]), [0.5, -1]);
    const optimizer = new optim.SGD([x], { lr: 0.1, momentum: 0.9 });
    optimizer.step(); // v = g: x = (1 - 0.05, 2 + 0.1)
    expectClose(x, [0.95, 2.1]);
    optimizer.step(); // v = 0.9·g + g = 1.9·g: x -= 0.19·g
    expectClose(x, [0.95 - 0.095, 2.1 + 0.19]);
  });

  test('Nesterov looks ahead by the momentum', () => {
    const x = withGrad(leaf([1]), [1]);
    new optim.SGD([x], { lr: 0.1, momentum: 0.9, nesterov: true }).step(); // g + 0.9·v = 1.9
    expectClose(x, [1 - 0.19]);
  });

  test('the first step of Adam has the length of lr, whatever the gradient', () => {
    const x = withGrad(leaf([1, 1]), [1000, -0.001]);
    new optim.Adam([x], { lr: 0.01 }).step();
    expectClose(x, [0.99, 1.01]);
  });

  test('AdamW shrinks the parameter apart from the gradient', () => {
    const x = withGrad(leaf([2]), [0]);
    new optim.AdamW([x], { lr: 0.1, weightDecay: 0.5 }).step(); // 2·(1 - 0.05)
    expectClose(x, [1.9]);
  });

  test('maximize climbs', () => {
    const x = withGrad(leaf([1]), [2]);
    new optim.SGD([x], { lr: 0.1, maximize: true }).step();
    expectClose(x, [1.2]);
  });

  test('Rprop grows a step by 1.2 and shrinks it by half where the sign turns', () => {
    const x = withGrad(leaf([0]), [3]);
    const optimizer = new optim.Rprop([x], { lr: 0.1 });
    optimizer.step(); // -0.1
    withGrad(x, [1]);
    optimizer.step(); // -0.12
    expectClose(x, [-0.22]);
    withGrad(x, [-1]);
    optimizer.step(); // the step becomes 0.06, and nothing moves
    expectClose(x, [-0.22]);
    optimizer.step(); // the gradient of the turn was forgotten, so the step stays 0.06
    expectClose(x, [-0.16]);
  });

  test('Adagrad divides by the root of the sum of squares', () => {
    const x = withGrad(leaf([1]), [2]);
    const optimizer = new optim.Adagrad([x], { lr: 0.5 });
    optimizer.step(); // 2/√4 = 1
    optimizer.step(); // 2/√8
    expectClose(x, [1 - 0.5 - 0.5 / Math.SQRT2]);
  });

  test('Muon makes the update orthogonal: its singular values come near 1', () => {
    const x = leaf([[0, 0], [0, 0], [0, 0]]); // prettier-ignore
    x.grad = tensor([[100, 0], [0, 0.5], [0, 0]]); // prettier-ignore
    new optim.Muon([x], { lr: 1, weightDecay: 0, momentum: 0, nesterov: false }).step();
    const scale = Math.sqrt(3 / 2);
    expect(Math.abs(values(x)[0] / scale)).toBeGreaterThan(0.6);
    expect(Math.abs(values(x)[0] / scale)).toBeLessThan(1.3);
    // 0.5 beside 100 needs more than five iterations, but it has grown 100 times.
    expect(Math.abs(values(x)[3] / scale)).toBeGreaterThan(0.3);
  });
});

describe('groups and gradients', () => {
  test('a group has its own options, and the defaults for the rest', () => {
    const [a, b] = [withGrad(leaf([1]), [1]), withGrad(leaf([1]), [1])];
    const optimizer = new optim.SGD([{ params: [a] }, { params: b, lr: 0.5 }], { lr: 0.1 });
    optimizer.step();
    expectClose(a, [0.9]);
    expectClose(b, [0.5]);
    expect(optimizer.paramGroups.map((g) => g.lr)).toEqual([0.1, 0.5]);
  });

  test('parameters without a gradient stay', () => {
    const [a, b] = [withGrad(leaf([1]), [1]), leaf([1])];
    new optim.Adam([a, b]).step();
    expect(values(b)).toEqual([1]);
  });

  test('zeroGrad forgets, or makes zeros, also of infinities', () => {
    const x = withGrad(leaf([1]), [Infinity]);
    const optimizer = new optim.SGD([x]);
    optimizer.zeroGrad({ setToNone: false });
    expect(values(x.grad as Tensor)).toEqual([0]);
    optimizer.zeroGrad();
    expect(x.grad).toBeUndefined();
  });

  test('a closure runs with recording, and its loss comes back', () => {
    const x = leaf([3]);
    const optimizer = new optim.SGD([x], { lr: 0.1 });
    const loss = optimizer.step(() => {
      const y = x.square().sum(); // prettier-ignore
      y.backward(); // dy/dx = 6
      return y;
    });
    expect(loss?.itemSync()).toBe(9);
    expectClose(x, [3 - 0.6]);
  });

  test('state outlives a scope', () => {
    const x = leaf([1]);
    const optimizer = new optim.Adam([x], { amsgrad: true });
    for (let i = 0; i < 3; i++) {
      scope(() => {
        optimizer.zeroGrad();
        x.square().sum().backward(); // prettier-ignore
        optimizer.step();
      });
    }
    expect(Number.isFinite(values(x)[0])).toBe(true);
  });
});

describe('names and types', () => {
  test('named parameters keep their names', () => {
    const [a, b] = [leaf([1]), leaf([2])];
    const optimizer = new optim.SGD(new Map([['fc.weight', a], ['fc.bias', b]]), { lr: 0.1 }); // prettier-ignore
    expect(optimizer.paramGroups[0].params).toEqual([a, b]);
    expect(optimizer.stateDict().param_groups[0]).toMatchObject({ param_names: ['fc.weight', 'fc.bias'], params: [0, 1] });
    expect(() => new optim.SGD([['a', a], b] as unknown as Tensor[])).toThrow(/names for all/);
    expect(() => optimizer.addParamGroup({ params: [leaf([3])] })).toThrow(/names in all groups/);
  });

  test('a wrong option is a compile error', () => {
    const x = leaf([1]);
    // @ts-expect-error -- it is lr
    expect(() => new optim.Adam([x], { learningRate: 1 })).toThrow(ArgumentError);
    // @ts-expect-error -- a number
    expect(() => new optim.SGD([x], { momentum: 'much' })).toThrow(ArgumentError);
    // @ts-expect-error -- one of two forms
    expect(() => new optim.OneCycleLR(new optim.SGD([x]), { maxLr: 1, totalSteps: 5, annealStrategy: 'cosine' })).toThrow(ArgumentError);
    expectTypeOf(new optim.Adam([x]).paramGroups[0].betas).toEqualTypeOf<readonly [number, number]>();
    expectTypeOf<ConstructorParameters<typeof optim.LBFGS>[1]>().toEqualTypeOf<Partial<optim.LBFGSOptions> | undefined>();
    expectTypeOf(new optim.StepLR(new optim.SGD([x]), 1).getLastLr()).toEqualTypeOf<number[]>();
  });
});

type Make = (params: Tensor[]) => optim.Optimizer<{ lr: number }>;
const make: Record<string, Make> = {
  SGD: (p) => new optim.SGD(p, { lr: 0.01, momentum: 0.9, nesterov: true }),
  Adam: (p) => new optim.Adam(p, { amsgrad: true }),
  AdamW: (p) => new optim.AdamW(p),
  NAdam: (p) => new optim.NAdam(p),
  RAdam: (p) => new optim.RAdam(p, { betas: [0.9, 0.8] }),
  Adamax: (p) => new optim.Adamax(p),
  Adadelta: (p) => new optim.Adadelta(p),
  Adagrad: (p) => new optim.Adagrad(p, { lrDecay: 0.1 }),
  RMSprop: (p) => new optim.RMSprop(p, { centered: true, momentum: 0.9 }),
  Rprop: (p) => new optim.Rprop(p),
  ASGD: (p) => new optim.ASGD(p, { t0: 2 }),
  Adafactor: (p) => new optim.Adafactor(p),
  Muon: (p) => new optim.Muon(p.filter((x) => x.ndim === 2)),
  LBFGS: (p) => new optim.LBFGS(p, { maxIter: 3, lineSearchFn: 'strong_wolfe' }),
};

describe.each(devices)('on %s', (_, device) => {
  beforeAll(() => setDefaultDevice(device));
  afterAll(() => setDefaultDevice(reference));

  test.each(Object.keys(make))('%s resumes bit for bit', (name) => {
    const start = (): Tensor[] => [leaf([[0.5, -1, 2], [1.5, 0.25, -0.75]]), leaf([0.3, -0.2])]; // prettier-ignore
    const run = (optimizer: optim.Optimizer<{ lr: number }>, params: Tensor[], from: number, to: number): void => {
      for (let step = from; step < to; step++) {
        optimizer.step(() => {
          optimizer.zeroGrad();
          const losses = params.map((p) => p.sub(0.1 * step).pow(4).sum().add(p.sin().sum())); // prettier-ignore
          const loss = losses[0].add(losses[1]);
          loss.backward();
          return loss;
        });
      }
    };
    const first = start();
    const optimizer = make[name](first);
    run(optimizer, first, 0, 4);
    const second = first.map((p) => p.detach().clone().requiresGrad_()); // prettier-ignore
    const resumed = make[name](second);
    resumed.loadStateDict(optimizer.stateDict());
    run(optimizer, first, 4, 8);
    run(resumed, second, 4, 8);
    first.forEach((p, i) => expect(values(second[i])).toEqual(values(p)));
    // It went somewhere, on the device that is asked about.
    expect(values(first[0])).not.toEqual(values(start()[0]));
    expect(first[0].device).toBe(device);
  });
});

describe('state', () => {
  test("the layout is PyTorch's", () => {
    const [a, b] = [leaf([1, 2]), withGrad(leaf([3]), [1])];
    const optimizer = new optim.Adam([{ params: [a] }, { params: [b], lr: 0.5 }]);
    optimizer.step();
    const { state, param_groups } = optimizer.stateDict();
    expect(Object.keys(state)).toEqual(['1']);
    expect(Object.keys(state[1]).sort()).toEqual(['exp_avg', 'exp_avg_sq', 'step']);
    expect(param_groups.map((group) => group.params)).toEqual([[0], [1]]);
    expect(param_groups[1]).toMatchObject({ lr: 0.5, weight_decay: 0, betas: [0.9, 0.999] });
  });

  test('a state that PyTorch saved is taken over', () => {
    const file = new URL('fixtures/pytorch.json', import.meta.url);
    const { adamState } = JSON.parse(readFileSync(file, 'utf8')) as { adamState: Record<string, number[][]> & { step: number; group: { params: number[] } } }; // prettier-ignore
    const x = leaf([[1, 2]]);
    const optimizer = new optim.Adam([x]);
    const { step, group } = adamState;
    const state = { exp_avg: tensor(adamState.exp_avg), exp_avg_sq: tensor(adamState.exp_avg_sq), max_exp_avg_sq: tensor(adamState.max_exp_avg_sq) }; // prettier-ignore
    optimizer.loadStateDict({ state: { 0: { step: tensor(step), ...state } }, param_groups: [group] });
    expect(optimizer.paramGroups[0]).toMatchObject({ lr: 0.01, amsgrad: true });
    const saved = optimizer.stateDict().state[0];
    expect(saved.step).toBe(1);
    // m = 0.1·g of g = (0.5, -0.25)
    expectClose(saved.exp_avg as Tensor, [0.05, -0.025]);
  });

  test('a state of other parameters is refused, and nothing is changed', () => {
    const optimizer = new optim.SGD([leaf([1])], { lr: 0.1, momentum: 0.9 });
    const other = new optim.SGD([withGrad(leaf([1, 2, 3]), [1, 1, 1])], { lr: 0.7, momentum: 0.9 });
    other.step();
    expect(() => optimizer.loadStateDict(other.stateDict())).toThrow(optim.OptimizerStateError);
    expect(optimizer.paramGroups[0].lr).toBe(0.1);
    expect(() => optimizer.loadStateDict(new optim.SGD([leaf([1]), leaf([2])]).stateDict())).toThrow(/1 parameters in group 0/);
  });
});

describe('errors', () => {
  test('options out of range are named', () => {
    const x = leaf([[1]]);
    const wrong: (() => unknown)[] = [
      () => new optim.SGD([x], { lr: -1 }),
      () => new optim.SGD([x], { nesterov: true }),
      () => new optim.Adam([x], { betas: [1, 0.9] }),
      () => new optim.NAdam([x], { momentumDecay: -1 }),
      () => new optim.RAdam([x], { eps: -1 }),
      () => new optim.Adamax([x], { weightDecay: NaN }),
      () => new optim.Adadelta([x], { rho: 2 }),
      () => new optim.Adagrad([x], { initialAccumulatorValue: -1 }),
      () => new optim.RMSprop([x], { alpha: -1 }),
      () => new optim.Rprop([x], { etas: [1.2, 0.5] }),
      () => new optim.ASGD([x], { weightDecay: -1 }),
      () => new optim.Adafactor([x], { d: 0.5 }),
      () => new optim.Muon([x], { nsSteps: 100 }),
      () => new optim.LBFGS([x], { lineSearchFn: 'armijo' as 'strong_wolfe' }),
      () => new optim.SGD([x], { lr: '0.1' as unknown as number }),
    ];
    for (const f of wrong) expect(f).toThrow(ArgumentError);
  });

  test('a slip in an option is found', () => {
    expect(() => new optim.SGD([leaf([1])], { learningRate: 0.1 } as unknown as { lr: number })).toThrow(/lr, momentum.*"learningRate"/);
    expect(() => new optim.SGD([{ params: [leaf([1])], wieghtDecay: 1 } as { params: Tensor[] }])).toThrow(/"wieghtDecay"/);
  });

  test('parameters are leaves, at least one, each once', () => {
    const x = leaf([1]);
    expect(() => new optim.SGD([])).toThrow(/at least one/);
    expect(() => new optim.SGD([x.mul(2)])).toThrow(/leaves/);
    expect(() => new optim.SGD([x, x])).toThrow(/once/);
    expect(() => new optim.SGD(x as unknown as Tensor[])).toThrow(/net\.parameters/);
    expect(() => new optim.Muon([x])).toThrow(/matrices/);
    expect(() => new optim.LBFGS([{ params: [x] }, { params: [leaf([2])] }])).toThrow(/one group/);
    expect(() => new optim.LBFGS([x]).step()).toThrow(/closure/);
  });

  test('an option may be a tensor of one element, as in PyTorch', () => {
    const x = leaf([1]);
    const optimizer = new optim.SGD([x], { lr: tensor(0.5) as unknown as number });
    // 1 - 0.5·2 = 0.
    withGrad(x, [2]);
    optimizer.step();
    expect(values(x)).toEqual([0]);
    expect(() => new optim.SGD([x], { lr: tensor([1, 2]) as unknown as number })).toThrow(
      /SGD: lr as a number, or a tensor of one element/,
    );
  });
});
