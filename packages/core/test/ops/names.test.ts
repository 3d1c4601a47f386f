import * as f from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import '@flambeau/autograd';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Window {
  readonly length: number;
  readonly periodic: boolean;
  readonly values: readonly number[];
}
interface Fixtures {
  readonly windows: Readonly<Record<'hann' | 'hamming' | 'blackman' | 'bartlett' | 'kaiser', readonly Window[]>>;
  readonly rates: number[];
  readonly poisson: readonly number[];
  readonly trials: readonly (readonly [number, number])[];
  readonly binomial: readonly number[];
  readonly bytes: Readonly<Record<'y' | 'x' | 'cumulative' | 'cumulativeAt', number[][]>> & Readonly<Record<'trapezoid' | 'trapezoidAt' | 'trapezoidStep', number[]>>; // prettier-ignore
  readonly scatter: Readonly<Record<'values' | 'ofX' | 'ofSource', number[][]>>;
}
const fixtures = JSON.parse(readFileSync(new URL('../fixtures/counts.json', import.meta.url), 'utf8')) as Fixtures;

f.setDefaultDevice(reference);

/** Junk, as a program without types may bring it. */
const junk = <T>(value: unknown): T => value as T;
const twenty = <T>(values: readonly T[]): T[] => Array.from({ length: 20 }, () => values).flat();

describe('questions about a tensor', () => {
  const x = f.tensor([[1, 2, 3], [4, 5, 6]]); // prettier-ignore

  it('are answered as PyTorch answers them', () => {
    expect([f.isTensor(x), f.isTensor([1]), f.isTensor(undefined)]).toEqual([true, false, false]);
    expect([x.isFloatingPoint(), x.int().isFloatingPoint(), x.isComplex()]).toEqual([true, false, false]);
    expect([x.isSigned(), x.byte().isSigned(), x.bool().isSigned(), x.char().isSigned()]).toEqual([true, false, false, true]);
    expect([f.tensor([0]).isNonzero(), f.tensor(-2).isNonzero(), f.tensor([NaN]).isNonzero(), f.tensor(true).isNonzero()]).toEqual([false, true, true, true]); // prettier-ignore
    expect([x.isSameSize(f.zeros(2, 3)), x.isSameSize(f.zeros(3, 2))]).toEqual([true, false]);
    expect([x.nelement(), f.numel(x), f.numel([2, 3]), x.ndimension()]).toEqual([6, 6, 6, 2]);
    expect([x.elementSize(), x.half().elementSize(), x.double().elementSize()]).toEqual([4, 2, 8]);
    // Column 1 begins after one element, and its elements lie three apart.
    const column = x.select(1, 1);
    expect([x.stride(), x.stride(0), x.t().stride(-1), column.stride(), column.storageOffset()]).toEqual([[3, 1], 3, 3, [3], 1]);
    expect([x.type(), x.type('int32').dtype, x.typeAs(f.zeros(1, { dtype: 'float64' })).dtype]).toEqual(['float32', 'int32', 'float64']);
    expect(f.getDefaultDtype()).toBe('float32');
  });

  it('refuse what they cannot answer', () => {
    expect(() => x.isNonzero()).toThrow(f.ShapeError);
    expect(() => x.stride(2)).toThrow(f.IndexError);
    expect(() => x.type(junk<'int32'>('torch.FloatTensor'))).toThrow(f.DTypeError);
  });
});

describe('reads and writes by PyTorch’s names', () => {
  it('tolist nests, numpy gives a typed array that is a copy', () => {
    const x = f.tensor([[1, 2], [3, 4]]).t(); // prettier-ignore
    expect(x.tolist()).toEqual([[1, 3], [2, 4]]); // prettier-ignore
    const copy = x.numpy();
    expect(copy).toEqual(new Float32Array([1, 3, 2, 4]));
    copy[0] = 9;
    expect(x.tolist()).toEqual([[1, 3], [2, 4]]); // prettier-ignore
  });

  it('item of a bool tensor is true or false, of any other a number', async () => {
    const yes: boolean = f.tensor([true]).itemSync<boolean>();
    expect([yes, f.tensor([1, 2]).gt(1).all().itemSync(), await f.tensor(false).item<boolean>()]).toEqual([true, false, false]);
    expect([f.tensor(1).itemSync(), await f.tensor(0, { dtype: 'uint8' }).item()]).toEqual([1, 0]);
    // Arithmetic goes on as before: true counts as 1.
    expect(f.tensor([true]).itemSync() + 1).toBe(2);
    // A bool that does not begin at the storage's first byte.
    expect(f.tensor([false, true]).select(0, 1).itemSync()).toBe(true);
  });

  it('apply_ and map_ replace each element', () => {
    const x = f.tensor([[1, 2], [3, 4]]); // prettier-ignore
    expect(x.apply_((v) => v * 10)).toBe(x);
    expect(x.tolist()).toEqual([[10, 20], [30, 40]]); // prettier-ignore
    // The row broadcasts: 10+1, 20+2, 30+1, 40+2
    expect(x.map_(f.tensor([1, 2]), (a, b) => a + b).tolist()).toEqual([[11, 22], [31, 42]]); // prettier-ignore
    expect(() => x.apply_(junk<() => number>(() => 'no'))).toThrow(f.ArgumentError);
    expect(() => x.map_(f.zeros(3, 2, 2), (a) => a)).toThrow(f.ShapeError);
  });

  it('asarray shares or copies as it is told', () => {
    const x = f.tensor([1]);
    expect(f.asarray(x)).toBe(x);
    expect(f.asarray(x, { copy: true })).not.toBe(x);
    expect(f.asarray(new Int32Array([1, 2])).dtype).toBe('int32');
    expect(f.asarray(new Int32Array([1, 2]), { dtype: 'float64' }).dtype).toBe('float64');
    expect(f.asarray([[1, 2]], { requiresGrad: true }).requiresGrad).toBe(true);
    expect(() => f.asarray([1, 2], { copy: false })).toThrow(f.ArgumentError);
    expect(f.fromNumpy(new Float64Array([1, 2])).tolist()).toEqual([1, 2]);
  });

  it('range ends where arange does not', () => {
    expect([f.range(1, 4).tolist(), f.range(1, 2, 0.5).tolist(), f.range({ end: 2 }).tolist()]).toEqual([[1, 2, 3, 4], [1, 1.5, 2], [0, 1, 2]]); // prettier-ignore
    expect(f.range(4, 1, -1.5).tolist()).toEqual([4, 2.5, 1]);
    expect(() => f.range(1, 4, -1)).toThrow(f.ArgumentError);
  });
});

describe('windows', () => {
  const functions = { hann: f.hannWindow, hamming: f.hammingWindow, blackman: f.blackmanWindow, bartlett: f.bartlettWindow, kaiser: f.kaiserWindow }; // prettier-ignore
  for (const name of Object.keys(functions) as (keyof typeof functions)[]) {
    it(`${name} is PyTorch’s, periodic and symmetric`, () => {
      for (const { length, periodic, values } of fixtures.windows[name]) {
        const window = functions[name](length, periodic, { dtype: 'float64' });
        expect(window.shape).toEqual([length]);
        window.dataSync().forEach((v, i) => expect(Number(v)).toBeCloseTo(values[i], 12));
      }
    });
  }

  it('take their own options, and refuse integers', () => {
    // 0.6 - 0.3·cos(2πi/2): the ends are 0.3, the middle 0.9.
    expect(f.hammingWindow(3, false, 0.6, 0.3, { dtype: 'float64' }).mul(10).round().tolist()).toEqual([3, 9, 3]);
    expect(f.kaiserWindow(4, { periodic: false, beta: 0 }).tolist()).toEqual([1, 1, 1, 1]);
    expect(f.hannWindow({ windowLength: 3, requiresGrad: true }).requiresGrad).toBe(true);
    expect(() => f.hannWindow(4, { dtype: 'int32' })).toThrow(f.DTypeError);
    expect(() => f.hannWindow(-1)).toThrow(f.ArgumentError);
  });
});

describe('random counts', () => {
  it('of poisson are PyTorch’s for a seed', () => {
    f.manualSeed(42);
    expect(f.poisson(f.tensor(twenty(fixtures.rates))).tolist()).toEqual(fixtures.poisson);
    expect(() => f.poisson(f.tensor([-1]))).toThrow(f.ValueError);
    expect(() => f.poisson(f.tensor([NaN]))).toThrow(f.ValueError);
    expect(() => f.poisson(f.tensor([1], { dtype: 'int32' }))).toThrow(f.DTypeError);
  });

  it('of binomial are PyTorch’s for a seed', () => {
    const trials = f.tensor(twenty(fixtures.trials));
    f.manualSeed(42);
    expect(f.binomial(trials.select(1, 0), trials.select(1, 1)).tolist()).toEqual(fixtures.binomial);
    expect(() => f.binomial(f.tensor([-1]), f.tensor([0.5]))).toThrow(f.ValueError);
    expect(() => f.binomial(f.tensor([1]), f.tensor([1.5]))).toThrow(f.ValueError);
  });

  it('come from the generator that is given, and seeds can be asked for', () => {
    const draw = (): unknown => f.poisson(f.full([8], 5), { generator: new f.Generator().manualSeed(7) }).tolist();
    expect(draw()).toEqual(draw());
    f.manualSeed(11);
    expect(f.initialSeed()).toBe(11n);
    const drawn = f.seed();
    expect([f.initialSeed(), drawn === 11n]).toEqual([drawn, false]);
  });
});

describe('small integers', () => {
  const { bytes } = fixtures;
  const [y, x] = [bytes.y, bytes.x].map((v) => (): f.Tensor => f.tensor(v, { dtype: 'uint8' }));

  it('wrap around in the trapezoidal rule, as PyTorch’s do', () => {
    expect(f.trapezoid(y()).tolist()).toEqual(bytes.trapezoid);
    expect(f.trapezoid(y(), x()).tolist()).toEqual(bytes.trapezoidAt);
    expect(f.trapezoid(y(), { dx: 2.5, dim: 0 }).tolist()).toEqual(bytes.trapezoidStep);
    expect(f.cumulativeTrapezoid(y()).tolist()).toEqual(bytes.cumulative);
    expect(f.cumulativeTrapezoid(y(), x()).tolist()).toEqual(bytes.cumulativeAt);
  });

  it('of uint8 give uint8 from all and any, and bool from every other dtype', () => {
    expect([y().all().dtype, y().any(1).dtype, y().int().any().dtype, y().float().all(0).dtype]).toEqual([
      'uint8',
      'uint8',
      'bool',
      'bool',
    ]);
    expect(f.tensor([[0, 2], [0, 0]], { dtype: 'uint8' }).any(1).tolist()).toEqual([1, 0]); // prettier-ignore
  });
});

describe('functions of two tensors', () => {
  const x = f.tensor([1, 2]);
  const integers = f.tensor([4, 6], { dtype: 'int32' });
  const names = ['maximum', 'minimum', 'fmax', 'fmin', 'atan2', 'igamma', 'igammac', 'logicalAnd', 'logicalOr', 'logicalXor', 'gcd', 'lcm'] as const; // prettier-ignore

  const functions = new Map(Object.entries(f));

  it.each(names)('%s refuses a number as its second operand, as a function and as a method', (name) => {
    const operand = name === 'gcd' || name === 'lcm' ? integers : x;
    const call = functions.get(name) as (x: f.Tensor, other: f.Tensor) => f.Tensor;
    expect(() => call(operand, junk<f.Tensor>(2))).toThrow(f.ArgumentError);
    expect(() => operand[name](junk<f.Tensor>(2))).toThrow(f.ArgumentError);
    expect(call(operand, operand.newFull([], 2)).shape).toEqual([2]);
  });
});

it('asStridedScatter has the gradients that PyTorch gives it', () => {
  const x = f.tensor([[1, -2, 3], [-4, 5, -6]], { dtype: 'float64', requiresGrad: true }); // prettier-ignore
  const source = f.tensor([[10, 20], [30, 40]], { dtype: 'float64', requiresGrad: true }); // prettier-ignore
  const out = f.asStridedScatter(x, source, [2, 2], [2, 1], 1);
  out.backward(f.tensor([[1, 2, 3], [4, 5, 6]], { dtype: 'float64' })); // prettier-ignore
  const { values, ofX, ofSource } = fixtures.scatter;
  expect([out.tolist(), x.grad?.tolist(), source.grad?.tolist()]).toEqual([values, ofX, ofSource]);
});
