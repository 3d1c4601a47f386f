// A worker thread that loads the backend for itself and computes on its engine.
import { parentPort, workerData } from 'node:worker_threads';
import { full, setDefaultDevice } from '@flambeau/core';
import { cpu, cpuInfo } from '@flambeau/backend-cpu';

setDefaultDevice(cpu);
const { seed } = workerData as { seed: number };
const results: number[] = [];
for (let i = 0; i < 300; i++) {
  const x = full([17, 23], seed).mul(i);
  results.push(x.matmul(x.t()).sum().itemSync() + full([50], seed).exp().log().sum().itemSync());
}
// Large enough for threads to share.
const shared = Array.from({ length: 30 }, () =>
  full([300, 200], seed)
    .matmul(full([200, 300], seed))
    .sum()
    .itemSync(),
);
parentPort?.postMessage({ results, shared, engine: cpuInfo().engine });
