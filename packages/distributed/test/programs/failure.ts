// Lets the last rank fail in the way that the first argument names, while the others wait for it in a collective.
import { full, setDefaultDevice } from '@flambeau/core';
import '@flambeau/autograd';
import { cpu } from '@flambeau/backend-cpu';
import * as nn from '@flambeau/nn';
import {
  allReduce,
  barrier,
  broadcast,
  DistributedDataParallel,
  DistributedError,
  getRank,
  getWorldSize,
  initProcessGroup,
  newGroup,
  recv,
} from '../../src/index.ts';

const way = process.argv[2];
const forever = new Int32Array(new SharedArrayBuffer(4));
const { OMPI_COMM_WORLD_RANK = process.env['PMI_RANK'] } = process.env;
if (way === 'early' && OMPI_COMM_WORLD_RANK === '3') process.exit(3);
if (way === 'absent' && OMPI_COMM_WORLD_RANK === '3') Atomics.wait(forever, 0, 0);
setDefaultDevice(cpu);
initProcessGroup({ backend: 'mpi', startTimeout: 5000, timeout: 2000, silenceTimeout: 3000, debug: way === 'shape' || way === 'order' });
const rank = getRank();
const last = rank === getWorldSize() - 1;

const ways: Record<string, () => unknown> = {
  killed: () => process.kill(process.pid, 'SIGKILL'),
  throws: () => {
    throw new Error('the data is gone');
  },
  rejects: () => Promise.reject(new Error('the data is gone')),
  exits: () => process.exit(3),
  leaves: () => process.exit(0),
  stalls: () => Atomics.wait(forever, 0, 0),
  awaits: () => new Promise(() => setInterval(() => undefined, 1000)),
  stopped: () => process.kill(process.pid, 'SIGSTOP'),
  shape: () => allReduce(full([3], 1)).waitSync(),
  order: () => broadcast(full([4], 1), 0).waitSync(),
  group: () => Atomics.wait(forever, 0, 0),
  message: () => Atomics.wait(forever, 0, 0),
};

await allReduce(full([4], 1));
try {
  if (last) await ways[way]?.();
  if (way === 'group') await newGroup([0]);
  else if (way === 'message') recv(full([4], 1), getWorldSize() - 1).waitSync();
  else if (way === 'backward') {
    const model = new DistributedDataParallel(new nn.Linear(2, 1));
    const loss = model.forward(full([1, 2], 1)).sum();
    if (last) Atomics.wait(forever, 0, 0);
    loss.backward();
  }
  // One rank awaits, the others block.
  else if (rank === 0) await allReduce(full([4], 1));
  else allReduce(full([4], 1)).waitSync();
  console.log(`rank ${rank} went on`);
  await barrier();
} catch (error) {
  if (!(error instanceof DistributedError)) throw error;
  console.error(`rank ${rank} caught ${error.code}: ${error.message}`);
  process.exitCode = 1;
}
