import { describe, expect, it } from 'vitest';
import * as f from '@flambeau/core';
import { noGrad } from '@flambeau/autograd';
import * as nn from '@flambeau/nn';
import { expectStream, withGradients } from './fixtures/streams.ts';

const { rnn } = nn.utils;
type Network = nn.LSTM | nn.GRU | nn.RNN;

/** Sequences of lengths 2, 4 and 1 through a network: the padded output, its lengths, the last states, and all gradients. */
function packed(make: () => Network, given?: () => unknown): () => f.Tensor[] {
  return () => {
    const net = make();
    const sequence = rnn.packPaddedSequence(f.randn(4, 3, 2), [2, 4, 1], { enforceSorted: false });
    const run = net.forward.bind(net) as (
      x: nn.utils.rnn.PackedSequence,
      states: unknown,
    ) => [nn.utils.rnn.PackedSequence, f.Tensor | f.Tensor[]];
    const [y, states] = run(sequence, given?.());
    const [out, lengths] = rnn.padPackedSequence(y, { paddingValue: -1 });
    const last = [states].flat();
    const loss = last.reduce((sum, s) => sum.add(s.sum()), out.square().sum());
    return withGradients(net, loss, out, lengths, ...last);
  };
}

describe('packed sequences run as in PyTorch', () => {
  it('through an LSTM of two layers in both directions', () => {
    expectStream(
      'packed LSTM',
      packed(() => new nn.LSTM(2, 3, 2, { bidirectional: true })),
    );
  });

  it('through an LSTM with projections and given states', () => {
    const make = (): Network => new nn.LSTM(2, 3, { bidirectional: true, projSize: 2 });
    expectStream('packed LSTM with projection and states', packed(make, () => [f.randn(2, 3, 2), f.randn(2, 3, 3)])); // prettier-ignore
  });

  it('through a GRU with dropout, from the same stream', () => {
    expectStream('packed GRU with dropout', packed(() => new nn.GRU(2, 3, 2, { dropout: 0.4 }), () => f.randn(2, 3, 3))); // prettier-ignore
  });

  it('through an RNN with relu and without biases', () => {
    expectStream('packed RNN', packed(() => new nn.RNN({ inputSize: 2, hiddenSize: 3, nonlinearity: 'relu', bias: false, bidirectional: true }))); // prettier-ignore
  });

  it('with the data, batch sizes and orders that PyTorch packs', () => {
    expectStream('packed data', () => {
      const p = rnn.packSequence([f.arange(3), f.arange(10, 12), f.arange(20, 24)], { enforceSorted: false });
      return [p.data, p.batchSizes, p.sortedIndices ?? f.empty(0), p.unsortedIndices ?? f.empty(0)];
    });
  });
});

describe('recurrent networks give PyTorch’s numbers', () => {
  it('for a GRU with the batch first, in both directions, from given states', () => {
    expectStream('GRU, batch first, both directions', () => {
      const net = new nn.GRU(2, 3, 2, { batchFirst: true, bidirectional: true });
      const [y, h] = net.forward(f.randn(2, 4, 2), f.randn(4, 2, 3));
      return withGradients(net, y.square().sum().add(h.sum()), y, h);
    });
  });

  it('for an LSTM of one sequence without a batch', () => {
    expectStream('LSTM of one sequence with states', () => {
      const net = new nn.LSTM(2, 3, 2, { dropout: 0.5 });
      const [y, [h, c]] = net.forward(f.randn(4, 2), [f.randn(2, 3), f.randn(2, 3)]);
      return [y, h, c];
    });
  });

  it('and a cell repeated over the steps gives what its network gives', () => {
    const net = new nn.LSTM(2, 3);
    const cell = new nn.LSTMCell(2, 3);
    cell.loadStateDict(Object.fromEntries([...net.stateDict()].map(([key, x]) => [key.replace('_l0', ''), x])));
    const x = f.randn(4, 1, 2);
    let state: [f.Tensor, f.Tensor] | undefined;
    for (let t = 0; t < 4; t++) state = cell.forward(x.select(0, t), state);
    const [, [h, c]] = net.forward(x);
    expect(state?.[0].allclose(h.squeeze(0))).toBe(true);
    expect(state?.[1].allclose(c.squeeze(0))).toBe(true);
  });
});

describe('sequences', () => {
  it('come back from packing as they were', () => {
    const given = [f.randn(2, 3), f.randn(4, 3), f.randn(1, 3)];
    const back = rnn.unpackSequence(rnn.packSequence(given, { enforceSorted: false }));
    expect(back.map((x) => x.toArraySync())).toEqual(given.map((x) => x.toArraySync()));
  });

  it('are padded at either side', () => {
    const given = [f.tensor([1, 2]), f.tensor([3])];
    expect(rnn.padSequence(given, { batchFirst: true, paddingValue: 9 }).toArraySync()).toEqual([[1, 2], [3, 9]]); // prettier-ignore
    expect(rnn.padSequence(given, { batchFirst: true, paddingSide: 'left' }).toArraySync()).toEqual([[1, 2], [0, 3]]); // prettier-ignore
    expect(rnn.padSequence(given).shape).toEqual([2, 2]);
  });

  it('fill up to a total length', () => {
    const [padded, lengths] = rnn.padPackedSequence(rnn.packSequence([f.tensor([1, 2]), f.tensor([3])]), {
      totalLength: 3,
      batchFirst: true,
    });
    expect(padded.toArraySync()).toEqual([[1, 2, 0], [3, 0, 0]]); // prettier-ignore
    expect(lengths.toArraySync()).toEqual([2, 1]);
  });

  it('must be sorted unless packing is told to sort them', () => {
    expect(() => rnn.packPaddedSequence(f.zeros(3, 2, 1), [1, 3])).toThrow(/descending order, got \[1, 3\]. Pass { enforceSorted: false }/);
    expect(() => rnn.packPaddedSequence(f.zeros(3, 2, 1), [4, 3])).toThrow(f.ShapeError);
    expect(() => rnn.packPaddedSequence(f.zeros(3, 2, 1), [3])).toThrow(f.ShapeError);
    expect(() => rnn.packPaddedSequence(f.zeros(3, 2, 1), [3, 0])).toThrow(f.ArgumentError);
  });
});

describe.each<[string, () => Network]>([
  ['LSTM', () => new nn.LSTM(2, 3, 2, { bidirectional: true })],
  ['LSTM with projections', () => new nn.LSTM(2, 3, { projSize: 1 })],
  ['GRU', () => new nn.GRU(2, 3, 2, { bidirectional: true })],
  ['RNN', () => new nn.RNN(2, 3)],
])('%s takes a batch of none', (_, make) => {
  it('and gives every parameter a gradient of zeros, as PyTorch does', () => {
    const net = make();
    const x = f.ones(4, 0, 2).requiresGrad_();
    const forward = net.forward.bind(net) as (x: f.Tensor) => [f.Tensor, f.Tensor | f.Tensor[]];
    const [y, states] = forward(x);
    expect(y.shape.slice(0, 2)).toEqual([4, 0]);
    for (const state of [states].flat()) expect(state.shape[1]).toBe(0);
    y.sum().backward();
    expect(x.grad?.shape).toEqual([4, 0, 2]);
    const slopes = [...net.parameters()].map((p) => p.grad?.abs().sum().itemSync());
    expect(slopes).toEqual(slopes.map(() => 0));
    expect(slopes.length).toBeGreaterThan(3);
  });
});

it('wrong inputs, states and options of recurrent networks are refused', () => {
  const net = new nn.LSTM(2, 3);
  expect(() => net.forward(f.zeros(4, 1, 3))).toThrow('2 features in the last dimension');
  expect(() => net.forward(f.zeros(2))).toThrow(f.ShapeError);
  expect(() => net.forward(f.zeros(0, 1, 2))).toThrow('at least one step');
  expect(() => net.forward(f.zeros(4, 1, 2), [f.zeros(1, 2, 3), f.zeros(1, 2, 3)])).toThrow('a state of shape [1, 1, 3], got [1, 2, 3]');
  expect(() => new nn.LSTM(2, 0)).toThrow(f.ArgumentError);
  expect(() => new nn.LSTM(2, 3, { projSize: 3 })).toThrow('projSize');
  expect(() => new nn.LSTM(2, 3, { dropout: 2 })).toThrow(f.ArgumentError);
  expect(() => new nn.RNN(2, 3, { nonlinearity: 'sin' as 'tanh' })).toThrow(f.ArgumentError);
  expect(() => net.forward(f.zeros([4, 1, 2], { dtype: 'float64' }))).toThrow(f.DTypeError);
  expect(() => net.forward(f.zeros(4, 1, 2), [5, 6] as unknown as [f.Tensor, f.Tensor])).toThrow(f.ArgumentError);
  expect(() => new nn.GRU(3, 5, { bias: 0 as unknown as boolean })).toThrow('bias as true or false, got 0');
  expect(() => new nn.GRU(3, 5, 1, true, 'False' as unknown as boolean)).toThrow('batchFirst');
  const cell = new nn.GRUCell(10, 20);
  expect(() => cell.forward(f.zeros(3, 11), f.zeros(3, 20))).toThrow('10 features');
  for (const shape of [[3, 21], [5, 20], [3, 1, 1, 20]]) expect(() => cell.forward(f.zeros(3, 10), f.zeros(shape))).toThrow('a state of shape [3, 20]'); // prettier-ignore
  expect(() => new nn.RNNCell(10, 20, 'relu' as unknown as boolean)).toThrow('bias');
  // @ts-expect-error -- batch_first is no option
  expect(() => new nn.GRU(2, 3, { batch_first: true })).toThrow('batch_first');
});

it('recurrent modules print as in PyTorch', () => {
  expect(String(new nn.LSTM(3, 4, 2, { bidirectional: true, projSize: 2, dropout: 0.3, batchFirst: true, bias: false }))).toBe(
    'LSTM(3, 4, proj_size=2, num_layers=2, bias=False, batch_first=True, dropout=0.3, bidirectional=True)',
  );
  expect(String(new nn.RNNCell(2, 3, { nonlinearity: 'relu', bias: false }))).toBe('RNNCell(2, 3, bias=False, nonlinearity=relu)');
});

const options = { batchFirst: true, numLayers: 2 };
const networks: [string, () => Network][] = [
  ['LSTM', () => new nn.LSTM(3, 5, options)],
  ['GRU', () => new nn.GRU(3, 5, options)],
  ['RNN', () => new nn.RNN(3, 5, options)],
];
describe.each(networks)('an %s', (name, make) => {
  /** Gradients of the parameters and of x, of a network that reads [2, 4, 3] with the batch first. */
  const gradients = (lossOf: (net: Network, x: f.Tensor) => f.Tensor): unknown[] => {
    f.manualSeed(3);
    const net = make();
    const x = f.randn(2, 4, 3).requiresGrad_();
    lossOf(net, x).backward();
    return [x, ...net.parameters()].map((leaf) => leaf.grad?.mul(1e5).round().toArraySync());
  };
  const read = (net: Network, x: f.Tensor, given?: f.Tensor): [f.Tensor, f.Tensor] => {
    const states = given === undefined || name !== 'LSTM' ? given : [given, given];
    const [y, last] = (net.forward as (x: f.Tensor, states: unknown) => [f.Tensor, f.Tensor | f.Tensor[]]).call(net, x, states);
    return [y, [last].flat()[0]];
  };

  it('without states is one with states of zeros, and its last step a part like any other', () => {
    const mask = f.zeros(2, 4, 5);
    mask.select(1, -1).fill_(2);
    const whole = gradients((net, x) =>
      read(net, x, f.zeros(2, 2, 5))[0]
        .square()
        .mul(mask)
        .sum(),
    );
    expect(gradients((net, x) => read(net, x)[0].at(':', -1).square().mul(2).sum())).toEqual(whole);
    expect(gradients((net, x) => read(net, x)[1].select(0, -1).square().mul(2).sum())).toEqual(whole);
  });

  it('may have its last state changed', () => {
    const changed = gradients((net, x) => {
      const [y, h] = read(net, x);
      h.mul_(0);
      return y.sum();
    });
    expect(changed).toEqual(gradients((net, x) => read(net, x)[0].sum()));
  });
});

it('recurrent layers keep nothing of what they make for themselves', () => {
  const [net, x] = [new nn.LSTM(2, 3, 2, { bidirectional: true }), f.zeros(4, 2, 2)];
  const before = f.memory().liveCount;
  const [y, [h, c]] = noGrad(() => net.forward(x));
  expect(f.memory().liveCount - before).toBe(3);
  expect([y.shape, h.shape, c.shape]).toEqual([[4, 2, 6], [4, 2, 3], [4, 2, 3]]); // prettier-ignore
});
