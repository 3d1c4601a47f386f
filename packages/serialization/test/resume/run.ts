import { defaultGenerator, manualSeed, randn, type Tensor } from '@flambeau/core';
import { DataLoader, TensorDataset } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import type { TrainingParts } from '../../src/index.ts';

/** A small training run with everything that has a state: dropout, batch norm, Adam, a scheduler, a shuffling loader. */
export interface Training {
  readonly parts: Required<Omit<TrainingParts, 'generator'>>;
  /** Goes on from where the parts stand. Calls `each` after every step with all losses so far and the epoch. */
  run(losses: number[], epoch: number, each: (losses: number[], epoch: number) => Promise<boolean>): Promise<number[]>;
}

export const epochs = 3;
export const stepsPerEpoch = 7;

/** Builds the run from a seed; the data is always the same. */
export function build(seed: number): Training {
  manualSeed(99);
  const [x, y] = [randn(50, 6), randn(50, 1)];
  manualSeed(seed);
  const net = new nn.Sequential(new nn.Linear(6, 16), new nn.BatchNorm1d(16), new nn.ReLU(), new nn.Dropout(0.3), new nn.Linear(16, 1));
  const optimizer = new optim.Adam(net.parameters(), { lr: 0.05, amsgrad: true });
  const scheduler = new optim.StepLR(optimizer, 2, 0.5);
  const loader = new DataLoader(new TensorDataset(x, y), { batchSize: 8, shuffle: true });
  const lossFunction = new nn.MSELoss();
  return {
    parts: { model: net, optimizer, scheduler, loader },
    async run(losses, start, each) {
      const all = [...losses];
      for (let epoch = start; epoch < epochs; epoch++) {
        for await (const [input, target] of loader as AsyncIterable<[Tensor, Tensor]>) {
          const loss = lossFunction.forward(net.forward(input), target);
          optimizer.zeroGrad();
          loss.backward();
          optimizer.step();
          all.push(await loss.item());
          if (!(await each(all, epoch))) return all;
        }
        scheduler.step();
      }
      return all;
    },
  };
}

/** The next random number, without drawing it. */
export function peekRandom(): number {
  const state = defaultGenerator.getStateBytes();
  const value = defaultGenerator.draw32();
  defaultGenerator.setStateBytes(state);
  return value;
}
