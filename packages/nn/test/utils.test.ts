import { describe, expect, it } from 'vitest';
import * as f from '@flambeau/core';
import '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import * as optim from '@flambeau/optim';
import { expectStream, withGradients } from './fixtures/streams.ts';

const { utils } = nn;
const { parametrizations, parametrize } = utils;

describe('clipping', () => {
  it('scales by the total norm of any order, and limits values, as PyTorch does', () => {
    expectStream('clipping', () => {
      const net = new nn.Linear(3, 2);
      const out: f.Tensor[] = [];
      for (const normType of [2, 1, Infinity, 3]) {
        net.zeroGrad();
        net.forward(f.randn(4, 3)).square().sum().backward();
        out.push(utils.clipGradNorm_(net.parameters(), 0.5, { normType }), net.weight.grad?.clone() ?? f.empty(0));
      }
      utils.clipGradValue_(net.parameters(), 0.05);
      return [...out, net.weight.grad ?? f.empty(0)];
    });
  });

  it('leaves small gradients alone and returns their norm', () => {
    const x = f.tensor([1, 2], { dtype: 'float32' }).requiresGrad_();
    x.mul(f.tensor([3, 4]))
      .sum()
      .backward();
    // ‖[3, 4]‖ = 5
    expect(utils.clipGradNorm_([x], 10).itemSync()).toBe(5);
    expect(x.grad?.toArraySync()).toEqual([3, 4]);
    expect(utils.getTotalNorm([f.tensor([3, 4])], Infinity).itemSync()).toBe(4);
    expect(utils.clipGradNorm_([f.ones(2)], 1).itemSync()).toBe(0);
  });

  it('refuses a norm that is not finite when asked to, and changes nothing', () => {
    const x = f.tensor([1, 2], { dtype: 'float32' }).requiresGrad_();
    x.mul(Infinity).sum().backward();
    expect(() => utils.clipGradNorm_([x], 1, { errorIfNonfinite: true })).toThrow(f.ValueError);
    expect(x.grad?.toArraySync()).toEqual([Infinity, Infinity]);
    expect(() => utils.clipGradNorm_([x], -1)).toThrow(f.ArgumentError);
  });
});

it('parameters become a vector and come back from one', () => {
  const net = new nn.Linear(2, 1);
  utils.vectorToParameters(f.tensor([1, 2, 3]), net.parameters());
  expect(net.weight.toArraySync()).toEqual([[1, 2]]);
  expect(net.bias?.toArraySync()).toEqual([3]);
  expect(utils.parametersToVector(net.parameters()).toArraySync()).toEqual([1, 2, 3]);
  expect(() => utils.vectorToParameters(f.zeros(4), net.parameters())).toThrow('a vector of 3 elements, got [4]');
});

describe('parametrizations give PyTorch’s numbers', () => {
  it('for the weight norm of each output', () => {
    expectStream('weight norm', () => {
      const net = parametrizations.weightNorm(new nn.Linear(3, 2));
      const y = net.forward(f.randn(4, 3));
      return withGradients(net, y.square().sum(), y);
    });
  });

  it('for the weight norm of the whole', () => {
    expectStream('weight norm over all', () => {
      const net = parametrizations.weightNorm(new nn.Conv1d(2, 3, 2), { dim: null });
      const y = net.forward(f.randn(1, 2, 4));
      return withGradients(net, y.square().sum(), y);
    });
  });

  it('for the spectral norm', () => {
    expectStream('spectral norm', () => {
      const net = parametrizations.spectralNorm(new nn.Linear(3, 2), { nPowerIterations: 2 });
      const x = f.randn(4, 3);
      net.forward(x);
      const y = net.forward(x);
      return withGradients(net, y.square().sum(), y, ...net.buffers());
    });
  });
});

describe('orthogonal parametrizations give PyTorch’s numbers', () => {
  const run =
    (make: () => nn.Linear, options: nn.utils.parametrizations.OrthogonalOptions = {}) =>
    (): f.Tensor[] => {
      const net = parametrizations.orthogonal(make(), options);
      const first = net.weight.detach().clone();
      const y = net.forward(f.randn(4, net.inFeatures));
      const out = withGradients(net, y.mul(f.randn(4, net.outFeatures)).sum(), first);
      new optim.SGD(net.parameters(), { lr: 0.1 }).step();
      const w = net.weight;
      return [...out, w, net.outFeatures < 4 ? w.matmul(w.t()) : w.t().matmul(w)];
    };

  it.each([
    ['orthogonal square', () => new nn.Linear(3, 3), {}],
    ['orthogonal tall', () => new nn.Linear(3, 4), {}],
    ['orthogonal wide by matrix exponential', () => new nn.Linear(4, 2), { orthogonalMap: 'matrixExp' }],
    ['orthogonal by reflections alone', () => new nn.Linear(4, 2), { orthogonalMap: 'householder', useTrivialization: false }],
  ] as const)('%s', (name, make, options) => {
    expectStream(name, run(make, options));
  });
});

class Symmetric extends nn.Module {
  forward(x: f.Tensor): f.Tensor {
    return x.triu().add(x.triu(1).t());
  }
}
class Half extends nn.Module {
  forward(x: f.Tensor): f.Tensor {
    return x.div(2);
  }

  rightInverse(x: f.Tensor): f.Tensor {
    return x.mul(2);
  }
}

describe('registerParametrization', () => {
  it('computes a parameter at each use, prints it, and is undone', () => {
    const net = new nn.Linear(2, 2);
    const before = net.weight.clone();
    parametrize.registerParametrization(net, 'weight', new Half());
    expect(net).toBeInstanceOf(nn.Linear);
    expect(net.weight.allclose(before)).toBe(true);
    expect([...net.stateDict().keys()]).toEqual(['bias', 'parametrizations.weight.original']);
    expect(String(net)).toBe(
      'ParametrizedLinear(\n  in_features=2, out_features=2, bias=True\n  (parametrizations): ModuleDict(\n    (weight): ParametrizationList(\n      (0): Half()\n    )\n  )\n)',
    );
    expect(parametrize.isParametrized(net, 'weight') && !parametrize.isParametrized(net, 'bias')).toBe(true);
    net.weight = f.ones(2, 2) as nn.Parameter;
    expect(net.getParameter('parametrizations.weight.original').toArraySync()).toEqual([[2, 2], [2, 2]]); // prettier-ignore
    parametrize.removeParametrizations(net, 'weight');
    expect(net.weight).toBeInstanceOf(nn.Parameter);
    expect(net.weight.toArraySync()).toEqual([[1, 1], [1, 1]]); // prettier-ignore
    expect(String(net)).toBe('Linear(in_features=2, out_features=2, bias=True)');
  });

  it('chains, copies, and sends gradients to the original', () => {
    const net = new nn.Linear(2, 2, { bias: false });
    parametrize.registerParametrization(net, 'weight', new Symmetric());
    parametrize.registerParametrization(net, 'weight', new Half());
    expect(net.weight.equal(net.weight.t())).toBe(true);
    const copy = nn.deepCopy(net);
    copy.forward(f.ones(1, 2)).sum().backward();
    // y = x Wᵀ summed: dW = 1 everywhere; the half of it, and the diagonal and the upper triangle of a symmetric matrix: [[½, ½+½], [0, ½]]
    expect(copy.getParameter('parametrizations.weight.original').grad?.toArraySync()).toEqual([[0.5, 1], [0, 0.5]]); // prettier-ignore
    expect(net.getParameter('parametrizations.weight.original').grad).toBeUndefined();
  });

  it('computes once within cached', () => {
    const net = parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', new Half());
    parametrize.cached(() => expect(net.weight).toBe(net.weight));
    expect(net.weight).not.toBe(net.weight);
  });

  it('refuses what changes the shape, and tensors that are not there', () => {
    class Row extends nn.Module {
      forward(x: f.Tensor): f.Tensor {
        return x.select(0, 0);
      }
    }
    expect(() => parametrize.registerParametrization(new nn.Linear(2, 2), 'weight', new Row())).toThrow('keeps shape [2, 2]');
    expect(() => parametrize.registerParametrization(new nn.Linear(2, 2), 'gain', new Half())).toThrow('"gain" of Linear');
    expect(() => parametrize.removeParametrizations(new nn.Linear(2, 2), 'weight')).toThrow(f.ArgumentError);
  });
});

it('a convolution and its batch norm become one', () => {
  expectStream('fused', () => {
    const [conv, norm] = [new nn.Conv2d(2, 3, 2), new nn.BatchNorm2d(3)];
    expect(() => utils.fuseConvBnEval(conv, norm)).toThrow('Call eval() first');
    norm.forward(f.randn(4, 3, 2, 2).mul(3).add(1));
    const fused = utils.fuseConvBnEval(conv.eval(), norm.eval());
    const x = f.arange(18).reshape(1, 2, 3, 3);
    expect(fused.forward(x).allclose(norm.forward(conv.forward(x)), { rtol: 1e-4, atol: 1e-4 })).toBe(true);
    return [fused.weight, fused.bias ?? f.empty(0)];
  });
});

it('skipInit leaves the random stream where it is', () => {
  f.manualSeed(1);
  const expected = f.rand(1).itemSync();
  f.manualSeed(1);
  expect(utils.skipInit(nn.Linear, 2, 3).weight.shape).toEqual([3, 2]);
  expect(f.rand(1).itemSync()).toBe(expected);
});
