import { describe, expect, it } from 'vitest';
import { availableParallelism } from 'node:os';
import { dispatch, definedOps, manualSeed, randint, randn, setDefaultDevice, zeros, type Tensor } from '@flambeau/core';
import { cpuInfo, createCpuDevice, getNumThreads, setNumThreads } from '@flambeau/backend-cpu';
import '@flambeau/nn';
import { devices } from './devices.ts';

const hasNative = devices.some(({ name }) => name !== 'wasm');

const geometry = { stride: [1, 1], padding: [2, 2], dilation: [1, 1], groups: 1 };
const pool = { kernel: [2, 2], stride: [2, 2], padding: [0, 0], dilation: [1, 1], output: [14, 14] };
const run = (name: string, inputs: Tensor[], attrs?: unknown): Tensor[] => {
  const op = definedOps().get(name);
  if (op === undefined) throw new Error(`there is no op ${name}`);
  return dispatch(op, inputs, attrs);
};

/** An LSTM of six steps and its gradients, of the last steps alone. */
const lstm = (batch: number, features: number, size: number): Tensor[] => {
  const bias = (): Tensor => randn(4 * size).mul(0.1);
  const weights = [randn(4 * size, features).mul(0.1), randn(4 * size, size).mul(0.1), bias(), bias()];
  const inputs = [randn(6, batch, features), ...weights];
  const attrs = { reverse: false, fromZeros: true };
  const [output, , , gates, cells] = run('lstm', inputs, attrs);
  const slopes = [randn(2, batch, size), randn(batch, size), randn(0, size)];
  const asked = { ...attrs, input: true, initial: false, inner: false, from: 4 };
  return [output, ...run('lstmGrad', [...slopes, output, gates, cells, ...inputs], asked)];
};

/** Works that are worth sharing, by name. */
const works: Record<string, () => Tensor[]> = {
  'a square product': () => [randn(200, 170).matmul(randn(170, 210))],
  'a product in several blocks of k': () => [randn(64, 700).matmul(randn(700, 90))],
  'a wide product': () => [randn(9, 300).matmul(randn(300, 1100))],
  'a product from transposed operands': () => [randn(170, 200).t().matmul(randn(210, 170).t())],
  'a row times a matrix': () => [randn(1, 900).matmul(randn(900, 1037))],
  'a batch of products': () => [randn(30, 50, 40).matmul(randn(30, 40, 45))],
  'a float64 product': () => [randn(150, 160).to('float64').matmul(randn(160, 140).to('float64'))],
  'elementwise functions': () => [randn(700_001).add(randn(700_001)).exp(), randn(300_000).to('int32').gt(0)],
  'sums and extremes': () => [randn(900_003).sum(), randn(900_003).max(), randn(700, 900).sum(0), randn(700, 900).sum(1)],
  'convolution and pooling': () => run('convReluMaxPool2d', [randn(9, 4, 28, 28), randn(20, 4, 5, 5), randn(20)], { ...geometry, pool }),
  'the gradients of convolution and pooling': () => {
    const [x, weight] = [randn(9, 4, 28, 28), randn(20, 4, 5, 5)];
    const [values, places] = run('convReluMaxPool2d', [x, weight], { ...geometry, pool });
    const g = randn(9, 20, 14, 14);
    return run('convReluMaxPool2dGrad', [g, values, places, x, weight], { ...geometry, pool, needs: [true, true, true] });
  },
  'a convolution and its gradients': () => {
    const [x, weight, g] = [randn(9, 4, 28, 28), randn(20, 4, 5, 5), randn(9, 20, 28, 28)];
    return [
      ...run('conv2d', [x, weight], geometry),
      ...run('conv2dInputGrad', [g, weight], { ...geometry, shape: x.shape }),
      ...run('conv2dWeightGrad', [g, x], { ...geometry, shape: weight.shape }),
    ];
  },
  'an LSTM whose parts of the batch sum gradients apart': () => lstm(100, 28, 64),
  'an LSTM with more weights than parts are worth': () => lstm(70, 300, 320),
  'max pooling': () => run('maxPool2d', [randn(20, 16, 28, 28)], pool),
  'slices found and added to by index': () => {
    // Rows are met several times each, and their length is no multiple of a vector's.
    const [table, index, terms] = [randn(900, 301), randint(0, 900, [3000]), randn(3000, 301)];
    return [
      table.at(index),
      table.indexAdd(0, index, terms),
      zeros(900, 301).indexAdd(0, index.to('int64'), terms),
      randn(3, 900, 101).indexSelect(1, index),
    ];
  },
};

describe('the number of threads', () => {
  it('is the number of processors until it is set', () => {
    const native = cpuInfo().engine === 'native';
    expect(getNumThreads()).toBe(native ? availableParallelism() : 1);
    setNumThreads(3);
    expect(getNumThreads()).toBe(native ? 3 : 1);
    expect(cpuInfo().threads).toBe(getNumThreads());
    setNumThreads(availableParallelism());
  });

  it.each([0, -1, 1.5, NaN, 1000, '2'])('refuses %s', (count) => {
    expect(() => setNumThreads(count as number)).toThrow(expect.objectContaining({ code: 'ARGUMENT' }) as Error);
    expect(() => setNumThreads(count as number)).toThrow(/setNumThreads: an integer from 1 to 256/);
  });

  it.skipIf(!hasNative).each(Object.keys(works))('does not change a bit of %s', (name) => {
    const { device, setThreads } = createCpuDevice('native');
    setDefaultDevice(device);
    const bytesWith = (threads: number): Uint8Array[] => {
      setThreads(threads);
      manualSeed(5);
      return works[name]().map((x) => new Uint8Array(x.contiguous().dataSync().slice().buffer));
    };
    const alone = bytesWith(1);
    // Again and again: who takes which part is a matter of chance.
    for (const threads of [2, 3, 5, 2, 2, 2]) {
      for (const [i, bytes] of bytesWith(threads).entries())
        expect(Buffer.compare(bytes, alone[i]), `output ${i}, ${threads} threads`).toBe(0);
    }
  });
});
