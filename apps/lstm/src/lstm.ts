// The tutorial's LSTM: reads each digit as 28 rows of 28 pixels, one row a step.
import { cat, manualSeed, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { DataLoader } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import type { App, Session } from '@flambeau/app-harness';

/** The tutorial's net. */
export class RNN extends nn.Module {
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

async function train(session: Session): Promise<void> {
  const { options, device } = session;
  session.log('reading MNIST');
  const digits = await MNIST.load(session.mnistRoot, { train: true, transform: new transforms.ToTensor() });
  const test = await MNIST.load(session.mnistRoot, { train: false });
  const testX = test.images.narrow(0, 0, 2000).float().div(255); // [2000, 28, 28]
  const testY = test.targets.narrow(0, 0, 2000);

  manualSeed(options.seed);
  const loader = new DataLoader(digits, { batchSize: options.batchSize, shuffle: true });
  const rnn = new RNN().to(device);

  const optimizer = new optim.Adam(rnn.parameters(), { lr: options.lr });
  const lossFunction = new nn.CrossEntropyLoss();

  const run = await session.start(rnn, loader.length * options.epochs);
  training: for (let epoch = 0; epoch < options.epochs; epoch++) {
    for await (const [images, labels] of loader) {
      const x = images.to(device).view(-1, 28, 28); // [N, rows, pixels]
      const y = labels.to(device);
      const output = rnn.forward(x);
      const loss = lossFunction.forward(output, y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      run.accuracy = await output.argmax(1).eq(y).float().mean().item(); // of this batch
      if (!(await run.step(await loss.item(), y.size(0)))) break training;
    }
  }

  // In parts, so that any device has room for what lies between the layers.
  const prediction = cat(testX.split(250).map((x) => noGrad(() => rnn.forward(x.to(device)).argmax(1))));
  run.accuracy = await prediction.eq(testY.to(device)).float().mean().item();
  await run.finish();
  await session.showDigits(prediction, testY);
}

export const lstm: App = { name: 'lstm', description: 'Trains an LSTM on MNIST.', epochs: 1, batchSize: 64, lr: 0.01, train };
