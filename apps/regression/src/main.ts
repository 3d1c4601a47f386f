// The tutorial's regression: a net with one hidden layer fits y = x² + noise.
import { linspace, manualSeed, rand, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { loadDevice, parseOptions, Run } from '@flambeau/app-harness';

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

const options = parseOptions({ name: 'regression', description: 'Fits a curve with a small net.', epochs: 100, batchSize: 100, lr: 0.2 });
const device = await loadDevice(options.device);
manualSeed(options.seed);

const x = linspace(-1, 1, 100).unsqueeze(1); // [100, 1]
const y = x.pow(2).add(rand(x.size()).mul(0.2));

const net = new Net(1, 10, 1);
console.log(String(net));
const optimizer = new optim.SGD(net.parameters(), { lr: options.lr });
const lossFunction = new nn.MSELoss();

const run = new Run(options, device, options.epochs);
for (;;) {
  const prediction = net.forward(x);
  const loss = lossFunction.forward(prediction, y);
  optimizer.zeroGrad();
  loss.backward();
  optimizer.step();
  if (!run.step(await loss.item(), x.shape[0])) break;
}
run.finish();
