import { isFloat, type DType, type RequiredKernels, type ScanName } from '@flambeau/core';
import { convert, registerOf } from '../wgsl.ts';
import { Program } from '../shader.ts';
import { type Machine } from '../machine.ts';
import { combine, lanesOf } from './lanes.ts';

/** The kernels that walk along one dimension, a thread for each lane. */
export function scanKernels(machine: Machine): Pick<RequiredKernels, 'argReduce' | 'scan'> {
  return {
    argReduce(name, x, out, dim) {
      if (out.count === 0) return;
      const program = new Program(machine, 'argReduce');
      program.operand(x);
      program.operand(out, true);
      const { count, steps } = lanesOf(program, [x, out], dim);
      const nan = isFloat(x.dtype) ? 'isNan(best)' : 'false';
      const fresh = isFloat(x.dtype) ? 'isNan(v)' : 'false';
      program.run(
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
      const program = new Program(machine, 'scan');
      const operands = indices === undefined ? [x, out] : [x, out, indices];
      operands.forEach((operand, k) => program.operand(operand, k > 0));
      const { count, steps } = lanesOf(program, operands, dim);
      const nan = isFloat(x.dtype) ? 'isNan(v)' : 'false';
      const made: DType = registerOf(x.dtype);
      program.run(
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
  };
}
