import { readFileSync } from 'node:fs';
import { Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { describe, expect, it } from 'vitest';
import { load, toBytes, type FileError } from '../src/index.ts';
import { expectSame, fixture, largestDifference, numbersOf } from './helpers.ts';

// The files of these tests are written by fixtures/make.py.

interface Containers {
  readonly [name: string]: unknown;
  readonly negative: Tensor;
  readonly expanded: Tensor;
  readonly halves: Tensor;
  readonly tagged: Tensor;
  readonly parameter: Tensor;
  readonly named: [Tensor, Tensor];
}

describe('what a checkpoint of PyTorch nests', () => {
  it.each(['containers.pt', 'containers4.pt'])('comes from %s as it was', async (name) => {
    const { negative, expanded, halves, tagged, parameter, named, ...rest } = await load<Containers>(fixture(name));
    const nested = rest['nested'] as [number, [number, [number, number]], { k: [Tensor] }];
    expect(nested.slice(0, 2)).toEqual([1, [2, [3, 4.5]]]);
    expect(numbersOf(nested[2].k[0])).toEqual([1, 1]);
    expect(rest['ordered']).toEqual(new Map<string, unknown>([['b', 1], ['a', new Map()]])); // prettier-ignore
    expect(rest['counter']).toEqual({ 2: 1, 4: 2 });
    expect(rest['sets']).toEqual([new Set([1, 2]), new Set([3]), new Set()]);
    // max gives a tuple with names: values and indices
    expect(named.map((x) => [x.dtype, numbersOf(x)])).toEqual([['float32', [5, 7]], ['int64', [1, 0]]]); // prettier-ignore
    expect(rest['size']).toEqual([2, 3]);
    expect(rest['dtypes']).toEqual(['torch.float16', 'torch.int64', 'torch.complex64']);
    expect(rest['devices']).toEqual(['cpu', 'cuda:1']);
    expect(rest['bytes']).toEqual([Uint8Array.of(0, 255), new Uint8Array(0), Uint8Array.of(97, 98, 99)]);
    expect(rest['integers']).toEqual([-5, 2 ** 40, 2n ** 70n, -(2n ** 63n)]);
    expect(rest['floats']).toEqual([1e-300, -0, Infinity, NaN]);
    expect(rest['text']).toBe('größer ☃');
    expect(rest['empty']).toEqual([[], {}, [], '', null]);
    const keys: [unknown, string][] = [[-1, 'int'], [0.5, 'float'], [true, 'bool'], [null, 'none'], ['(1, 2)', 'tuple']]; // prettier-ignore
    expect(rest['keys']).toEqual(new Map(keys));
    expect([numbersOf(tagged), numbersOf(parameter)]).toEqual([[1, 2], [3]]); // prettier-ignore
    // conj(1 + 2i, 3 - 4i) = (1 - 2i, 3 + 4i)
    expect(numbersOf(negative)).toEqual([-2, 4]);
    const last = rest['channels last'] as Tensor;
    expect([last.shape, last.strides, numbersOf(last)]).toEqual([[1, 2, 2, 3], [12, 1, 6, 2], Array.from({ length: 12 }, (_, i) => i)]); // prettier-ignore
    expect([expanded.strides, numbersOf(expanded)]).toEqual([[1, 0], [1, 1, 1, 2, 2, 2]]); // prettier-ignore
    expect([halves.dtype, halves.strides, numbersOf(halves)]).toEqual(['bfloat16', [1, 3], [0, 3, 1, 4, 2, 5]]); // prettier-ignore
  });

  it.each(['pt', 'safetensors'] as const)('can be saved again as %s, sets and keys of every kind included', async (format) => {
    const { sets, keys, integers } = await load<Containers>(fixture('containers.pt'));
    const again = await load<Containers>(await toBytes({ sets, keys, integers }, { format }));
    expect(again).toEqual({ sets, keys, integers });
  });
});

describe('what has no counterpart', () => {
  const files = JSON.parse(readFileSync(fixture('refused.json'), 'utf8')) as Record<string, string>;
  const refusals: Readonly<Record<string, readonly [string, string]>> = {
    complex: ['FILE_NOT_SUPPORTED', 'torch.ComplexFloatStorage'],
    'complex number': ['FILE_NOT_SUPPORTED', '__builtin__.complex'],
    quantized: ['FILE_NOT_SUPPORTED', 'torch._utils._rebuild_qtensor'],
    sparse: ['FILE_NOT_SUPPORTED', 'torch._utils._rebuild_sparse_tensor'],
    'sparse rows': ['FILE_NOT_SUPPORTED', 'torch._utils._rebuild_sparse_tensor'],
    nested: ['FILE_NOT_SUPPORTED', 'torch._utils._rebuild_nested_tensor'],
    meta: ['FILE_NOT_SUPPORTED', 'torch._utils._rebuild_meta_tensor_no_storage'],
    storage: ['FILE_NOT_SUPPORTED', 'a storage by itself'],
    uint16: ['FILE_NOT_SUPPORTED', 'torch.uint16'],
    float8: ['FILE_NOT_SUPPORTED', 'torch.float8_e4m3fn'],
    module: ['FILE_NOT_ALLOWED', 'torch.nn.modules.linear.Linear is not allowed'],
    function: ['FILE_NOT_ALLOWED', '__builtin__.getattr is not allowed'],
    array: ['FILE_NOT_ALLOWED', 'numpy._core.multiarray._reconstruct is not allowed'],
    pair: ['FILE_NOT_ALLOWED', '__main__.Pair is not allowed'],
    path: ['FILE_NOT_ALLOWED', 'pathlib.PosixPath is not allowed'],
  };

  it('is in the fixture, all of it', () => expect(Object.keys(files)).toEqual(Object.keys(refusals)));

  it.each(Object.entries(refusals))('(%s) is refused by its name', async (kind, [code, word]) => {
    const error: unknown = await load(new Uint8Array(Buffer.from(files[kind], 'base64')), { name: 'refused.pt' }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code, file: 'refused.pt: archive/data.pkl', byte: expect.any(Number) });
    expect((error as FileError).message).toContain(word);
  }); // prettier-ignore
});

interface SavedOptimizer {
  readonly x: Tensor;
  readonly y: Tensor;
  readonly model: Map<string, Tensor>;
  readonly optimizer: optim.OptimizerState;
  readonly after: Map<string, Tensor>[];
}
type OptimizerClass = new (params: readonly Tensor[], options: { lr: number }) => optim.Optimizer<{ lr: number }>;

describe('training goes on from the state of PyTorch’s', async () => {
  const saved = await load<Record<string, SavedOptimizer>>(fixture('optimizers.pt'));

  it.each(Object.keys(saved))('%s', (name) => {
    const { x, y, model, optimizer: state, after } = saved[name];
    const net = new nn.Linear(3, 2, { bias: model.has('bias') });
    net.loadStateDict(model);
    const optimizer = new (optim as unknown as Record<string, OptimizerClass>)[name]([...net.parameters()], { lr: 0.5 });
    optimizer.loadStateDict(state);
    expect(optimizer.paramGroups[0].lr).toBe(0.02);
    expect(after).toHaveLength(2);
    for (const expected of after) {
      optimizer.step(() => {
        optimizer.zeroGrad();
        const loss = new nn.MSELoss().forward(net.forward(x), y);
        loss.backward();
        return loss;
      });
      expect([...expected.keys()]).toEqual([...net.stateDict().keys()]);
      for (const [key, value] of net.stateDict()) expect(largestDifference(value, expected.get(key) as Tensor), key).toBeLessThan(1e-6);
    }
    // The steps are no zeros, and what the file holds is still what it held.
    expect(largestDifference(net.weight, model.get('weight') as Tensor)).toBeGreaterThan(1e-4);
  });

  it('for every optimizer that there is', () => {
    const classes = Object.entries(optim as Record<string, unknown>).filter(
      ([, value]) => typeof value === 'function' && value.prototype instanceof optim.Optimizer,
    );
    expect(classes.map(([name]) => name).sort()).toEqual(Object.keys(saved).sort());
  });
});

interface SavedScheduler {
  readonly scheduler: Record<string, unknown>;
  readonly optimizer: optim.OptimizerState;
  readonly next: number[];
}
interface Scheduler {
  loadStateDict(state: Record<string, unknown>): void;
  step(): void;
}
type SchedulerClass = new (optimizer: optim.SGD, ...options: readonly unknown[]) => Scheduler;

/** What each must be given; all of it is replaced by the state. */
const schedulerArguments: Readonly<Record<string, readonly unknown[]>> = {
  StepLR: [7],
  MultiStepLR: [[9]],
  ExponentialLR: [0.5],
  CosineAnnealingLR: [3],
  LinearLR: [],
  PolynomialLR: [],
  OneCycleLR: [0.5, 20],
};

describe('the learning rate goes on from the state of PyTorch’s', async () => {
  const saved = await load<Record<string, SavedScheduler>>(fixture('schedulers.pt'));

  it.each(Object.keys(schedulerArguments))('%s', (name) => {
    const { scheduler: state, optimizer: momenta, next } = saved[name];
    const optimizer = new optim.SGD(new nn.Linear(1, 1).parameters(), { lr: 0.1, momentum: 0.9 });
    const scheduler = new (optim as unknown as Record<string, SchedulerClass>)[name](optimizer, ...schedulerArguments[name]);
    optimizer.loadStateDict(momenta);
    scheduler.loadStateDict(state);
    expect(next).toHaveLength(4);
    for (const expected of next) {
      scheduler.step();
      expect(Math.abs(optimizer.paramGroups[0].lr - expected)).toBeLessThan(1e-12);
    }
  });
});

it('a parameter of PyTorch is a tensor here, whatever hangs on it', async () => {
  const { tagged, parameter } = await load<Containers>(fixture('containers.pt'));
  const [one] = [...(await load<Map<string, Tensor>>(await toBytes(new Map([['x', tagged]]), { format: 'pt' }))).values()];
  expectSame(one, tagged);
  expect([tagged.requiresGrad, parameter.requiresGrad]).toEqual([false, false]);
});
