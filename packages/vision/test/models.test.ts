import { describe, expect, it } from 'vitest';
import { manualSeed, rand, setDefaultDevice } from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { models } from '@flambeau/vision';

setDefaultDevice(reference);
const count = (model: InstanceType<typeof models.ResNet>): number => [...model.parameters()].reduce((n, p) => n + p.numel(), 0);

describe('the residual networks have torchvision’s parameters and keys', () => {
  it('ResNet-18: 11,689,512 parameters in 122 entries of the state dict', () => {
    const net = models.resnet18();
    expect(count(net)).toBe(11_689_512);
    const keys = [...net.stateDict().keys()];
    expect(keys.length).toBe(122);
    for (const key of [
      'conv1.weight',
      'bn1.running_mean',
      'layer1.0.conv1.weight',
      'layer2.0.downsample.0.weight',
      'layer4.1.bn2.num_batches_tracked',
      'fc.bias',
    ])
      expect(keys).toContain(key);
  });

  it('ResNet-34 and ResNet-50: 21,797,672 and 25,557,032 parameters', () => {
    expect(count(models.resnet34())).toBe(21_797_672);
    expect(count(models.resnet50())).toBe(25_557_032);
  });

  it('give a row of class scores for each image', () => {
    manualSeed(1);
    const net = models.resnet18({ numClasses: 3 }).eval();
    expect(noGrad(() => net.forward(rand(1, 3, 32, 32))).shape).toEqual([1, 3]);
    expect(noGrad(() => new models.LeNet().forward(rand(2, 1, 28, 28))).shape).toEqual([2, 10]);
  });
});
