// DistributedDataParallel and collectives on a device that reads asynchronously: WebGPU, or with the argument `waiting` the reference backend
// without its synchronous reads.
import { strict as assert } from 'node:assert';
import { AsyncOnlyError, full, manualSeed, randn, setDefaultDevice, type Device, type Tensor } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import {
  allGather, allReduce, barrier, broadcast, destroyProcessGroup, DistributedDataParallel, getRank, getWorldSize, initProcessGroup, recv, send,
} from '../../src/index.ts'; // prettier-ignore

async function openDevice(name: string | undefined): Promise<Device> {
  if (name === 'webgpu') return (await import('@flambeau/backend-webgpu')).webgpu();
  const { downloadSync: _downloadSync, ...rest } = reference;
  return { ...rest, name: 'waiting', synchronous: false };
}
const gpu = await openDevice(process.argv[2]);
setDefaultDevice(reference);
initProcessGroup({ backend: 'mpi', debug: true });
const [rank, size] = [getRank(), getWorldSize()];
const on = (x: Tensor): Tensor => x.to(gpu);
const numbers = async (x: Tensor): Promise<number[]> => (await x.detach().reshape([-1]).toArray()) as number[];
async function close(what: string, got: Tensor | undefined, expected: Tensor | undefined): Promise<void> {
  assert.ok(got !== undefined && expected !== undefined, what);
  const other = await numbers(expected);
  (await numbers(got)).forEach((value, i) =>
    assert.ok(Math.abs(value - other[i]) < 1e-5, `rank ${rank}: ${what}: ${value}, not ${other[i]}`),
  );
}

// Several at once, with one on the host between them: they keep their order in every rank.
const [a, b, c] = [on(full([2, 3], rank)), full([2], rank), on(full([3, 2], rank)).T];
const works = [allReduce(a), allReduce(b, 'max'), broadcast(c, size - 1)];
assert.throws(() => works[0].waitSync(), AsyncOnlyError);
assert.throws(() => works[1].waitSync(), AsyncOnlyError);
await Promise.all(works);
await close('allReduce', a, full([2, 3], (size * (size - 1)) / 2));
await close('allReduce on the host', b, full([2], size - 1));
await close('broadcast', c, full([2, 3], size - 1));
const list = Array.from({ length: size }, () => on(full([2], -1)));
await allGather(list, on(full([2], rank)));
for (const [r, x] of list.entries()) await close('allGather', x, full([2], r));
const received = on(full([2], -1));
const sending = send(on(full([2], rank)), (rank + 1) % size);
await recv(received, (rank + size - 1) % size);
await sending;
await close('recv', received, full([2], (rank + size - 1) % size));

manualSeed(1);
const [x, y] = [randn(8, 4), randn(8, 2)];
const alone = new nn.Sequential(new nn.Linear(4, 5), new nn.Tanh(), new nn.Linear(5, 2));
const copy = nn.deepCopy(alone);
const model = new DistributedDataParallel(copy.to(gpu));
const mine = (t: Tensor): Tensor => on(t.narrow(0, (rank * 8) / size, 8 / size));
assert.throws(() => model.forward(mine(x)), /await model\.ready\(\)/);
await model.ready();
const optimizers = [alone, model].map((module) => new optim.SGD(module.parameters(), { lr: 0.1 }));
for (let step = 0; step < 3; step++) {
  const losses = [alone.forward(x).sub(y), model.forward(mine(x)).sub(mine(y))];
  for (const optimizer of optimizers) optimizer.zeroGrad();
  for (const loss of losses) loss.square().mean().backward();
  if (step === 1) assert.throws(() => model.forward(mine(x)), /await model\.reduceGradients\(\)/);
  await model.reduceGradients();
  const expected = [...alone.parameters()];
  for (const [i, parameter] of [...model.parameters()].entries()) await close(`gradient ${i}`, parameter.grad, expected[i].grad);
  for (const optimizer of optimizers) optimizer.step();
}
const expected = [...alone.parameters()];
for (const [i, parameter] of [...model.parameters()].entries()) await close(`weight ${i}`, parameter, expected[i]);
await barrier();
if (rank === 0) console.log(`${size} ranks on ${gpu.name} agree`);
await destroyProcessGroup();
