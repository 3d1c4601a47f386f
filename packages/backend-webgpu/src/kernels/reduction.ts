import { numel, type DType, type Operand, type ReduceName } from '@flambeau/core';
import { convert, registerOf, typeOf } from '../wgsl.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { temporary } from './elementwise.ts';
import { combine, identity, only, without } from './lanes.ts';
import { runRows } from './rows.ts';

function reduceOnce(machine: Machine, name: ReduceName, x: Operand, out: Operand, dims: readonly number[], chunks: number): void {
  const length = numel(only(x.shape, dims));
  const program = new Program(machine, name);
  program.operand(x);
  program.operand(out, true);
  // `out` is contiguous, with one more dimension of chunks inside when there are any.
  program.layout('outer', without(x.shape, dims), [without(x.strides, dims)], [x.offset]);
  program.layout('inner', only(x.shape, dims), [only(x.strides, dims)], [0]);
  const to = program.word(out.offset);
  const total = name === 'any' || name === 'all' ? convert('total', 'bool', out.dtype) : convert('total', registerOf(x.dtype), out.dtype);
  const take = (value: string): string => combine(name, x.dtype, 'total', value);
  if (chunks > 1) {
    const [n, parts, size] = [program.word(length), program.word(chunks), program.word(Math.ceil(length / chunks))];
    const text = (): string => `let first = (i % ${parts}) * ${size};
  let base = outer0(i / ${parts});
  var total = ${identity(name, x.dtype)};
  for (var r = first; r < min(first + ${size}, ${n}); r++) { let v = load0(base + inner0(r)); total = ${take('v')}; }
  store1(i + ${to}, ${total});`;
    program.run(out.count, text, 'chunks');
    return;
  }
  // What is found in one thread's part is combined as it is: it has been tested against zero already.
  const partly = (a: string, b: string): string => combine(name, name === 'any' || name === 'all' ? 'bool' : x.dtype, a, b);
  runRows(program, machine, out.count, length, name === 'any' || name === 'all' ? 'i32' : typeOf(x.dtype), (code) => `let base = outer0(row);
  var total = ${identity(name, x.dtype)};
  ${code.each(`let v = load0(base + inner0(k)); total = ${take('v')};`)}
  ${code.share('total', partly)}
  ${code.once(`store1(row + ${to}, ${total});`)}`, 'whole'); // prettier-ignore
}

/** Reduces dimensions of x into `out`. On a software adapter, few long lanes are cut into chunks, which a second pass puts together. */
export function reduce(machine: Machine, name: ReduceName, x: Operand, out: Operand, dims: readonly number[]): void {
  if (out.count === 0) return;
  const length = numel(only(x.shape, dims));
  if (length < 2048 || out.count > 512) {
    reduceOnce(machine, name, x, out, dims, 1);
    return;
  }
  const chunks = Math.min(512, Math.ceil(Math.sqrt(length)));
  const partial: DType = name === 'any' || name === 'all' ? 'bool' : registerOf(x.dtype);
  temporary(partial, [out.count, chunks], out, (parts) => {
    reduceOnce(machine, name, x, parts, dims, chunks);
    reduceOnce(machine, name, parts, out, [1], 1);
  });
}
