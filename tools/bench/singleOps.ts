import { randint, randn, type Tensor } from '@flambeau/core';
import * as nn from '@flambeau/nn';
import type { Work } from './work.ts';

const F = nn.functional;

/** Work without recording on tensors of normal numbers. */
const plain = (name: string, shapes: readonly (readonly number[])[], run: (...inputs: Tensor[]) => unknown): Work => ({
  name,
  grad: false,
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
): Work => ({
  name,
  setup() {
    const inputs = shapes.map((shape) => randn([...shape]).requiresGrad_());
    const g = randn([...gradient]);
    return () => {
      for (const input of inputs) input.grad = undefined;
      run(...inputs).backward(g);
    };
  },
});

const square = (n: number): Work => plain(`W5 matmul ${n}`, [[n, n], [n, n]], (a, b) => a.matmul(b)); // prettier-ignore
const sized = (name: string, n: number, run: (x: Tensor, y: Tensor) => unknown): Work => plain(`W5 ${name} ${n}`, [[n], [n]], run);

/** Single ops (W5). */
export const singleOps: readonly Work[] = [
  ...[64, 256, 512, 1024].map(square),
  plain('W5 linear 50x1568x10', [[50, 1568], [10, 1568], [10]], (x, w, b) => F.linear(x, w, b)), // prettier-ignore
  plain('W5 matmul 1x1000x1000', [[1, 1000], [1000, 1000]], (a, b) => a.matmul(b)), // prettier-ignore
  ...[10, 1000, 1_000_000].map((n) => sized('add', n, (x, y) => x.add(y))),
  ...(['relu', 'exp', 'tanh', 'log'] as const).map((name) => sized(name, 1_000_000, (x) => (name === 'log' ? x.abs() : x)[name]())),
  sized('sum', 1_000_000, (x) => x.sum()),
  plain('W5 sum dim 0 1000x1000', [[1000, 1000]], (x) => x.sum(0)),
  plain('W5 transposed copy 1000x1000', [[1000, 1000]], (x) => x.t().contiguous()),
  plain('W5 softmax 64x1000', [[64, 1000]], (x) => x.softmax(1)),
  plain('W5 layer norm 1024x256', [[1024, 256], [256], [256]], (x, w, b) => F.layerNorm(x, [256], w, b)), // prettier-ignore
  both('W5 layer norm 1024x256 both', [[1024, 256], [256], [256]], [1024, 256], (x, w, b) => F.layerNorm(x, [256], w, b)), // prettier-ignore
  plain('W5 gelu 1024x256', [[1024, 256]], (x) => F.gelu(x)),
  both('W5 gelu 1024x256 both', [[1024, 256]], [1024, 256], (x) => F.gelu(x)),
  {
    name: 'W5 embedding both',
    setup() {
      const table = randn(10000, 256).requiresGrad_();
      const picks = randint(0, 10000, [8, 128]);
      const g = randn(8, 128, 256);
      return () => {
        table.grad = undefined;
        F.embedding(picks, table).backward(g);
      };
    },
  },
  plain('W5 conv2d forward', [[50, 16, 14, 14], [32, 16, 5, 5], [32]], (x, w, b) => F.conv2d(x, w, b, 1, 2)), // prettier-ignore
  both('W5 conv2d both', [[50, 16, 14, 14], [32, 16, 5, 5]], [50, 32, 14, 14], (x, w) => F.conv2d(x, w, null, 1, 2)), // prettier-ignore
  plain('W5 max pool forward', [[50, 16, 28, 28]], (x) => F.maxPool2d(x, 2)),
  {
    name: 'W5 add 10 recorded',
    setup() {
      const [a, b] = [randn(10).requiresGrad_(), randn(10).requiresGrad_()];
      return () => a.add(b);
    },
  },
];
