import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import * as f from '@flambeau/core';
import * as nn from '@flambeau/nn';
import { reference } from '@flambeau/backend-reference';

type Entries = Record<string, number[]> & { seed: number };
const all = JSON.parse(readFileSync(new URL('../cases/random.json', import.meta.url), 'utf8')) as Entries[];
f.setDefaultDevice(reference);

const streams: Record<string, () => f.Tensor> = {
  'rand(5)': () => f.rand(5),
  'rand(3,7)': () => f.rand(3, 7),
  'randn(5)': () => f.randn(5),
  'randn(16)': () => f.randn(16),
  'randn(20)': () => f.randn(20),
  'randn(3,7) after rand(1)': () => {
    f.rand(1);
    return f.randn(3, 7);
  },
  'randint(0,10,(12,))': () => f.randint(0, 10, [12]),
  'randint(-5,100000,(6,))': () => f.randint(-5, 100000, [6]),
  'randperm(10)': () => f.randperm(10),
  'randperm(1000)[:12]': () => f.randperm(1000).at(':12'),
  'normal(2*ones(10,2),1)': () => f.normal(f.ones(10, 2).mul(2), 1),
  'normal(0.5,2.0,(4,))': () => f.normal(0.5, 2, [4]),
  'empty(6).uniform_(-2,3)': () => f.empty(6).uniform_(-2, 3),
  'empty(17).normal_(1,.5)': () => f.empty(17).normal_(1, 0.5),
  'bernoulli(0.3 of 40)': () => f.bernoulli(f.full([40], 0.3)),
  'dropout(ones(40),0.5)': () => nn.functional.dropout(f.ones(40), { p: 0.5 }),
  'empty(40).bernoulli_(0.3)': () => f.empty(40).bernoulli_(0.3),
  'empty(5).exponential_(2)': () => f.empty(5).exponential_(2),
  'rand(3, float64)': () => f.rand(3, { dtype: 'float64' }),
  'init.xavier_uniform_(3,5)': () => nn.init.xavierUniform_(f.empty(3, 5)),
  'init.xavier_normal_(3,5)': () => nn.init.xavierNormal_(f.empty(3, 5)),
  'init.kaiming_uniform_(3,5)': () => nn.init.kaimingUniform_(f.empty(3, 5)),
  'init.kaiming_normal_(3,5)': () => nn.init.kaimingNormal_(f.empty(3, 5)),
  'Embedding(4,3) weight': () => new nn.Embedding(4, 3).weight,
};

describe.each(all)('the streams of seed $seed are PyTorch’s', (entries) => {
  beforeEach(() => {
    f.manualSeed(entries.seed);
  });

  it.each(Object.entries(streams))('%s', (name, make) => {
    const expected = entries[name];
    const values = make().dataSync();
    expect(values.length).toBe(expected.length);
    expected.forEach((value, i) => expect(Math.abs(Number(values[i]) - value)).toBeLessThanOrEqual(1e-6 + 1e-5 * Math.abs(value)));
  });
});
