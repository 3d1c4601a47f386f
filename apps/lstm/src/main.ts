// The tutorial's LSTM: reads each digit as 28 rows of 28 pixels, one row a step.
import { manualSeed, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { DataLoader } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import { loadDevice, loadWeights, main, mnistRoot, parseOptions, Run, showDigits, type AppDefaults } from '@flambeau/app-harness';

class RNN extends nn.Module {
  rnn: nn.LSTM;
  out: nn.Linear;

  constructor() {
    super();
    this.rnn = new nn.LSTM(28, 64, { numLayers: 1, batchFirst: true });
    this.out = new nn.Linear(64, 10);
  }

  forward(x: Tensor): Tensor {
    const [r] = this.rnn.forward(x, null); // [N, 28, 64]
    return this.out.forward(r.at(':', -1)); // the hidden state after the last row
  }
}

const app: AppDefaults = { name: 'lstm', description: 'Trains an LSTM on MNIST.', epochs: 1, batchSize: 64, lr: 0.01 };

await main(async () => {
  const options = parseOptions(app);
  const device = await loadDevice(options.device);
  console.log('reading MNIST');
  const train = await MNIST.load(mnistRoot(), { train: true, transform: new transforms.ToTensor() });
  const test = await MNIST.load(mnistRoot(), { train: false });
  const testX = test.images.narrow(0, 0, 2000).float().div(255); // [2000, 28, 28]
  const testY = test.targets.narrow(0, 0, 2000);

  manualSeed(options.seed);
  const loader = new DataLoader(train, { batchSize: options.batchSize, shuffle: true });
  const rnn = new RNN();
  console.log(String(rnn));
  await loadWeights(rnn, options.load);

  const optimizer = new optim.Adam(rnn.parameters(), { lr: options.lr });
  const lossFunction = new nn.CrossEntropyLoss();

  const run = await Run.start(app, options, device, rnn, loader.length * options.epochs);
  training: for (let epoch = 0; epoch < options.epochs; epoch++) {
    for await (const [images, y] of loader) {
      const x = images.view(-1, 28, 28); // [N, rows, pixels]
      const output = rnn.forward(x);
      const loss = lossFunction.forward(output, y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      run.accuracy = await output.argmax(1).eq(y).float().mean().item(); // of this batch
      if (!(await run.step(await loss.item(), y.size(0)))) break training;
    }
  }

  const prediction = noGrad(() => rnn.forward(testX).argmax(1));
  run.accuracy = await prediction.eq(testY).float().mean().item();
  await run.finish();
  await showDigits(prediction, testY);
});
