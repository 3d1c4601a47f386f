// The tutorial's CNN: two blocks of convolution, ReLU and pooling read handwritten digits.
import { manualSeed, type Tensor } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { DataLoader } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { MNIST, transforms } from '@flambeau/vision';
import { loadDevice, loadWeights, main, mnistRoot, parseOptions, Run, showDigits, type AppDefaults } from '@flambeau/app-harness';

class CNN extends nn.Module {
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

const app: AppDefaults = { name: 'cnn', description: 'Trains a convolutional network on MNIST.', epochs: 1, batchSize: 50, lr: 0.001 };

await main(async () => {
  const options = parseOptions(app);
  const device = await loadDevice(options.device);
  console.log('reading MNIST');
  const train = await MNIST.load(mnistRoot(), { train: true, transform: new transforms.ToTensor() });
  const test = await MNIST.load(mnistRoot(), { train: false });
  const testX = test.images.narrow(0, 0, 2000).unsqueeze(1).float().div(255); // [2000, 1, 28, 28]
  const testY = test.targets.narrow(0, 0, 2000);

  manualSeed(options.seed);
  const loader = new DataLoader(train, { batchSize: options.batchSize, shuffle: true });
  const cnn = new CNN();
  console.log(String(cnn));
  await loadWeights(cnn, options.load);

  const optimizer = new optim.Adam(cnn.parameters(), { lr: options.lr });
  const lossFunction = new nn.CrossEntropyLoss();

  const run = await Run.start(app, options, device, cnn, loader.length * options.epochs);
  training: for (let epoch = 0; epoch < options.epochs; epoch++) {
    for await (const [x, y] of loader) {
      const output = cnn.forward(x);
      const loss = lossFunction.forward(output, y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      run.accuracy = await output.argmax(1).eq(y).float().mean().item(); // of this batch
      if (!(await run.step(await loss.item(), y.size(0)))) break training;
    }
  }

  const prediction = noGrad(() => cnn.forward(testX).argmax(1));
  run.accuracy = await prediction.eq(testY).float().mean().item();
  await run.finish();
  await showDigits(prediction, testY);
});
