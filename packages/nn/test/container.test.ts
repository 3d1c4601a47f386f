import { describe, expect, it } from 'vitest';
import * as f from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { reference } from '@flambeau/backend-reference';

f.setDefaultDevice(reference);
const linear = (n: number): nn.Linear => new nn.Linear(n, n);
const sizes = (modules: Iterable<nn.Module>): number[] => Array.from(modules, (m) => (m as nn.Linear).inFeatures);

describe('Sequential', () => {
  it('is indexed, sliced, extended and changed like a list, with its numbers kept in order', () => {
    const net = new nn.Sequential(linear(1), linear(2), linear(3));
    expect(net.length).toBe(3);
    expect(sizes([net[0], net.at(-1), net.at(1)])).toEqual([1, 3, 2]);
    expect(sizes(net.slice(1))).toEqual([2, 3]);
    expect([...net.slice(1).stateDict().keys()][0]).toBe('1.weight');
    net.insert(1, linear(9)).append(linear(4));
    expect(sizes(net)).toEqual([1, 9, 2, 3, 4]);
    expect(sizes([net.pop(), net.pop(1)])).toEqual([4, 9]);
    net.extend([linear(5), linear(6)]).set(-1, linear(7));
    net.delete(0);
    expect(sizes(net)).toEqual([2, 3, 5, 7]);
    expect([...net.namedChildren()].map(([name]) => name)).toEqual(['0', '1', '2', '3']);
    expect(sizes(net.concat(new nn.Sequential(linear(8))))).toEqual([2, 3, 5, 7, 8]);
    expect(() => net.at(4)).toThrow('Sequential.at: an index in [-4, 3], got 4');
    expect(() => net.append('relu' as unknown as nn.Module)).toThrow(f.ArgumentError);
  });

  it('takes names from an object or a Map, and prints as PyTorch does', () => {
    const net = new nn.Sequential({ first: linear(1), act: new nn.Tanh() });
    expect(String(net)).toBe('Sequential(\n  (first): Linear(in_features=1, out_features=1, bias=True)\n  (act): Tanh()\n)');
    expect(String(new nn.Sequential(new Map([['act', new nn.Tanh()]])))).toBe('Sequential(\n  (act): Tanh()\n)');
    expect(String(new nn.Sequential())).toBe('Sequential()');
  });
});

describe('ModuleList', () => {
  it('folds equal modules in print', () => {
    expect(String(new nn.ModuleList([linear(2), linear(2), linear(2), new nn.Linear(2, 3)]))).toBe(
      'ModuleList(\n  (0-2): 3 x Linear(in_features=2, out_features=2, bias=True)\n  (3): Linear(in_features=2, out_features=3, bias=True)\n)',
    );
    expect(String(new nn.ModuleList())).toBe('ModuleList()');
  });

  it('inserts, pops and slices', () => {
    const list = new nn.ModuleList([linear(1), linear(2)]).insert(0, linear(3));
    expect(sizes(list)).toEqual([3, 1, 2]);
    expect(sizes([list.pop(0)])).toEqual([3]);
    expect(sizes(list.slice(-1))).toEqual([2]);
    expect([...list.stateDict().keys()][0]).toBe('0.weight');
    expect(() => list.forward()).toThrow('Loop over it');
  });
});

describe('ModuleDict', () => {
  it('keeps modules by name, and refuses the names of its own methods', () => {
    const dict = new nn.ModuleDict({ a: linear(1), layer: linear(2) });
    dict.update({ b: linear(3) }).set('a', linear(4));
    expect(dict.size).toBe(3);
    expect(sizes([dict.get('a'), dict.get('layer'), dict.get('b')])).toEqual([4, 2, 3]);
    expect([...dict.namedChildren()].map(([name]) => name)).toEqual(['a', 'layer', 'b']);
    expect(sizes([dict.pop('layer')])).toEqual([2]);
    expect([...dict]).toEqual(['a', 'b']);
    expect(sizes(dict.values())).toEqual([4, 3]);
    expect(() => dict.get('c')).toThrow('one of a, b');
    for (const name of ['forward', 'keys', 'training']) expect(() => dict.set(name, linear(1))).toThrow(f.ArgumentError);
    dict.clear();
    expect(String(dict)).toBe('ModuleDict()');
  });
});

describe('parameter containers', () => {
  it('register parameters by number and by name', () => {
    const list = new nn.ParameterList([f.zeros(2, 3), f.zeros(4)]);
    const dict = new nn.ParameterDict({ a: f.zeros(2, 3) });
    expect([...list.stateDict().keys()]).toEqual(['0', '1']);
    expect(list.at(-1).shape).toEqual([4]);
    expect(list.append(f.ones(1)).length).toBe(3);
    expect(list.pop(0).shape).toEqual([2, 3]);
    expect(list[0].shape).toEqual([4]);
    expect(dict.setDefault('b', f.ones(1)).requiresGrad).toBe(true);
    expect([...dict.keys()]).toEqual(['a', 'b']);
    expect([...new nn.Sequential(list, dict).parameters()].length).toBe(4);
  });

  it('print as in PyTorch', () => {
    expect(String(new nn.ParameterList([f.zeros(2, 3), f.zeros(4)]))).toBe(
      'ParameterList(\n    (0): Parameter containing: [torch.float32 of size 2x3]\n    (1): Parameter containing: [torch.float32 of size 4]\n)',
    );
    expect(String(new nn.ParameterDict({ a: f.zeros(2, 3) }))).toBe(
      'ParameterDict(  (a): Parameter containing: [torch.FloatTensor of size 2x3])',
    );
  });
});
