// A ResNet-18 learns the classes of a folder of small images, which two workers decode and augment.
import { manualSeed } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { DataLoader } from '@flambeau/data';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { ImageFolder, models, transforms } from '@flambeau/vision';
import type { App, Session } from '@flambeau/app-harness';
import { drawImages } from './images.ts';

const root = process.env['FLAMBEAU_IMAGES'] ?? 'runs/resnet/images';
const [mean, std] = [
  [0.49, 0.48, 0.45],
  [0.25, 0.24, 0.26],
];
const normalize = [new transforms.ToTensor(), new transforms.Normalize(mean, std)];
const augment = new transforms.Compose([
  new transforms.RandomCrop(32, { padding: 4 }),
  new transforms.RandomHorizontalFlip(),
  new transforms.ColorJitter({ brightness: 0.2, contrast: 0.2 }),
  ...normalize,
]);

async function train(session: Session): Promise<void> {
  const { options, device } = session;
  await drawImages(root, Number(process.env['FLAMBEAU_IMAGES_PER_CLASS'] ?? 100), (text) => session.log(text));
  const images = await ImageFolder.load(`${root}/train`, { transform: augment });
  const test = await ImageFolder.load(`${root}/test`, { transform: new transforms.Compose(normalize) });
  session.log(`${images.length} images in ${images.classes.length} classes: ${images.classes.join(', ')}`);

  manualSeed(options.seed);
  const workers = { batchSize: Math.min(options.batchSize, images.length), numWorkers: 2, persistentWorkers: true };
  const loader = new DataLoader(images, { ...workers, shuffle: true, dropLast: true });
  const net = models.resnet18({ numClasses: images.classes.length }).to(device);
  const optimizer = new optim.AdamW(net.parameters(), { lr: options.lr });
  const scheduler = new optim.CosineAnnealingLR(optimizer, loader.length * options.epochs);
  const lossFunction = new nn.CrossEntropyLoss();

  const run = await session.start(net, loader.length * options.epochs);
  training: for (let epoch = 0; epoch < options.epochs; epoch++) {
    for await (const [images, labels] of loader) {
      const [x, y] = [images.to(device), labels.to(device)];
      const output = net.forward(x);
      const loss = lossFunction.forward(output, y);
      optimizer.zeroGrad();
      loss.backward();
      optimizer.step();
      scheduler.step();
      run.accuracy = await output.argmax(1).eq(y).float().mean().item(); // of this batch
      if (!(await run.step(await loss.item(), y.size(0)))) break training;
    }
  }
  await loader.close();

  net.eval();
  let right = 0;
  for await (const [x, y] of new DataLoader(test, { batchSize: 50, numWorkers: 2 }))
    right += await noGrad(() => net.forward(x.to(device)).argmax(1).eq(y.to(device)).sum()).item();
  run.accuracy = right / test.length;
  await run.finish();
}

export const resnet: App = {
  name: 'resnet',
  description: 'Trains a ResNet-18 on a folder of images, with two workers.',
  epochs: 3,
  batchSize: 50,
  lr: 0.001,
  train,
};
