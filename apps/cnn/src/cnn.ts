// The tutorial's CNN: two blocks of convolution, ReLU and pooling read handwritten digits.
import { cat, manualSeed, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { DataLoader } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import type { App, Session } from '@flambeau/app-harness';

/** The tutorial's net. */
export class CNN extends nn.Module {
  conv1: nn.Sequential;
  conv2: nn.Sequential;
  out: nn.Linear;

  constructor() {
    super();
    // [N, 1, 28, 28] → [N, 16, 14, 14]
    this.conv1 = new nn.Sequential(new nn.Conv2d(1, 16, 5, { stride: 1, padding: 2 }), new nn.ReLU(), new nn.MaxPool2d(2));
    // [N, 16, 14, 14] → [N, 32, 7, 7]
    this.conv2 = new nn.Sequential(new nn.Conv2d(16, 32, 5, 1, 2), new nn.ReLU(), new nn.MaxPool2d(2));
    this.out = new nn.Linear(32 * 7 * 7, 10);
  }

  forward(x: Tensor): Tensor {
    const features = this.conv2.forward(this.conv1.forward(x));
    return this.out.forward(features.view(features.size(0), -1)); // [N, 32 · 7 · 7] → [N, 10]
  }
}

async function train(session: Session): Promise<void> {
  const { options, device, team } = session;
  session.log('reading MNIST');
  const digits = await MNIST.load(session.mnistRoot, { train: true, transform: new transforms.ToTensor() });
  const test = await MNIST.load(session.mnistRoot, { train: false });
  const testX = test.images.narrow(0, 0, 2000).unsqueeze(1).float().div(255); // [2000, 1, 28, 28]
  const testY = test.targets.narrow(0, 0, 2000);

  manualSeed(options.seed);
  const loader = new DataLoader(digits, { batchSize: options.batchSize, ...team.order(digits, options.seed) });
  const cnn = new CNN().to(device);

  const optimizer = new optim.Adam(cnn.parameters(), { lr: options.lr });
  const lossFunction = new nn.CrossEntropyLoss();

  const run = await session.start(cnn, loader.length * options.epochs);
  const model = team.join(cnn); // alone, the network itself
  training: for (let epoch = 0; epoch < options.epochs; epoch++) {
    team.startEpoch(epoch);
    for await (const [images, labels] of loader) {
      const [x, y] = [images.to(device), labels.to(device)];
      const output = model.forward(x) as Tensor;
      const loss = lossFunction.forward(output, y);
      optimizer.zeroGrad();
      loss.backward();
      await team.reduceGradients();
      optimizer.step();
      run.accuracy = await team.mean(output.argmax(1).eq(y).float().mean()); // of this batch
      if (!(await run.step(await team.mean(loss), y.size(0) * team.size))) break training;
    }
  }

  // In parts, so that any device has room for what lies between the layers.
  const prediction = cat(testX.split(250).map((x) => noGrad(() => cnn.forward(x.to(device)).argmax(1))));
  run.accuracy = await prediction.eq(testY.to(device)).float().mean().item();
  await run.finish();
  await session.showDigits(prediction, testY);
}

export const cnn: App = {
  name: 'cnn',
  description: 'Trains a convolutional network on MNIST.',
  epochs: 1,
  batchSize: 50,
  lr: 0.001,
  distributes: true,
  train,
};
