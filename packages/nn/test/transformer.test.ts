import { describe, expect, it } from 'vitest';
import * as f from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { expectStream, withGradients } from './fixtures/streams.ts';

describe('attention and transformers give PyTorch’s numbers', () => {
  it('with keys and values of other sizes, added keys, masks, dropout and weights of each head', () => {
    expectStream('attention with everything', () => {
      const net = new nn.MultiheadAttention(6, 2, { dropout: 0.2, kdim: 4, vdim: 5, addBiasKv: true, addZeroAttn: true, batchFirst: true });
      const [q, k, v] = [f.randn(2, 3, 6), f.randn(2, 4, 4), f.randn(2, 4, 5)];
      const keyPaddingMask = f.tensor([[false, false, false, true], [false, true, false, false]]); // prettier-ignore
      const [y, w] = net.forward(q, k, v, { keyPaddingMask, attnMask: f.randn(4, 3, 4), averageAttnWeights: false });
      return withGradients(net, y.square().sum(), y, w ?? f.empty(0));
    });
  });

  it('in causal self-attention without weights', () => {
    expectStream('causal attention without weights', () => {
      const net = new nn.MultiheadAttention(4, 2);
      const x = f.randn(3, 2, 4);
      const attnMask = nn.Transformer.generateSquareSubsequentMask(3);
      const [y, weights] = net.forward(x, x, x, { needWeights: false, isCausal: true, attnMask });
      expect(weights).toBeNull();
      return withGradients(net, y.square().sum(), y);
    });
  });

  it('in a transformer with all masks, gelu, normalization first and dropout', () => {
    expectStream('transformer with masks', () => {
      const net = new nn.Transformer(4, 2, 2, 2, {
        dimFeedforward: 6,
        dropout: 0.2,
        activation: 'gelu',
        batchFirst: true,
        normFirst: true,
      });
      const [src, tgt] = [f.randn(2, 3, 4), f.randn(2, 2, 4)];
      const padding = f.tensor([[false, false, true], [false, false, false]]); // prettier-ignore
      const y = net.forward(src, tgt, {
        tgtMask: nn.Transformer.generateSquareSubsequentMask(2),
        memoryMask: f.tensor([[false, true, false], [false, false, false]]), // prettier-ignore
        srcKeyPaddingMask: padding,
        memoryKeyPaddingMask: padding,
      });
      return withGradients(net, y.mul(f.randn(2, 2, 4)).sum(), y);
    });
  });
});

it('a query that may see no key gets zeros where no weights are asked for, and no gradient that is NaN', () => {
  const net = new nn.MultiheadAttention(4, 2, { bias: false });
  const x = f.randn(2, 1, 4).requiresGrad_();
  const attnMask = f.tensor([[true, true], [false, false]]); // prettier-ignore
  const [y] = net.forward(x, x, x, { needWeights: false, attnMask });
  y.sum().backward();
  expect(y.at(0).toArraySync()).toEqual([[0, 0, 0, 0]]);
  expect(x.grad?.isfinite().all().itemSync()).toBe(true);
});

it('a transformer without a batch gives what it gives for a batch of one', () => {
  const net = new nn.Transformer(4, 2, 1, 1, { dimFeedforward: 6, dropout: 0 });
  const [src, tgt] = [f.randn(3, 4), f.randn(2, 4)];
  expect(net.forward(src, tgt).allclose(net.forward(src.unsqueeze(1), tgt.unsqueeze(1)).squeeze(1))).toBe(true);
});

it('the layers of an encoder are copies that share nothing', () => {
  const layer = new nn.TransformerEncoderLayer(4, 2, 6, { activation: new nn.GELU() });
  const encoder = new nn.TransformerEncoder(layer, 3, new nn.LayerNorm(4));
  // 3 layers of 12 parameters, and the norm's 2
  expect([...encoder.parameters()].length).toBe(38);
  expect(encoder.getParameter('layers.0.linear1.weight').toArraySync()).toEqual(
    encoder.getParameter('layers.2.linear1.weight').toArraySync(),
  );
  expect(String(encoder)).toContain('(0-2): 3 x TransformerEncoderLayer(');
  expect(String(encoder)).toContain('(activation): GELU(');
});

it('wrong sizes and masks are refused', () => {
  expect(() => new nn.MultiheadAttention(5, 2)).toThrow('5 features in 2 heads');
  const net = new nn.MultiheadAttention(4, 2);
  const x = f.zeros(3, 2, 4);
  expect(() => net.forward(x, x, x, { attnMask: f.zeros(2, 3) })).toThrow('attnMask of shape [3, 3] or [4, 3, 3], got [2, 3]');
  expect(() => net.forward(x, x, x, { keyPaddingMask: f.zeros(3, 2) })).toThrow(f.ShapeError);
  expect(() => net.forward(x, x, x, { attnMask: f.zeros([3, 3], { dtype: 'int32' }) })).toThrow(f.DTypeError);
  expect(() => net.forward(x, x, x, { isCausal: true })).toThrow('an attnMask with isCausal');
  expect(() => net.forward(x, f.zeros(3, 1, 4), x)).toThrow(f.ShapeError);
  expect(() => new nn.TransformerEncoderLayer(4, 2, { activation: 'tanh' as 'relu' })).toThrow('activation');
  expect(() => new nn.Transformer(4, 2).forward(f.zeros(3, 2, 4), f.zeros(3, 1, 4))).toThrow('one batch size');
});
