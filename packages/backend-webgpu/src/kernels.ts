import {
  Storage,
  ValueError,
  bytesOf,
  contiguousStrides,
  isFloat,
  numel,
  showShape,
  type Device,
  type DType,
  type Operand,
  type ReduceName,
  type RequiredKernels,
  type ScanName,
} from '@flambeau/core';
import { comparisons, floatBinary, floatUnary, integerBinary, integerUnary, mathHelpers } from './functions.ts';
import type { CommandQueue } from './queue.ts';
import { Program, convert, typeOf } from './shader.ts';

const dividing: readonly string[] = ['floorDivide', 'truncDivide', 'remainder', 'fmod'];
const flags: readonly string[] = [
  'isnan',
  'isinf',
  'logicalNot',
  'signbit',
  'logicalAnd',
  'logicalOr',
  'logicalXor',
  ...Object.keys(comparisons),
];

/** How a running value takes the next one, for a dtype. */
function combine(name: ReduceName, dtype: DType, a: string, b: string): string {
  const suffix = isFloat(dtype) ? 'F' : '';
  switch (name) {
    case 'sum':
      return `${a} + ${b}`;
    case 'prod':
      return `${a} * ${b}`;
    case 'max':
    case 'min':
      return `${name}${suffix}(${a}, ${b})`;
    case 'any':
      return `${a} | ${convert(b, dtype, 'bool')}`;
    case 'all':
      return `${a} & ${convert(b, dtype, 'bool')}`;
    default:
      return name satisfies never;
  }
}

function identity(name: ReduceName, dtype: DType): string {
  if (name === 'any') return '0';
  if (name === 'all') return '1';
  if (name === 'max') return isFloat(dtype) ? '-inf()' : '(-2147483647 - 1)';
  if (name === 'min') return isFloat(dtype) ? 'inf()' : '2147483647';
  const value = name === 'sum' ? '0' : '1';
  return isFloat(dtype) ? `${value}.0` : value;
}

const without = <T>(list: readonly T[], dims: readonly number[]): T[] => list.filter((_, i) => !dims.includes(i));
const only = <T>(list: readonly T[], dims: readonly number[]): T[] => list.filter((_, i) => dims.includes(i));

/** The required kernels as WGSL: one generated program for each family, dtype and number of collapsed dimensions. */
export function makeKernels(queue: CommandQueue, device: () => Device): RequiredKernels {
  /** A contiguous operand for the length of `use`. */
  function temporary(dtype: DType, shape: readonly number[], use: (x: Operand) => void): void {
    const count = numel(shape);
    const storage = new Storage(device(), count * bytesOf(dtype), 'temporary');
    use({ storage, dtype, shape, strides: contiguousStrides(shape), offset: 0, count });
    storage.release();
  }

  /** One value for each element of `out`, from the same place of the operands: load0, load1, ... in the order given. */
  function elementwise(out: Operand, inputs: readonly Operand[], body: (program: Program, value: (k: number) => string) => string): void {
    if (out.count === 0) return;
    const program = new Program();
    program.include(mathHelpers);
    const all = [...inputs, out];
    all.forEach((x, k) => program.operand(x, k === inputs.length));
    program.layout(
      'at',
      out.shape,
      all.map((x) => x.strides),
      all.map((x) => x.offset),
    );
    const code = body(program, (k) => `load${k}(at${k}(i))`);
    program.run(queue, out.count, code.replaceAll('STORE', `store${inputs.length}`).replaceAll('PLACE', `at${inputs.length}(i)`));
  }

  function reduceOnce(name: ReduceName, x: Operand, out: Operand, dims: readonly number[], chunks: number): void {
    const length = numel(only(x.shape, dims));
    const program = new Program();
    program.include(mathHelpers);
    program.operand(x);
    program.operand(out, true);
    // `out` is contiguous, with one more dimension of chunks inside when there are any.
    program.layout('outer', without(x.shape, dims), [without(x.strides, dims)], [x.offset]);
    program.layout('inner', only(x.shape, dims), [only(x.strides, dims)], [0]);
    const [n, parts, size] = [program.word(length), program.word(chunks), program.word(Math.ceil(length / chunks))];
    const total =
      name === 'any' || name === 'all'
        ? convert('total', 'bool', out.dtype)
        : convert('total', isFloat(x.dtype) ? 'float32' : 'int32', out.dtype);
    program.run(
      queue,
      (out.count / (chunks > 1 ? chunks : 1)) * chunks,
      `let lane = i / ${parts};
  let first = (i % ${parts}) * ${size};
  let base = outer0(lane);
  var total = ${identity(name, x.dtype)};
  for (var r = first; r < min(first + ${size}, ${n}); r++) { let v = load0(base + inner0(r)); total = ${combine(name, x.dtype, 'total', 'v')}; }
  store1(i + ${program.word(out.offset)}, ${total});`,
    );
  }

  function reduce(name: ReduceName, x: Operand, out: Operand, dims: readonly number[]): void {
    const length = numel(only(x.shape, dims));
    // Few long lanes are cut into chunks, which a second pass puts together.
    if (length < 2048 || out.count > 512) {
      reduceOnce(name, x, out, dims, 1);
      return;
    }
    const chunks = Math.ceil(Math.sqrt(length));
    const partial: DType = name === 'any' || name === 'all' ? 'bool' : isFloat(x.dtype) ? 'float32' : 'int32';
    temporary(partial, [out.count, chunks], (parts) => {
      reduceOnce(name, x, parts, dims, chunks);
      reduceOnce(name, parts, out, [1], 1);
    });
  }

  /** The space of the lanes along `dim`, and the step of each operand along it. */
  function lanes(program: Program, operands: readonly Operand[], dim: number): { count: number; steps: string[] } {
    const shape = without(operands[0].shape, [dim]);
    program.layout(
      'lane',
      shape,
      operands.map((x) => without(x.strides, [dim])),
      operands.map((x) => x.offset),
    );
    return { count: numel(shape), steps: operands.map((x) => program.word(x.strides[dim] ?? 0)) };
  }

  function copy(x: Operand, out: Operand): void {
    if (x.count === 0) return;
    if (x.storage === out.storage) {
      temporary(x.dtype, x.shape, (between) => {
        copy(x, between);
        copy(between, out);
      });
      return;
    }
    elementwise(out, [x], (_, value) => `STORE(PLACE, ${convert(value(0), x.dtype, out.dtype)});`);
  }

  const complaintOf = (op: string, table: Operand, dim: number): number =>
    queue.complaint({
      kind: 'index',
      op,
      expected: `indices in [0, ${table.shape[dim] - 1}] for dimension ${dim} of ${showShape(table.shape)}`,
    });

  function matmulInto(a: Operand, b: Operand, out: Operand): void {
    const rank = out.shape.length;
    const batch = out.shape.slice(0, -2);
    const [m, n, inner] = [out.shape[rank - 2], out.shape[rank - 1], a.shape[rank - 1]];
    const program = new Program();
    [a, b, out].forEach((x, k) => program.operand(x, k === 2));
    program.layout(
      'batch',
      batch,
      [a, b, out].map((x) => x.strides.slice(0, -2)),
      [a, b, out].map((x) => x.offset),
    );
    const [rows, columns] = [Math.ceil(m / 4), Math.ceil(n / 4)];
    const [M, N, K, R, C] = [m, n, inner, rows, columns].map((v) => program.word(v));
    const [ar, ac, br, bc, or, oc] = [a, b, out].flatMap((x) => [program.word(x.strides[rank - 2]), program.word(x.strides[rank - 1])]);
    const type = typeOf(out.dtype);
    const four = [0, 1, 2, 3];
    program.run(
      queue,
      numel(batch) * rows * columns,
      `let tile = i % (${R} * ${C});
  let which = i / (${R} * ${C});
  let row = (tile / ${C}) * 4;
  let column = (tile % ${C}) * 4;
  let baseA = batch0(which); let baseB = batch1(which); let baseO = batch2(which);
  ${four.map((r) => `let a${r} = baseA + min(row + ${r}, ${M} - 1) * ${ar}; let c${r} = baseB + min(column + ${r}, ${N} - 1) * ${bc}; var s${r} = vec4<${type}>();`).join('\n  ')}
  for (var k = 0; k < ${K}; k++) {
    let at = k * ${ac};
    let bt = k * ${br};
    let right = vec4<${type}>(load1(c0 + bt), load1(c1 + bt), load1(c2 + bt), load1(c3 + bt));
    ${four.map((r) => `s${r} += load0(a${r} + at) * right;`).join(' ')}
  }
  ${four.map((r) => four.map((c) => `if (row + ${r} < ${M} && column + ${c} < ${N}) { store2(baseO + (row + ${r}) * ${or} + (column + ${c}) * ${oc}, s${r}[${c}]); }`).join('\n  ')).join('\n  ')}`,
    );
  }

  return {
    fill(out, value) {
      elementwise(out, [], (program) => `STORE(PLACE, ${program.scalar(Number(value), out.dtype)});`);
    },

    iota(out, start, step) {
      if (out.count === 0) return;
      // Made on the host, where there is float64.
      const integer = !isFloat(out.dtype);
      const values = integer ? new Int32Array(out.count) : new Float32Array(out.count);
      for (let i = 0; i < values.length; i++) values[i] = start + i * step;
      if (out.dtype === 'bool') for (let i = 0; i < values.length; i++) values[i] = start + i * step === 0 ? 0 : 1;
      temporary(integer ? 'int32' : 'float32', [out.count], (made) => {
        device().upload(made.storage, new Uint8Array(values.buffer), 0);
        copy(made, out);
      });
    },

    random(name, out, key) {
      if (out.count === 0) return;
      const program = new Program();
      program.operand(out, true);
      const [k0, k1, offset] = [program.word(key[0]), program.word(key[1]), program.word(out.offset)];
      program.include(`
fn high(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let cross = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (cross >> 16u);
}
fn philox(counter: u32, key: vec2<u32>) -> vec4<u32> {
  var c = vec4<u32>(counter, 0u, 0u, 0u);
  var k = key;
  for (var round = 0; round < 10; round++) {
    c = vec4<u32>(high(0xcd9e8d57u, c.z) ^ c.y ^ k.x, 0xcd9e8d57u * c.z, high(0xd2511f53u, c.x) ^ c.w ^ k.y, 0xd2511f53u * c.x);
    k += vec2<u32>(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}
fn uniform_(bits: u32) -> f32 { return f32(bits & 0xffffffu) / 16777216.0; }
`);
      const made =
        name === 'uniform'
          ? 'uniform_(w[i & 3])'
          : 'sqrt(-2.0 * log(1.0 - uniform_(select(w.x, w.z, (i & 2) != 0)))) * select(cos(angle), sin(angle), (i & 1) != 0)';
      program.run(
        queue,
        out.count,
        `let w = philox(u32(i) >> 2u, vec2<u32>(bitcast<u32>(${k0}), bitcast<u32>(${k1})));
  let angle = 6.2831853 * uniform_(select(w.y, w.w, (i & 2) != 0));
  store0(i + ${offset}, ${made});`,
      );
    },

    copy,

    unary(name, x, out) {
      elementwise(out, [x], (_, value) => {
        if (x.dtype === 'bool' && name === 'bitwiseNot') return `STORE(PLACE, 1 - ${value(0)});`;
        const integer = isFloat(x.dtype) ? undefined : integerUnary[name];
        const made: DType = flags.includes(name) ? 'bool' : integer === undefined ? 'float32' : 'int32';
        const given = integer === undefined ? convert(value(0), x.dtype, 'float32') : value(0);
        return `let x = ${given}; STORE(PLACE, ${convert(integer ?? floatUnary[name], made, out.dtype)});`;
      });
    },

    binary(name, a, b, out) {
      const tensors = [a, b].filter((x) => typeof x !== 'number');
      const dtype = tensors[0]?.dtype ?? out.dtype;
      const floating = isFloat(dtype);
      const divides = !floating && dividing.includes(name);
      const expected = 'a divisor that is not zero for integers';
      const op = name === 'truncDivide' ? 'div' : name;
      if (divides && b === 0 && out.count > 0)
        throw new ValueError({ op, expected, received: '0', hint: 'Cast to float32 for infinities.' });
      const sign = comparisons[name];
      const number = typeof a === 'number' ? a : typeof b === 'number' ? b : 0;
      // A number that no integer of 32 bits equals lies on one side of them all; 0 stands for each of them.
      if (sign !== undefined && !floating && (number !== Math.trunc(number) || Math.abs(number) > 2 ** 31 - 1)) {
        if (Number.isInteger(number) && number !== -(2 ** 31)) {
          const less = (typeof a === 'number' ? number : 0) < (typeof b === 'number' ? number : 0);
          this.fill(out, name === 'ne' || (less ? name === 'lt' || name === 'le' : name === 'gt' || name === 'ge') ? 1 : 0);
          return;
        }
      }
      elementwise(out, tensors, (program, value) => {
        let next = 0;
        const sides = [a, b].map((x) => (typeof x === 'number' ? program.scalar(x, dtype === 'bool' ? 'int32' : dtype) : value(next++)));
        const expression =
          sign === undefined
            ? (floating ? floatBinary : integerBinary)[name]
            : `select(0, 1, a ${sign} b${name === 'ne' && floating ? ' || isNan(a) || isNan(b)' : ''})`;
        // Integers that have no function of their own are computed as floats.
        const cast = expression === undefined && !floating;
        const made: DType = flags.includes(name) ? 'bool' : floating || cast ? 'float32' : 'int32';
        const [p, q] = cast ? sides.map((side) => `f32(${side})`) : sides;
        let code = `let a = ${p}; let b = ${q};`;
        if (divides) {
          program.complains();
          code += ` if (b == 0) { complain(${program.word(queue.complaint({ kind: 'division', op, expected }))}, 0); return; }`;
        }
        return `${code} STORE(PLACE, ${convert(expression ?? floatBinary[name] ?? 'a', made, out.dtype)});`;
      });
    },

    where(condition, a, b, out) {
      const tensors = [condition, ...[a, b].filter((x) => typeof x !== 'number')];
      elementwise(out, tensors, (program, value) => {
        let next = 1;
        const [p, q] = [a, b].map((x) => {
          if (typeof x === 'number') return program.scalar(x, out.dtype);
          return convert(value(next++), x.dtype, out.dtype);
        });
        return `if (${convert(value(0), condition.dtype, 'bool')} != 0) { STORE(PLACE, ${p}); } else { STORE(PLACE, ${q}); }`;
      });
    },

    reduce,

    argReduce(name, x, out, dim) {
      if (out.count === 0) return;
      const program = new Program();
      program.operand(x);
      program.operand(out, true);
      const { count, steps } = lanes(program, [x, out], dim);
      const nan = isFloat(x.dtype) ? 'isNan(best)' : 'false';
      const fresh = isFloat(x.dtype) ? 'isNan(v)' : 'false';
      program.run(
        queue,
        count,
        `let base = lane0(i);
  var best = load0(base);
  var found = 0;
  for (var k = 1; k < ${program.word(x.shape[dim] ?? 1)}; k++) {
    if (${nan}) { break; }
    let v = load0(base + k * ${steps[0]});
    if (${fresh} || v ${name === 'max' ? '>' : '<'} best) { best = v; found = k; }
  }
  store1(lane1(i), found);`,
      );
    },

    scan(name: ScanName, x, out, indices, dim) {
      if (x.count === 0) return;
      const program = new Program();
      program.include(mathHelpers);
      const operands = indices === undefined ? [x, out] : [x, out, indices];
      operands.forEach((operand, k) => program.operand(operand, k > 0));
      const { count, steps } = lanes(program, operands, dim);
      const nan = isFloat(x.dtype) ? 'isNan(v)' : 'false';
      const made: DType = isFloat(x.dtype) ? 'float32' : 'int32';
      program.run(
        queue,
        count,
        `var total = load0(lane0(i));
  store1(lane1(i), ${convert('total', made, out.dtype)});
  var record = 0;
  ${indices === undefined ? '' : 'store2(lane2(i), 0);'}
  for (var k = 1; k < ${program.word(x.shape[dim] ?? 1)}; k++) {
    let v = load0(lane0(i) + k * ${steps[0]});
    if (${nan} || v ${name === 'max' ? '>=' : '<='} total) { record = k; }
    total = ${combine(name, x.dtype, 'total', 'v')};
    store1(lane1(i) + k * ${steps[1]}, ${convert('total', made, out.dtype)});
    ${indices === undefined ? '' : `store2(lane2(i) + k * ${steps[2]}, record);`}
  }`,
      );
    },

    matmul(a, b, out) {
      if (out.count === 0) return;
      const inner = a.shape[a.shape.length - 1];
      const chunks = Math.min(64, Math.floor(inner / 256));
      if (inner === 0) this.fill(out, 0);
      else if (out.count > 4096 || chunks < 2 || inner % chunks !== 0) matmulInto(a, b, out);
      else {
        // Few long dot products: the inner dimension is cut into chunks, which make a batch of their own and are then added.
        const rank = out.shape.length;
        const size = inner / chunks;
        const cut = (x: Operand, at: number): Operand => ({
          ...x,
          shape: [chunks, ...x.shape.map((n, i) => (i === at ? size : n))],
          strides: [size * x.strides[at], ...x.strides],
        });
        temporary(out.dtype, [chunks, ...out.shape], (parts) => {
          matmulInto(cut(a, rank - 1), cut(b, rank - 2), parts);
          reduceOnce('sum', parts, out, [0], 1);
        });
      }
    },

    gather(x, dim, index, out) {
      if (out.count === 0) return;
      const program = new Program();
      [x, index, out].forEach((operand, k) => program.operand(operand, k === 2));
      program.complains();
      const strides = x.strides.map((s, i) => (i === dim ? 0 : s));
      program.layout('at', index.shape, [strides, index.strides, out.strides], [x.offset, index.offset, out.offset]);
      program.run(
        queue,
        out.count,
        `let pick = load1(at1(i));
  if (pick < 0 || pick >= ${program.word(x.shape[dim])}) { complain(${program.word(complaintOf('gather', x, dim))}, pick); return; }
  store2(at2(i), load0(at0(i) + pick * ${program.word(x.strides[dim])}));`,
      );
    },

    scatter(name, target, dim, index, src) {
      if (index.count === 0) return;
      const program = new Program();
      program.include(mathHelpers);
      [index, src, target].forEach((operand, k) => program.operand(operand, k === 2));
      program.complains();
      // A thread for each lane along `dim`: lanes never meet, and within one the order is that of the index.
      const shape = without(index.shape, [dim]);
      program.layout(
        'lane',
        shape,
        [index, src, target].map((x) => without(x.strides, [dim])),
        [index, src, target].map((x) => x.offset),
      );
      const [indexStep, srcStep, targetStep] = [index, src, target].map((x) => program.word(x.strides[dim]));
      const how = name === 'add' ? 'sum' : name;
      const made = how === 'set' ? 'load1(source)' : combine(how, target.dtype, 'load2(place)', 'load1(source)');
      program.run(
        queue,
        numel(shape),
        `for (var k = 0; k < ${program.word(index.shape[dim])}; k++) {
    let pick = load0(lane0(i) + k * ${indexStep});
    if (pick < 0 || pick >= ${program.word(target.shape[dim])}) { complain(${program.word(complaintOf('scatter', target, dim))}, pick); continue; }
    let source = lane1(i) + k * ${srcStep};
    let place = lane2(i) + pick * ${targetStep};
    store2(place, ${made});
  }`,
      );
    },

    sort(x, dim, descending, values, indices) {
      if (x.count === 0) return;
      const length = x.shape[dim] ?? 1;
      const count = x.count / length;
      const before = (a: string, b: string): string => {
        const [p, q] = descending ? [b, a] : [a, b];
        return isFloat(x.dtype) ? `(!isNan(${p}) && (isNan(${q}) || ${p} < ${q}))` : `(${p} < ${q})`;
      };
      /** Merges sorted runs of `width` ranks: each element finds its place by counting in the other run. */
      const merge = (from: Operand, to: Operand, width: number): void => {
        const program = new Program();
        [x, from, to].forEach((operand, k) => program.operand(operand, k === 2));
        const { steps } = lanes(program, [x], dim);
        const [n, run] = [program.word(length), program.word(width)];
        program.run(
          queue,
          x.count,
          `let base = lane0(i / ${n});
  let row = (i / ${n}) * ${n};
  let k = i % ${n};
  let first = (k / (2 * ${run})) * 2 * ${run};
  let middle = min(first + ${run}, ${n});
  let right = k >= middle;
  let mine = load1(row + k);
  let v = load0(base + mine * ${steps[0]});
  var low = select(middle, first, right);
  var high = select(min(first + 2 * ${run}, ${n}), middle, right);
  let start = low;
  while (low < high) {
    let half = (low + high) / 2;
    let other = load0(base + load1(row + half) * ${steps[0]});
    let smaller = ${before('other', 'v')};
    let larger = ${before('v', 'other')};
    if (smaller || (right && !larger)) { low = half + 1; } else { high = half; }
  }
  store2(row + select(k, k - middle + first, right) + (low - start), mine);`,
        );
      };
      temporary('int32', [count, length], (p) => {
        temporary('int32', [count, length], (q) => {
          let [now, next] = [p, q];
          const ranks = new Program();
          ranks.operand(now, true);
          ranks.run(queue, x.count, `store0(i, i % ${ranks.word(length)});`);
          for (let width = 1; width < length; width *= 2) {
            merge(now, next, width);
            [now, next] = [next, now];
          }
          const program = new Program();
          [x, now, values, indices].forEach((operand, k) => program.operand(operand, k > 1));
          const shape = without(x.shape, [dim]);
          const moved = [x, values, indices];
          program.layout('lane', shape, moved.map((o) => without(o.strides, [dim])), moved.map((o) => o.offset)); // prettier-ignore
          const steps = moved.map((o) => program.word(o.strides[dim] ?? 0));
          const n = program.word(length);
          program.run(
            queue,
            x.count,
            `let row = i / ${n};
  let k = i % ${n};
  let rank = load1(i);
  store2(lane1(row) + k * ${steps[1]}, load0(lane0(row) + rank * ${steps[0]}));
  store3(lane2(row) + k * ${steps[2]}, rank);`,
          );
        });
      });
    },

    fold(x, out, strides, offset) {
      if (x.count === 0) return;
      const apart = separable(x.shape, strides);
      const rest = x.shape.map((_, d) => d).filter((d) => !apart.includes(d));
      const steps = numel(only(x.shape, rest));
      // Elements that may meet are added by dispatches that follow each other; too many of them, by one thread in a loop.
      const looped = steps > 256;
      const parallel = looped ? [] : apart;
      const serial = looped ? x.shape.map((_, d) => d) : rest;
      for (let step = 0; step < (looped ? 1 : steps); step++) {
        let [from, to, left] = [x.offset, offset, step];
        if (!looped) {
          for (const d of [...rest].reverse()) {
            const at = left % x.shape[d];
            left = Math.floor(left / x.shape[d]);
            from += at * x.strides[d];
            to += at * strides[d];
          }
        }
        const program = new Program();
        program.operand(x);
        program.operand(out, true);
        program.layout('at', only(x.shape, parallel), [only(x.strides, parallel), only(strides, parallel)], [from, to]);
        if (looped) program.layout('step', only(x.shape, serial), [only(x.strides, serial), only(strides, serial)], [0, 0]);
        const add = (more: readonly string[]): string =>
          `let place = at1(i)${more[1]}; store1(place, load1(place) + load0(at0(i)${more[0]}));`;
        program.run(
          queue,
          numel(only(x.shape, parallel)),
          looped ? `for (var k = 0; k < ${program.word(x.count)}; k++) { ${add([' + step0(k)', ' + step1(k)'])} }` : add(['', '']),
        );
      }
    },
  };
}

/** The largest set of dimensions whose elements never meet in a layout: each steps over all that the smaller ones span. */
function separable(shape: readonly number[], strides: readonly number[]): number[] {
  const byStride = shape.map((_, d) => d).sort((a, b) => Math.abs(strides[a]) - Math.abs(strides[b]) || shape[a] - shape[b]);
  let best: number[] = [];
  let most = 0;
  for (let choice = 0; choice < 2 ** Math.min(byStride.length, 12); choice++) {
    const dims = byStride.filter((_, i) => (choice >> i) & 1);
    let span = 0;
    let apart = true;
    for (const d of dims) {
      if (shape[d] > 1 && Math.abs(strides[d]) <= span) apart = false;
      span += (shape[d] - 1) * Math.abs(strides[d]);
    }
    const count = numel(only(shape, dims));
    if (apart && count > most) [best, most] = [dims, count];
  }
  return best;
}
