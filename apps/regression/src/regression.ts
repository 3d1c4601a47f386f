// The tutorial's regression: a net with one hidden layer fits y = x² + noise.
import { linspace, manualSeed, rand, unsqueeze, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import type { App, Session } from '@flambeau/app-harness';
import { fitChart } from './chart.ts';

const F = nn.functional;

/** The tutorial's net with one hidden layer. */
export class Net extends nn.Module {
  hidden: nn.Linear;
  predict: nn.Linear;

  constructor(features: number, hidden: number, outputs: number) {
    super();
    this.hidden = new nn.Linear(features, hidden);
    this.predict = new nn.Linear(hidden, outputs);
  }

  forward(x: Tensor): Tensor {
    return this.predict.forward(F.relu(this.hidden.forward(x)));
  }
}

async function train(session: Session): Promise<void> {
  const { options, device } = session;
  manualSeed(options.seed);

  const inputs = unsqueeze(linspace(-1, 1, 100), 1); // [100, 1]
  const targets = inputs.pow(2).add(rand(inputs.size()).mul(0.2)); // [100, 1]
  const [x, y] = [inputs.to(device), targets.to(device)];

  const net = new Net(1, 10, 1).to(device);

  const optimizer = new optim.SGD(net.parameters(), { lr: options.lr });
  const lossFunction = new nn.MSELoss();

  // One batch of the whole data, unless the command line says otherwise.
  const [inputBatches, targetBatches] = [x.split(options.batchSize), y.split(options.batchSize)];
  const run = await session.start(net, inputBatches.length * options.epochs);
  for (let step = 0, more = true; more; step++) {
    const batch = inputBatches[step % inputBatches.length];
    const prediction = net.forward(batch);
    const loss = lossFunction.forward(prediction, targetBatches[step % targetBatches.length]);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    const value = await loss.item();
    if (step % 20 === 19) run.chart('fit', await fitChart(x, y, noGrad(() => net.forward(x)), value)); // prettier-ignore
    more = await run.step(value, batch.size(0));
  }
  await run.finish();
}

export const regression: App = {
  name: 'regression',
  description: 'Fits a curve with a small net.',
  epochs: 100,
  batchSize: 100,
  lr: 0.2,
  train,
};
