import { ArgumentError, checkArray, describe, readOptions, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';

// Residual networks with torchvision's module names, so that its weight files load.
// See He et al. 2016, Deep residual learning for image recognition.

const F = nn.functional;

const conv3x3 = (inChannels: number, outChannels: number, stride: number): nn.Conv2d =>
  new nn.Conv2d(inChannels, outChannels, 3, { stride, padding: 1, bias: false });
const conv1x1 = (inChannels: number, outChannels: number, stride: number): nn.Conv2d =>
  new nn.Conv2d(inChannels, outChannels, 1, { stride, bias: false });

/** The shortcut around a block where its output has another shape than its input. */
const shortcut = (inChannels: number, outChannels: number, stride: number): nn.Sequential | null =>
  stride === 1 && inChannels === outChannels
    ? null
    : new nn.Sequential(conv1x1(inChannels, outChannels, stride), new nn.BatchNorm2d(outChannels));

/** Two 3x3 convolutions: [N, C, H, W] → [N, planes, H/stride, W/stride]. */
export class BasicBlock extends nn.Module {
  static readonly expansion = 1;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  constructor(inChannels: number, planes: number, stride: number) {
    super();
    // The shortcut comes first, for the parameters are drawn in this order.
    const downsample = shortcut(inChannels, planes, stride);
    this.conv1 = conv3x3(inChannels, planes, stride);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = conv3x3(planes, planes, 1);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    const y = this.bn2.forward(this.conv2.forward(F.relu(this.bn1.forward(this.conv1.forward(x)))));
    return F.relu(y.add(this.downsample === null ? x : this.downsample.forward(x)));
  }
}

/** 1x1, 3x3 and 1x1 convolutions, with four times as many channels at the end. */
export class Bottleneck extends nn.Module {
  static readonly expansion = 4;
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  conv2: nn.Conv2d;
  bn2: nn.BatchNorm2d;
  conv3: nn.Conv2d;
  bn3: nn.BatchNorm2d;
  downsample: nn.Sequential | null;

  constructor(inChannels: number, planes: number, stride: number) {
    super();
    const downsample = shortcut(inChannels, planes * Bottleneck.expansion, stride);
    this.conv1 = conv1x1(inChannels, planes, 1);
    this.bn1 = new nn.BatchNorm2d(planes);
    this.conv2 = conv3x3(planes, planes, stride);
    this.bn2 = new nn.BatchNorm2d(planes);
    this.conv3 = conv1x1(planes, planes * Bottleneck.expansion, 1);
    this.bn3 = new nn.BatchNorm2d(planes * Bottleneck.expansion);
    this.downsample = downsample;
  }

  forward(x: Tensor): Tensor {
    const first = F.relu(this.bn1.forward(this.conv1.forward(x)));
    const second = F.relu(this.bn2.forward(this.conv2.forward(first)));
    const y = this.bn3.forward(this.conv3.forward(second));
    return F.relu(y.add(this.downsample === null ? x : this.downsample.forward(x)));
  }
}

type Block = typeof BasicBlock | typeof Bottleneck;

/** A residual network over images [N, 3, H, W] → [N, numClasses]. */
export class ResNet extends nn.Module {
  conv1: nn.Conv2d;
  bn1: nn.BatchNorm2d;
  maxpool: nn.MaxPool2d;
  layer1: nn.Sequential;
  layer2: nn.Sequential;
  layer3: nn.Sequential;
  layer4: nn.Sequential;
  fc: nn.Linear;

  constructor(block: Block, depths: readonly [number, number, number, number], options: { numClasses?: number } = {}) {
    super();
    const op = 'ResNet';
    const { numClasses = 1000 } = readOptions<{ numClasses?: number }>(op, options, ['numClasses']);
    if (block !== BasicBlock && block !== Bottleneck)
      throw new ArgumentError({ op, expected: 'BasicBlock or Bottleneck', received: describe(block) });
    if (checkArray(op, 'the depths', depths).length !== 4 || !depths.every((depth) => Number.isInteger(depth) && depth > 0))
      throw new ArgumentError({ op, expected: 'four numbers of blocks', received: describe(depths) });
    let channels = 64;
    const stage = (planes: number, depth: number, stride: number): nn.Sequential => {
      const blocks = Array.from({ length: depth }, (_, i) => {
        const made = new block(channels, planes, i === 0 ? stride : 1);
        channels = planes * block.expansion;
        return made;
      });
      return new nn.Sequential(...blocks);
    };
    this.conv1 = new nn.Conv2d(3, 64, 7, { stride: 2, padding: 3, bias: false });
    this.bn1 = new nn.BatchNorm2d(64);
    this.maxpool = new nn.MaxPool2d(3, { stride: 2, padding: 1 });
    this.layer1 = stage(64, depths[0], 1);
    this.layer2 = stage(128, depths[1], 2);
    this.layer3 = stage(256, depths[2], 2);
    this.layer4 = stage(512, depths[3], 2);
    this.fc = new nn.Linear(512 * block.expansion, numClasses);
    for (const module of this.modules()) {
      if (module instanceof nn.Conv2d) nn.init.kaimingNormal_(module.weight, { mode: 'fanOut', nonlinearity: 'relu' });
    }
  }

  forward(x: Tensor): Tensor {
    const stem = this.maxpool.forward(F.relu(this.bn1.forward(this.conv1.forward(x))));
    const features = this.layer4.forward(this.layer3.forward(this.layer2.forward(this.layer1.forward(stem))));
    return this.fc.forward(features.mean([2, 3])); // the mean over each channel's pixels
  }
}

/** ResNet with 18 layers. */
export const resnet18 = (options?: { numClasses?: number }): ResNet => new ResNet(BasicBlock, [2, 2, 2, 2], options);
/** ResNet with 34 layers. */
export const resnet34 = (options?: { numClasses?: number }): ResNet => new ResNet(BasicBlock, [3, 4, 6, 3], options);
/** ResNet with 50 layers. */
export const resnet50 = (options?: { numClasses?: number }): ResNet => new ResNet(Bottleneck, [3, 4, 6, 3], options);
