import { rand, randint, randn, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import type { Work } from './work.ts';

const F = nn.functional;

/** Work without recording on tensors of normal numbers. */
const plain = (name: string, shapes: readonly (readonly number[])[], run: (...inputs: Tensor[]) => unknown, atMost?: number): Work => ({
  name: `W5 ${name}`,
  grad: false,
  ...(atMost !== undefined && { atMost }),
  setup() {
    const inputs = shapes.map((shape) => randn([...shape]));
    return () => run(...inputs);
  },
});

/** Forward and backward, from a given gradient. */
const both = (
  name: string,
  shapes: readonly (readonly number[])[],
  gradient: readonly number[],
  run: (...inputs: Tensor[]) => Tensor,
  atMost?: number,
): Work => ({
  name: `W5 ${name} both`,
  ...(atMost !== undefined && { atMost }),
  setup() {
    const inputs = shapes.map((shape) => randn([...shape]).requiresGrad_());
    const g = randn([...gradient]);
    return () => {
      for (const input of inputs) input.grad = undefined;
      run(...inputs).backward(g);
    };
  },
});

const product = (m: number, k: number, n: number, name: string): Work =>
  plain(`matmul ${name}`, [[m, k], [k, n]], (a, b) => a.matmul(b)); // prettier-ignore
const square = (n: number): Work => ({ ...product(n, n, n, String(n)), ...(n >= 256 && { atMost: 1, atMostOnWasm: 4 }) });
const sized = (name: string, n: number, run: (x: Tensor, y: Tensor) => unknown, atMost?: number): Work =>
  plain(`${name} ${n}`, [[n], [n]], run, atMost);

const million = 1_000_000;
const image = [50, 16, 28, 28];
const normed = [[1024, 256], [256], [256]];

/** A function of a million positive numbers. */
const ofPositive = (name: 'log' | 'sqrt', atMost?: number): Work => ({
  name: `W5 ${name} ${million}`,
  grad: false,
  ...(atMost !== undefined && { atMost }),
  setup() {
    const x = rand(million);
    return () => x[name]();
  },
});

function embedding(backward: boolean): Work {
  return {
    name: `W5 embedding${backward ? ' both' : ''}`,
    grad: backward,
    atMost: 0.8,
    setup() {
      const table = randn(10000, 256).requiresGrad_();
      const picks = randint(0, 10000, [8, 128]);
      const g = randn(8, 128, 256);
      if (!backward) return () => F.embedding(picks, table);
      return () => {
        table.grad = undefined;
        F.embedding(picks, table).backward(g);
      };
    },
  };
}

/** Single ops (W5). */
export const singleOps: readonly Work[] = [
  ...[64, 128, 256, 512, 1024].map(square),
  product(1, 1000, 1000, '1x1000x1000'),
  product(1000, 1000, 1, '1000x1000x1'),
  product(1024, 16, 1024, '1024x16x1024'),
  plain('linear 50x1568x10', [[50, 1568], [10, 1568], [10]], (x, w, b) => F.linear(x, w, b)), // prettier-ignore
  sized('add', 10, (x, y) => x.add(y), 0.3),
  {
    name: 'W5 add 10 recorded',
    atMost: 0.3,
    setup() {
      const [a, b] = [randn(10).requiresGrad_(), randn(10).requiresGrad_()];
      return () => a.add(b);
    },
  },
  {
    name: 'W5 add 10 and sum both',
    setup() {
      const [a, b] = [randn(10).requiresGrad_(), randn(10).requiresGrad_()];
      return () => {
        a.grad = undefined;
        b.grad = undefined;
        a.add(b).sum().backward();
      };
    },
  },
  sized('add', 1000, (x, y) => x.add(y)),
  sized('add', million, (x, y) => x.add(y), 1.1),
  plain('add row 1000x1000', [[1000, 1000], [1000]], (x, y) => x.add(y)), // prettier-ignore
  sized('mul number', 10, (x) => x.mul(2)),
  sized('relu', million, (x) => x.relu(), 1.1),
  ...[10, 1000].map((n) => sized('exp', n, (x) => x.exp())),
  ...(['exp', 'tanh'] as const).map((name) => sized(name, million, (x) => x[name](), 0.6)),
  ofPositive('log', 0.6),
  ofPositive('sqrt'),
  ...[10, 1000].map((n) => sized('sum', n, (x) => x.sum())),
  sized('sum', million, (x) => x.sum(), 1.1),
  plain('sum dim 0 1000x1000', [[1000, 1000]], (x) => x.sum(0)),
  plain('sum dim 1 1000x1000', [[1000, 1000]], (x) => x.sum(1)),
  plain('max dim 1 1000x1000', [[1000, 1000]], (x) => x.max(1)),
  plain('cumsum 1000x1000', [[1000, 1000]], (x) => x.cumsum(1)),
  plain('transposed copy 1000x1000', [[1000, 1000]], (x) => x.t().contiguous(), 0.8),
  plain('softmax 64x1000', [[64, 1000]], (x) => x.softmax(1), 0.8),
  both('softmax 64x1000', [[64, 1000]], [64, 1000], (x) => x.softmax(1), 0.8),
  plain('layer norm 1024x256', normed, (x, w, b) => F.layerNorm(x, [256], w, b), 0.8),
  both('layer norm 1024x256', normed, [1024, 256], (x, w, b) => F.layerNorm(x, [256], w, b), 0.8),
  plain('gelu 1024x256', [[1024, 256]], (x) => F.gelu(x), 0.8),
  both('gelu 1024x256', [[1024, 256]], [1024, 256], (x) => F.gelu(x), 0.8),
  embedding(false),
  embedding(true),
  plain('conv2d', [[50, 16, 14, 14], [32, 16, 5, 5], [32]], (x, w, b) => F.conv2d(x, w, b, 1, 2), 1), // prettier-ignore
  both('conv2d', [[50, 16, 14, 14], [32, 16, 5, 5]], [50, 32, 14, 14], (x, w) => F.conv2d(x, w, null, 1, 2), 1), // prettier-ignore
  plain('max pool', [image], (x) => F.maxPool2d(x, 2), 0.5),
  both('max pool', [image], [50, 16, 14, 14], (x) => F.maxPool2d(x, 2)),
  plain('average pool', [image], (x) => F.avgPool2d(x, 2)),
  {
    name: 'W5 rows by index',
    grad: false,
    setup() {
      const [x, rows] = [randn(10000, 256), randint(0, 10000, [1024])];
      return () => x.at(rows);
    },
  },
  {
    name: 'W5 gather 1000x1000',
    grad: false,
    setup() {
      const [x, index] = [randn(1000, 1000), randint(0, 1000, [1000, 1000])];
      return () => x.gather(1, index);
    },
  },
  {
    name: 'W5 masked select 1000000',
    grad: false,
    setup() {
      const x = randn(million);
      const mask = x.gt(0);
      return () => x.at(mask);
    },
  },
];
