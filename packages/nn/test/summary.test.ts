import { expect, it } from 'vitest';
import * as f from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { reference } from '@flambeau/backend-reference';

f.setDefaultDevice(reference);

it('a summary counts parameters, multiply-adds and memory, and leaves the model as it was', () => {
  const net = new nn.Sequential(new nn.Conv2d(1, 4, 3, { padding: 1 }), new nn.ReLU(), new nn.Flatten(), new nn.Linear(256, 10));
  net.at(1).eval();
  const s = nn.summary(net, [2, 1, 8, 8]);
  // convolution: 4·(1·3·3) weights and 4 biases; linear: 256·10 and 10
  expect(s.parameters).toBe(40 + 2570);
  // convolution: 2·4·8·8 outputs of 9 products each; linear: 2·10 outputs of 256
  expect(s.layers.map((layer) => layer.multiplyAdds)).toEqual([4608 + 5120, 4608, 0, 0, 5120]);
  expect(s.layers[1].outputShapes).toEqual([[2, 4, 8, 8]]);
  // 2·64 inputs, 2610 parameters, of 4 bytes; outputs: three times 512, and 20
  expect([s.inputBytes, s.parameterBytes, s.activationBytes]).toEqual([512, 10440, 4 * (3 * 512 + 20)]);
  expect([...net.modules()].map((m) => m.training)).toEqual([true, true, false, true, true]);
  expect([...net.parameters()].every((p) => p.grad === undefined)).toBe(true);
});

it('a summary prints a table', () => {
  const text = String(nn.summary(new nn.Sequential(new nn.Linear(4, 2), new nn.Tanh()), [1, 4]));
  expect(text).toBe(
    [
      '====================================================',
      'Layer         Output shape  Parameters  Multiply-adds',
      '====================================================',
      'Sequential    [1, 2]                --              8',
      '  Linear (0)  [1, 2]                10              8',
      '  Tanh (1)    [1, 2]                --             --',
      '====================================================',
      'Parameters: 10 (10 trainable)',
      'Multiply-adds: 8',
      'Memory: input 0.00 MB, activations 0.00 MB, parameters 0.00 MB',
      '====================================================',
    ]
      .join('\n')
      .replaceAll('====================================================', '='.repeat(53)),
  );
});

it('a summary takes tensors and several inputs, and sees recurrent layers and attention', () => {
  const lstm = nn.summary(new nn.LSTM(3, 4), f.zeros(5, 2, 3));
  // 5 steps of 2 sequences, each 16·3 + 16·4 products
  expect(lstm.multiplyAdds).toBe(10 * 112);
  expect(lstm.layers[0].outputShapes).toEqual([[5, 2, 4], [1, 2, 4], [1, 2, 4]]); // prettier-ignore
  const shape = [3, 2, 4];
  // projections: 4·(6·4·4); scores and values of 2 heads in 2 batches: 4·3·3·(2 + 2)
  expect(nn.summary(new nn.MultiheadAttention(4, 2), [shape, shape, shape]).multiplyAdds).toBe(384 + 144);
  expect(nn.summary(new nn.Embedding(5, 3), f.zeros([2], { dtype: 'int32' })).layers[0].outputShapes).toEqual([[2, 3]]);
  expect(() => nn.summary(new nn.Tanh(), [])).toThrow(f.ArgumentError);
});
