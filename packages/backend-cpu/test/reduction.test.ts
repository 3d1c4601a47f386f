import { describe, it } from 'vitest';
import { dtypeNames, isFloat, type DType, type Device } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { engines, expectSame, layoutsOf, pair, valuesOf, type Pair } from './operands.ts';

const both = (run: (side: 'reference' | 'cpu', kernels: typeof reference.kernels) => void, device: Device): void => {
  run('reference', reference.kernels);
  run('cpu', device.kernels);
};
const computed = dtypeNames.filter((dtype) => dtype !== 'float16' && dtype !== 'bfloat16');
const cases: readonly { shape: readonly number[]; dims: readonly number[] }[] = [
  { shape: [], dims: [] }, { shape: [1], dims: [0] }, { shape: [7], dims: [0] }, { shape: [1500], dims: [0] }, { shape: [3, 5], dims: [0] },
  { shape: [3, 5], dims: [1] }, { shape: [3, 5], dims: [] }, { shape: [3, 5], dims: [0, 1] }, { shape: [40, 33], dims: [0] },
  { shape: [40, 33], dims: [1] }, { shape: [4, 600], dims: [0] }, { shape: [2, 3, 4], dims: [1] }, { shape: [2, 3, 4], dims: [0, 2] },
  { shape: [5, 6, 7, 8], dims: [0, 2] }, { shape: [5, 6, 7, 8], dims: [1, 3] }, { shape: [5, 6, 7, 8], dims: [0, 2, 3] },
]; // prettier-ignore
const empties: readonly { shape: readonly number[]; dims: readonly number[] }[] = [
  { shape: [0], dims: [0] }, { shape: [3, 0], dims: [1] }, { shape: [0, 3], dims: [1] },
]; // prettier-ignore

/** All cases for float32; the paths of the other dtypes differ by their elements only. */
const casesOf = (dtype: DType): typeof cases => (dtype === 'float32' ? cases : cases.filter((_, i) => i % 2 === 0 || i === 9));

const reduced = (shape: readonly number[], dims: readonly number[]): number[] => shape.map((n, i) => (dims.includes(i) ? 1 : n));
/** Values whose sums stay small: what is tested is the order of magnitude of rounding, not of the data. */
const summable = (dtype: DType): readonly number[] => valuesOf(dtype).filter((v) => Number.isFinite(v) && Math.abs(v) < 30);

for (const { name: engine, device, missing } of engines) {
  describe.skipIf(missing)(`reductions, scans, sorting and products on ${engine}`, () => {
    for (const name of ['sum', 'prod', 'max', 'min', 'any', 'all'] as const) {
      it(`${name} over every choice of dimensions, dtype and layout`, () => {
        for (const dtype of computed) {
          for (const { shape, dims } of name === 'max' || name === 'min' ? casesOf(dtype) : [...casesOf(dtype), ...empties]) {
            for (const layout of layoutsOf(dtype)) {
              const values =
                name === 'sum'
                  ? summable(dtype)
                  : name === 'prod'
                    ? [1, 2, -1, 1, dtype === 'float32' ? 0.5 : 1]
                    : valuesOf(dtype).filter((v) => !Number.isNaN(v) && v !== 0);
              const x = pair(device, dtype, shape, dtype === 'uint8' ? values.map(Math.abs) : values, layout);
              const out = pair(device, dtype, reduced(shape, dims), [0]);
              both((side, kernels) => kernels.reduce(name, x[side], out[side], dims), device);
              // Some 1700 terms up to 30, totals up to 6000: float32 for at most 16 terms a lane; in float64 each of 1700 steps rounds by 5e-13.
              const absolute = name === 'sum' && isFloat(dtype) ? (dtype === 'float32' ? 1e-3 : 1e-9) : 0;
              expectSame(`${name} ${layout} [${shape.join(', ')}] over [${dims.join(', ')}]`, out, isFloat(dtype) ? 2 : 0, absolute);
            }
          }
        }
      });
    }

    it('extremes are NaN where there is one', () => {
      for (const dtype of ['float32', 'float64'] as const) {
        for (const count of [3, 20, 100, 700]) {
          for (const at of [0, 1, count - 1, count >> 1]) {
            const values = Array.from({ length: count }, (_, i) => (i === at ? NaN : i % 7));
            const x = pair(device, dtype, [count], values);
            for (const name of ['max', 'min'] as const) {
              const out = pair(device, dtype, [1], [0]);
              both((side, kernels) => kernels.reduce(name, x[side], out[side], [0]), device);
              expectSame(`${name} of ${count}, NaN at ${at}`, out);
            }
          }
        }
      }
    });

    it('argReduce finds the first extreme, NaN included', () => {
      for (const dtype of computed) {
        for (const { shape, dims } of casesOf(dtype).filter((c) => c.dims.length === 1)) {
          for (const layout of layoutsOf(dtype)) {
            for (const values of [valuesOf(dtype), valuesOf(dtype).filter((v) => !Number.isNaN(v))]) {
              const x = pair(device, dtype, shape, values, layout);
              for (const name of ['max', 'min'] as const) {
                const out = pair(device, 'int32', reduced(shape, dims), [0]);
                both((side, kernels) => kernels.argReduce(name, x[side], out[side], dims[0]), device);
                expectSame(`arg${name} ${dtype} ${layout} [${shape.join(', ')}]`, out);
              }
            }
          }
        }
      }
    });

    it('scan runs along each dimension', () => {
      for (const dtype of computed) {
        for (const { shape, dims } of casesOf(dtype).filter((c) => c.dims.length === 1)) {
          for (const layout of layoutsOf(dtype)) {
            for (const name of ['sum', 'prod', 'max', 'min'] as const) {
              const values = name === 'prod' ? [1, 2, -1, 1, 0.5] : name === 'sum' ? summable(dtype) : valuesOf(dtype);
              const x = pair(device, dtype, shape, dtype === 'uint8' ? values.map(Math.abs) : values, layout);
              const out = pair(device, dtype, shape, [0]);
              const indices = name === 'max' || name === 'min' ? pair(device, 'int32', shape, [0]) : undefined;
              both((side, kernels) => kernels.scan(name, x[side], out[side], indices?.[side], dims[0]), device);
              // The sign of a zero that meets another is not part of the law.
              expectSame(`${name} ${layout} [${shape.join(', ')}]`, out, 0, isFloat(dtype) ? Number.MIN_VALUE : 0);
              if (indices !== undefined) expectSame(`${name} indices of ${dtype} ${layout} [${shape.join(', ')}]`, indices);
            }
          }
        }
      }
    });

    it('sort is stable, both ways, with NaN as the largest', () => {
      for (const dtype of computed) {
        for (const { shape, dims } of casesOf(dtype).filter((c) => c.dims.length === 1)) {
          for (const layout of layoutsOf(dtype)) {
            for (const descending of [false, true]) {
              const x = pair(device, dtype, shape, valuesOf(dtype), layout);
              const values = pair(device, dtype, shape, [0]);
              const indices = pair(device, 'int32', shape, [0]);
              both((side, kernels) => kernels.sort(x[side], dims[0], descending, values[side], indices[side]), device);
              expectSame(`sorted ${layout} [${shape.join(', ')}]`, values);
              expectSame(`order of ${dtype} ${layout} [${shape.join(', ')}]`, indices);
            }
          }
        }
      }
    });

    it('matmul multiplies matrices and batches of any strides and dtype', () => {
      const sizes = [
        [2, 3, 4],
        [1, 7, 1],
        [5, 0, 3],
        [33, 20, 300],
        [0, 2, 2],
      ];
      for (const dtype of computed) {
        for (const [m, k, n] of sizes) {
          for (const batch of [[], [3], [2, 2]]) {
            for (const layout of layoutsOf(dtype)) {
              const values = (dtype === 'uint8' ? [1, 2, 3, 0, 4] : [1, -2, 3, 0.5, 4]).map((v) => (isFloat(dtype) ? v : Math.round(v)));
              const a: Pair = pair(device, dtype, [...batch, m, k], values, layout);
              const b = pair(device, dtype, [...batch, k, n], [2, 1, 3, 0], layout);
              const out = pair(device, dtype, [...batch, m, n], [9]);
              both((side, kernels) => kernels.matmul(a[side], b[side], out[side]), device);
              expectSame(`${layout} [${batch.join(', ')}] ${m}x${k}x${n}`, out, 0, isFloat(dtype) ? 1e-30 : 0);
            }
          }
        }
      }
    });
  });
}
