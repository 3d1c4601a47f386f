import { bytesOf, contiguousStrides, dtypes, isFloat, numel, Storage, ValueError, type DType, type Operand, type RequiredKernels } from '@flambeau/core'; // prettier-ignore
import { comparisons, floatBinary, floatUnary, integerBinary, integerUnary, unsignedBinary, unsignedUnary } from '../functions.ts';
import { convert, registerOf, typeOf } from '../wgsl.ts';
import { isBindable, type Machine } from '../machine.ts';
import { Program } from '../shader.ts';

/** Kernels that compute each element from the same place of their inputs, and what writes values alone. */
export type ElementwiseKernels = Pick<RequiredKernels, 'fill' | 'iota' | 'copy' | 'unary' | 'binary' | 'where'>;

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

/** Runs `use` with a contiguous operand that is released afterwards. */
export function temporary(dtype: DType, shape: readonly number[], like: Operand, use: (x: Operand) => void): void {
  const count = numel(shape);
  const storage = new Storage(like.storage.device, count * bytesOf(dtype), 'temporary');
  try {
    use({ storage, dtype, shape, strides: contiguousStrides(shape), offset: 0, count });
  } finally {
    storage.release();
  }
}

/**
 * Runs `use` with an operand in which sums of 16-bit floats can grow: a float32 copy of `out`, which is rounded once and written back; or `out`
 * itself where it has another dtype.
 */
export function widened(machine: Machine, out: Operand, use: (wide: Operand) => void): void {
  if (out.dtype !== 'float16') {
    use(out);
    return;
  }
  temporary('float32', out.shape, out, (wide) => {
    copyElements(machine, out, wide);
    use(wide);
    copyElements(machine, wide, out);
  });
}

/** The places of a dimension from `from` on, `length` of them. */
export const narrowed = (x: Operand, dim: number, from: number, length: number): Operand => ({
  storage: x.storage,
  dtype: x.dtype,
  strides: x.strides,
  shape: x.shape.map((n, i) => (i === dim ? length : n)),
  offset: x.offset + from * x.strides[dim],
  count: (x.count / x.shape[dim]) * length,
});

/**
 * One value for each element of `out`, from the same place of the operands. `body` names the numbers of the call and returns what writes the code,
 * which is called for a new program alone: it has STORE(PLACE, value) and value(k), and depends on nothing but the name, the operands and `way`.
 */
export function elementwise(
  machine: Machine,
  name: string,
  out: Operand,
  inputs: readonly Operand[],
  body: (program: Program, value: (k: number) => string) => () => string,
  way = '',
): void {
  if (out.count === 0) return;
  const all = [...inputs, out];
  if (!all.every((x) => isBindable(x, machine.limits)) && out.count > 1) {
    // Each half touches less of tensors that are too large to bind at once.
    const dim = out.shape.indexOf(Math.max(...out.shape));
    const half = Math.ceil(out.shape[dim] / 2);
    const part = (x: Operand, second: boolean): Operand => (second ? narrowed(x, dim, half, x.shape[dim] - half) : narrowed(x, dim, 0, half)); // prettier-ignore
    for (const second of [false, true]) elementwise(machine, name, part(out, second), inputs.map((x) => part(x, second)), body, way); // prettier-ignore
    return;
  }
  const program = new Program(machine, name);
  all.forEach((x, k) => program.operand(x, k === inputs.length));
  program.layout(
    'at',
    out.shape,
    all.map((x) => x.strides),
    all.map((x) => x.offset),
  );
  const code = body(program, (k) => `load${k}(at${k}(i))`);
  const text = (): string => code().replaceAll('STORE', `store${inputs.length}`).replaceAll('PLACE', `at${inputs.length}(i)`);
  program.run(out.count, text, way);
}

/** Copies elements to a tensor that has no byte in common with theirs. */
export function copyElements(machine: Machine, x: Operand, out: Operand): void {
  elementwise(machine, 'copy', out, [x], (_, value) => () => `STORE(PLACE, ${convert(value(0), x.dtype, out.dtype)});`);
}

/** Writes zeros. */
export function clearElements(machine: Machine, out: Operand): void {
  elementwise(machine, 'zero', out, [], () => () => `STORE(PLACE, ${typeOf(out.dtype)}(0));`);
}

/** Which of two operands are numbers, of which the code depends. */
const sidesOf = (a: Operand | number, b: Operand | number): string => `${typeof a === 'number'} ${typeof b === 'number'}`;

/** The elementwise kernels on a machine. */
export function elementwiseKernels(machine: Machine): ElementwiseKernels {
  function copy(x: Operand, out: Operand): void {
    if (x.count === 0) return;
    if (x.storage === out.storage) {
      temporary(x.dtype, x.shape, x, (between) => {
        copy(x, between);
        copy(between, out);
      });
      return;
    }
    copyElements(machine, x, out);
  }

  const fill = (out: Operand, value: number | bigint): void =>
    elementwise(machine, 'fill', out, [], (program) => {
      const number = program.scalar(Number(value), out.dtype);
      return () => `STORE(PLACE, ${number});`;
    });

  return {
    fill,
    copy,

    iota(out, start, step) {
      if (out.count === 0) return;
      // Made on the host, where there is float64.
      const integer = !isFloat(out.dtype);
      const values = integer ? new Int32Array(out.count) : new Float32Array(out.count);
      for (let i = 0; i < values.length; i++) values[i] = start + i * step;
      if (out.dtype === 'bool') for (let i = 0; i < values.length; i++) values[i] = start + i * step === 0 ? 0 : 1;
      temporary(integer ? 'int32' : 'float32', [out.count], out, (made) => {
        out.storage.device.upload(made.storage, new Uint8Array(values.buffer), 0);
        copy(made, out);
      });
    },

    unary(name, x, out) {
      elementwise(machine, name, out, [x], (_, value) => () => {
        if (x.dtype === 'bool' && name === 'bitwiseNot') return `STORE(PLACE, 1 - ${value(0)});`;
        const integer = isFloat(x.dtype) ? undefined : (x.dtype === 'uint32' ? unsignedUnary : integerUnary)[name];
        const made: DType = flags.includes(name) ? 'bool' : integer === undefined ? 'float32' : registerOf(x.dtype);
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
      const { min, max } = dtypes[dtype === 'uint32' ? 'uint32' : 'int32'];
      // An integer that none of 32 bits equals lies on one side of them all; 0 stands for each of them.
      if (sign !== undefined && !floating && Number.isInteger(number) && (number < min || number > max)) {
        const less = (typeof a === 'number' ? number : 0) < (typeof b === 'number' ? number : 0);
        fill(out, name === 'ne' || (less ? name === 'lt' || name === 'le' : name === 'gt' || name === 'ge') ? 1 : 0);
        return;
      }
      const numbers = (program: Program, value: (k: number) => string): (() => string) => {
        let next = 0;
        const sides = [a, b].map((x) => (typeof x === 'number' ? program.scalar(x, dtype === 'bool' ? 'int32' : dtype) : value(next++)));
        const refusal = divides ? program.complaint({ kind: 'division', op, expected }) : '';
        return () => {
          const expression =
            sign === undefined
              ? (floating ? floatBinary : dtype === 'uint32' ? unsignedBinary : integerBinary)[name]
              : `select(0, 1, a ${sign} b${name === 'ne' && floating ? ' || isNan(a) || isNan(b)' : ''})`;
          // Integers that have no function of their own are computed as floats.
          const cast = expression === undefined && !floating;
          const made: DType = flags.includes(name) ? 'bool' : cast ? 'float32' : registerOf(dtype);
          const [p, q] = cast ? sides.map((side) => `f32(${side})`) : sides;
          let code = `let a = ${p}; let b = ${q};`;
          if (divides) code += ` if (b == 0) { complain(${refusal}, 0); return; }`;
          return `${code} STORE(PLACE, ${convert(expression ?? floatBinary[name] ?? 'a', made, out.dtype)});`;
        };
      };
      elementwise(machine, name, out, tensors, numbers, sidesOf(a, b));
    },

    where(condition, a, b, out) {
      const tensors = [condition, ...[a, b].filter((x) => typeof x !== 'number')];
      const numbers = (program: Program, value: (k: number) => string): (() => string) => {
        let next = 1;
        const [p, q] = [a, b].map((x) => {
          if (typeof x === 'number') return program.scalar(x, out.dtype);
          return convert(value(next++), x.dtype, out.dtype);
        });
        return () => `if (${convert(value(0), condition.dtype, 'bool')} != 0) { STORE(PLACE, ${p}); } else { STORE(PLACE, ${q}); }`;
      };
      elementwise(machine, 'where', out, tensors, numbers, sidesOf(a, b));
    },
  };
}
