// DistributedDataParallel, SyncBatchNorm and checkpoints, each checked in every rank against one process on the whole batch.
import { strict as assert } from 'node:assert';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ArgumentError, full, manualSeed, randn, setDefaultDevice, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { cpu } from '@flambeau/backend-cpu';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { load, save } from '@flambeau/serialization';
import {
  allReduce, barrier, broadcastObject, destroyProcessGroup, DistributedDataParallel, DistributedError, getRank, getWorldSize,
  initProcessGroup, newGroup, onRankZero, readOnRankZero, SyncBatchNorm,
} from '../../src/index.ts'; // prettier-ignore

setDefaultDevice(cpu);
initProcessGroup({ backend: 'mpi', timeout: 20_000, debug: process.argv[2] === 'debug' });
const [rank, size] = [getRank(), getWorldSize()];

const flat = (x: Tensor): number[] => x.detach().double().reshape([-1]).toArraySync() as number[];
function close(what: string, got: Tensor | undefined, expected: Tensor | undefined, tolerance = 1e-6): void {
  assert.ok(got !== undefined && expected !== undefined, `${what}: missing`);
  assert.deepEqual(got.shape, expected.shape, what);
  const other = flat(expected);
  flat(got).forEach((value, i) =>
    assert.ok(Math.abs(value - other[i]) <= tolerance, `rank ${rank}: ${what}[${i}]: ${value}, not ${other[i]}`),
  );
}
/** The part of a batch that this rank takes. */
const mine = (x: Tensor): Tensor => x.narrow(0, (rank * x.shape[0]) / size, x.shape[0] / size);

class Branches extends nn.Module {
  first = new nn.Linear(4, 3);
  second = new nn.Linear(4, 3);
  never = new nn.Linear(4, 3);

  forward(x: Tensor, which: 'first' | 'second'): Tensor {
    return this[which].forward(x);
  }
}

const gradients = (module: nn.Module): (Tensor | undefined)[] => [...module.parameters()].map((parameter) => parameter.grad);

function sameInAllRanks(): void {
  manualSeed(10 + rank);
  const model = new DistributedDataParallel(new nn.Linear(3, 2));
  manualSeed(10);
  close('parameters of rank 0', model.module.weight, new nn.Linear(3, 2).weight, 0);
  assert.deepEqual([...model.stateDict().keys()], ['module.weight', 'module.bias']);
}

function averagesGradients(bucketCapMb: number): void {
  manualSeed(1);
  const [x, y] = [randn(8, 4), randn(8, 2)];
  const alone = new nn.Sequential(new nn.Linear(4, 5), new nn.Tanh(), new nn.Linear(5, 2));
  const model = new DistributedDataParallel(nn.deepCopy(alone), { bucketCapMb });
  const loss = (module: nn.Module, a: Tensor, b: Tensor): Tensor => (module.forward(a) as Tensor).sub(b).square().mean();
  loss(alone, x, y).backward();
  loss(model, mine(x), mine(y)).backward();
  gradients(model).forEach((grad, i) => close(`gradient ${i}`, grad, gradients(alone)[i]));
  // A second backward adds: the sum of two averages.
  loss(alone, x.mul(2), y).backward();
  loss(model, mine(x.mul(2)), mine(y)).backward();
  gradients(model).forEach((grad, i) => close(`sum of gradients ${i}`, grad, gradients(alone)[i]));
}

function accumulates(): void {
  manualSeed(2);
  const x = randn(8, 4);
  const alone = new nn.Linear(4, 2);
  const model = new DistributedDataParallel(nn.deepCopy(alone));
  for (const factor of [1, 2, 3]) alone.forward(x.mul(factor)).square().mean().backward();
  model.noSync(() => {
    for (const factor of [1, 2])
      model
        .forward(mine(x.mul(factor)))
        .square()
        .mean()
        .backward();
  });
  // What this rank alone has gathered so far is not the average.
  if (size > 1) assert.throws(() => close('unsynchronized', model.module.weight.grad, alone.weight.grad));
  model
    .forward(mine(x.mul(3)))
    .square()
    .mean()
    .backward();
  close('accumulated', model.module.weight.grad, alone.weight.grad, 1e-5);
}

function unusedParameters(): void {
  manualSeed(3);
  const model = new DistributedDataParallel(new Branches(), { bucketCapMb: 1e-5 });
  const x = full([2, 4], rank + 1);
  // Even ranks use the first branch, odd ones the second; nobody the third.
  model.forward(x, rank % 2 === 0 ? 'first' : 'second').sum().backward(); // prettier-ignore
  // Each used weight has the gradient 2·(rank + 1); the others count as zero.
  const mean = (parity: number): number =>
    Array.from({ length: size }, (_, r) => (r % 2 === parity ? 2 * (r + 1) : 0)).reduce((a, b) => a + b) / size;
  close('first', model.module.first.weight.grad, full([3, 4], mean(0)));
  if (size > 1) close('second', model.module.second.weight.grad, full([3, 4], mean(1)));
  assert.equal(model.module.never.weight.grad, undefined);
}

function trains(): void {
  manualSeed(4);
  const [x, y] = [randn(16, 4), randn(16, 2)];
  const alone = new nn.Sequential(new nn.Linear(4, 5), new nn.ReLU(), new nn.Linear(5, 2));
  const model = new DistributedDataParallel(nn.deepCopy(alone));
  const both = [alone, model].map((module) => ({ module, optimizer: new optim.Adam(module.parameters(), { lr: 0.01 }) }));
  for (let step = 0; step < 20; step++) {
    for (const { module, optimizer } of both) {
      const [a, b] = module === model ? [mine(x), mine(y)] : [x, y];
      const loss = (module.forward(a) as Tensor).sub(b).square().mean();
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
    }
  }
  const expected = [...alone.parameters()];
  [...model.parameters()].forEach((parameter, i) => close(`trained ${i}`, parameter, expected[i]));
}

function synchronizesBatchNorm(): void {
  manualSeed(5);
  const x = randn(8, 3, 2, 2).add(1);
  const weights = randn(8, 3, 2, 2);
  const alone = new nn.Sequential(new nn.BatchNorm2d(3), new nn.Conv2d(3, 3, 1));
  const model = new DistributedDataParallel(SyncBatchNorm.convertSyncBatchnorm(nn.deepCopy(alone)) as nn.Sequential);
  assert.equal(model.module.at(0).constructor, SyncBatchNorm);
  const leaf = x.clone().requiresGrad_();
  const own = mine(x).clone().requiresGrad_();
  const expected = alone.forward(leaf) as Tensor;
  const got = model.forward(own) as Tensor;
  close('output', got, mine(expected.detach()), 1e-5);
  expected.mul(weights).sum().backward();
  // The loss of a rank is the sum over its part: the sum of all ranks is size times their mean.
  got.mul(mine(weights)).sum().backward();
  close('input gradient', own.grad, leaf.grad && mine(leaf.grad), 1e-4);
  gradients(model).forEach((grad, i) => close(`gradient ${i}`, grad?.mul(size), gradients(alone)[i], 1e-4));
  const buffers = [...alone.buffers()];
  [...model.module.buffers()].forEach((buffer, i) => close(`statistics ${i}`, buffer, buffers[i], 1e-5));
  alone.eval();
  model.eval();
  close('evaluation', model.forward(x) as Tensor, alone.forward(x) as Tensor, 1e-5);
}

function broadcastsBuffers(): void {
  const layer = new nn.BatchNorm1d(1, { momentum: 1 });
  const model = new DistributedDataParallel(layer);
  // With momentum 1 the running mean is that of the last batch: rank + 1.
  model.forward(full([4, 1], rank + 1));
  close('own statistics', layer.runningMean ?? undefined, full([1], rank + 1));
  // The next forward begins with rank 0's, and one without recording leaves all as they are.
  model.forward(full([4, 1], rank + 1)).sum().backward(); // prettier-ignore
  const seen = full([1], 0);
  noGrad(() => seen.add_(layer.numBatchesTracked ?? 0));
  close('batches', seen, full([1], 2));
}

async function checkpoints(): Promise<void> {
  manualSeed(6 + rank);
  const model = new DistributedDataParallel(new nn.Linear(3, 2));
  const folder = await broadcastObject(rank === 0 ? mkdtempSync(join(tmpdir(), 'flambeau-rank-')) : '');
  const file = join(folder, 'model.safetensors');
  await onRankZero(() => save(model.module.stateDict(), file));
  assert.ok(existsSync(file));
  const restored = new nn.Linear(3, 2);
  restored.loadStateDict(await load(await readOnRankZero(file)));
  close('restored', restored.weight, model.module.weight, 0);
  await assert.rejects(
    async () => onRankZero(() => Promise.reject(new Error('the disk is full'))),
    (error: Error) =>
      rank === 0 ? error.message === 'the disk is full' : error instanceof DistributedError && error.message.includes('the disk is full'),
  );
  await barrier();
  if (rank === 0) rmSync(folder, { recursive: true });
}

async function refusesDifferentNetworks(): Promise<void> {
  if (size === 1) return;
  const features = rank === size - 1 ? 4 : 3;
  assert.throws(() => new DistributedDataParallel(new nn.Linear(features, 2)), new RegExp(`rank ${size - 1} with others than rank 0`));
  assert.throws(() => new DistributedDataParallel(new nn.ReLU()), /requires a gradient/);
  // Other options make other collectives: without the check the gradients would be those of another parameter.
  const last = rank === size - 1;
  for (const options of [{ bucketCapMb: last ? 1e-5 : 25 }, { broadcastBuffers: last }])
    assert.throws(
      () => new DistributedDataParallel(new nn.Linear(3, 2), options),
      new RegExp(`the same bucketCapMb and broadcastBuffers in all ranks, got rank ${size - 1}`),
    );
  await barrier();
}

async function trainsInGroups(): Promise<void> {
  if (size < 4) return;
  // Two halves train apart.
  const half = size / 2;
  const ranks = Array.from({ length: size }, (_, i) => i);
  const groups = [await newGroup(ranks.slice(0, half)), await newGroup(ranks.slice(half))];
  const processGroup = groups[rank < half ? 0 : 1];
  const model = new DistributedDataParallel(new nn.Linear(1, 1, { bias: false }), { processGroup });
  model.forward(full([1, 1], rank)).sum().backward(); // prettier-ignore
  const mean = processGroup.ranks.reduce((a, b) => a + b) / half;
  close('gradient of a half', model.module.weight.grad, full([1, 1], mean));
}

/** What TypeScript would refuse, from a program without types. */
function refusesWrongArguments(): void {
  const model = new DistributedDataParallel(new nn.Linear(3, 2));
  const wrong: readonly [body: () => unknown, message: RegExp][] = [
    [() => Reflect.construct(DistributedDataParallel, [model.module, { findUnusedParameters: true }]), /options among processGroup/],
    [() => Reflect.apply(model.noSync, model, [3]), /the body to be a function, got 3/],
    [() => Reflect.apply(SyncBatchNorm.convertSyncBatchnorm, SyncBatchNorm, [{}]), /convertSyncBatchnorm: a module, got an object/],
    [() => Reflect.apply(getRank, undefined, [{}]), /getRank: group to be a ProcessGroup/],
    [() => Reflect.apply(getWorldSize, undefined, [3]), /getWorldSize: group to be a ProcessGroup/],
    [() => newGroup([0], { timeout: -1 }), /newGroup: a timeout of more than 0/],
  ];
  for (const [body, message] of wrong) assert.throws(body, (error) => error instanceof ArgumentError && message.test(error.message));
}

sameInAllRanks();
for (const cap of [25, 1e-5, 6e-5]) averagesGradients(cap);
accumulates();
unusedParameters();
trains();
synchronizesBatchNorm();
broadcastsBuffers();
await checkpoints();
await refusesDifferentNetworks();
await trainsInGroups();
refusesWrongArguments();
const count = full([1], 1);
await allReduce(count);
if (rank === 0) console.log(`all ${flat(count)[0]} ranks agree`);
await destroyProcessGroup();
