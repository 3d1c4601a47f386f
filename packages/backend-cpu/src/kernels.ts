import {
  binaryNames,
  isFloat,
  unaryNames,
  type BinaryName,
  type DType,
  type Operand,
  type RequiredKernels,
  type UnaryName,
} from '@flambeau/core';
import type { Engine } from './engine.ts';

/** The types that kernels compute in: enum Compute of native/convert.h. */
const compute = { float32: 0, float64: 1, int32: 2, int64: 3 };

function computeOf(dtype: DType): number {
  if (dtype === 'float32' || dtype === 'float64' || dtype === 'int64') return compute[dtype];
  if (dtype === 'uint32') return compute.int64;
  return isFloat(dtype) ? compute.float32 : compute.int32;
}

const numbered = <Name extends string>(names: readonly Name[]): Record<Name, number> =>
  Object.fromEntries(names.map((name, i) => [name, i])) as Record<Name, number>;

const unaryIds: Record<UnaryName, number> = numbered(unaryNames);
const binaryIds: Record<BinaryName, number> = numbered(binaryNames);
const reduceIds = { sum: 0, prod: 1, max: 2, min: 3, any: 4, all: 5 };
const scanIds = { sum: 0, prod: 1, max: 2, min: 3 };
const scatterIds = { set: 0, add: 1, prod: 2, max: 3, min: 4 };

const isInt32 = (x: number): boolean => x >= -(2 ** 31) && x < 2 ** 31;

/** The type to compute a binary kernel in: that of the tensor; wider where the number beside an integer tensor is. */
function binaryCompute(a: Operand | number, b: Operand | number): number {
  const type = computeOf(typeof a === 'number' ? (b as Operand).dtype : a.dtype);
  if (type !== compute.int32) return type;
  const number = typeof a === 'number' ? a : typeof b === 'number' ? b : 0;
  return isInt32(number) ? type : compute.int64;
}

/** The required kernels: each writes its operands into the command of the engine and runs it. The C++ side is in native/kernels. */
export function requiredKernels(engine: Engine): RequiredKernels {
  const { command, kernelId } = engine;
  const id = {
    fill: kernelId('fill'), iota: kernelId('iota'), philox: kernelId('philox'), copy: kernelId('copy'), unary: kernelId('unary'),
    binary: kernelId('binary'), where: kernelId('where'), reduce: kernelId('reduce'), argReduce: kernelId('argReduce'), scan: kernelId('scan'),
    matmul: kernelId('matmul'), gather: kernelId('gather'), scatter: kernelId('scatter'), sort: kernelId('sort'), fold: kernelId('fold'),
  }; // prettier-ignore

  /** The dimensions other than `dim`, with the strides of some operands. */
  function others(shape: readonly number[], dim: number, a: Operand, b: Operand, c: Operand | undefined): void {
    command.number(shape.length - 1);
    command.listWithout(shape, dim);
    command.listWithout(a.strides, dim);
    command.listWithout(b.strides, dim);
    if (c !== undefined) command.listWithout(c.strides, dim);
  }

  /** What gather and scatter share: the index's kind, the table's dimension, and the three layouts with the table's stride taken out. */
  function indexing(table: Operand, dim: number, index: Operand, first: readonly number[], third: readonly number[]): void {
    command.flag(index.dtype === 'int64');
    command.number(table.shape[dim]);
    command.number(table.strides[dim]);
    command.shape(index.shape);
    command.list(first);
    command.list(index.strides);
    command.list(third);
  }
  const withoutStride = (x: Operand, dim: number): number[] => x.strides.map((stride, i) => (i === dim ? 0 : stride));

  function unary(name: UnaryName, x: Operand, out: Operand): void {
    command.begin(id.unary);
    // A bool that is inverted is not: ~true would be true.
    command.number(x.dtype === 'bool' && name === 'bitwiseNot' ? unaryIds.logicalNot : unaryIds[name]);
    command.number(computeOf(x.dtype));
    command.operand(out);
    command.operand(x);
    command.shape(out.shape);
    command.list(out.strides);
    command.list(x.strides);
    engine.run(name);
  }

  return {
    fill(out, value) {
      command.begin(id.fill);
      command.operand(out);
      command.number(Number(value));
      if (out.dtype === 'int64') {
        const bits = typeof value === 'bigint' ? value : BigInt(Number.isFinite(value) ? Math.trunc(value) : -(2 ** 63));
        command.number(Number(BigInt.asIntN(32, bits >> 32n)));
        command.number(Number(BigInt.asUintN(32, bits)));
      } else {
        command.number(0);
        command.number(0);
      }
      command.shape(out.shape);
      command.list(out.strides);
      engine.run('fill');
    },

    iota(out, start, step) {
      command.begin(id.iota);
      command.operand(out);
      command.number(out.strides[0] ?? 1);
      command.number(out.count);
      command.number(start);
      command.number(step);
      engine.run('iota');
    },

    random(name, out, key) {
      command.begin(id.philox);
      command.flag(name === 'normal');
      command.address(out);
      command.number(out.count);
      command.number(key[0]);
      command.number(key[1]);
      engine.run('random');
    },

    copy(x, out) {
      command.begin(id.copy);
      command.operand(out);
      command.operand(x);
      command.shape(out.shape);
      command.list(out.strides);
      command.list(x.strides);
      engine.run('copy');
    },

    unary,

    binary(name, a, b, out) {
      // The exponent that everybody writes.
      if (name === 'pow' && b === 2 && typeof a !== 'number') return unary('square', a, out);
      const { shape } = out;
      command.begin(id.binary);
      command.number(binaryIds[name]);
      command.number(binaryCompute(a, b));
      command.operand(out);
      command.operand(a);
      command.operand(b);
      command.shape(shape);
      command.list(out.strides);
      command.strides(a, shape.length);
      command.strides(b, shape.length);
      engine.run(name);
    },

    where(condition, a, b, out) {
      const { shape } = out;
      command.begin(id.where);
      command.number(computeOf(out.dtype));
      command.operand(out);
      command.operand(a);
      command.operand(b);
      command.operand(condition);
      command.shape(shape);
      command.list(out.strides);
      command.strides(a, shape.length);
      command.strides(b, shape.length);
      command.list(condition.strides);
      engine.run('where');
    },

    reduce(name, x, out, dims) {
      const rank = x.shape.length;
      command.begin(id.reduce);
      command.number(reduceIds[name]);
      command.number(computeOf(x.dtype));
      command.operand(out);
      command.operand(x);
      command.number(rank - dims.length);
      if (dims.length < rank) {
        for (let d = 0; d < rank; d++) if (!dims.includes(d)) command.number(x.shape[d]);
        for (let d = 0; d < rank; d++) if (!dims.includes(d)) command.number(out.strides[d]);
        for (let d = 0; d < rank; d++) if (!dims.includes(d)) command.number(x.strides[d]);
      }
      command.number(dims.length);
      for (let i = 0; i < dims.length; i++) command.number(x.shape[dims[i]]);
      for (let i = 0; i < dims.length; i++) command.number(x.strides[dims[i]]);
      engine.run(name);
    },

    argReduce(name, x, out, dim) {
      command.begin(id.argReduce);
      command.flag(name === 'max');
      command.number(computeOf(x.dtype));
      command.address(out);
      command.operand(x);
      command.number(x.shape[dim]);
      command.number(x.strides[dim]);
      others(x.shape, dim, out, x, undefined);
      engine.run(`arg${name}`);
    },

    scan(name, x, out, indices, dim) {
      command.begin(id.scan);
      command.number(scanIds[name]);
      command.operand(out);
      if (indices === undefined) {
        command.number(0);
        command.number(0);
      } else command.operand(indices);
      command.operand(x);
      command.number(x.shape[dim]);
      command.number(out.strides[dim]);
      command.number((indices ?? out).strides[dim]);
      command.number(x.strides[dim]);
      others(x.shape, dim, out, indices ?? out, x);
      engine.run('scan');
    },

    matmul(a, b, out) {
      const rank = out.shape.length;
      const [row, column] = [rank - 2, rank - 1];
      command.begin(id.matmul);
      command.number(out.shape[row]);
      command.number(out.shape[column]);
      command.number(a.shape[column]);
      for (const matrix of [out, a, b]) {
        command.operand(matrix);
        command.number(matrix.strides[row]);
        command.number(matrix.strides[column]);
      }
      command.number(row);
      for (let d = 0; d < row; d++) command.number(out.shape[d]);
      for (const matrix of [out, a, b]) for (let d = 0; d < row; d++) command.number(matrix.strides[d]);
      engine.run('matmul');
    },

    gather(x, dim, index, out) {
      command.begin(id.gather);
      command.dtype(x.dtype);
      command.address(out);
      command.address(index);
      command.address(x);
      indexing(x, dim, index, out.strides, withoutStride(x, dim));
      engine.run('gather');
    },

    scatter(name, target, dim, index, src) {
      command.begin(id.scatter);
      command.number(scatterIds[name]);
      command.dtype(target.dtype);
      command.address(target);
      command.address(index);
      command.address(src);
      indexing(target, dim, index, withoutStride(target, dim), src.strides);
      engine.run('scatter');
    },

    sort(x, dim, descending, values, indices) {
      command.begin(id.sort);
      command.flag(descending);
      command.operand(values);
      command.address(indices);
      command.address(x);
      command.scratch(x.shape[dim] * 24);
      command.number(x.shape[dim]);
      command.number(values.strides[dim]);
      command.number(indices.strides[dim]);
      command.number(x.strides[dim]);
      others(x.shape, dim, values, indices, x);
      engine.run('sort');
    },

    fold(x, out, strides, offset) {
      command.begin(id.fold);
      command.dtype(x.dtype);
      command.address(out, offset);
      command.address(x);
      command.shape(x.shape);
      command.list(strides);
      command.list(x.strides);
      engine.run('fold');
    },
  };
}
