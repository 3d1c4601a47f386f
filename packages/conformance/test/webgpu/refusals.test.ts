import { bincount, multinomial, ones, poisson, setDefaultDevice, tensor, zeros, type Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { webgpu, type WebGpuDevice } from '@flambeau/backend-webgpu';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { describe, expect, it } from 'vitest';
import { open } from './open.ts';

// What a device that is read with await cannot tell at the call, or not do at all, is told in the name of the function that was called.

setDefaultDevice(cpu);
const gpu = await open();
const device = gpu as WebGpuDevice;
const functional = nn.functional;

const rows = (): Tensor => ones([3, 2], { device });
const index = (...values: number[]): Tensor => tensor(values, { dtype: 'int32', device });

describe.skipIf(gpu === undefined)('an index that is not there is told at the next read, once, by the function that got it', () => {
  const classes = 'classes in [0, 1]';
  const refused: [name: string, call: () => Tensor, received: string, expected?: string][] = [
    ['gather', () => rows().gather(0, index(0, 4).unsqueeze(0)), '4'],
    ['scatter', () => rows().scatterAdd(0, index(-1, 0).unsqueeze(0), ones([1, 2], { device })), '-1'],
    ['indexSelect', () => rows().indexSelect(0, index(3)), '3'],
    ['indexAdd', () => rows().indexAdd(0, index(5), ones([1, 2], { device })), '5'],
    ['embedding', () => functional.embedding(index(0, 7), rows()), '7', 'indices in [0, 2]'],
    ['embeddingBag', () => functional.embeddingBag(index(0, 7), rows(), { offsets: index(0) }), '7', 'indices in [0, 2]'],
    ['at', () => rows().at(index(9)), '9'],
    ['oneHot', () => functional.oneHot(index(0, 5), 2), '5', classes],
    ['oneHot', () => functional.oneHot(index(-1), 2), '-1', classes],
    ['crossEntropy', () => functional.crossEntropy(rows(), index(0, 1, 2)), '2', classes],
    ['crossEntropy', () => functional.crossEntropy(rows(), index(0, 1, 2), { reduction: 'none' }), '2', classes],
    ['crossEntropy', () => functional.crossEntropy(rows(), index(0, 1, 2), { labelSmoothing: 0.1 }), '2', classes],
    ['nllLoss', () => functional.nllLoss(rows(), index(0, -3, 0)), '-3', classes],
  ];
  it.each(refused)('%s %#', async (op, call, received, expected) => {
    const result = call();
    await expect(result.data()).rejects.toMatchObject({ code: 'INDEX', op, received, ...(expected !== undefined && { expected }) });
    expect(await rows().sum().item()).toBe(6);
  });

  it('a write through an index too', async () => {
    const x = rows();
    x.setAt([index(4)], 1);
    await expect(x.data()).rejects.toMatchObject({ code: 'INDEX', op: 'setAt', received: '4' });
    expect(await rows().sum().item()).toBe(6);
  });
});

describe.skipIf(gpu === undefined)('a function that needs values at once says so, and what to do', () => {
  const needing: [name: string, call: () => unknown, hint: RegExp][] = [
    ['nonzero', () => rows().nonzero(), /nonzeroAsync/],
    ['unique', () => rows().unique(), /uniqueAsync/],
    ['uniqueConsecutive', () => rows().uniqueConsecutive(), /uniqueConsecutiveAsync/],
    ['maskedSelect', () => rows().maskedSelect(rows().gt(0)), /maskedSelectAsync/],
    ['repeatInterleave', () => rows().repeatInterleave(index(1, 2, 3), 0), /repeatInterleaveAsync/],
    ['bincount', () => bincount(index(1, 2)), /bincountAsync/],
    ['multinomial', () => multinomial(ones(3, { device }), 1), /toAsync/],
    ['poisson', () => poisson(ones(3, { device })), /toAsync/],
    ['narrow', () => rows().narrow(0, index(1).squeeze(), 1), /await start\.item/],
    ['oneHot', () => functional.oneHot(index(0, 1)), /numClasses/],
    ['ctcLoss', () => functional.ctcLoss(ones([2, 1, 3], { device }), index(1).unsqueeze(0), index(2), index(1)), /array of numbers/],
    ['ReduceLROnPlateau', () => new optim.lrScheduler.ReduceLROnPlateau(new optim.SGD([new nn.Parameter(rows())], { lr: 1 })).step(ones([], { device })), /await loss\.item/], // prettier-ignore
  ];
  it.each(needing)('%s', (op, call, hint) => {
    expect(call).toThrow(expect.objectContaining({ code: 'ASYNC_ONLY', op, hint: expect.stringMatching(hint) as unknown }));
  });
});

describe.skipIf(gpu === undefined)('a device that is destroyed', () => {
  const lost = expect.objectContaining({ code: 'DEVICE_LOST' }) as unknown;

  it('drops the loss and the step that wait for what can join them: only reads and new calls tell of its end', async () => {
    const own = await webgpu();
    const net = new nn.Linear(3, 2).to(own);
    const optimizer = new optim.Adam(net.parameters());
    const [x, y] = [ones([4, 3], { device: own }), zeros([4, 2], { device: own })];
    functional.mseLoss(net.forward(x), y).backward();
    await own.synchronize();
    optimizer.step();
    functional.mseLoss(x, x);
    own.destroy();
    // An error that nobody could catch would end the process here.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await expect(net.weight.data()).rejects.toEqual(lost);
    expect(() => functional.mseLoss(x, x)).toThrow(lost);
  });
});
