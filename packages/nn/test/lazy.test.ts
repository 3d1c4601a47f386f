import { expect, it } from 'vitest';
import * as f from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { reference } from '@flambeau/backend-reference';
import { expectStream, withGradients } from './fixtures/streams.ts';

it('lazy modules take their sizes, and their random numbers, at the first forward', () => {
  expectStream('lazy modules', () => {
    const net = new nn.Sequential(
      new nn.LazyConv2d(3, 2, { padding: 1 }),
      new nn.LazyBatchNorm2d(),
      new nn.Flatten(),
      new nn.LazyLinear(2),
      new nn.LazyBatchNorm1d(),
    );
    const y = net.forward(f.randn(4, 2, 3, 3));
    return withGradients(net, y.pow(3).sum(), y, ...net.buffers());
  });
});

it('a lazy module becomes the ordinary one, with the parameters that an optimizer holds already', () => {
  f.setDefaultDevice(reference);
  const net = new nn.LazyLinear(2);
  const { weight } = net;
  expect(weight).toBeInstanceOf(nn.UninitializedParameter);
  expect(nn.hasUninitializedParameters(net)).toBe(true);
  expect(String(net)).toBe('LazyLinear(in_features=0, out_features=2, bias=True)');
  net.forward(f.ones(1, 3));
  expect(net.weight).toBe(weight);
  expect(weight).not.toBeInstanceOf(nn.UninitializedParameter);
  expect(weight.shape).toEqual([2, 3]);
  expect(String(net)).toBe('Linear(in_features=3, out_features=2, bias=True)');
  expect(() => net.forward(f.ones(1, 4))).toThrow(f.ShapeError);
});

it('a lazy module takes its sizes from a state dict, and draws nothing then', () => {
  f.setDefaultDevice(reference);
  const from = new nn.Linear(3, 2);
  const net = new nn.LazyLinear(2);
  net.loadStateDict(from.stateDict());
  const x = f.randn(1, 3);
  f.manualSeed(1);
  const next = f.rand(1).itemSync();
  f.manualSeed(1);
  expect(net.forward(x).equal(from.forward(x))).toBe(true);
  expect(f.rand(1).itemSync()).toBe(next);
});

it('copies of a lazy module are each initialized by their own input, and hooks still run once', () => {
  f.setDefaultDevice(reference);
  const net = new nn.LazyConv1d(2, 1);
  let calls = 0;
  net.registerForwardHook(() => void calls++);
  const copy = nn.deepCopy(net);
  copy.forward(f.ones(1, 4, 5));
  expect(calls).toBe(1);
  copy.forward(f.ones(1, 4, 5));
  expect(calls).toBe(2);
  expect(copy.weight.shape).toEqual([2, 4, 1]);
  expect(nn.hasUninitializedParameters(net)).toBe(true);
  expect(() => net.forward(f.ones(1))).toThrow(f.ShapeError);
});

it('every lazy layer finds its size, with and without a batch where the ordinary one takes both', () => {
  f.setDefaultDevice(reference);
  const cases: [nn.Module, number[], string][] = [
    [new nn.LazyConv1d(4, 2, { groups: 2 }), [1, 6, 5], 'Conv1d(6, 4, kernel_size=(2,), stride=(1,), groups=2)'],
    [new nn.LazyConv3d(2, 1), [3, 2, 2, 2], 'Conv3d(3, 2, kernel_size=(1, 1, 1), stride=(1, 1, 1))'],
    [new nn.LazyConvTranspose1d(4, 2), [1, 3, 5], 'ConvTranspose1d(3, 4, kernel_size=(2,), stride=(1,))'],
    [new nn.LazyConvTranspose2d(4, 2, 2), [3, 5, 5], 'ConvTranspose2d(3, 4, kernel_size=(2, 2), stride=(2, 2))'],
    [new nn.LazyConvTranspose3d(1, 2), [1, 3, 2, 2, 2], 'ConvTranspose3d(3, 1, kernel_size=(2, 2, 2), stride=(1, 1, 1))'],
    [new nn.LazyBatchNorm1d(), [2, 3, 4], 'BatchNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)'],
    [new nn.LazyBatchNorm3d(), [2, 3, 1, 2, 2], 'BatchNorm3d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)'],
    [new nn.LazyInstanceNorm1d(), [2, 3, 4], 'InstanceNorm1d(3, eps=1e-05, momentum=0.1, affine=True, bias=True, track_running_stats=True)'],
    [new nn.LazyInstanceNorm2d({ affine: false, trackRunningStats: false }), [3, 4, 4], 'InstanceNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)'],
    [new nn.LazyInstanceNorm3d({ affine: false, trackRunningStats: false }), [2, 3, 1, 2, 2], 'InstanceNorm3d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=False)'],
  ]; // prettier-ignore
  for (const [net, shape, text] of cases) {
    net.forward(f.randn(shape));
    expect(String(net)).toBe(text);
    expect(nn.hasUninitializedParameters(net)).toBe(false);
  }
});
