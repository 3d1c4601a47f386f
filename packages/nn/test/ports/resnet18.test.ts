import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as f from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { devices } from '../../../conformance/test/engines.ts';

interface Fixture {
  losses: number[];
  logits: number[][];
  keys: string[];
  text: string;
}
const expected = JSON.parse(readFileSync(new URL('./resnet18.json', import.meta.url), 'utf8')) as Fixture;

class BasicBlock extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  constructor(inplanes: number, planes: number, stride = 1, downsample: nn.Sequential | null = null) {
    super();
    this.conv1 = new nn.Conv2d(inplanes, planes, 3, { stride, padding: 1, bias: false });
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = new nn.Conv2d(planes, planes, 3, { padding: 1, bias: false });
    this.bn2 = new nn.BatchNorm2d(planes);
    this.downsample = downsample;
  }

  forward(x: f.Tensor): f.Tensor {
    const identity = this.downsample === null ? x : this.downsample.forward(x);
    let out = this.relu.forward(this.bn1.forward(this.conv1.forward(x)));
    out = this.bn2.forward(this.conv2.forward(out));
    out.add_(identity);
    return this.relu.forward(out);
  }
}

class ResNet extends nn.Module {
  inplanes: number;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  relu = new nn.ReLU({ inplace: true });
  maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
  layer1: nn.Sequential;
  layer2: nn.Sequential;
  layer3: nn.Sequential;
  layer4: nn.Sequential;
  avgpool = new nn.AdaptiveAvgPool2d([1, 1]);
  fc: nn.Linear;

  constructor(layers: number[], numClasses = 1000, width = 64) {
    super();
    this.inplanes = width;
    this.conv1 = new nn.Conv2d(3, width, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new nn.BatchNorm2d(width);
    this.layer1 = this.makeLayer(width, layers[0]);
    this.layer2 = this.makeLayer(2 * width, layers[1], 2);
    this.layer3 = this.makeLayer(4 * width, layers[2], 2);
    this.layer4 = this.makeLayer(8 * width, layers[3], 2);
    this.fc = new nn.Linear(8 * width, numClasses);
    for (const m of this.modules()) {
      if (m instanceof nn.Conv2d) nn.init.kaimingNormal_(m.weight, { mode: 'fanOut', nonlinearity: 'relu' });
      else if (m instanceof nn.BatchNorm2d) {
        if (m.weight !== null) nn.init.constant_(m.weight, 1);
        if (m.bias !== null) nn.init.constant_(m.bias, 0);
      }
    }
  }

  private makeLayer(planes: number, blocks: number, stride = 1): nn.Sequential {
    let downsample: nn.Sequential | null = null;
    if (stride !== 1 || this.inplanes !== planes)
      downsample = new nn.Sequential(new nn.Conv2d(this.inplanes, planes, 1, { stride, bias: false }), new nn.BatchNorm2d(planes));
    const layers = [new BasicBlock(this.inplanes, planes, stride, downsample)];
    this.inplanes = planes;
    for (let i = 1; i < blocks; i++) layers.push(new BasicBlock(planes, planes));
    return new nn.Sequential(...layers);
  }

  forward(input: f.Tensor): f.Tensor {
    let x = this.maxpool.forward(this.relu.forward(this.bn1.forward(this.conv1.forward(input))));
    for (const layer of [this.layer1, this.layer2, this.layer3, this.layer4]) x = layer.forward(x);
    return this.fc.forward(this.avgpool.forward(x).flatten(1));
  }
}

it.each(devices)('on %s, a ResNet-18 trains with the losses that PyTorch gives for the same seed', (_, device) => {
  f.setDefaultDevice(device);
  f.manualSeed(1);
  const net = new ResNet([2, 2, 2, 2], 10, 8);
  const x = f.randn(2, 3, 64, 64);
  const y = f.randint(0, 10, [2]);
  const criterion = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(net.parameters(), { lr: 0.01, momentum: 0.9, weightDecay: 5e-4 });

  const losses = expected.losses.map(() => {
    optimizer.zeroGrad();
    const loss = criterion.forward(net.forward(x), y);
    loss.backward();
    optimizer.step();
    return loss.itemSync();
  });

  losses.forEach((loss, i) => expect(Math.abs(loss - expected.losses[i])).toBeLessThanOrEqual(1e-4 * expected.losses[i]));
  net.eval();
  const logits = noGrad(() => net.forward(x)).dataSync();
  expected.logits
    .flat()
    .forEach((value, i) => expect(Math.abs(Number(logits[i]) - value)).toBeLessThanOrEqual(1e-3 * (1 + Math.abs(value))));
  expect(String(net)).toBe(expected.text);
  expect([...net.stateDict().keys()]).toEqual(expected.keys);
});
