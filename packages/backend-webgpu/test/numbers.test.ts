import { tensor, type DType, type Tensor } from '@flambeau/core';
import type { WebGpuDevice } from '@flambeau/backend-webgpu';
import { describe, expect, it } from 'vitest';
import { open } from '../../conformance/test/webgpu/open.ts';

const gpu = await open();

const on = (values: ArrayLike<number>, dtype: DType = 'float32'): Tensor => tensor(Array.from(values), { dtype, device: gpu as WebGpuDevice }); // prettier-ignore
const read = async (x: Tensor): Promise<number[]> => Array.from(await x.data(), Number);

describe.skipIf(gpu === undefined)('numbers on the GPU', () => {
  it('floats beyond the range of an integer wrap, and what is no number becomes 0', async () => {
    const floats = [2147483520, -2147483648, 2147483648, 3e9, -3e9, 1e10, 1e30, Infinity, -Infinity, NaN].map(Math.fround);
    expect(await read(on(floats).to('int32'))).toEqual(floats.map((v) => v | 0));
    expect(await read(on(floats).to('uint32'))).toEqual(floats.map((v) => v >>> 0));
    expect(await read(on(floats).to('int16'))).toEqual([...Int16Array.from(floats)]);
    expect(await read(on(floats).to('uint8'))).toEqual([...Uint8Array.from(floats)]);
  });

  it('a row with an infinity has no softmax', async () => {
    // exp(∞ - ∞) is NaN, and so is what it is part of; an infinity below takes nothing.
    const rows = on([1, Infinity, 2, -Infinity, 0, 0, -Infinity, -Infinity, -Infinity]).reshape(3, 3);
    const want = [NaN, NaN, NaN, 0, 0.5, 0.5, NaN, NaN, NaN];
    expect(await read(rows.softmax(1))).toEqual(want);
    expect((await read(rows.logSoftmax(1))).map(Number.isNaN)).toEqual(want.map(Number.isNaN));
  });

  it('remainders are exact, however large the quotient', async () => {
    const a = [1e9, 1022338240, 740194560, -293498592, 123456.7, 3e38, 1e6, -1e6, 5, -5, -0, 7.5, 1e-40].map(Math.fround);
    const b = [3, 3, 0.7, 0.7, 0.001, 1e-3, 2 * Math.PI, 0.3, Infinity, 3, 3, -2, 3e-41].map(Math.fround);
    const truncated = a.map((v, i) => v % b[i]);
    expect(await read(on(a).fmod(on(b)))).toEqual(truncated);
    const floored = truncated.map((r, i) => (r !== 0 && r < 0 !== b[i] < 0 ? Math.fround(r + b[i]) : r));
    // Adapters may take numbers below 1e-38 for 0 where they add.
    expect((await read(on(a).remainder(on(b)))).slice(0, -1)).toEqual(floored.slice(0, -1));
    // 653168.5625 / 2π is 103954.99...
    expect(await read(on([-653168.5625, 172977.703125]).floorDivide(on([2 * Math.PI, 0.7])))).toEqual([-103956, 247111]);
    expect(await read(on([0, -0, 0, -0]).floorDivide(on([1, 1, -1, -1])))).toEqual([0, -0, -0, 0]);
  });

  /** The largest relative error of a function of float32 numbers, beside JavaScript's in float64. */
  async function errorOf(run: (x: Tensor) => Tensor, exact: (x: number) => number, values: readonly number[]): Promise<number> {
    const given = values.map(Math.fround);
    const got = await read(run(on(given)));
    return Math.max(...given.map((v, i) => Math.abs(got[i] - exact(v)) / Math.abs(exact(v))));
  }

  it('sines and cosines hold for every argument', async () => {
    // Beside multiples of π/2, as far as float32 goes, and in between.
    const large = Array.from({ length: 2000 }, (_, i) => (i % 2 === 0 ? -1 : 1) * 2 ** (9 + (i % 118) + ((i * 0.618) % 1)));
    const beside = Array.from({ length: 2000 }, (_, k) => ((k + 1) * 1013 * Math.PI) / 2);
    for (const values of [large, beside]) {
      expect(await errorOf((x) => x.sin(), Math.sin, values)).toBeLessThan(5e-7);
      expect(await errorOf((x) => x.cos(), Math.cos, values)).toBeLessThan(5e-7);
      expect(await errorOf((x) => x.tan(), Math.tan, values)).toBeLessThan(1e-6);
    }
  });

  it('logarithms and inverse hyperbolic functions keep their digits where they are small', async () => {
    const small = Array.from({ length: 400 }, (_, i) => (i % 2 === 0 ? -1 : 1) * 2 ** (-30 + (i * 29) / 400));
    const beside1 = small.map((v) => 1 + v / 2);
    expect(await errorOf((x) => x.log1p(), Math.log1p, small)).toBeLessThan(1e-6);
    expect(await errorOf((x) => x.asinh(), Math.asinh, small)).toBeLessThan(1e-6);
    expect(await errorOf((x) => x.atanh(), Math.atanh, small)).toBeLessThan(1e-6);
    for (const [name, exact] of [['log', Math.log], ['log2', Math.log2], ['log10', Math.log10]] as const) // prettier-ignore
      expect(await errorOf((x) => x[name](), exact, [...beside1.filter((v) => Math.fround(v) !== 1), 1e-30, 1e30, 0.5, 3])).toBeLessThan(1e-6); // prettier-ignore
    expect(
      await errorOf(
        (x) => x.acosh(),
        Math.acosh,
        beside1.filter((v) => Math.fround(v) > 1),
      ),
    ).toBeLessThan(1e-6);
  });

  it('powers hold for large and broken exponents', async () => {
    for (const exponent of [2.5, -20.5, 0.3, 1000, 1e6]) {
      const b = Math.fround(exponent);
      const values = Array.from({ length: 200 }, (_, i) => 2 ** (((i - 100) * 0.3) / b));
      expect(
        await errorOf(
          (x) => x.pow(b),
          (v) => v ** b,
          values,
        ),
      ).toBeLessThan(2e-6);
    }
    expect(await read(on([-0, -0, -0, 0, 3, 2]).pow(on([-1, 3, 2, -1, 10, 24])))).toEqual([-Infinity, -0, 0, Infinity, 59049, 2 ** 24]);
  });

  it('odd functions keep the sign of zero', async () => {
    for (const name of ['sin', 'tan', 'atan', 'sinh', 'tanh', 'asinh', 'atanh', 'log1p'] as const)
      expect(await read(on([-0])[name]()), name).toEqual([-0]);
  });
});
