import { describe, expect, it } from 'vitest';
import { dtypeNames, ones, tensor, type DType, type Operand } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { engines, expectSame, layoutNames, layoutsOf, pair, shapesOf, valuesOf, type Pair } from './operands.ts';

const both = (run: (side: 'reference' | 'cpu', kernels: typeof reference.kernels) => void, device: typeof reference): void => {
  run('reference', reference.kernels);
  run('cpu', device.kernels);
};
const computed = dtypeNames.filter((dtype) => dtype !== 'float16' && dtype !== 'bfloat16');

for (const { name: engine, device, missing } of engines) {
  describe.skipIf(missing)(`kernels that make, move and find elements, on ${engine}`, () => {
    for (const from of dtypeNames) {
      it(`copy converts ${from} to every dtype as the reference does`, () => {
        // Floats outside int64 are left to each platform by C, and so are NaNs there; JavaScript's own conversion is tested below.
        const values = valuesOf(from).filter((v) => Number.isFinite(v));
        for (const to of dtypeNames) {
          for (const shape of shapesOf(to)) {
            for (const layout of layoutsOf(from)) {
              const x = pair(device, from, shape, values, layout);
              const out = pair(device, to, shape, [0]);
              both((side, kernels) => kernels.copy(x[side], out[side]), device);
              expectSame(`${from} to ${to}, ${layout} [${shape.join(', ')}]`, out);
            }
          }
        }
      });
    }

    it('copy turns NaN, infinities and large floats into the integers that JavaScript makes of them', () => {
      for (const from of ['float32', 'float64'] as const) {
        for (const to of ['bool', 'uint8', 'int8', 'int16', 'int32', 'uint32', 'float16', 'bfloat16', 'float32'] as const) {
          const x = pair(device, from, [8], [NaN, Infinity, -Infinity, 3e9, -3e9, 1e20, 65520, 2 ** 33 + 7]);
          const out = pair(device, to, [8], [0]);
          both((side, kernels) => kernels.copy(x[side], out[side]), device);
          expectSame(`${from} to ${to}`, out);
        }
      }
    });

    it('copy moves matrices of every element size across all pairs of layouts', () => {
      for (const dtype of ['uint8', 'float16', 'float32', 'float64'] as const) {
        for (const shape of [
          [65, 70],
          [5, 33, 40],
          [3, 2, 20, 34],
        ]) {
          for (const layout of layoutsOf(dtype)) {
            for (const target of layoutNames.filter((l) => l !== 'expanded')) {
              const x = pair(device, dtype, shape, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11], layout);
              const out = pair(device, dtype, shape, [0], target);
              both((side, kernels) => kernels.copy(x[side], out[side]), device);
              expectSame(`${layout} to ${target} [${shape.join(', ')}]`, out);
            }
          }
        }
      }
    });

    it('copy permutes three dimensions', () => {
      const permuted = (x: Operand): Operand => ({ ...x, shape: [20, 34, 5], strides: [1, 100, 20] });
      const x = pair(
        device,
        'float32',
        [34, 5, 20],
        Array.from({ length: 3400 }, (_, i) => i),
      );
      const out = pair(device, 'float32', [20, 34, 5], [0]);
      both((side, kernels) => kernels.copy(permuted(x[side]), out[side]), device);
      expectSame('permuted', out);
    });

    it('fill and iota write every dtype', () => {
      for (const dtype of dtypeNames) {
        for (const layout of layoutNames.filter((l) => l !== 'expanded')) {
          for (const value of [0, 3, dtype === 'int64' ? 2n ** 40n + 1n : 1.5, -1]) {
            if (dtype === 'int64' && !Number.isInteger(Number(value))) continue;
            const out = pair(device, dtype, [3, 50], [7], layout);
            both((side, kernels) => kernels.fill(out[side], value), device);
            expectSame(`fill ${value} ${layout}`, out);
          }
        }
        for (const [start, step] of [
          [0, 1],
          [5, -0.3],
          [0.1, 0.7],
        ]) {
          const out = pair(device, dtype, [700], [7]);
          both((side, kernels) => kernels.iota(out[side], start, step), device);
          expectSame(`iota ${start} ${step}`, out);
        }
      }
    });

    it('random gives the numbers of Philox', () => {
      for (const [name, ulps] of [
        ['uniform', 0],
        ['normal', 1],
      ] as const) {
        const out = pair(device, 'float32', [1001], [0]);
        both((side, kernels) => kernels.random(name, out[side], [123456789, 987654321]), device);
        expectSame(name, out, ulps, ulps * 1e-15);
      }
    });

    const indexed = (dtype: DType): { x: Pair; index: (width: 'int32' | 'int64', shape: number[], values: number[]) => Pair } => ({
      x: pair(device, dtype, [4, 5, 6], valuesOf(dtype), 'sliced'),
      index: (width, shape, values) => pair(device, width, shape, values, 'transposed'),
    });

    it('gather finds elements along each dimension', () => {
      for (const dtype of dtypeNames) {
        for (const width of ['int32', 'int64'] as const) {
          for (const dim of [0, 1, 2]) {
            const { x, index } = indexed(dtype);
            const shape = [4, 5, 6].map((n, i) => (i === dim ? 9 : n));
            const at = index(width, shape, [3, 0, 2, 1]);
            const out = pair(device, dtype, shape, [0]);
            both((side, kernels) => kernels.gather(x[side], dim, at[side], out[side]), device);
            expectSame(`dim ${dim}`, out);
          }
        }
      }
    });

    it('gather and scatter take whole rows by an expanded index', () => {
      const x = pair(device, 'float32', [7, 30], [1, 2, 3, 4, 5]);
      const index = pair(device, 'int32', [4], [6, 0, 3, 3]);
      const rows = (i: Operand): Operand => ({ ...i, shape: [4, 30], strides: [1, 0], count: 120 });
      const out = pair(device, 'float32', [4, 30], [0]);
      both((side, kernels) => kernels.gather(x[side], 0, rows(index[side]), out[side]), device);
      expectSame('rows', out);
      both((side, kernels) => kernels.scatter('add', x[side], 0, rows(index[side]), out[side]), device);
      expectSame('added', x);
    });

    for (const how of ['set', 'add', 'prod', 'max', 'min'] as const) {
      it(`scatter ${how} places elements along each dimension`, () => {
        for (const dtype of computed) {
          for (const dim of [0, 1, 2]) {
            const finite = valuesOf(dtype).filter((v) => Math.abs(v) < 50 && Math.abs(v) >= 0.01);
            const target = pair(device, dtype, [4, 5, 6], finite);
            const shape = [4, 5, 6].map((n, i) => (i === dim ? 3 : n));
            const index = pair(device, 'int32', shape, [3, 1, 2, 1, 0], 'transposed');
            const source = pair(device, dtype, shape, [...finite].reverse(), 'reversed');
            both((side, kernels) => kernels.scatter(how, target[side], dim, index[side], source[side]), device);
            // The reference adds in float64 and rounds once: a handful of terms near 40.
            expectSame(
              `dim ${dim}`,
              target,
              how === 'prod' ? 4 : 0,
              how === 'add' && dtype === 'float32' ? 2e-5 : how === 'add' ? 1e-13 : 0,
            );
          }
        }
      });
    }

    it('an index out of range is named, and nothing is written', () => {
      const x = pair(device, 'float32', [4], [1, 2, 3, 4]);
      const out = pair(device, 'float32', [2], [9]);
      for (const wrong of [4, -1]) {
        const index = pair(device, 'int64', [2], [0, wrong]);
        expect(() => device.kernels.gather(x.cpu, 0, index.cpu, out.cpu)).toThrow(
          expect.objectContaining({ code: 'INDEX', received: String(wrong) }) as Error,
        );
        expect(() => device.kernels.scatter('set', x.cpu, 0, index.cpu, out.cpu)).toThrow(
          expect.objectContaining({ code: 'INDEX' }) as Error,
        );
      }
      expectSame('untouched target', x);
      expectSame('untouched output', out);
    });

    it('a row out of range is named wherever it stands in the index, the first of several', () => {
      const table = ones(5, 3, { device });
      for (const dtype of ['int32', 'int64'] as const) {
        for (const at of [0, 1, 17, 39]) {
          for (const wrong of [-1, 5, 2 ** 31 - 1, -(2 ** 31)]) {
            const picks = Array.from({ length: 40 }, (_, i) => (i === at ? wrong : i < at ? i % 5 : -7));
            const index = tensor(picks, { dtype, device });
            expect(() => table.indexSelect(0, index)).toThrow(expect.objectContaining({ code: 'INDEX', received: String(wrong) }) as Error);
          }
        }
      }
    });

    it('fold adds overlapping windows', () => {
      for (const dtype of computed) {
        // 8 windows of 5 with step 2 over 19 elements, in two rows.
        const x = pair(device, dtype, [2, 8, 5], [1, 2, 3, 4], 'transposed');
        const out = pair(device, dtype, [2, 20], [0]);
        both((side, kernels) => kernels.fold(x[side], out[side], [20, 2, 1], 1), device);
        expectSame('windows', out);
      }
    });
  });
}
