// The tutorial's classification: two clouds of points, told apart by a net built with Sequential.
import { cat, manualSeed, normal, ones, zeros } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import type { App, Session } from '@flambeau/app-harness';
import { boundaryChart } from './chart.ts';

async function train(session: Session): Promise<void> {
  const { options, device } = session;
  manualSeed(options.seed);

  const data = ones(100, 2);
  const x0 = normal(data.mul(2), 1); // class 0 around (2, 2)
  const y0 = zeros(100);
  const x1 = normal(data.mul(-2), 1); // class 1 around (-2, -2)
  const y1 = ones(100);
  const x = cat([x0, x1], 0).to(device); // [200, 2]
  const y = cat([y0, y1], 0).int().to(device); // [200]

  const net = new nn.Sequential(new nn.Linear(2, 10), new nn.ReLU(), new nn.Linear(10, 2)).to(device);

  const optimizer = new optim.SGD(net.parameters(), { lr: options.lr });
  const lossFunction = new nn.CrossEntropyLoss();

  // One batch of the whole data, unless the command line says otherwise.
  const [points, classes] = [x.split(options.batchSize), y.split(options.batchSize)];
  const run = await session.start(net, points.length * options.epochs);
  for (let step = 0, more = true; more; step++) {
    const [batch, labels] = [points[step % points.length], classes[step % classes.length]];
    const out = net.forward(batch);
    const loss = lossFunction.forward(out, labels);
    optimizer.zeroGrad();
    loss.backward();
    optimizer.step();
    const prediction = out.softmax(1).argmax(1);
    run.accuracy = await prediction.eq(labels).float().mean().item(); // of this batch
    if (step % 20 === 19) run.chart('boundary', await boundaryChart(net, x, y, run.accuracy));
    more = await run.step(await loss.item(), batch.size(0));
  }
  if (points.length > 1) run.accuracy = await noGrad(() => net.forward(x).argmax(1)).eq(y).float().mean().item(); // prettier-ignore
  await run.finish();
}

export const classification: App = {
  name: 'classification',
  description: 'Tells two clouds of points apart.',
  epochs: 100,
  batchSize: 200,
  lr: 0.02,
  train,
};
