// Trains in a process of its own and saves after every step; a second call goes on from the file. Arguments: device, file, seed, whether to resume.
// With the seed `probe` it only says by its exit code whether there is such a device.
import { getDefaultDevice, setDefaultDevice, type Device } from '@flambeau/core';
import { loadCheckpoint, saveCheckpoint } from '../../src/index.ts';
import { build } from './run.ts';

const [device, file, seed, resume] = process.argv.slice(2);

async function findDevice(): Promise<Device> {
  if (device === 'reference') return (await import('@flambeau/backend-reference')).reference;
  if (device === 'webgpu') return (await import('@flambeau/backend-webgpu')).webgpu();
  return (await import('@flambeau/backend-cpu')).cpu;
}

setDefaultDevice(await findDevice());
if (seed === 'probe') process.exit(0);
console.log(`engine ${device === 'cpu' ? `cpu:${(await import('@flambeau/backend-cpu')).cpuInfo().engine}` : getDefaultDevice().name}`);
const training = build(Number(seed));
let losses: number[] = [];
let epoch = 0;
if (resume === 'resume') {
  const state = await loadCheckpoint(file, training.parts);
  losses = state['losses'] as number[];
  epoch = Number(state['epoch']);
}
const all = await training.run(losses, epoch, async (soFar, current) => {
  await saveCheckpoint(file, training.parts, { losses: soFar, epoch: current });
  console.log(`step ${soFar.length}`);
  return true;
});
console.log(`losses ${JSON.stringify(all)}`);
