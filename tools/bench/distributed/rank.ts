// One process of the benchmark of collectives and of the training step; rank 0 prints its figures as JSON. Started by main.ts.
import { full, manualSeed, rand, randint, setDefaultDevice, type Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { allGatherIntoTensor, allReduce, barrier, broadcast, destroyProcessGroup, DistributedDataParallel, getRank, getWorldSize, initProcessGroup, mpiInfo, type Work } from '@flambeau/distributed'; // prettier-ignore
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { CNN } from '../../../apps/cnn/src/cnn.ts';

setDefaultDevice(cpu);
initProcessGroup({ backend: 'mpi' });
const [rank, size] = [getRank(), getWorldSize()];
/** Of a number of samples: the fastest, which other programs on the machine disturb least, and the median. */
interface Time {
  readonly best: number;
  readonly median: number;
}
const timeOf = (samples: number[]): Time => {
  const sorted = samples.toSorted((a, b) => a - b);
  return { best: sorted[0], median: sorted[Math.floor(sorted.length / 2)] };
};

/** The milliseconds of a call, after some to warm up; every rank begins at once. */
function time(repetitions: number, run: () => void): Time {
  const times: number[] = [];
  for (let i = -Math.ceil(repetitions / 5); i < repetitions; i++) {
    barrier().waitSync();
    const started = performance.now();
    run();
    if (i >= 0) times.push(performance.now() - started);
  }
  return timeOf(times);
}

const collectives: Record<string, (count: number) => () => Work<Tensor>> = {
  allReduce: (count) => {
    const x = full([count], 1);
    return () => allReduce(x);
  },
  broadcast: (count) => {
    const x = full([count], 1);
    return () => broadcast(x, 0);
  },
  allGather: (count) => {
    const [x, all] = [full([count / size], 1), full([count], 0)];
    return () => allGatherIntoTensor(all, x);
  },
};

const figures: { op: string; bytes: number; milliseconds: Time }[] = [];
for (const [op, make] of Object.entries(collectives)) {
  for (const bytes of [64, 4096, 65536, 2 ** 20, 25 * 2 ** 20, 64 * 2 ** 20]) {
    const run = make(bytes / 4);
    figures.push({ op, bytes, milliseconds: time(bytes > 2 ** 22 ? 9 : 50, () => run().waitSync()) });
  }
}

/** Milliseconds of a training step of the CNN with 50 samples in each rank. */
function step(wrapped: boolean): Time {
  manualSeed(1);
  const network = new CNN();
  const model = wrapped ? new DistributedDataParallel(network) : network;
  const optimizer = new optim.Adam(network.parameters(), { lr: 1e-3 });
  const lossFunction = new nn.CrossEntropyLoss();
  const [x, y] = [rand(50, 1, 28, 28), randint(0, 10, [50])];
  return time(40, () => {
    const loss = lossFunction.forward(model.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    loss.itemSync();
  });
}
const [plain, wrapped] = [step(false), step(true)];
if (rank === 0) console.log(JSON.stringify({ library: mpiInfo()?.version ?? 'one process', size, figures, plain, wrapped }));
await destroyProcessGroup();
