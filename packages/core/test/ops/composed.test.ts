import * as f from '@flambeau/core';
import '@flambeau/autograd';
import { enableGrad, grad, gradcheck } from '@flambeau/autograd';
import { reference } from '@flambeau/backend-reference';
import { beforeAll, describe, expect, it } from 'vitest';

beforeAll(() => f.setDefaultDevice(reference));

const doubles = (values: f.NestedArray): f.Tensor => f.tensor(values, { dtype: 'float64' }).requiresGrad_();
const numbers = (x: f.Tensor): number[] => Array.from(x.dataSync(), Number);
/** The gradient of the gradient is checked by differences too. */
const twice = (g: (x: f.Tensor) => f.Tensor, x: f.Tensor): boolean =>
  gradcheck(
    (t) =>
      enableGrad(() => {
        const leaf = t.requiresGrad ? t : t.detach().requiresGrad_();
        return grad(g(leaf).sum(), [leaf], { createGraph: true })[0] as f.Tensor;
      }),
    [x],
  );

describe('the gamma family', () => {
  it('knows factorials, halves and poles', () => {
    // Γ(5) = 24, Γ(1/2) = √π, Γ(-1/2) = -2√π
    const [four, half, below, pole] = numbers(doubles([5, 0.5, -0.5, -1]).lgamma());
    expect(four).toBeCloseTo(Math.log(24), 12);
    expect(half).toBeCloseTo(0.5 * Math.log(Math.PI), 12);
    expect(below).toBeCloseTo(Math.log(2 * Math.sqrt(Math.PI)), 12);
    expect(pole).toBe(Infinity);
  });

  it('follows ψ(1) = -γ, ψ(x + 1) = ψ(x) + 1/x, ψ₁(1) = π²/6 and ψ₂(1) = -2ζ(3)', () => {
    expect(f.digamma(f.tensor(1, { dtype: 'float64' })).itemSync()).toBeCloseTo(-0.5772156649015329, 12);
    const x = doubles([-1.3, 0.2, 7]);
    const step = numbers(f.digamma(x.add(1)).sub(f.digamma(x)).sub(x.reciprocal()));
    step.forEach((rest) => expect(rest).toBeCloseTo(0, 11));
    const one = f.tensor(1, { dtype: 'float64' });
    expect(f.polygamma(1, one).itemSync()).toBeCloseTo(Math.PI ** 2 / 6, 11);
    expect(one.polygamma(2).itemSync()).toBeCloseTo(-2 * 1.2020569031595942, 11);
    // ψ₁(-1/2) = π²/2 + 4
    expect(f.polygamma(1, f.tensor(-0.5, { dtype: 'float64' })).itemSync()).toBeCloseTo(Math.PI ** 2 / 2 + 4, 11);
  });

  it('splits the unit between P and Q', () => {
    // P(1, x) = 1 - e^-x
    const [a, x] = [doubles([1, 1, 30]).detach(), doubles([0.5, 3, 25])];
    expect(numbers(f.igamma(a, x))[1]).toBeCloseTo(1 - Math.exp(-3), 12);
    numbers(f.igamma(a, x).add(f.igammac(a, x))).forEach((sum) => expect(sum).toBeCloseTo(1, 12));
    expect(gradcheck((t) => f.igamma(a, t), [x])).toBe(true);
    const both = f.igamma(doubles([1]), doubles([2])).sum();
    expect(() => both.backward()).toThrow(f.NotSupportedError);
  });

  it.each([
    ['lgamma', (x: f.Tensor) => x.lgamma()],
    ['digamma', (x: f.Tensor) => x.digamma()],
    ['polygamma', (x: f.Tensor) => f.polygamma(2, x)],
    ['mvlgamma', (x: f.Tensor) => x.square().add(3).mvlgamma(2)],
    ['i0', (x: f.Tensor) => x.i0()],
    ['sinc', (x: f.Tensor) => x.sinc()],
    ['logit', (x: f.Tensor) => x.sigmoid().logit()],
    ['erfinv', (x: f.Tensor) => x.tanh().erfinv()],
    ['logcumsumexp', (x: f.Tensor) => x.logcumsumexp(0)],
  ])('differentiates %s twice', (_, g) => {
    expect(gradcheck(g, [doubles([0.4, -1.3, 2.5])])).toBe(true);
    expect(twice(g, doubles([0.4, -0.8]))).toBe(true);
  });

  it('inverts erf, up to its infinities', () => {
    const x = doubles([-0.999999, -0.3, 1e-9, 0.7]);
    numbers(x.erfinv().erf().sub(x)).forEach((rest) => expect(rest).toBeCloseTo(0, 14));
    expect(numbers(f.tensor([1, -1, 1.5]).erfinv())).toEqual([Infinity, -Infinity, NaN]);
  });
});

describe('two operands', () => {
  it('keeps the corners of xlogy, hypot, logaddexp and heaviside', () => {
    expect(numbers(f.xlogy(f.tensor([0, 0, 2]), f.tensor([0, Infinity, 1])))).toEqual([0, 0, 0]);
    expect(numbers(f.hypot(f.tensor([3e38, Infinity, 0]), f.tensor([0, NaN, 0])))).toEqual([Math.fround(3e38), Infinity, 0]);
    expect(numbers(f.logaddexp(f.tensor([-Infinity, 1000]), f.tensor([-Infinity, 1000])))).toEqual([
      -Infinity,
      Math.fround(1000 + Math.LN2),
    ]);
    expect(numbers(f.heaviside(f.tensor([-1, 0, 2]), f.tensor([0.5])))).toEqual([0, 0.5, 1]);
    expect(numbers(f.fmax(f.tensor([NaN, 1]), f.tensor([2, NaN])))).toEqual([2, 1]);
  });

  it('takes floats apart', () => {
    const { mantissa, exponent } = f.frexp(f.tensor([8, -0.3, 0, 2 ** -149]));
    // 8 = 0.5·2⁴, -0.3 = -0.6·2⁻¹, the smallest float is 0.5·2⁻¹⁴⁸
    expect(numbers(mantissa)).toEqual([0.5, Math.fround(-0.6), 0, 0.5]);
    expect(numbers(exponent)).toEqual([4, -1, 0, -148]);
  });

  it('finds common divisors and multiples', () => {
    const [a, b] = [f.tensor([12, -18, 0], { dtype: 'int32' }), f.tensor([8, 12, 5], { dtype: 'int32' })];
    expect(numbers(a.gcd(b))).toEqual([4, 6, 5]);
    expect(numbers(a.lcm(b))).toEqual([24, 36, 0]);
    expect(() => f.gcd(f.tensor([1]), f.tensor([1]))).toThrow(f.DTypeError);
  });
});

describe('norms and products', () => {
  it('gives a zero norm the gradient zero', () => {
    const x = f.zeros(3).requiresGrad_();
    x.norm().backward();
    expect(numbers(x.grad as f.Tensor)).toEqual([0, 0, 0]);
  });

  it('adds singular values in the nuclear norm', () => {
    // singular values 3 and 1, then also a singular matrix
    expect(f.tensor([[2, 1], [1, 2]]).norm('nuc').itemSync()).toBeCloseTo(4, 5); // prettier-ignore
    expect(f.tensor([[1, 1], [1, 1]]).norm('nuc').itemSync()).toBeCloseTo(2, 5); // prettier-ignore
    expect(gradcheck((t) => t.norm('nuc'), [doubles([[2, 1, 0], [0.5, -1, 1]])])).toBe(true); // prettier-ignore
  });

  it.each([0.5, 1, 1.5, 2, 3, Infinity])('differentiates the norm of order %d, and distances by it', (p) => {
    expect(gradcheck((t) => t.norm(p, 1), [doubles([[1, -2, 0.5], [3, 0.1, -1]])])).toBe(true); // prettier-ignore
    expect(gradcheck((a, b) => f.cdist(a, b, p), [doubles([[1, 2], [0, 1]]), doubles([[3, -1]])])).toBe(true); // prettier-ignore
  });

  it('exponentiates a nilpotent matrix in two terms, and differentiates it', () => {
    expect(f.matrixExp(f.tensor([[0, 3], [0, 0]])).toArraySync()).toEqual([[1, 3], [0, 1]]); // prettier-ignore
    expect(gradcheck(f.matrixExp, [doubles([[0.3, 2], [-1, 0.5]])])).toBe(true); // prettier-ignore
    // Each of a batch by its own norm: diagonal matrices, whose exponentials are known.
    const batch = f.matrixExp(doubles([[[1e-3, 0], [0, -1e-3]], [[20, 0], [0, -20]], [[-1000, 0], [0, 0]]])); // prettier-ignore
    const expected = [[1e-3, -1e-3], [20, -20], [-1000, 0]].map(([a, b]) => [[Math.exp(a), 0], [0, Math.exp(b)]]); // prettier-ignore
    expect(batch.sub(doubles(expected)).abs().div(doubles(expected).add(1e-12)).amax().itemSync()).toBeLessThan(1e-11);
  });

  it('contracts dimensions, and multiplies in blocks', () => {
    const x = f.arange(6).reshape(2, 3);
    expect(f.tensordot(x, x, [[0, 1], [0, 1]]).itemSync()).toBe(55); // prettier-ignore
    expect(f.kron(f.eye(2), f.tensor([[1, 2]])).toArraySync()).toEqual([[1, 2, 0, 0], [0, 0, 1, 2]]); // prettier-ignore
    expect(f.cross(f.tensor([1, 0, 0]), f.tensor([0, 1, 0])).toArraySync()).toEqual([0, 0, 1]);
    expect(() => f.dot(f.tensor([1]), f.tensor([1]).double())).toThrow(f.DTypeError);
  });
});

describe('shapes', () => {
  it('cuts into parts', () => {
    const sizes = (parts: f.Tensor[]): number[] => parts.map((part) => part.shape[0]);
    expect(sizes(f.tensorSplit(f.arange(7), 3))).toEqual([3, 2, 2]);
    expect(sizes(f.tensorSplit(f.arange(7), [2, -1]))).toEqual([2, 4, 1]);
    expect(() => f.hsplit(f.arange(7), 2)).toThrow(f.ShapeError);
  });

  it('lays grids in both orders', () => {
    const [x, y] = [f.arange(2), f.arange(3)];
    expect(f.meshgrid(x, y)[0].shape).toEqual([2, 3]);
    expect(f.meshgrid(x, y, { indexing: 'xy' }).map((g) => g.toArraySync())).toEqual([
      [[0, 1], [0, 1], [0, 1]],
      [[0, 0], [1, 1], [2, 2]],
    ]); // prettier-ignore
    expect(f.broadcastShapes([3, 1], [2])).toEqual([3, 2]);
  });

  it('turns, embeds and replaces', () => {
    const x = f.tensor([[1, 2], [3, 4]]); // prettier-ignore
    expect(f.rot90(x).toArraySync()).toEqual([[2, 4], [1, 3]]); // prettier-ignore
    expect(f.rot90(x, -1).toArraySync()).toEqual([[3, 1], [4, 2]]); // prettier-ignore
    expect(f.diagEmbed(f.tensor([5, 6]), { offset: -1 }).toArraySync()).toEqual([[0, 0, 0], [5, 0, 0], [0, 6, 0]]); // prettier-ignore
    expect(f.diagonalScatter(x, f.tensor([8, 9])).toArraySync()).toEqual([[8, 2], [3, 9]]); // prettier-ignore
    expect(f.tril(x).toArraySync()).toEqual([[1, 0], [3, 4]]); // prettier-ignore
    expect(f.trilIndices(2, 2).toArraySync()).toEqual([[0, 1, 1], [0, 0, 1]]); // prettier-ignore
    expect(gradcheck((a, b) => f.selectScatter(a, b, 0, 1), [doubles([[1, 2], [3, 4]]), doubles([5, 6])])).toBe(true); // prettier-ignore
  });

  it('integrates and differentiates samples', () => {
    // y = x² at 0, 1, 3: (0+1)/2·1 + (1+9)/2·2 = 10.5
    const [y, x] = [f.tensor([0, 1, 9]), f.tensor([0, 1, 3])];
    expect(f.trapezoid(y, x).itemSync()).toBe(10.5);
    expect(f.cumulativeTrapezoid(y, x).toArraySync()).toEqual([0.5, 10.5]);
    expect(f.diff(y, 2).toArraySync()).toEqual([7]);
    // exact for a parabola also at the edges: 2x
    expect(f.gradient(y, { spacing: [x], edgeOrder: 2 })[0].toArraySync()).toEqual([0, 2, 6]);
  });
});
