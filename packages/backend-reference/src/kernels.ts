import {
  IndexError,
  bytesOf,
  isFloat,
  normalsFromBits,
  philox,
  showShape,
  uniformFromBits,
  type Operand,
  type RequiredKernels,
} from '@flambeau/core';
import { bytesOfOperand, elementsOf, lanes, load, loadExact, positions, store, storeExact } from './elements.ts';
import {
  exactPairs,
  exactUnary,
  loadIntegers,
  matmulExactly,
  needsExact,
  reduceExactly,
  scanExactly,
  scatterExactly,
  sortExactly,
  storeIntegers,
} from './exact.ts';
import { binary, unary } from './scalar.ts';

/** One side of a binary kernel as values of row-major order. */
const side = (x: Operand | number, count: number): Float64Array => (typeof x === 'number' ? new Float64Array(count).fill(x) : load(x));

/** Float32 operands see a number as they would see a float32 tensor of it. */
const asDType = (x: Operand | number, other: Operand | number): Operand | number =>
  typeof x === 'number' && typeof other !== 'number' && other.dtype === 'float32' ? Math.fround(x) : x;

function reduceLane(name: 'sum' | 'prod' | 'max' | 'min' | 'any' | 'all', a: number, b: number): number {
  switch (name) {
    case 'sum':
      return a + b;
    case 'prod':
      return a * b;
    case 'max':
      return binary.maximum(a, b);
    case 'min':
      return binary.minimum(a, b);
    case 'any':
      return a !== 0 || b !== 0 ? 1 : 0;
    case 'all':
      return a !== 0 && b !== 0 ? 1 : 0;
    default:
      return name satisfies never;
  }
}
const identity = { sum: 0, prod: 1, max: -Infinity, min: Infinity, any: 0, all: 1 };

/** Where each element of a gather or scatter finds its partner: the index's own place, with `dim` replaced by the index. */
function indexed(op: string, table: Operand, dim: number, index: Operand): Int32Array {
  const picks = load(index);
  const limit = table.shape[dim];
  const strides = table.strides.map((s, i) => (i === dim ? 0 : s));
  const at = positions({ shape: index.shape, strides, offset: table.offset, count: index.count });
  for (let i = 0; i < at.length; i++) {
    const pick = picks[i];
    if (pick < 0 || pick >= limit) {
      throw new IndexError({
        op,
        expected: `indices in [0, ${limit - 1}] for dimension ${dim} of ${showShape(table.shape)}`,
        received: String(pick),
      });
    }
    at[i] += pick * table.strides[dim];
  }
  return at;
}

/** Orders numbers with NaN as the largest. */
const compare = (a: number, b: number): number => (Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b);

/** The required kernels in plain TypeScript, accumulating in float64: what every other backend is checked against. */
export const kernels: RequiredKernels = {
  fill(out, value) {
    if (out.dtype === 'int64')
      storeExact(
        out,
        Array.from({ length: out.count }, () => BigInt(value)),
      );
    else store(out, new Float64Array(out.count).fill(Number(value)));
  },

  iota(out, start, step) {
    store(
      out,
      Float64Array.from({ length: out.count }, (_, i) => start + i * step),
    );
  },

  random(name, out, key) {
    const values = new Float64Array(out.count);
    for (let i = 0; i < values.length; i += 4) {
      const words = philox(i / 4, key);
      const made =
        name === 'uniform' ? words.map(uniformFromBits) : [...normalsFromBits(words[0], words[1]), ...normalsFromBits(words[2], words[3])];
      for (let j = 0; j < 4 && i + j < values.length; j++) values[i + j] = made[j];
    }
    store(out, values);
  },

  copy(x, out) {
    if (x.dtype === 'int64' && out.dtype === 'int64') storeExact(out, loadExact(x));
    else if (x.dtype === out.dtype) {
      const [source, target, from, to] = [elementsOf(x), elementsOf(out), positions(x), positions(out)];
      const values = Array.from(from, (at) => source[at]);
      for (let i = 0; i < to.length; i++) target[to[i]] = values[i];
    } else if (x.dtype === 'int64' && !isFloat(out.dtype)) storeIntegers(out, loadIntegers(x));
    else store(out, load(x));
  },

  unary(name, x, out) {
    const exact = exactUnary[name];
    if (exact !== undefined && needsExact(x, name === 'square')) {
      storeIntegers(out, loadIntegers(x).map(exact));
      return;
    }
    const values = load(x);
    const f: (v: number) => number = x.dtype === 'bool' && name === 'bitwiseNot' ? unary.logicalNot : unary[name];
    for (let i = 0; i < values.length; i++) values[i] = f(values[i]);
    store(out, values);
  },

  binary(name, a, b, out) {
    const operand = typeof a === 'number' ? b : a;
    const dtype = typeof operand === 'number' ? 'float64' : operand.dtype;
    const exact = exactPairs[name];
    const integral = [a, b].every((x) => typeof x !== 'number' || Number.isInteger(x));
    if (integral && exact !== undefined && typeof operand !== 'number' && needsExact(operand, name === 'pow')) {
      const sideExact = (x: Operand | number): BigInt64Array =>
        typeof x === 'number' ? new BigInt64Array(out.count).fill(BigInt(x)) : loadIntegers(x);
      const [p, q] = [sideExact(a), sideExact(b)];
      storeIntegers(out, p.map((v, i) => exact(v, q[i]))); // prettier-ignore
      return;
    }
    const f: (p: number, q: number, integer: boolean, double: boolean) => number =
      name === 'mul' && dtype === 'int32' ? (p, q) => Math.imul(p, q) : binary[name];
    const [p, q] = [side(asDType(a, b), out.count), side(asDType(b, a), out.count)];
    const [integer, double] = [!isFloat(dtype), dtype === 'float64'];
    for (let i = 0; i < p.length; i++) p[i] = f(p[i], q[i], integer, double);
    store(out, p);
  },

  where(condition, a, b, out) {
    const flags = load(condition);
    if (out.dtype === 'int64' && typeof a !== 'number' && typeof b !== 'number') {
      const [p, q] = [loadExact(a), loadExact(b)];
      storeExact(out, p.map((v, i) => (flags[i] !== 0 ? v : q[i]))); // prettier-ignore
      return;
    }
    const [p, q] = [side(a, out.count), side(b, out.count)];
    for (let i = 0; i < p.length; i++) if (flags[i] === 0) p[i] = q[i];
    store(out, p);
  },

  reduce(name, x, out, dims) {
    // The output with stride 0 where it was reduced: each element of x finds the total it belongs to.
    const packed = new Array<number>(x.shape.length);
    let step = 1;
    for (let d = x.shape.length - 1; d >= 0; d--) {
      packed[d] = dims.includes(d) ? 0 : step;
      if (!dims.includes(d)) step *= x.shape[d];
    }
    const at = positions({ shape: x.shape, strides: packed, offset: 0, count: x.count });
    if (needsExact(x, name === 'prod') && reduceExactly(name, x, out, at)) return;
    const values = load(x);
    const totals = new Float64Array(out.count).fill(identity[name]);
    for (let i = 0; i < values.length; i++) totals[at[i]] = reduceLane(name, totals[at[i]], values[i]);
    store(out, totals);
  },

  argReduce(name, x, out, dim) {
    const values = x.dtype === 'int64' ? loadIntegers(x) : load(x);
    const { starts, step, length } = lanes(x.shape, dim);
    const found = new Float64Array(starts.length);
    starts.forEach((start, lane) => {
      let best = 0;
      for (let i = 1; i < length && !Number.isNaN(Number(values[start + best * step])); i++) {
        const [value, record] = [values[start + i * step], values[start + best * step]];
        if (Number.isNaN(Number(value)) || (name === 'max' ? value > record : value < record)) best = i;
      }
      found[lane] = best;
    });
    store(out, found);
  },

  scan(name, x, out, indices, dim) {
    if (needsExact(x, name === 'prod')) {
      scanExactly(name, x, out, indices, dim);
      return;
    }
    const values = load(x);
    const where = new Float64Array(values.length);
    const { starts, step, length } = lanes(x.shape, dim);
    for (const start of starts) {
      let record = 0;
      for (let i = 1; i < length; i++) {
        const [at, before] = [start + i * step, start + (i - 1) * step];
        const fresh = name === 'max' ? values[at] >= values[before] : values[at] <= values[before];
        if (fresh || Number.isNaN(values[at])) record = i;
        values[at] = reduceLane(name, values[before], values[at]);
        where[at] = record;
      }
    }
    store(out, values);
    if (indices !== undefined) store(indices, where);
  },

  matmul(a, b, out) {
    if (needsExact(a, true)) {
      matmulExactly(a, b, out);
      return;
    }
    const [p, q, r] = [load(a), load(b), new Float64Array(out.count)];
    const [m, n] = [out.shape[out.shape.length - 2], out.shape[out.shape.length - 1]];
    const inner = a.shape[a.shape.length - 1];
    for (let batch = 0; batch < out.count / Math.max(1, m * n); batch++) {
      const [pBase, qBase, rBase] = [batch * m * inner, batch * inner * n, batch * m * n];
      for (let i = 0; i < m; i++) {
        for (let k = 0; k < inner; k++) {
          const factor = p[pBase + i * inner + k];
          const [qRow, rRow] = [qBase + k * n, rBase + i * n];
          for (let j = 0; j < n; j++) r[rRow + j] += factor * q[qRow + j];
        }
      }
    }
    store(out, r);
  },

  gather(x, dim, index, out) {
    const at = indexed('gather', x, dim, index);
    const [source, target, to] = [elementsOf(x), elementsOf(out), positions(out)];
    for (let i = 0; i < at.length; i++) target[to[i]] = source[at[i]];
  },

  scatter(name, target, dim, index, src) {
    const at = indexed('scatter', target, dim, index);
    if (name === 'set') {
      const [source, into, from] = [elementsOf(src), elementsOf(target), positions(src)];
      for (let i = 0; i < at.length; i++) into[at[i]] = source[from[i]];
      return;
    }
    if (needsExact(target, name === 'prod')) {
      scatterExactly(name, target, at, src);
      return;
    }
    const combine = { add: 'sum', prod: 'prod', max: 'max', min: 'min' } as const;
    const whole = {
      ...target,
      shape: [bytesOfOperand(target).byteLength / bytesOf(target.dtype)],
      strides: [1],
      offset: 0,
      count: bytesOfOperand(target).byteLength / bytesOf(target.dtype),
    };
    const [totals, values] = [load(whole), load(src)];
    for (let i = 0; i < at.length; i++) totals[at[i]] = reduceLane(combine[name], totals[at[i]], values[i]);
    store(whole, totals);
  },

  sort(x, dim, descending, values, indices) {
    if (x.dtype === 'int64') {
      sortExactly(x, dim, descending, values, indices);
      return;
    }
    const numbers = load(x);
    const order = new Float64Array(numbers.length);
    const sorted = new Float64Array(numbers.length);
    const { starts, step, length } = lanes(x.shape, dim);
    for (const start of starts) {
      const ranks = Array.from({ length }, (_, i) => i);
      const value = (i: number): number => numbers[start + i * step];
      ranks.sort((i, j) => (descending ? compare(value(j), value(i)) : compare(value(i), value(j))) || i - j);
      ranks.forEach((rank, i) => {
        order[start + i * step] = rank;
        sorted[start + i * step] = value(rank);
      });
    }
    store(values, sorted);
    store(indices, order);
  },

  fold(x, out, strides, offset) {
    const values = load(x);
    const totals = load(out);
    const at = positions({ shape: x.shape, strides, offset, count: x.count });
    for (let i = 0; i < values.length; i++) totals[at[i]] += values[i];
    store(out, totals);
  },
};
