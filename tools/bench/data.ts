// `pnpm bench:data`: what loading costs. Two workers against none on images that must be decoded and on tensors that lie there, and the loader's
// share of a training step on MNIST and CIFAR. Rounds are interleaved; a loader's share compares times that nothing else disturbed.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { manualSeed, randint, setDefaultDevice, type Tensor } from '@flambeau/core';
import '@flambeau/autograd';
import { cpu, cpuInfo } from '@flambeau/backend-cpu';
import { DataLoader, type DataLoaderOptions, type Dataset } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { CIFAR10, ImageFolder, MNIST, transforms } from '@flambeau/vision';
import { Records, Rows } from './dataWorkload.ts';

setDefaultDevice(cpu);

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

/** What work takes where nothing else runs: the tenth of the times in order, for both sides of a ratio. */
const undisturbed = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 10)];

/** Milliseconds that `run` takes. */
async function timed(run: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

/** Milliseconds of a pass for 0 and for 2 workers that are running already, interleaved. */
async function passes(data: Dataset<unknown>, options: DataLoaderOptions, rounds: number): Promise<[none: number, two: number]> {
  const loaders = [new DataLoader(data, options), new DataLoader(data, { ...options, numWorkers: 2, persistentWorkers: true })];
  const times: number[][] = [[], []];
  const pass = async (loader: DataLoader<unknown>): Promise<void> => {
    for await (const batch of loader) void batch;
  };
  for (let round = 0; round <= rounds; round++) {
    for (const [i, loader] of loaders.entries()) {
      const time = await timed(() => pass(loader));
      // The first round warms up, and starts the workers.
      if (round > 0) times[i].push(time);
    }
  }
  await loaders[1].close();
  return [median(times[0]), median(times[1])];
}

/** Photographs of 320 by 240 pixels, as JPEG files. */
async function photographs(root: string, count: number): Promise<void> {
  mkdirSync(join(root, 'one'), { recursive: true });
  for (let i = 0; i < count; i++) {
    // Smooth noise: what a photograph costs to decode.
    const small = randint(256, [20 * 15 * 3], { dtype: 'uint8' }).dataSync() as Uint8Array;
    await sharp(small, { raw: { width: 20, height: 15, channels: 3 } }).resize(320, 240).jpeg().toFile(join(root, 'one', `${i}.jpg`)); // prettier-ignore
  }
}

const augmentation = (): transforms.Transform =>
  new transforms.Compose([
    new transforms.RandomCrop(32, { padding: 4 }),
    new transforms.RandomHorizontalFlip(),
    new transforms.ToTensor(),
    new transforms.Normalize([0.49, 0.48, 0.45], [0.25, 0.24, 0.26]),
  ]);

/** The tutorial's CNN for images of some channels and size. */
const cnn = (channels: number, size: number): nn.Sequential =>
  new nn.Sequential(
    new nn.Conv2d(channels, 16, 5, 1, 2),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Conv2d(16, 32, 5, 1, 2),
    new nn.ReLU(),
    new nn.MaxPool2d(2),
    new nn.Flatten(),
    new nn.Linear(32 * (size / 4) ** 2, 10),
  );

/** Milliseconds of loading a batch, and of a training step on it. */
async function shares(data: Dataset<[Tensor, number]>, net: nn.Sequential, steps: number): Promise<[load: number, step: number]> {
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.001 });
  const lossFunction = new nn.CrossEntropyLoss();
  const iterator = new DataLoader(data, { batchSize: 50, shuffle: true })[Symbol.asyncIterator]();
  const [loads, trainings]: [number[], number[]] = [[], []];
  for (let i = 0; i < steps + 10; i++) {
    let batch: [Tensor, Tensor] | undefined;
    const load = await timed(async () => {
      batch = (await iterator.next()).value as [Tensor, Tensor];
    });
    const training = await timed(async () => {
      const [x, y] = batch as [Tensor, Tensor];
      const loss = lossFunction.forward(net.forward(x), y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      await loss.item();
    });
    if (i < 10) continue;
    loads.push(load);
    trainings.push(training);
  }
  return [undisturbed(loads), undisturbed(trainings)];
}

/** What the benchmark finds. */
export interface DataBenchmark {
  /** The time with two workers over the time with none, for samples that one thread decodes. */
  readonly decoding: number;
  /** The same for images: sharp decodes those of a batch side by side even without workers, which then only share the transforms. */
  readonly images: number;
  /** Milliseconds that two workers add to a batch of tensors that lie there. */
  readonly trivialCost: number;
  /** The loader's time over the step's. */
  readonly mnist: number;
  readonly cifar: number;
}

/** Runs everything; `rounds` passes and `steps` steps. */
export async function benchmarkData(rounds: number, steps: number, log: (line: string) => void): Promise<DataBenchmark> {
  const root = mkdtempSync(join(tmpdir(), 'flambeau-bench-'));
  try {
    manualSeed(1);
    await photographs(root, 96);
    const transform = new transforms.Compose([new transforms.Resize(112), new transforms.CenterCrop(96), new transforms.ToTensor()]);
    const [slow, fast] = await passes(await ImageFolder.load(root, { transform }), { batchSize: 8 }, rounds);
    log(`decoding 96 photographs of 320 x 240 (JPEG), resized and cropped: ${slow.toFixed(0)} ms without workers, ${fast.toFixed(0)} ms with two (${(slow / fast).toFixed(2)} times as fast)`); // prettier-ignore
    const [alone, shared] = await passes(new Records(96), { batchSize: 8 }, rounds);
    log(
      `unpacking 96 records of a megabyte: ${alone.toFixed(0)} ms without workers, ${shared.toFixed(0)} ms with two (${(alone / shared).toFixed(2)} times as fast)`,
    );
    const [direct, through] = await passes(new Rows(6400), { batchSize: 50 }, rounds);
    const cost = (through - direct) / (6400 / 50);
    log(`6,400 rows of 784 numbers that lie there: ${direct.toFixed(0)} ms without workers, ${through.toFixed(0)} ms with two (${cost.toFixed(2)} ms more a batch of 50)`); // prettier-ignore
    const digits = new MNIST(randint(256, [10_000, 28, 28], { dtype: 'uint8' }), (randint(10, [10_000], { dtype: 'uint8' }).dataSync() as Uint8Array), new transforms.ToTensor()); // prettier-ignore
    const [mnistLoad, mnistStep] = await shares(digits, cnn(1, 28), steps);
    log(
      `MNIST, batches of 50: loading ${mnistLoad.toFixed(2)} ms, a step of the CNN ${mnistStep.toFixed(2)} ms (${((100 * mnistLoad) / mnistStep).toFixed(1)} %)`,
    );
    const pictures = new CIFAR10(randint(256, [10_000, 32, 32, 3], { dtype: 'uint8' }), (randint(10, [10_000], { dtype: 'uint8' }).dataSync() as Uint8Array), augmentation()); // prettier-ignore
    const [cifarLoad, cifarStep] = await shares(pictures, cnn(3, 32), steps);
    log(`CIFAR-10, batches of 50, cropped and mirrored at random: loading ${cifarLoad.toFixed(2)} ms, a step of the CNN ${cifarStep.toFixed(2)} ms (${((100 * cifarLoad) / cifarStep).toFixed(1)} %)`); // prettier-ignore
    return { decoding: shared / alone, images: fast / slow, trivialCost: cost, mnist: mnistLoad / mnistStep, cifar: cifarLoad / cifarStep };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(`${cpus().length} processors, ${cpuInfo().engine} ${cpuInfo().instructionSet}`);
  const { decoding, trivialCost, mnist, cifar } = await benchmarkData(5, 150, console.log);
  const wrong = [decoding >= 1 && 'two workers do not help on decoding', trivialCost >= 1 && 'two workers cost a millisecond a batch of tensors that lie there', mnist >= 0.1 && 'MNIST costs a tenth of a step', cifar >= 0.1 && 'CIFAR costs a tenth of a step'].filter(Boolean); // prettier-ignore
  for (const line of wrong) console.error(`bench:data: ${line}`);
  process.exitCode = wrong.length === 0 ? 0 : 1;
}
