import { describe, expect, it } from 'vitest';
import {
  Storage, binaryNames, bytesOf, contiguousStrides, isFloat, numel, readElement, typedArray, unaryNames, writeElement,
  type Device, type DType, type Operand, type RequiredKernels,
} from '@flambeau/core'; // prettier-ignore
import { reference } from '@flambeau/backend-reference';
import { open } from '../../conformance/test/webgpu/open.ts';

const gpu = await open();

type LayoutName = 'contiguous' | 'transposed' | 'expanded' | 'reversed' | 'sliced';
const layouts: readonly LayoutName[] = ['contiguous', 'transposed', 'expanded', 'reversed', 'sliced'];

function layoutOf(name: LayoutName, shape: readonly number[]): { strides: readonly number[]; offset: number; length: number } {
  const plain = contiguousStrides(shape);
  const count = numel(shape);
  if (name === 'transposed') return { strides: contiguousStrides([...shape].reverse()).reverse(), offset: 0, length: count };
  if (name === 'expanded') return { strides: plain.map((s, i) => (i === 0 ? 0 : s)), offset: 0, length: count };
  if (name === 'reversed') return { strides: plain.map((s) => -s), offset: Math.max(0, count - 1), length: count };
  if (name === 'sliced') return { strides: plain.map((s) => 2 * s), offset: 1, length: 2 * count + 1 };
  return { strides: plain, offset: 0, length: count };
}

/** The same tensor on the reference backend and on the GPU. */
interface Pair {
  readonly reference: Operand;
  readonly gpu: Operand;
}

function pair(device: Device, dtype: DType, shape: readonly number[], values: readonly number[], layout: LayoutName = 'contiguous'): Pair {
  const { strides, offset, length } = layoutOf(layout, shape);
  const bytes = new Uint8Array(length * bytesOf(dtype));
  const elements = typedArray(dtype, bytes.buffer, 0, length);
  for (let i = 0; i < length; i++) writeElement(dtype, elements, i, values[i % values.length]);
  const on = (target: Device): Operand => {
    const storage = new Storage(target, bytes.byteLength, 'test');
    target.upload(storage, bytes, 0);
    return { storage, dtype, shape, strides, offset, count: numel(shape) };
  };
  return { reference: on(reference), gpu: on(device) };
}

async function stored({ storage, dtype }: Operand): Promise<number[]> {
  const bytes = await storage.device.download(storage, 0, storage.byteLength);
  const length = bytes.byteLength / bytesOf(dtype);
  const elements = typedArray(dtype, bytes.buffer, bytes.byteOffset, length);
  return Array.from({ length }, (_, i) => readElement(dtype, elements, i));
}

/** The whole storages, elements around a strided view included: integers exactly, floats within `relative` of the value. */
async function expectSame(label: string, made: Pair, relative = 0, absolute = 0): Promise<void> {
  const [wanted, got] = [await stored(made.reference), await stored(made.gpu)];
  const wrong: string[] = [];
  wanted.forEach((p, i) => {
    const q = got[i];
    const near = p === q || (Number.isNaN(p) && Number.isNaN(q)) || Math.abs(p - q) <= relative * Math.abs(p) + absolute;
    if (!near) wrong.push(`[${i}] ${p} but ${q}`);
  });
  expect(wrong.slice(0, 5), `${label} (${made.gpu.dtype}, ${wrong.length} of ${wanted.length} differ)`).toEqual([]);
}

const values: Partial<Record<DType, readonly number[]>> = {
  float32: [0.5, -1.25, 3, 0, 2.5, -7.75, 1e-3, -0.625, 10, 0.1, 1, -1, 1.5, -2.5, 20.25, 0.9, NaN, Infinity, -Infinity],
  bool: [1, 0, 1, 1, 0],
  uint8: [3, 2, 7, 0, 1, 255, 100, 5],
  uint32: [3, 2, 7, 0, 1, 2 ** 32 - 1, 100, 5, 2 ** 31, 12, 3e9],
};
const integers = [3, -2, 7, 0, 1, -1, 100, -100, 5, 2, 12, -7];
const valuesOf = (dtype: DType): readonly number[] => values[dtype] ?? integers;
const computed: readonly DType[] = ['float32', 'int32', 'uint32', 'uint8', 'int8', 'int16', 'bool'];
// Where an element lies is found alike for every dtype: one takes all the layouts, and the others a strided one.
const layoutsOf = (dtype: DType): readonly LayoutName[] => (dtype === 'float32' ? ['contiguous', 'transposed', 'sliced'] : ['sliced']);
const flags: readonly string[] = ['isnan', 'isinf', 'logicalNot', 'signbit', 'eq', 'ne', 'lt', 'le', 'gt', 'ge', 'logicalAnd', 'logicalOr', 'logicalXor']; // prettier-ignore
const anyNumber: readonly string[] = ['neg', 'abs', 'sign', 'square', 'relu', 'ceil', 'floor', 'round', 'trunc', ...flags];
const integersOnly: readonly string[] = ['bitwiseNot', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'shiftLeft', 'shiftRight'];
const floatsOnly: readonly string[] = ['div', 'atan2', 'copysign', 'nextafter'];
const dividing: readonly string[] = ['floorDivide', 'truncDivide', 'remainder', 'fmod'];

// Integers are loaded and stored alike for every function, and computed as int32: each function takes one of the small ones.
const small: readonly DType[] = ['uint8', 'int8', 'int16'];
const taken = (name: string): readonly DType[] => {
  const mine = small[[...unaryNames, ...binaryNames].indexOf(name as (typeof unaryNames)[number]) % small.length];
  return computed.filter((d) => d === mine || !small.includes(d));
};

function dtypesOf(name: string, unary: boolean): readonly DType[] {
  if (integersOnly.includes(name)) return taken(name).filter((d) => !isFloat(d));
  if (floatsOnly.includes(name) || (unary && !anyNumber.includes(name))) return ['float32'];
  return taken(name).filter((d) => d !== 'bool' || flags.includes(name));
}

describe.skipIf(gpu === undefined)('the required kernels in WGSL', () => {
  const device = gpu ?? reference;
  const both = (run: (side: 'reference' | 'gpu', kernels: RequiredKernels) => void): void => {
    run('reference', reference.kernels);
    run('gpu', device.kernels);
  };
  const shape = [3, 5];

  for (const name of unaryNames) {
    it(`${name} gives the reference's numbers for every dtype and layout`, async () => {
      for (const dtype of dtypesOf(name, true)) {
        // An element is found alike for every function: three of them take all layouts.
        const ways = ['neg', 'exp', 'isnan'].includes(name) && dtype === 'float32' ? layouts : (['sliced'] as const);
        for (const layout of ways) {
          const x = pair(device, dtype, shape, valuesOf(dtype), layout);
          const out = pair(device, flags.includes(name) ? 'bool' : dtype, shape, [0]);
          both((side, kernels) => kernels.unary(name, x[side], out[side]));
          // WGSL's own functions promise about 1e-5 of the result, and sines 2^-11 of 1.
          await expectSame(`${name} ${layout}`, out, 2e-5, isFloat(dtype) ? (['sin', 'cos', 'tan'].includes(name) ? 5e-4 : 2e-6) : 0);
        }
      }
    });
  }

  // WGSL lets an adapter take NaN for a number: its own exp and log may give one.
  it.each(unaryNames.filter((name) => dtypesOf(name, true).includes('float32')))('%s keeps NaN and infinities', async (name) => {
    const x = pair(device, 'float32', shape, [NaN, Infinity, -Infinity], 'sliced');
    const out = pair(device, flags.includes(name) ? 'bool' : 'float32', shape, [0]);
    both((side, kernels) => kernels.unary(name, x[side], out[side]));
    await expectSame(name, out, 2e-5, 2e-6);
  });

  for (const name of binaryNames) {
    it(`${name} gives the reference's numbers for every dtype and side that is a number`, async () => {
      for (const dtype of dtypesOf(name, false)) {
        // 1.5 / 0.1 rounds up to 15 in float32 and is below it in the reference's float64: not a law.
        const divisors = dividing.includes(name) ? valuesOf(dtype).map((v) => (v === 0 || v === 0.1 ? 3 : v)) : valuesOf(dtype);
        const right = name === 'pow' && !isFloat(dtype) ? [0, 1, 2, 3] : [...divisors].reverse();
        const a = pair(device, dtype, shape, valuesOf(dtype), 'transposed');
        const b = pair(device, dtype, shape, right, 'sliced');
        // In registers every smaller integer is an int32.
        const numbers = ['float32', 'int32', 'uint32', 'bool'].includes(dtype) ? (['left', 'right'] as const) : [];
        for (const sides of ['both', ...numbers] as const) {
          const out = pair(device, flags.includes(name) ? 'bool' : dtype, shape, [0]);
          both((side, kernels) => kernels.binary(name, sides === 'right' ? 3 : a[side], sides === 'left' ? 2 : b[side], out[side]));
          await expectSame(`${name} ${sides}`, out, isFloat(dtype) ? 2e-5 : 0, isFloat(dtype) ? 2e-6 : 0);
        }
      }
    });
  }

  it('elementwise kernels write into strided outputs and over their input', async () => {
    const x = pair(device, 'float32', [4, 6], [1, 2, 3]);
    for (const layout of ['transposed', 'reversed', 'sliced'] as const) {
      const out = pair(device, 'float32', [4, 6], [-5], layout);
      both((side, kernels) => kernels.binary('add', x[side], 10, out[side]));
      await expectSame(layout, out);
    }
    both((side, kernels) => kernels.binary('mul', x[side], x[side], x[side]));
    await expectSame('in place', x);
  });

  it('copy converts between all dtypes and layouts, the 16-bit ones included', async () => {
    const stores: readonly DType[] = [...computed, 'float16', 'bfloat16'];
    for (const from of stores) {
      for (const to of stores) {
        const list = isFloat(from) ? [1.5, 0, 100.25, 0.1, 3] : from === 'bool' ? [1, 0, 1] : [3, 0, 100, 7];
        const x = pair(device, from, shape, list, 'transposed');
        const out = pair(device, to, shape, [1], 'sliced');
        both((side, kernels) => kernels.copy(x[side], out[side]));
        await expectSame(`${from} to ${to}`, out);
      }
    }
  });

  it('copy wraps numbers around in uint32, and takes those above 2^31 as they are', async () => {
    const floats = pair(device, 'float32', [9], [3e9, -1.9, -3e9, 2 ** 32, 2 ** 33 + 4096, 1e20, NaN, Infinity, -Infinity]);
    const unsigned = pair(device, 'uint32', [5], [2 ** 31, 2 ** 32 - 1, 3e9, 5, 0]);
    for (const [x, to, n] of [[floats, 'uint32', 9], [unsigned, 'float32', 5], [unsigned, 'int32', 5], [unsigned, 'int16', 5], [unsigned, 'bool', 5]] as const) {
      const out = pair(device, to, [n], [1]);
      both((side, kernels) => kernels.copy(x[side], out[side]));
      await expectSame(`${x.gpu.dtype} to ${to}`, out);
    }
  }); // prettier-ignore

  it('compares uint32 with numbers that it cannot hold', async () => {
    const x = pair(device, 'uint32', [4], [2 ** 31, 2 ** 32 - 1, 0, 5]);
    for (const name of ['eq', 'ne', 'lt', 'le', 'gt', 'ge'] as const) {
      for (const number of [2 ** 31, 2 ** 32 - 1, 2 ** 32, -1, 1e12]) {
        const [right, left] = [pair(device, 'bool', [4], [0]), pair(device, 'bool', [4], [0])];
        both((side, kernels) => kernels.binary(name, x[side], number, right[side]));
        both((side, kernels) => kernels.binary(name, number, x[side], left[side]));
        await expectSame(`x ${name} ${number}`, right);
        await expectSame(`${number} ${name} x`, left);
      }
    }
  });

  it('copy within one storage reads before it writes', async () => {
    const x = pair(device, 'float32', [8], [1, 2, 3, 4, 5, 6, 7, 8]);
    const part = (whole: Operand, offset: number): Operand => ({ ...whole, shape: [6], strides: [1], offset, count: 6 });
    both((side, kernels) => kernels.copy(part(x[side], 0), part(x[side], 2)));
    await expectSame('shifted', x);
  });

  it('fill, iota and where write every dtype', async () => {
    for (const dtype of computed) {
      const out = pair(device, dtype, shape, [1], 'sliced');
      both((side, kernels) => kernels.fill(out[side], 3));
      await expectSame('fill', out);
      const row = pair(device, dtype, [70], [9]);
      both((side, kernels) => kernels.iota(row[side], 1, dtype === 'uint8' ? 2 : -0.7));
      await expectSame('iota', row);
      const condition = pair(device, 'bool', shape, [1, 0, 0], 'transposed');
      const x = pair(device, dtype, shape, valuesOf(dtype), 'expanded');
      const picked = pair(device, dtype, shape, [0]);
      both((side, kernels) => kernels.where(condition[side], x[side], 1, picked[side]));
      await expectSame('where', picked);
    }
  });

  it('random gives the numbers of Philox', async () => {
    for (const name of ['uniform', 'normal'] as const) {
      const out = pair(device, 'float32', [1001], [0]);
      both((side, kernels) => kernels.random(name, out[side], [123456789, 987654321]));
      await expectSame(name, out, name === 'uniform' ? 0 : 1e-4, name === 'uniform' ? 0 : 2e-3);
    }
  });

  for (const name of ['sum', 'prod', 'max', 'min', 'any', 'all'] as const) {
    it(`reduces by ${name} over every choice of dimensions`, async () => {
      for (const dtype of computed) {
        const list =
          name === 'prod'
            ? [1, 2, 1, 1, 1]
            : name === 'sum' && dtype !== 'uint32'
              ? valuesOf(dtype).filter((v) => Math.abs(v) < 30)
              : valuesOf(dtype);
        const cases = [
          [[3, 5], [0]], [[3, 5], [1]], [[3, 5], [0, 1]], [[2, 3, 4], [0, 2]], [[2, 2100], [1]], [[], []],
        ] as const; // prettier-ignore
        for (const [from, dims] of cases) {
          if (name === 'prod' && numel(from) > 100) continue;
          for (const layout of layoutsOf(dtype)) {
            const x = pair(device, dtype, from, list, layout);
            const shape = (from as readonly number[]).map((n, i) => ((dims as readonly number[]).includes(i) ? 1 : n));
            const out = pair(device, dtype, shape, [0]);
            both((side, kernels) => kernels.reduce(name, x[side], out[side], dims));
            await expectSame(`${layout} [${from.join(', ')}] over [${dims.join(', ')}]`, out, isFloat(dtype) ? 1e-5 : 0, 1e-5);
          }
        }
      }
    });
  }

  it('argReduce, scan and sort agree along each dimension, NaN included', async () => {
    for (const dtype of computed) {
      for (const dim of [0, 1]) {
        for (const layout of layoutsOf(dtype)) {
          const x = pair(device, dtype, [4, 37], valuesOf(dtype), layout);
          for (const name of ['max', 'min'] as const) {
            const found = pair(device, 'int32', dim === 0 ? [1, 37] : [4, 1], [0]);
            both((side, kernels) => kernels.argReduce(name, x[side], found[side], dim));
            await expectSame(`arg${name}`, found);
            const [running, at] = [pair(device, dtype, [4, 37], [0]), pair(device, 'int32', [4, 37], [0])];
            both((side, kernels) => kernels.scan(name, x[side], running[side], at[side], dim));
            await expectSame(`running ${name}`, running);
            await expectSame(`running ${name}, indices`, at);
          }
          for (const descending of [false, true]) {
            const [sorted, order] = [pair(device, dtype, [4, 37], [0]), pair(device, 'int32', [4, 37], [0])];
            both((side, kernels) => kernels.sort(x[side], dim, descending, sorted[side], order[side]));
            await expectSame('sorted', sorted);
            await expectSame(`order, ${descending ? 'descending' : 'ascending'}`, order);
          }
        }
      }
    }
  });

  it('matmul multiplies matrices and batches of any strides', async () => {
    // All layouts where sums lie in registers 8 by 8, 4 by 4 and in batches; empty, thin and long insides in two.
    const two = ['contiguous', 'transposed'] as const;
    const cases = [
      ['float32', [33, 20, 30], [], layouts],
      ['float32', [33, 20, 30], [2, 2], layouts],
      ['float32', [2, 3, 4], [], layouts],
      ['float32', [1, 7, 1], [2, 2], two],
      ['float32', [5, 0, 3], [], two],
      ['float32', [3, 1024, 5], [], two],
      ['float32', [3, 1024, 5], [2, 2], two],
      ['int32', [33, 20, 30], [2, 2], two],
      ['int32', [2, 3, 4], [], ['expanded', 'sliced']],
      ['uint32', [33, 20, 30], [2, 2], two],
      ['uint32', [2, 3, 4], [], ['sliced']],
    ] as const;
    for (const [dtype, [m, k, n], batch, ways] of cases) {
      for (const layout of ways) {
        const a = pair(device, dtype, [...batch, m, k], dtype === 'uint32' ? [1, 2 ** 32 - 2, 3, 2 ** 31] : [1, -2, 3, 4], layout);
        const b = pair(device, dtype, [...batch, k, n], [2, 1, 3, 0, 1], layout);
        const out = pair(device, dtype, [...batch, m, n], [9]);
        both((side, kernels) => kernels.matmul(a[side], b[side], out[side]));
        await expectSame(`${layout} [${batch.join(', ')}] ${m}x${k}x${n}`, out, isFloat(dtype) ? 1e-5 : 0);
      }
    }
  });

  it('gather and scatter follow an index along each dimension', async () => {
    for (const dtype of computed) {
      for (const dim of dtype === 'float32' ? [0, 1, 2] : [1]) {
        const small = valuesOf(dtype).filter((v) => Math.abs(v) < 12);
        const shape = [4, 5, 6].map((n, i) => (i === dim ? 3 : n));
        const index = pair(device, 'int32', shape, [3, 1, 2, 1, 0], 'transposed');
        const x = pair(device, dtype, [4, 5, 6], small, 'sliced');
        const out = pair(device, dtype, shape, [0]);
        both((side, kernels) => kernels.gather(x[side], dim, index[side], out[side]));
        await expectSame('gathered', out);
        for (const how of ['set', 'add', 'prod', 'max', 'min'] as const) {
          const target = pair(device, dtype, [4, 5, 6], small);
          both((side, kernels) => kernels.scatter(how, target[side], dim, index[side], out[side]));
          await expectSame(`scatter ${how}`, target, isFloat(dtype) ? 1e-5 : 0, isFloat(dtype) ? 1e-5 : 0);
        }
      }
    }
  });

  it('fold adds overlapping windows', async () => {
    for (const dtype of ['float32', 'int32', 'uint32'] as const) {
      const x = pair(device, dtype, [2, 8, 5], [1, 2, 3, 4], 'transposed');
      const out = pair(device, dtype, [2, 20], [0]);
      both((side, kernels) => kernels.fold(x[side], out[side], [20, 2, 1], 1));
      await expectSame('windows', out);
    }
  });

  it('an index out of range is named by the next read, and what comes after works', async () => {
    const x = pair(device, 'float32', [4], [1, 2, 3, 4]);
    const out = pair(device, 'float32', [2], [9]);
    device.kernels.gather(x.gpu, 0, pair(device, 'int32', [2], [0, 4]).gpu, out.gpu);
    await expect(device.download(out.gpu.storage, 0, 8)).rejects.toMatchObject({ code: 'INDEX', op: 'gather', received: '4' });
    expect(await stored(x.gpu)).toEqual([1, 2, 3, 4]);
    const zero = pair(device, 'int32', [2], [1, 0]);
    device.kernels.binary('remainder', zero.gpu, zero.gpu, pair(device, 'int32', [2], [0]).gpu);
    await expect(device.synchronize()).rejects.toMatchObject({ code: 'VALUE', op: 'remainder' });
    await device.synchronize();
  });
});
