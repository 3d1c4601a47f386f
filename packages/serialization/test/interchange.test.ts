import { readFileSync } from 'node:fs';
import { Tensor, type DType } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { noGrad } from '@flambeau/autograd';
import { describe, expect, it } from 'vitest';
import { load, openFile, type Tensors } from '../src/index.ts';
import { CNN } from './nets.ts';
import { edgeValues } from './edgeValues.ts';
import { fixture, largestDifference, numbersOf, valuesOf } from './helpers.ts';

/** What the manifest says of a tensor. */
interface Expected {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** The first values. */
  readonly values: readonly number[];
  readonly sum: number;
}
/** For every tensor of a file, the sum of its elements times their places, so that none may stand in the place of another. */
const weights = JSON.parse(readFileSync(fixture('weights.json'), 'utf8')) as Record<string, number>;
const manifest = JSON.parse(readFileSync(fixture('manifest.json'), 'utf8')) as Record<string, { holds?: unknown }>;

const isTensorNode = (node: unknown): node is Expected => typeof node === 'object' && node !== null && 'dtype' in node && 'values' in node;

/** Compares a loaded structure with the manifest, value by value; returns how many tensors it met. */
function compare(actual: unknown, node: unknown, path: string): number {
  if (isTensorNode(node)) {
    expect(actual, path).toBeInstanceOf(Tensor);
    const x = actual as Tensor;
    expect([x.dtype, x.shape], path).toEqual([node.dtype, [...node.shape]]);
    const values = numbersOf(x);
    expect(values.slice(0, node.values.length), path).toEqual([...node.values]);
    const sum = values.reduce((a, b) => a + b, 0);
    expect(Math.abs(sum - node.sum), path).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(node.sum)));
    const weighted = values.reduce((total, value, i) => total + value * (i + 1), 0);
    expect(weights[path], path).toBeTypeOf('number');
    expect(Math.abs(weighted - weights[path]), path).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(weights[path])));
    return 1;
  }
  if (Array.isArray(node)) {
    expect(actual, path).toHaveLength(node.length);
    return node.reduce<number>((n, item, i) => n + compare((actual as unknown[])[i], item, `${path}.${i}`), 0);
  }
  if (typeof node === 'object' && node !== null) {
    const entries = new Map(actual instanceof Map ? (actual as Map<string, unknown>) : Object.entries(actual as object));
    expect([...entries.keys()].sort(), path).toEqual(Object.keys(node).sort());
    return Object.entries(node).reduce((n, [key, item]) => n + compare(entries.get(key), item, `${path}.${key}`), 0);
  }
  expect(actual, path).toEqual(node);
  return 0;
}

const counts: Record<string, number> = {
  'cnn.pt': 6,
  'cnn.checkpoint.pt': 6 + 6 * 3,
  'cnn.io.npz': 2,
  'dtypes.pt': 9,
  'views.pt': 3,
  'legacy.pt': 1,
};

describe('files that PyTorch and NumPy wrote', () => {
  for (const [name, { holds }] of Object.entries(manifest)) {
    if (holds === undefined) continue;
    it(`finds every tensor and value of ${name}`, async () => {
      expect(compare(await load<unknown>(fixture(name)), holds, name)).toBe(counts[name]);
    });
  }

  it('reads a compressed npz, int64 and Fortran order included', async () => {
    const arrays = await load(fixture('arrays.npz'));
    expect([...arrays.keys()]).toEqual(['a', 'b', 'c']);
    expect([arrays.get('a')?.dtype, arrays.get('b')?.dtype, arrays.get('c')?.dtype]).toEqual(['int64', 'float64', 'bool']);
    expect(arrays.get('a')?.toArraySync()).toEqual([[0, 1, 2], [3, 4, 5]]); // prettier-ignore
    expect(arrays.get('b')?.toArraySync()).toEqual([[0, 1, 2], [3, 4, 5]]); // prettier-ignore
    // Fortran order stays: down a column is the next element.
    expect(arrays.get('b')?.strides).toEqual([1, 2]);
    expect(arrays.get('c')?.toArraySync()).toEqual([true, false]);
  });

  it('keeps the strides of views and lets them share a storage', async () => {
    const views = await load<Record<string, Tensor>>(fixture('views.pt'));
    const { whole, transposed, column } = views;
    expect(transposed.strides).toEqual([1, 4]);
    expect(column.strides).toEqual([4]);
    whole.fill_(7);
    expect(numbersOf(column)).toEqual([7, 7, 7]);
    expect(transposed.storage).toBe(whole.storage);
  });

  it('reads only the tensors that are asked for', async () => {
    const some = await load(fixture('cnn.pt'), { only: ['out.bias'] });
    expect([...some.keys()]).toEqual(['out.bias']);
    const biases = await load(fixture('cnn.checkpoint.pt'), { only: (key) => key.startsWith('model.') && key.endsWith('bias') });
    expect([...biases.keys()]).toEqual(['model.conv1.0.bias', 'model.conv2.0.bias', 'model.out.bias']);
    const file = await openFile(fixture('cnn.pt'));
    expect(file.spec('out.weight')).toEqual({ dtype: 'float32', shape: [10, 1568] });
    expect((await file.tensor('out.bias')).shape).toEqual([10]);
    await expect(file.tensor('out.Bias')).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
    await file.close();
  });

  it('rebuilds the CNN, whose outputs are those that PyTorch stored', async () => {
    const net = new CNN();
    net.loadStateDict(await load(fixture('cnn.pt')));
    const io = await load(fixture('cnn.io.npz'));
    const [x, y] = [io.get('x'), io.get('y')];
    if (x === undefined || y === undefined) throw new Error('cnn.io.npz lacks x or y');
    const out = noGrad(() => net.eval().forward(x));
    expect(largestDifference(out, y)).toBeLessThan(1e-5);
  });

  it('makes a step from the old moments of a checkpoint of PyTorch', async () => {
    interface Checkpoint {
      epoch: number;
      model: Tensors;
      optimizer: optim.OptimizerState;
    }
    const checkpoint = await load<Checkpoint>(fixture('cnn.checkpoint.pt'));
    const net = new CNN();
    net.loadStateDict(checkpoint.model);
    const adam = new optim.Adam(net.parameters(), { lr: 0.5 });
    adam.loadStateDict(checkpoint.optimizer);
    expect(adam.paramGroups[0].lr).toBe(0.001);
    const before = checkpoint.model.get('out.bias');
    const moments = checkpoint.optimizer.state[5];
    if (before === undefined || moments === undefined) throw new Error('the checkpoint lacks out.bias');
    const [m, v] = [numbersOf(moments['exp_avg'] as Tensor), numbersOf(moments['exp_avg_sq'] as Tensor)];
    // With a gradient of zero the step is the old moments alone: m ← 0.9 m, v ← 0.999 v, step 4,
    // θ ← θ - lr · (m / (1 - 0.9⁴)) / (√(v / (1 - 0.999⁴)) + ε)
    for (const parameter of net.parameters()) parameter.grad = parameter.detach().mul(0);
    adam.step();
    const expected = numbersOf(before).map(
      (theta, i) => theta - (0.001 * ((0.9 * m[i]) / (1 - 0.9 ** 4))) / (Math.sqrt((0.999 * v[i]) / (1 - 0.999 ** 4)) + 1e-8),
    );
    const after = numbersOf(net.out.bias as Tensor);
    expected.forEach((value, i) => expect(Math.abs(after[i] - value)).toBeLessThan(1e-7));
    expect(adam.stateDict().state[5]['step']).toBe(4);
  });

  it('reads values at the edges of their types, bit by bit', async () => {
    const loaded = await load<Record<string, Tensor>>(fixture('values.pt'));
    expect(Object.keys(loaded).sort()).toEqual(Object.keys(edgeValues).sort());
    for (const [dtype, values] of Object.entries(edgeValues)) {
      expect(loaded[dtype].dtype).toBe(dtype);
      // A float32 is the nearest to what was written; the others are exact.
      const expected = values.map((value) => (dtype === 'float32' || dtype === 'bfloat16' ? Math.fround(Number(value)) : dtype === 'int64' ? value : Number(value)));
      expect(valuesOf(loaded[dtype]), dtype).toEqual(expected);
    } // prettier-ignore
  });

  it('reads uint32 from a legacy file, where it lies in a storage of bytes', async () => {
    const [whole, part] = await load<[Tensor, Tensor]>(fixture('unsigned.legacy.pt'));
    expect([whole.dtype, numbersOf(whole), numbersOf(part)]).toEqual(['uint32', edgeValues.uint32, edgeValues.uint32.slice(1)]); // prettier-ignore
    expect(part.storage).toBe(whole.storage);
  });

  it('resumes Adam from PyTorch and makes its next three steps, every parameter compared', async () => {
    interface Saved {
      model: Tensors;
      optimizer: optim.OptimizerState;
      steps: { x: Tensor; y: Tensor; loss: number; after: Tensors | Record<string, Tensor> }[];
    }
    const { model, optimizer, steps } = await load<Saved>(fixture('adam.pt'));
    const net = new nn.Sequential(new nn.Linear(3, 8), new nn.Tanh(), new nn.Linear(8, 2));
    net.loadStateDict(model instanceof Map ? model : new Map(Object.entries(model as object)));
    const adam = new optim.Adam(net.parameters());
    adam.loadStateDict(optimizer);
    const { lr, betas, weightDecay, amsgrad } = adam.paramGroups[0];
    expect([lr, betas, weightDecay, amsgrad]).toEqual([0.02, [0.8, 0.95], 0.01, true]);
    expect(steps).toHaveLength(3);
    for (const { x, y, loss: expected, after } of steps) {
      const loss = new nn.MSELoss().forward(net.forward(x) as Tensor, y);
      expect(Math.abs(loss.itemSync() as number - expected)).toBeLessThan(1e-6);
      adam.zeroGrad();
      loss.backward();
      adam.step();
      const wanted = after instanceof Map ? after : new Map(Object.entries(after));
      expect([...wanted.keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
      for (const [name, value] of net.stateDict()) expect(largestDifference(value, wanted.get(name) as Tensor), name).toBeLessThan(1e-6);
    }
  }); // prettier-ignore
});
