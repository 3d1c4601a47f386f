import { describe, expect, it } from 'vitest';
import { binaryNames, dtypeNames, isFloat, unaryNames, type BinaryName, type DType, type UnaryName } from '@flambeau/core';
import { reference } from '@flambeau/backend-reference';
import { engines, expectSame, layoutNames, layoutsOf, pair, shapesOf, valuesOf } from './operands.ts';

// What the front functions send to kernels: float functions get floats, comparisons give bool.
const computed = dtypeNames.filter((dtype) => dtype !== 'float16' && dtype !== 'bfloat16');
const flags: readonly string[] = [
  'isnan',
  'isinf',
  'logicalNot',
  'signbit',
  'eq',
  'ne',
  'lt',
  'le',
  'gt',
  'ge',
  'logicalAnd',
  'logicalOr',
  'logicalXor',
];
const anyNumber: readonly string[] = [
  'neg',
  'abs',
  'sign',
  'square',
  'relu',
  'ceil',
  'floor',
  'round',
  'trunc',
  'isnan',
  'isinf',
  'logicalNot',
  'signbit',
];
const integersOnly: readonly string[] = ['bitwiseNot', 'bitwiseAnd', 'bitwiseOr', 'bitwiseXor', 'shiftLeft', 'shiftRight'];
const floatsOnly: readonly string[] = ['div', 'atan2', 'copysign', 'nextafter'];
const dividing: readonly string[] = ['floorDivide', 'truncDivide', 'remainder', 'fmod'];

/** Rounding errors of the vector mathematics, in units of the last place; everything else is exact. */
const ulps: Partial<Record<UnaryName | BinaryName, number>> = {
  exp: 1, exp2: 1, expm1: 3, log: 1, log2: 1, log10: 1, log1p: 3, sin: 2, cos: 2, tan: 1, asin: 1, acos: 1, atan: 1, sinh: 2, cosh: 2, tanh: 3,
  asinh: 2, acosh: 2, atanh: 2, sigmoid: 3, erf: 2, erfc: 2, pow: 1, atan2: 1,
}; // prettier-ignore

function dtypesOf(name: UnaryName | BinaryName, unary: boolean): readonly DType[] {
  if (integersOnly.includes(name)) return computed.filter((dtype) => !isFloat(dtype));
  if (floatsOnly.includes(name) || (unary && !anyNumber.includes(name))) return computed.filter(isFloat);
  // Bools are neither negated nor divided.
  return computed.filter((dtype) => dtype !== 'bool' || !(['neg', 'pow', ...dividing].includes(name) || (unary && !flags.includes(name))));
}

for (const { name: engine, device, missing } of engines) {
  describe.skipIf(missing)(`elementwise kernels on ${engine}`, () => {
    for (const name of unaryNames) {
      it(`${name} gives the reference's numbers for every dtype and layout`, () => {
        for (const dtype of dtypesOf(name, true)) {
          for (const shape of shapesOf(dtype)) {
            for (const layout of layoutsOf(dtype)) {
              const x = pair(device, dtype, shape, valuesOf(dtype), layout);
              const out = pair(device, flags.includes(name) ? 'bool' : dtype, shape, [0]);
              reference.kernels.unary(name, x.reference, out.reference);
              device.kernels.unary(name, x.cpu, out.cpu);
              expectSame(`${name} ${layout} [${shape.join(', ')}]`, out, ulps[name]);
            }
          }
        }
      });
    }

    for (const name of binaryNames) {
      it(`${name} gives the reference's numbers for every dtype, layout and side that is a number`, () => {
        for (const dtype of dtypesOf(name, false)) {
          const list = valuesOf(dtype);
          const divisors = list.map((v) => (v === 0 ? 3 : v));
          const rotated = (dividing.includes(name) && !isFloat(dtype) ? divisors : list).slice(5).concat(list[0] === 0 ? 1 : list[0]);
          const exponents = name === 'pow' && !isFloat(dtype) ? [0, 1, 2, 3, 4] : rotated;
          for (const shape of shapesOf(dtype)) {
            for (const [i, layout] of layoutsOf(dtype).entries()) {
              const a = pair(device, dtype, shape, list, layout);
              const b = pair(device, dtype, shape, exponents, layoutNames[(i + 1) % layoutNames.length]);
              const outDType = flags.includes(name) ? 'bool' : dtype;
              const label = `${name} ${layout} [${shape.join(', ')}]`;
              for (const [left, right] of [
                [a, b],
                [a, 2],
                [3, b],
              ] as const) {
                const out = pair(device, outDType, shape, [0]);
                reference.kernels.binary(
                  name,
                  typeof left === 'number' ? left : left.reference,
                  typeof right === 'number' ? right : right.reference,
                  out.reference,
                );
                device.kernels.binary(
                  name,
                  typeof left === 'number' ? left : left.cpu,
                  typeof right === 'number' ? right : right.cpu,
                  out.cpu,
                );
                expectSame(label, out, ulps[name]);
              }
            }
          }
        }
      });
    }

    it('writes into strided outputs and leaves what lies between alone', () => {
      for (const layout of layoutNames.filter((l) => l !== 'expanded')) {
        const a = pair(device, 'float32', [6, 40], [1, 2, 3, 4, 5, 6, 7]);
        const out = pair(device, 'float32', [6, 40], [-5], layout);
        reference.kernels.binary('add', a.reference, 10, out.reference);
        device.kernels.binary('add', a.cpu, 10, out.cpu);
        expectSame(layout, out);
      }
    });

    it('may write over an input', () => {
      for (const count of [3, 100, 5000]) {
        const x = pair(device, 'float32', [count], [1, 2, 3, 4, 5]);
        reference.kernels.binary('mul', x.reference, x.reference, x.reference);
        device.kernels.binary('mul', x.cpu, x.cpu, x.cpu);
        reference.kernels.unary('neg', x.reference, x.reference);
        device.kernels.unary('neg', x.cpu, x.cpu);
        expectSame(`in place, ${count}`, x);
      }
    });

    it('compares integers with numbers that they cannot hold', () => {
      for (const [dtype, list] of [['int32', [2 ** 31 - 1, -(2 ** 31), 0, 5]], ['uint32', [2 ** 31, 2 ** 32 - 1, 0, 5]]] as const) {
        const x = pair(device, dtype, [4], list);
        for (const name of ['lt', 'eq', 'ge'] as const) {
          for (const number of [2 ** 31, -(2 ** 31) - 1, -1, 2 ** 32, 1e12]) {
            const out = pair(device, 'bool', [4], [0]);
            reference.kernels.binary(name, x.reference, number, out.reference);
            device.kernels.binary(name, x.cpu, number, out.cpu);
            expectSame(`${name} ${number}`, out);
          }
        }
      } // prettier-ignore
    });

    it('refuses an integer division by zero and writes nothing', () => {
      const a = pair(device, 'int32', [4], [1, 2, 3, 4]);
      const b = pair(device, 'int32', [4], [1, 2, 0, 4]);
      const out = pair(device, 'int32', [4], [9]);
      for (const name of ['floorDivide', 'truncDivide', 'remainder', 'fmod'] as const) {
        expect(() => device.kernels.binary(name, a.cpu, b.cpu, out.cpu)).toThrow(
          expect.objectContaining({ code: 'VALUE', op: name }) as Error,
        );
        expect(() => device.kernels.binary(name, a.cpu, 0, out.cpu)).toThrow(expect.objectContaining({ code: 'VALUE' }) as Error);
      }
      expectSame('untouched', out);
      // Nothing is divided in an empty tensor.
      const [none, empty] = [pair(device, 'int32', [0], [1]), pair(device, 'int32', [0], [0])];
      expect(() => device.kernels.binary('remainder', none.cpu, 0, empty.cpu)).not.toThrow();
    });

    it('where picks from both sides, which may be numbers', () => {
      for (const dtype of computed) {
        for (const shape of shapesOf(dtype)) {
          const condition = pair(device, 'bool', shape, [1, 0, 0, 1, 1], 'sliced');
          const a = pair(device, dtype, shape, valuesOf(dtype), 'transposed');
          const b = pair(device, dtype, shape, [...valuesOf(dtype)].reverse(), 'expanded');
          for (const [left, right] of [
            [a, b],
            [a, 1],
            [1, b],
          ] as const) {
            const out = pair(device, dtype, shape, [0]);
            reference.kernels.where(
              condition.reference,
              typeof left === 'number' ? left : left.reference,
              typeof right === 'number' ? right : right.reference,
              out.reference,
            );
            device.kernels.where(
              condition.cpu,
              typeof left === 'number' ? left : left.cpu,
              typeof right === 'number' ? right : right.cpu,
              out.cpu,
            );
            expectSame(`where [${shape.join(', ')}]`, out);
          }
        }
      }
    });
  });
}
