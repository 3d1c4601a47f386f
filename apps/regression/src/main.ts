// The tutorial's regression: a net with one hidden layer fits y = x² + noise.
import { linspace, manualSeed, rand, unsqueeze, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { loadDevice, loadWeights, main, parseOptions, Run, type AppDefaults } from '@flambeau/app-harness';
import { fitChart } from './chart.ts';

const F = nn.functional;

class Net extends nn.Module {
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

const app: AppDefaults = { name: 'regression', description: 'Fits a curve with a small net.', epochs: 100, batchSize: 100, lr: 0.2 };

await main(async () => {
  const options = parseOptions(app);
  const device = await loadDevice(options.device);
  manualSeed(options.seed);

  const x = unsqueeze(linspace(-1, 1, 100), 1); // [100, 1]
  const y = x.pow(2).add(rand(x.size()).mul(0.2)); // [100, 1]

  const net = new Net(1, 10, 1);
  console.log(String(net));
  await loadWeights(net, options.load);

  const optimizer = new optim.SGD(net.parameters(), { lr: options.lr });
  const lossFunction = new nn.MSELoss();

  const run = await Run.start(app, options, device, net, options.epochs);
  for (let step = 0, more = true; more; step++) {
    const prediction = net.forward(x);
    const loss = lossFunction.forward(prediction, y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    const value = await loss.item();
    if (step % 20 === 19) run.chart('fit', await fitChart(x, y, prediction, value));
    more = await run.step(value, x.size(0));
  }
  await run.finish();
});
