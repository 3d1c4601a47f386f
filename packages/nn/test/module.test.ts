import { describe, expect, it } from 'vitest';
import * as f from '@flambeau/core';
import '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import { reference } from '@flambeau/backend-reference';

f.setDefaultDevice(reference);

class Net extends nn.Module {
  hidden = new nn.Linear(2, 3);
  norm = new nn.BatchNorm1d(3);
  parts = new nn.ModuleDict({ out: new nn.Linear(3, 1) });
  scale = new nn.Parameter(f.ones(1));

  forward(x: f.Tensor): f.Tensor {
    return this.parts
      .get('out')
      .forward(this.norm.forward(this.hidden.forward(x)))
      .mul(this.scale) as f.Tensor;
  }
}

describe('names', () => {
  it('of modules, parameters, buffers and state are PyTorch’s, in its order', () => {
    const net = new Net();
    expect([...net.namedModules()].map(([name]) => name)).toEqual(['', 'hidden', 'norm', 'parts', 'parts.out']);
    expect([...net.namedParameters()].map(([name]) => name)).toEqual(['scale', 'hidden.weight', 'hidden.bias', 'norm.weight', 'norm.bias', 'parts.out.weight', 'parts.out.bias']); // prettier-ignore
    expect([...net.namedBuffers()].map(([name]) => name)).toEqual(['norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked']);
    expect([...net.stateDict().keys()]).toEqual(['scale', 'hidden.weight', 'hidden.bias', 'norm.weight', 'norm.bias', 'norm.running_mean', 'norm.running_var', 'norm.num_batches_tracked', 'parts.out.weight', 'parts.out.bias']); // prettier-ignore
    expect([...net.stateDict({ prefix: 'net.' }).keys()][0]).toBe('net.scale');
    expect(net.getParameter('parts.out.bias')).toBe(net.parts.get('out').bias);
    expect(net.getBuffer('norm.running_mean')).toBe(net.norm.runningMean);
    expect(() => net.getSubmodule('parts.in')).toThrow(f.ArgumentError);
  });

  it('of a module that two fields share come once, and twice in the state', () => {
    const layer = new nn.Linear(2, 2);
    const net = new nn.Sequential(layer, new nn.ReLU(), layer);
    expect([...net.parameters()].length).toBe(2);
    expect([...net.children()].length).toBe(2);
    expect([...net.namedParameters('', true, false)].map(([name]) => name)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
    expect([...net.stateDict().keys()]).toEqual(['0.weight', '0.bias', '2.weight', '2.bias']);
    const x = f.randn(3, 2);
    expect(net.forward(x).equal(layer.forward(layer.forward(x).relu()))).toBe(true);
  });

  it('can be given at run time', () => {
    const net = new nn.Sequential();
    net.registerModule('first', new nn.Linear(2, 2));
    net.registerBuffer('mean', f.zeros(2));
    net.registerBuffer('cache', f.zeros(2), { persistent: false });
    net.registerParameter('bias', new nn.Parameter(f.ones(2)));
    net.registerParameter('none', null);
    expect([...net.stateDict().keys()]).toEqual(['bias', 'mean', 'first.weight', 'first.bias']);
    expect([...net.namedBuffers()].map(([name]) => name)).toEqual(['mean', 'cache']);
    expect(() => net.registerModule('a.b', new nn.ReLU())).toThrow('no dot');
    expect(() => net.registerModule('forward', new nn.ReLU())).toThrow('has already');
    expect(() => net.registerParameter('p', f.zeros(2) as nn.Parameter)).toThrow('new nn.Parameter(x)');
    net.setSubmodule('first', new nn.Identity());
    expect(String(net)).toBe('Sequential(\n  (first): Identity()\n)');
  });
});

describe('loadStateDict', () => {
  it('copies values and keeps the tensors, also from another dtype', () => {
    const [from, to] = [new Net(), new Net()];
    const { weight } = to.hidden;
    const state = new Map([...from.stateDict()].map(([key, x]) => [key, x.dtype === 'float32' ? x.double() : x]));
    expect(to.loadStateDict(state)).toEqual({ missingKeys: [], unexpectedKeys: [] });
    expect(to.hidden.weight).toBe(weight);
    expect(weight.dtype).toBe('float32');
    expect(weight.equal(from.hidden.weight)).toBe(true);
    expect(weight.requiresGrad).toBe(true);
  });

  it('with assign takes the tensors as they are', () => {
    const net = new nn.Linear(2, 1);
    const state = new nn.Linear(2, 1).double().stateDict();
    net.loadStateDict(state, { assign: true });
    expect(net.weight.dtype).toBe('float64');
    expect(net.weight.requiresGrad).toBe(true);
  });

  it('tells what is missing, what is unexpected and what has another shape, and has written nothing', () => {
    const net = new nn.Linear(2, 1);
    const before = net.weight.toArraySync();
    const other = { weight: f.ones(1, 2), extra: f.ones(1) };
    expect(() => net.loadStateDict(other)).toThrow('missing keys: bias; unexpected keys: extra. Pass { strict: false }');
    expect(net.weight.toArraySync()).toEqual(before);
    expect(net.loadStateDict(other, { strict: false })).toEqual({ missingKeys: ['bias'], unexpectedKeys: ['extra'] });
    expect(net.weight.toArraySync()).toEqual([[1, 1]]);
    expect(() => net.loadStateDict({ weight: f.ones(2, 2), bias: f.ones(1) })).toThrow('weight is [2, 2] and should be [1, 2]');
  });
});

describe('hooks', () => {
  it('run before and after forward, in order, and may change what passes', () => {
    const net = new nn.Identity();
    const seen: string[] = [];
    net.registerForwardPreHook((_, [x]) => {
      seen.push('pre');
      return (x as f.Tensor).add(1);
    });
    net.registerForwardPreHook(() => void seen.push('first'), { prepend: true });
    const remove = net.registerForwardHook((_, __, y) => {
      seen.push('post');
      return (y as f.Tensor).mul(10);
    });
    // (2 + 1)·10
    expect(net.forward(f.tensor(2)).itemSync()).toBe(30);
    expect(seen).toEqual(['first', 'pre', 'post']);
    remove();
    expect(net.forward(f.tensor(2)).itemSync()).toBe(3);
  });

  it('see the gradients of outputs and inputs, and may change them', () => {
    const net = new nn.Linear(1, 1, { bias: false });
    net.loadStateDict({ weight: f.tensor([[3]]) });
    const seen: number[] = [];
    net.registerFullBackwardPreHook((_, [g]) => {
      seen.push(g?.itemSync() ?? NaN);
      return [g?.mul(2)];
    });
    net.registerFullBackwardHook((_, [gIn], [gOut]) => {
      seen.push(gIn?.itemSync() ?? NaN, gOut?.itemSync() ?? NaN);
      return [gIn?.add(0.5)];
    });
    const x = f.tensor([[1]]).float().requiresGrad_(); // prettier-ignore
    net.forward(x).sum().backward();
    // dy = 1 becomes 2; dx = 2·3 = 6 becomes 6.5; dw = 2·x = 2
    expect(seen).toEqual([1, 6, 2]);
    expect(x.grad?.itemSync()).toBe(6.5);
    expect(net.weight.grad?.itemSync()).toBe(2);
  });
});

describe('a copy', () => {
  it('shares nothing with the module, keeps what is shared inside it, and its hooks', () => {
    const net = new nn.Sequential(new nn.Linear(2, 2), new nn.Linear(2, 2));
    net.at(1).registerForwardHook((_, __, y) => (y as f.Tensor).mul(0).abs());
    (net.at(1) as nn.Linear).weight = (net.at(0) as nn.Linear).weight;
    const copy = nn.deepCopy(net);
    const [first, second] = copy as Iterable<nn.Module> as Iterable<nn.Linear>;
    expect(first.weight).toBe(second.weight);
    expect(first.weight).not.toBe((net.at(0) as nn.Linear).weight);
    expect(copy.forward(f.ones(1, 2)).toArraySync()).toEqual([[0, 0]]);
    f.manualSeed(1);
    copy.apply((module) => module instanceof nn.Linear && module.resetParameters());
    expect(first.weight.equal((net.at(0) as nn.Linear).weight)).toBe(false);
  });
});

it('to casts floats in place, and train and eval reach every module', () => {
  const net = new Net();
  const { weight } = net.hidden;
  net.hidden.forward(f.ones(1, 2)).sum().backward();
  expect(net.to('float64').hidden.weight).toBe(weight);
  expect(weight.dtype).toBe('float64');
  expect(weight.grad?.dtype).toBe('float64');
  expect(net.norm.numBatchesTracked?.dtype).toBe('int32');
  expect([...net.to({ dtype: 'float32' }).eval().modules()].some((module) => module.training)).toBe(false);
  net.zeroGrad({ setToNone: false });
  expect(weight.grad?.toArraySync()).toEqual([[0, 0], [0, 0], [0, 0]]); // prettier-ignore
  net.zeroGrad();
  expect(weight.grad).toBeUndefined();
  expect([...net.requiresGrad_(false).parameters()].some((p) => p.requiresGrad)).toBe(false);
});
