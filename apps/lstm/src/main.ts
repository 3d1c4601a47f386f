// The tutorial's LSTM: reads each digit as 28 rows of 28 pixels, one row a step.
import { manualSeed, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { DataLoader } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import { loadDevice, mnistRoot, parseOptions, Run } from '@flambeau/app-harness';

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
    return this.out.forward(r.at(':', -1)); // the hidden state of the last row
  }
}

const options = parseOptions({ name: 'lstm', description: 'Trains an LSTM on MNIST.', epochs: 1, batchSize: 64, lr: 0.01 });
const device = await loadDevice(options.device);

manualSeed(options.seed);
const train = await MNIST.load(mnistRoot(), { train: true, transform: new transforms.ToTensor() });
const loader = new DataLoader(train, { batchSize: options.batchSize, shuffle: true });
const test = await MNIST.load(mnistRoot(), { train: false });
const testX = test.images.narrow(0, 0, 2000).float().div(255); // prettier-ignore
const testY = test.targets.narrow(0, 0, 2000);

const rnn = new RNN();
console.log(String(rnn));
const optimizer = new optim.Adam(rnn.parameters(), { lr: options.lr });
const lossFunction = new nn.CrossEntropyLoss();

const run = new Run(options, device, loader.length * options.epochs);
training: for (let epoch = 0; epoch < options.epochs; epoch++) {
  for await (const [images, y] of loader) {
    const x = images.view(-1, 28, 28); // [N, rows, pixels]
    const loss = lossFunction.forward(rnn.forward(x), y);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    if (!run.step(await loss.item(), x.shape[0])) break training;
  }
}

const prediction = noGrad(() => rnn.forward(testX).argmax(1));
run.accuracy = await prediction.eq(testY).float().mean().item(); // prettier-ignore
run.finish();
console.log('predictions', ((await prediction.toArray()) as number[]).slice(0, 10).join(' '));
console.log('real       ', ((await testY.toArray()) as number[]).slice(0, 10).join(' '));
